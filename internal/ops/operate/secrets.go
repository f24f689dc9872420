package operate

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
)

func bindSecrets(r *op.Registry, d Deps) {
	op.BindQuery(r, api.SecretsList, func(ctx context.Context, in api.SecretFilter) (api.SecretList, error) {
		return secretsList(ctx, d, in)
	})
	op.BindQuery(r, api.SecretsGet, func(ctx context.Context, in api.SecretGetInput) (api.SecretValue, error) {
		return secretsGet(ctx, d, in)
	})
	op.BindQuery(r, api.SecretsHistory, func(ctx context.Context, in api.SecretHistoryInput) (api.SecretHistory, error) {
		return secretsHistory(ctx, d, in)
	})
	op.BindQuery(r, api.SecretsDiff, func(ctx context.Context, in api.SecretDiffInput) (api.SecretDiff, error) {
		return secretsDiff(ctx, d, in)
	})
	op.BindQuery(r, api.SecretsPrints, func(ctx context.Context, in api.SecretPrintsInput) ([]api.SecretPrint, error) {
		return secretsPrints(ctx, d, in)
	})
	op.BindQuery(r, api.SecretsRotations, func(ctx context.Context, in api.SecretRotationFilter) ([]api.SecretRotation, error) {
		s, err := d.secrets(ctx)
		if err != nil {
			return nil, err
		}
		all, err := s.Rotations(ctx)
		out := []api.SecretRotation{}
		for _, x := range all {
			if !in.Open || x.Step.Open() {
				out = append(out, rotationOf(x))
			}
		}
		return out, err
	})
	bindSecretChanges(r, d)
}

// secrets gives the stores of the context.
func (d Deps) secrets(ctx context.Context) (*secrets.Stores, error) {
	if d.Secrets == nil {
		return nil, fail.New(fail.Unavailable, "this context has no store of secrets").
			Hint("aictl up has a vault; aws, github and kubernetes are reached with your own credentials: aictl help config")
	}
	return d.Secrets(ctx)
}

func secretOf(s *secrets.Stores, store secrets.Named, i *secrets.Info) api.Secret {
	rotated, most, overdue := s.Age(i)
	return api.Secret{
		Ref: store.Name + ":" + i.Path, Store: store.Name, Kind: store.Kind, Path: i.Path, Version: i.Version, Created: i.Created,
		Updated: i.Updated, By: i.By, Rotated: rotated, NextRotation: i.NextRotation, MaxAge: op.Duration(most), Overdue: overdue,
		Tags: i.Tags, Deletion: i.Deletion, Managed: i.Managed, Note: i.Note,
	}
}

func named(s *secrets.Stores, name string) secrets.Named {
	for _, n := range s.Names() {
		if n.Name == name {
			return n
		}
	}
	return secrets.Named{Name: name}
}

