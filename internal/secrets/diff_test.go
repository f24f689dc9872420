package secrets_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/secretstest"
)

type four struct {
	*secrets.Stores
	clock  time.Time
	ledger *secrets.MemoryLedger
	by     map[string]*secretstest.Memory
}

func newFour(t *testing.T) *four {
	t.Helper()
	f := &four{clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ledger: &secrets.MemoryLedger{}, by: map[string]*secretstest.Memory{}}
	c := secrets.Config{Key: []byte("0123456789abcdef0123456789abcdef"), Ledger: f.ledger, Now: func() time.Time { return f.clock }}
	for _, kind := range []string{secrets.KindVault, secrets.KindKubernetes, secrets.KindAWS, secrets.KindGitHub} {
		f.by[kind] = secretstest.NewMemory(kind, c.Now)
		c.Stores = append(c.Stores, f.by[kind].Open())
	}
	var err error
	f.Stores, err = secrets.New(c)
	require.NoError(t, err)
	return f
}

func (f *four) set(t *testing.T, r secrets.Ref, value string) {
	t.Helper()
	f.clock = f.clock.Add(time.Minute)
	_, err := f.Put(t.Context(), r, secrets.CopyOf([]byte(value)), secrets.Write{Action: "set", By: "ada"})
	require.NoError(t, err)
}

func (f *four) outside(r secrets.Ref, value string) {
	f.clock = f.clock.Add(time.Minute)
	f.by[r.Store].Outside(r.Path, value)
}

// drift plays the matrix on stores in memory.
type drift struct{ *four }

func (d drift) Set(t *testing.T, r secrets.Ref, value string)     { t.Helper(); d.set(t, r, value) }
func (d drift) Outside(_ *testing.T, r secrets.Ref, value string) { d.outside(r, value) }
func (d drift) Deny(_ *testing.T, r secrets.Ref)                  { d.by[r.Store].Deny(r.Path) }

func (d drift) Diff(t *testing.T, left, right secrets.Ref) secretstest.Seen {
	t.Helper()
	got, err := d.Stores.Diff(t.Context(), left, right, nil, "")
	require.NoError(t, err)
	require.Len(t, got, 1)
	seen := secretstest.Seen{State: got[0].State, Reason: got[0].Reason, Text: fmt.Sprintf("%+v %#v", got, got)}
	switch { // as the command does
	case got[0].State.Drift():
		seen.Exit = fail.False.Exit()
	case got[0].State == secrets.Unknown:
		seen.Exit = fail.Inconclusive.Exit()
	}
	return seen
}

func TestDriftMatrix(t *testing.T) {
	byLedger := []string{secrets.KindVault, secrets.KindAWS, secrets.KindGitHub}
	cells := secretstest.DriftMatrix(t, byLedger, func(t *testing.T, kind string) (secretstest.Drift, secrets.Ref, secrets.Ref) {
		return drift{newFour(t)}, secrets.Ref{Store: "vault", Path: "ref/DB"}, secrets.Ref{Store: kind, Path: "acme/shop/DB"}
	})
	require.Equal(t, 4*6+3*6, cells)
}

// TestWhatMayNotBeLookedAtIsUnknown, whatever stands there and was written
// there; and nothing is written over it.
func TestWhatMayNotBeLookedAtIsUnknown(t *testing.T) {
	vault, other := secrets.Ref{Store: "vault", Path: "ref/DB"}, secrets.Ref{Store: "kubernetes", Path: "acme/shop/DB"}
	for _, present := range []bool{false, true} {
		f := newFour(t)
		f.set(t, vault, "one")
		if present {
			f.set(t, other, "one")
		}
		f.by[other.Store].Deny(other.Path)
		got, err := f.Diff(t.Context(), vault, other, nil, "")
		require.NoError(t, err)
		require.Equal(t, secrets.Unknown, got[0].State)
		require.Contains(t, got[0].Reason, "may not be read")
		_, err = f.PlanSync(t.Context(), vault, other, secrets.SyncOptions{})
		require.Equal(t, fail.Forbidden, fail.CodeOf(err))
		_, err = f.PlanRotation(t.Context(), vault, secrets.RotateOptions{To: []secrets.Ref{other}, KeepOld: true, Overwrite: true})
		require.Equal(t, fail.Forbidden, fail.CodeOf(err))
	}
}

func TestDriftBetweenEveryTwoStores(t *testing.T) {
	kinds := []string{secrets.KindVault, secrets.KindKubernetes, secrets.KindAWS, secrets.KindGitHub}
	for _, a := range kinds {
		for _, b := range kinds {
			f := newFour(t)
			left, right := secrets.Ref{Store: a, Path: "one/A/X"}, secrets.Ref{Store: b, Path: "two/B/X"}
			f.set(t, left, "v")
			f.set(t, right, "v")
			got, err := f.Diff(t.Context(), left, right, nil, "")
			require.NoError(t, err)
			require.Equal(t, secrets.Equal, got[0].State, "%s %s", a, b)
			f.set(t, right, "w")
			got, err = f.Diff(t.Context(), left, right, nil, "")
			require.NoError(t, err)
			require.Equal(t, secrets.Different, got[0].State, "%s %s", a, b)
		}
	}
}

