package operate

import (
	"context"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// secretsPrints fingerprints one secret or a folder under the caller's key.
// Whoever knows the key can try short values against the prints: it is for
// those who may see the values anyway.
func secretsPrints(ctx context.Context, d Deps, in api.SecretPrintsInput) ([]api.SecretPrint, error) {
	if d.MayReveal == nil {
		return nil, fail.New(fail.Refused, "values are not shown here")
	}
	if err := d.MayReveal(ctx); err != nil {
		return nil, err
	}
	s, err := d.secrets(ctx)
	if err != nil {
		return nil, err
	}
	f, err := secrets.NewFingerprinter(in.Key)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(in.Ref, "/") {
		ref, err := secrets.ParseRef(in.Ref)
		if err != nil {
			return nil, err
		}
		info, err := s.Stat(ctx, ref)
		if err != nil {
			return nil, err
		}
		one, err := printOf(ctx, s, f, ref, info)
		one.Name = ""
		return []api.SecretPrint{one}, err
	}
	folder, err := secrets.ParsePrefix(in.Ref)
	if err != nil {
		return nil, err
	}
	store, err := s.Store(ctx, folder.Store)
	if err != nil {
		return nil, err
	}
	list, err := store.List(ctx, folder.Path)
	if err != nil {
		return nil, err
	}
	out := []api.SecretPrint{}
	for i := range list {
		one, err := printOf(ctx, s, f, secrets.Ref{Store: folder.Store, Path: list[i].Path}, &list[i])
		if err != nil {
			return nil, err
		}
		one.Name = strings.TrimPrefix(list[i].Path, folder.Path)
		out = append(out, one)
	}
	return out, nil
}

// printOf has no print of what can't be read back.
func printOf(ctx context.Context, s *secrets.Stores, f *secrets.Fingerprinter, r secrets.Ref, info *secrets.Info) (api.SecretPrint, error) {
	out := api.SecretPrint{Name: r.Path, Ref: r.String(), Updated: info.Updated}
	store, err := s.Store(ctx, r.Store)
	if err != nil || !store.Capabilities().Readable {
		return out, err
	}
	v, _, err := s.Get(ctx, r, "")
	if err != nil {
		return out, err
	}
	defer v.Close()
	out.Fingerprint = string(f.Of(v))
	return out, nil
}
