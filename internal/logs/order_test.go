package logs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
)

// Entries of one instant stand as they arrived where the IDs are numbers, also
// where these get longer.
func TestOrderOfOneInstant(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var want, got []api.LogEntry
	for _, id := range []string{"8", "9", "10", "998", "999", "1000", "1001"} {
		want = append(want, api.LogEntry{ID: id, Time: at})
	}
	for _, i := range []int{5, 0, 3, 6, 1, 4, 2} {
		got = append(got, want[i])
	}
	Sort(got)
	require.Equal(t, want, got)
	earlier := api.LogEntry{ID: "2000", Time: at.Add(-time.Nanosecond)}
	require.Negative(t, Compare(&earlier, &want[0]))
	require.Zero(t, Compare(&want[0], &want[0]))
}
