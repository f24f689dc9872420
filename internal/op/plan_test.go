package op

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNotesMakeNoPlanStale: what may change while a plan is read is no part of
// what is applied.
func TestNotesMakeNoPlanStale(t *testing.T) {
	seal := func(p Plan) string {
		require.NoError(t, p.seal(&set.Spec, []byte(`{}`)))
		return p.Digest
	}
	plan := Plan{Target: "x", Summary: "s", Steps: []Step{{Action: "update", Object: "x"}}}
	noted := plan
	noted.Notes = []string{"the autoscaler wants 4 now"}
	require.Equal(t, seal(plan), seal(noted))
	other := plan
	other.Steps = []Step{{Action: "update", Object: "y"}}
	require.NotEqual(t, seal(plan), seal(other))
}