func secretsList(ctx context.Context, d Deps, in api.SecretFilter) (api.SecretList, error) {
	out := api.SecretList{Secrets: []api.Secret{}, Failed: []api.BackendFailure{}}
	s, err := d.secrets(ctx)
	if err != nil {
		return out, err
	}
	stores, prefix := slices.DeleteFunc(s.Names(), func(n secrets.Named) bool { return n.Implicit }), ""
	if in.Prefix != "" {
		r, err := secrets.ParsePrefix(in.Prefix)
		if err != nil {
			return out, err
		}
		if _, err := s.Store(ctx, r.Store); err != nil {
			return out, err
		}
		stores, prefix = []secrets.Named{named(s, r.Store)}, r.Path
	}
	lists, errs := make([][]secrets.Info, len(stores)), make([]error, len(stores))
	var wg sync.WaitGroup
	for i, n := range stores {
		wg.Go(func() {
			st, err := s.Store(ctx, n.Name)
			if err == nil {
				lists[i], err = st.List(ctx, prefix)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	failures := 0
	for i, n := range stores {
		if in.Prefix == "" && fail.CodeOf(errs[i]) == fail.Usage { // a store that is listed by prefix only
			continue
		}
		if errs[i] != nil {
			failures++
			e := fail.From(errs[i])
			out.Failed = append(out.Failed, api.BackendFailure{Backend: n.Name, Code: e.Code, Message: e.Error(), Next: e.Next})
		}
		for _, info := range lists[i] {
			if x := secretOf(s, n, &info); !in.Overdue || x.Overdue {
				out.Secrets = append(out.Secrets, x)
			}
		}
	}
	if failures > 0 && failures == len(stores) {
		return out, errs[0]
	}
	if in.Consumers {
		addConsumers(ctx, s, &out)
	}
	rotations, err := s.Rotations(ctx)
	for _, x := range rotations {
		if x.Step.Open() {
			out.Rotations = append(out.Rotations, x.ID)
		}
	}
	return out, err
}

// addConsumers says which workloads refer to each secret; an engine that does
// not answer makes the list partial.
func addConsumers(ctx context.Context, s *secrets.Stores, out *api.SecretList) {
	refs := make([]secrets.Ref, len(out.Secrets))
	at := map[secrets.Ref]int{}
	for i, x := range out.Secrets {
		refs[i] = secrets.Ref{Store: x.Store, Path: x.Path}
		at[refs[i]] = i
	}
	uses, known, err := s.Uses(ctx, refs)
	if err == nil && !known {
		err = fail.New(fail.Unavailable, "no engine of workloads is known here").Hint("aictl doctor")
	}
	if err != nil {
		e := fail.From(err)
		out.Failed = append(out.Failed, api.BackendFailure{Backend: "workloads", Code: e.Code, Message: e.Error(), Next: e.Next})
		return
	}
	for _, u := range uses {
		r := u.Ref
		r.Member = ""
		if i, ok := at[r]; ok && !slices.Contains(out.Secrets[i].Consumers, u.Consumer.String()) {
			out.Secrets[i].Consumers = append(out.Secrets[i].Consumers, u.Consumer.String())
		}
	}
}

// secretsGet gives the value only where it is asked for and the caller may see
// it. Without reveal the value is not even read.
func secretsGet(ctx context.Context, d Deps, in api.SecretGetInput) (api.SecretValue, error) {
	var out api.SecretValue
	s, r, err := d.secret(ctx, in.Ref)
	if err != nil {
		return out, err
	}
	if !in.Reveal {
		info, err := s.Stat(ctx, r)
		if err != nil {
			return out, err
		}
		if in.Version != "" {
			info.Version = in.Version
		}
		out.Secret, out.Value = secretOf(s, named(s, r.Store), info), secrets.Mask
		out.Ref = r.String()
		return out, nil
	}
	if d.MayReveal == nil {
		return out, fail.New(fail.Forbidden, "values are not shown here").Hint("aictl whoami")
	}
	if err := d.MayReveal(ctx); err != nil {
		return out, err
	}
	v, info, err := s.Get(ctx, r, in.Version)
	if err != nil {
		return out, err
	}
	defer v.Close()
	out.Secret, out.Revealed = secretOf(s, named(s, r.Store), info), true
	out.Ref, out.Fingerprint = r.String(), string(s.FingerprintOf(v))
	if utf8.Valid(v.Bytes()) {
		out.Value = string(v.Bytes())
	} else {
		out.Value, out.Encoding = base64.StdEncoding.EncodeToString(v.Bytes()), "base64"
	}
	return out, nil
}

// secret reads a reference and gives the stores.
func (d Deps) secret(ctx context.Context, text string) (*secrets.Stores, secrets.Ref, error) {
	r, err := secrets.ParseRef(text)
	if err != nil {
		return nil, r, err
	}
	s, err := d.secrets(ctx)
	return s, r, err
}

func secretsHistory(ctx context.Context, d Deps, in api.SecretHistoryInput) (api.SecretHistory, error) {
	out := api.SecretHistory{Versions: []api.SecretVersion{}, Writes: []api.SecretWrite{}}
	s, r, err := d.secret(ctx, in.Ref)
	if err != nil {
		return out, err
	}
	if in.Limit < 1 || in.Limit > 1000 {
		return out, fail.New(fail.Usage, "the limit is from 1 to 1000").Hint("--limit 20")
	}
	out.Ref = r.String()
	versions, entries, err := s.History(ctx, r, in.Limit)
	if err != nil {
		return out, err
	}
	for _, v := range versions {
		out.Versions = append(out.Versions, api.SecretVersion{
			Version: v.Version, Created: v.Created, By: v.By, Current: v.Current, Stages: v.Stages, Revoked: v.Revoked,
		})
	}
	for _, e := range entries {
		out.Writes = append(out.Writes, api.SecretWrite{
			Time: e.At, Action: e.Action, By: e.By, Reason: e.Reason, Version: e.Version, Fingerprint: string(e.Fingerprint),
		})
	}
	return out, nil
}

func secretsDiff(ctx context.Context, d Deps, in api.SecretDiffInput) (api.SecretDiff, error) {
	out := api.SecretDiff{Secrets: []api.SecretDifference{}}
	left, right, err := sides(in.Left, in.Right)
	if err != nil {
		return out, err
	}
	s, err := d.secrets(ctx)
	if err != nil {
		return out, err
	}
	out.Left, out.Right = left.String(), right.String()
	all, err := s.Diff(ctx, left, right, secrets.Names(in.Map), in.Names)
	if err != nil {
		return out, err
	}
	for _, x := range all {
		switch {
		case x.State.Drift():
			out.Drift++
		case x.State == secrets.Unknown:
			out.Unknown++
		}
		out.Secrets = append(out.Secrets, api.SecretDifference{
			Name: x.Name, Left: refText(x.Left), Right: refText(x.Right), State: string(x.State), Reason: x.Reason,
			LeftPrint: string(x.LeftPrint), RightPrint: string(x.RightPrint), LeftUpdated: x.LeftUpdated, RightUpdated: x.RightUpdated,
		})
	}
	return out, nil
}

func refText(r secrets.Ref) string {
	if r.Store == "" {
		return ""
	}
	return r.String()
}

// sides reads two references, each a secret or a folder.
func sides(left, right string) (l, r secrets.Ref, err error) {
	if l, err = side(left); err == nil {
		r, err = side(right)
	}
	return l, r, err
}

func side(text string) (secrets.Ref, error) {
	if strings.HasSuffix(text, "/") || strings.HasSuffix(text, ":") {
		return secrets.ParsePrefix(text)
	}
	return secrets.ParseRef(text)
}

func rotationOf(x *secrets.Rotation) api.SecretRotation {
	out := api.SecretRotation{
		ID: x.ID, Ref: x.Ref.String(), Step: string(x.Step), Open: x.Step.Open(), Old: x.Old, New: x.New, Targets: []string{},
		Consumers: []string{}, By: x.By, Reason: x.Reason, Failure: x.Failure, Started: x.Started, Updated: x.Updated,
		Log: []api.SecretRotationLine{},
	}
	for _, t := range x.Targets {
		out.Targets = append(out.Targets, t.Ref.String())
	}
	for _, c := range x.Consumers {
		out.Consumers = append(out.Consumers, c.String())
	}
	for _, l := range x.Log {
		out.Log = append(out.Log, api.SecretRotationLine{Time: l.Time, Text: l.Text})
	}
	return out
}

// timing is how long a rotation waits.
func timing(patience op.Duration) secrets.Timing {
	return secrets.Timing{Proof: time.Duration(patience)}
}