func TestFoldersAreMatchedByName(t *testing.T) {
	f := newFour(t)
	vault, gh, kube := secrets.Ref{Store: "vault", Path: "app/"}, secrets.Ref{Store: "github", Path: "acme/shop/"}, secrets.Ref{Store: "kubernetes", Path: "shop/app/"}
	for _, name := range []string{"db-password", "smtp.user", "deep/key"} {
		f.set(t, secrets.Ref{Store: "vault", Path: "app/" + name}, "value of "+name)
	}
	plan, err := f.PlanSync(t.Context(), vault, gh, secrets.SyncOptions{Names: secrets.Names{"smtp.user=MAIL"}})
	require.NoError(t, err)
	var to []string
	for _, s := range plan {
		require.Equal(t, secrets.SyncCreate, s.Action)
		require.NoError(t, f.ApplySync(t.Context(), s, "ada", ""))
		to = append(to, s.To.Path)
	}
	require.Equal(t, "acme/shop/DB_PASSWORD acme/shop/DEEP_KEY acme/shop/MAIL", strings.Join(to, " "))
	got, err := f.Diff(t.Context(), vault, gh, secrets.Names{"smtp.user=MAIL"}, "")
	require.NoError(t, err)
	for _, d := range got {
		require.Equal(t, secrets.Equal, d.State, "by the ledger: %s", d.Reason)
	}
	// In a Kubernetes Secret a slash can't be in a key.
	plan, err = f.PlanSync(t.Context(), vault, kube, secrets.SyncOptions{Prefix: "de"})
	require.NoError(t, err)
	require.Len(t, plan, 1)
	require.Equal(t, "shop/app/deep.key", plan[0].To.Path)
	// Two names on one would overwrite each other.
	f.set(t, secrets.Ref{Store: "vault", Path: "app/db.password"}, "x")
	_, err = f.PlanSync(t.Context(), vault, gh, secrets.SyncOptions{})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	require.ErrorContains(t, err, "would both be")
}

func TestASyncIsBoundToItsPlan(t *testing.T) {
	from, to := secrets.Ref{Store: "vault", Path: "app/X"}, secrets.Ref{Store: "kubernetes", Path: "shop/app/X"}
	f := newFour(t)
	f.set(t, from, "one")
	f.set(t, to, "zero")
	plan, err := f.PlanSync(t.Context(), from, to, secrets.SyncOptions{})
	require.NoError(t, err)
	require.Equal(t, secrets.SyncUpdate, plan[0].Action)
	f.outside(to, "of somebody else")
	require.Equal(t, fail.Conflict, fail.CodeOf(f.ApplySync(t.Context(), plan[0], "ada", "")))
	plan, err = f.PlanSync(t.Context(), from, to, secrets.SyncOptions{})
	require.NoError(t, err)
	f.set(t, from, "two")
	require.Equal(t, fail.Conflict, fail.CodeOf(f.ApplySync(t.Context(), plan[0], "ada", "")), "the source changed")
	require.Equal(t, "of somebody else", f.by["kubernetes"].Value(to.Path))
	_, err = f.PlanSync(t.Context(), secrets.Ref{Store: "github", Path: "acme/shop/X"}, to, secrets.SyncOptions{})
	require.Equal(t, fail.Refused, fail.CodeOf(err), "what can't be read is no source")
	_, err = f.PlanSync(t.Context(), secrets.Ref{Store: "vault", Path: "app/none"}, to, secrets.SyncOptions{Prune: true})
	require.Equal(t, fail.NotFound, fail.CodeOf(err), "a source that is not there deletes nothing")
}

func TestNothingIsDeletedWithoutPrune(t *testing.T) {
	f := newFour(t)
	f.set(t, secrets.Ref{Store: "vault", Path: "a/X"}, "x")
	f.set(t, secrets.Ref{Store: "vault", Path: "b/X"}, "x")
	f.set(t, secrets.Ref{Store: "vault", Path: "b/Y"}, "y")
	a, b := secrets.Ref{Store: "vault", Path: "a/"}, secrets.Ref{Store: "vault", Path: "b/"}
	for _, prune := range []bool{false, true} {
		plan, err := f.PlanSync(t.Context(), a, b, secrets.SyncOptions{Prune: prune})
		require.NoError(t, err)
		require.Len(t, plan, 2)
		require.Equal(t, secrets.SyncSkip, plan[0].Action)
		require.Equal(t, map[bool]secrets.SyncAction{false: secrets.SyncSkip, true: secrets.SyncDelete}[prune], plan[1].Action)
	}
}
