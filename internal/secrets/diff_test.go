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

// TestDriftMatrix is every store beside every state, on either side. What
// stands opposite is a secret of the vault.
func TestDriftMatrix(t *testing.T) {
	const ours, theirs = "the-value", "another-value"
	states := map[secrets.State]func(t *testing.T, f *four, vault, other secrets.Ref){
		secrets.Equal: func(t *testing.T, f *four, vault, other secrets.Ref) {
			f.set(t, vault, ours)
			f.set(t, other, ours)
		},
		secrets.Different: func(t *testing.T, f *four, vault, other secrets.Ref) {
			f.set(t, vault, ours)
			f.set(t, other, theirs)
		},
		secrets.MissingLeft:  func(t *testing.T, f *four, _, other secrets.Ref) { f.set(t, other, ours) },
		secrets.MissingRight: func(t *testing.T, f *four, vault, _ secrets.Ref) { f.set(t, vault, ours) },
		secrets.Unknown: func(t *testing.T, f *four, vault, other secrets.Ref) {
			f.set(t, vault, ours)
			f.outside(other, ours)
			f.by[other.Store].Deny(other.Path) // a store that can be read is one that may not be
		},
		secrets.Changed: func(t *testing.T, f *four, vault, other secrets.Ref) {
			f.set(t, vault, ours)
			f.set(t, other, ours)
			f.outside(other, theirs)
		},
	}
	swapped := map[secrets.State]secrets.State{secrets.MissingLeft: secrets.MissingRight, secrets.MissingRight: secrets.MissingLeft}
	cases := 0
	for _, kind := range []string{secrets.KindVault, secrets.KindKubernetes, secrets.KindAWS, secrets.KindGitHub} {
		for want, prepare := range states {
			for _, denied := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s denied=%v", kind, want, denied), func(t *testing.T) {
					cases++
					f := newFour(t)
					vault, other := secrets.Ref{Store: "vault", Path: "ref/DB"}, secrets.Ref{Store: kind, Path: "acme/shop/DB"}
					prepare(t, f, vault, other)
					if denied { // the same verdicts by the ledger alone
						f.by[kind].Deny(other.Path)
					}
					got, err := f.Diff(t.Context(), vault, other, nil, "")
					require.NoError(t, err)
					require.Len(t, got, 1)
					require.Equal(t, want, got[0].State, got[0].Reason)
					require.NotEmpty(t, got[0].Reason)
					back, err := f.Diff(t.Context(), other, vault, nil, "")
					require.NoError(t, err)
					mirrored := want
					if s, ok := swapped[want]; ok {
						mirrored = s
					}
					require.Equal(t, mirrored, back[0].State)
					require.NotContains(t, fmt.Sprintf("%+v %#v", got, got), ours)
				})
			}
		}
	}
	require.Equal(t, 4*6*2, cases)
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
