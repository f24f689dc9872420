package secretstest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// State is a ledger and a journal in one.
type State interface {
	secrets.Ledger
	secrets.Journal
}

// StateConformance holds ledgers and journals to the same behaviour; fresh
// gives an empty one at each call, and again opens the same one a second time,
// as another process does.
func StateConformance(t *testing.T, fresh func(t *testing.T) (s, again State)) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC)
	t.Run("ledger", func(t *testing.T) {
		s, again := fresh(t)
		for i := range 5 {
			e := secrets.Entry{
				Ref: "github:acme/shop/A", Action: "set", Fingerprint: secrets.Fingerprint(fmt.Sprint(i)), Version: "v", Updated: at, By: "ada",
				Reason: "why\nso \"x\" \u00e9", At: at.Add(time.Duration(i) * time.Second),
			}
			require.NoError(t, s.Record(t.Context(), e))
		}
		require.NoError(t, s.Record(t.Context(), secrets.Entry{Ref: "github:acme/shop/AB", Action: "delete", At: at}))
		got, err := again.Entries(t.Context(), "github:acme/shop/A", 3)
		require.NoError(t, err)
		require.Len(t, got, 3)
		require.Equal(t, secrets.Fingerprint("4"), got[0].Fingerprint, "the newest first")
		require.Equal(t, "why\nso \"x\" \u00e9", got[0].Reason)
		require.True(t, at.Add(4*time.Second).Equal(got[0].At))
		require.True(t, at.Equal(got[0].Updated))
		none, err := s.Entries(t.Context(), "vault:none", 3)
		require.NoError(t, err)
		require.Empty(t, none)
	})
	t.Run("journal", func(t *testing.T) {
		s, again := fresh(t)
		ctx := t.Context()
		a := &secrets.Rotation{ID: "rot-a", Ref: secrets.Ref{Store: "vault", Path: "app/db"}, Step: secrets.StepBegun, Started: at, Old: "1"}
		require.NoError(t, s.Begin(ctx, a))
		b := &secrets.Rotation{ID: "rot-b", Ref: secrets.Ref{Store: "vault", Path: "app/db", Member: "x"}, Step: secrets.StepBegun, Started: at.Add(time.Hour)}
		err := again.Begin(ctx, b)
		require.Equal(t, fail.Conflict, fail.CodeOf(err))
		require.Contains(t, fail.From(err).Next, "rot-a")
		stale, err := again.Load(ctx, "rot-a")
		require.NoError(t, err)
		require.Equal(t, "1", stale.Old)
		a.Step, a.New = secrets.StepPromoted, "2"
		require.NoError(t, s.Save(ctx, a))
		require.Equal(t, fail.Conflict, fail.CodeOf(again.Save(ctx, stale)), "it has lost the rotation")
		a.Step = secrets.StepDone
		require.NoError(t, s.Save(ctx, a))
		require.NoError(t, again.Begin(ctx, b), "what has ended is in nobody's way")
		all, err := s.List(ctx)
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, "rot-b", all[0].ID, "the newest first")
		require.Equal(t, secrets.StepDone, all[1].Step)
		require.Equal(t, a.Ref, all[1].Ref)
		_, err = s.Load(ctx, "rot-none")
		require.Equal(t, fail.NotFound, fail.CodeOf(err))
		require.Equal(t, fail.Conflict, fail.CodeOf(s.Save(ctx, &secrets.Rotation{ID: "rot-none", Rev: 1})))
	})
	t.Run("at once", func(t *testing.T) {
		s, again := fresh(t)
		won := make([]error, 8)
		var wg sync.WaitGroup
		for i := range won {
			wg.Go(func() {
				who := []State{s, again}[i%2]
				won[i] = who.Begin(t.Context(), &secrets.Rotation{ID: fmt.Sprint("rot-", i), Ref: secrets.Ref{Store: "vault", Path: "app/db"}, Step: secrets.StepBegun, Started: at})
				_ = who.Record(t.Context(), secrets.Entry{Ref: "vault:x", Action: "set", At: at})
			})
		}
		wg.Wait()
		n := 0
		for _, err := range won {
			if err == nil {
				n++
				continue
			}
			require.Equal(t, fail.Conflict, fail.CodeOf(err), "%v", err)
		}
		require.Equal(t, 1, n)
		got, err := s.Entries(t.Context(), "vault:x", 100)
		require.NoError(t, err)
		require.Len(t, got, len(won))
	})
}
