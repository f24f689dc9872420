package polish

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
)

// acrossContexts compares a secret or a folder of one context with one of
// another. Each side makes its fingerprints under a key that is made for this
// comparison and forgotten: no value leaves either of them.
func (c *secretsCommand) acrossContexts(ctx context.Context, q *api.SecretDiffInput, left, right factory.Target) (api.SecretDiff, error) {
	out := api.SecretDiff{Left: left.Name + " " + q.Left, Right: right.Name + " " + q.Right, Secrets: []api.SecretDifference{}}
	if strings.HasSuffix(q.Left, "/") != strings.HasSuffix(q.Right, "/") {
		return out, fail.New(fail.Usage, "one side is a folder and the other is not").Hint("a folder ends with a slash")
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it cannot fail (crypto/rand)
	sides := [2]map[string]api.SecretPrint{}
	for i, side := range []struct {
		t   factory.Target
		ref string
	}{{left, q.Left}, {right, q.Right}} {
		prints, err := c.prints(ctx, side.t, side.ref, key)
		if err != nil {
			return out, fail.Wrap(fail.CodeOf(err), err, "context %s", side.t.Name).Hint("%s", fail.From(err).Next)
		}
		sides[i] = prints
	}
	renamed := map[string]string{}
	for _, m := range q.Map {
		from, to, ok := strings.Cut(m, "=")
		if !ok {
			return out, fail.New(fail.Usage, "--map %q is no pair", m).Hint("--map LEFT=RIGHT")
		}
		renamed[from] = to
	}
	names := map[string]string{} // left to right
	taken := map[string]bool{}
	for name := range sides[0] {
		to := name
		if r, ok := renamed[name]; ok {
			to = r
		}
		names[name], taken[to] = to, true
	}
	for name := range sides[1] {
		if !taken[name] {
			names[name] = name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !strings.HasPrefix(name, q.Names) {
			continue
		}
		a, inLeft := sides[0][name]
		b, inRight := sides[1][names[name]]
		d := api.SecretDifference{
			Name: name, Left: a.Ref, Right: b.Ref, LeftPrint: a.Fingerprint, RightPrint: b.Fingerprint, LeftUpdated: a.Updated, RightUpdated: b.Updated,
		}
		switch {
		case !inLeft:
			d.State, d.Reason = "missing-left", "there is none in "+left.Name
		case !inRight:
			d.State, d.Reason = "missing-right", "there is none in "+right.Name
		case a.Fingerprint == "" || b.Fingerprint == "":
			d.State, d.Reason = "unknown", "a side can't be read back"
			out.Unknown++
		case a.Fingerprint == b.Fingerprint:
			d.State, d.Reason = "equal", "both were read"
		default:
			d.State, d.Reason = "different", "both were read"
		}
		if d.State != "equal" && d.State != "unknown" {
			out.Drift++
		}
		out.Secrets = append(out.Secrets, d)
	}
	return out, nil
}

func (c *secretsCommand) prints(ctx context.Context, t factory.Target, ref string, key []byte) (map[string]api.SecretPrint, error) {
	cl, err := c.f.Client(t)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	list, err := api.SecretsPrints.Call(ctx, cl, api.SecretPrintsInput{Ref: ref, Key: key})
	out := map[string]api.SecretPrint{}
	for _, p := range list {
		out[p.Name] = p
	}
	return out, err
}
