package secretstest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/secrets"
)

// Drift is where the matrix of drift is played: stores in memory, or the real
// ones behind a control plane.
type Drift interface {
	// Set writes through aictl.
	Set(t *testing.T, r secrets.Ref, value string)
	// Outside writes as somebody else does.
	Outside(t *testing.T, r secrets.Ref, value string)
	// Deny takes from aictl what it needs to read the value.
	Deny(t *testing.T, r secrets.Ref)
	// Diff compares, and gives all that was said.
	Diff(t *testing.T, left, right secrets.Ref) Seen
}

// Seen is what a comparison came to.
type Seen struct {
	State  secrets.State
	Exit   int
	Reason string
	// Text is everything that somebody could see.
	Text string
}

// The values of the matrix: short enough to be guessed, were a bare hash of
// one to be shown.
const ours, theirs = "the-value-7f3a", "another-55d1"

// driftStates are the states: how each comes about between a secret of the
// vault and one opposite, the exit code, and the state from the other side.
var driftStates = []struct {
	state, back secrets.State
	exit        int
	prepare     func(t *testing.T, d Drift, vault, other secrets.Ref)
}{
	{secrets.Equal, secrets.Equal, 0, func(t *testing.T, d Drift, vault, other secrets.Ref) {
		t.Helper()
		d.Set(t, vault, ours)
		d.Set(t, other, ours)
	}},
	{secrets.Different, secrets.Different, 10, func(t *testing.T, d Drift, vault, other secrets.Ref) {
		t.Helper()
		d.Set(t, vault, ours)
		d.Set(t, other, theirs)
	}},
	{secrets.MissingLeft, secrets.MissingRight, 10, func(t *testing.T, d Drift, _, other secrets.Ref) {
		t.Helper()
		d.Set(t, other, ours)
	}},
	{secrets.MissingRight, secrets.MissingLeft, 10, func(t *testing.T, d Drift, vault, _ secrets.Ref) {
		t.Helper()
		d.Set(t, vault, ours)
	}},
	{secrets.Unknown, secrets.Unknown, 11, func(t *testing.T, d Drift, vault, other secrets.Ref) {
		t.Helper()
		d.Set(t, vault, ours)
		d.Outside(t, other, ours)
		d.Deny(t, other)
	}},
	{secrets.Changed, secrets.Changed, 10, func(t *testing.T, d Drift, vault, other secrets.Ref) {
		t.Helper()
		d.Set(t, vault, ours)
		d.Set(t, other, ours)
		d.Outside(t, other, theirs)
	}},
}

// DriftMatrix plays every state on every kind of store, from either side. The
// kinds of byLedger are played a second time with their values unreadable,
// when the ledger alone must come to the same verdicts: that is for stores
// where the permission to look is another one than that to read. fresh gives
// the stores with a secret of the vault and one of the kind, neither of which
// is there yet. It returns how many cells were played.
func DriftMatrix(t *testing.T, byLedger []string, fresh func(t *testing.T, kind string) (d Drift, vault, other secrets.Ref)) int {
	cells := 0
	for _, kind := range []string{secrets.KindVault, secrets.KindKubernetes, secrets.KindAWS, secrets.KindGitHub} {
		for _, denied := range []bool{false, true} {
			if denied && !slices.Contains(byLedger, kind) {
				continue
			}
			for _, s := range driftStates {
				name := fmt.Sprintf("%s %s", kind, s.state)
				if denied {
					name += " by the ledger"
				}
				t.Run(name, func(t *testing.T) {
					d, vault, other := fresh(t, kind)
					s.prepare(t, d, vault, other)
					if denied {
						d.Deny(t, other)
					}
					seen, back := d.Diff(t, vault, other), d.Diff(t, other, vault)
					require.Equal(t, s.state, seen.State, seen.Text)
					require.Equal(t, s.back, back.State, back.Text)
					for _, x := range []Seen{seen, back} {
						require.Equal(t, s.exit, x.Exit, x.Text)
						require.NotEmpty(t, x.Reason)
						require.NotContains(t, x.Text, ours)
						require.NotContains(t, x.Text, theirs)
					}
					cells++
				})
			}
		}
	}
	return cells
}
