package metrics_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/test/promengine"
)

// TestShortAlertsOfALongWindow: over a week the series is looked at every ten
// minutes, and alerts of two minutes are there all the same, each once.
func TestShortAlertsOfALongWindow(t *testing.T) {
	const minutes = 7 * 24 * 60
	begin := time.Unix(0, 0).UTC()
	to := begin.Add(minutes*time.Minute + 7*time.Minute + 13*time.Second) // between two points
	// A sample a minute where it fires, and the marker that ends it.
	series := func(name string, stretches ...[2]int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "ALERTS{alertname=%q,alertstate=\"firing\"} ", name)
		at := 0
		for _, s := range stretches {
			if s[0] > at {
				fmt.Fprintf(&b, "_x%d ", s[0]-at)
			}
			fmt.Fprintf(&b, "1x%d ", s[1]-s[0]-1)
			if at = s[1]; s[1] < minutes+7 {
				b.WriteString("stale ")
				at++
			}
		}
		return b.String()
	}
	q := promengine.Load(t,
		series("Flaps", [2]int{1001, 1003}, [2]int{3333, 3335}, [2]int{7777, 7779}),
		series("Long", [2]int{2000, 2180}),
		series("Lasts", [2]int{minutes - 300, minutes + 8}),
		series("JustBegan", [2]int{minutes + 4, minutes + 8}),
		series("JustEnded", [2]int{minutes + 1, minutes + 3}),
	)

	list, err := metrics.Alerts(t.Context(), q, begin, to)
	require.NoError(t, err)
	type stretch struct{ from, length int } // minutes
	got := map[string][]stretch{}
	for _, a := range list {
		s := stretch{from: int(a.Time.Sub(begin).Minutes()), length: -1}
		if a.End != nil {
			s.length = int(a.End.Sub(a.Time).Minutes())
		}
		got[a.Title] = append(got[a.Title], s)
	}
	const step = 12 // minutes, and a little
	near := func(name string, want ...stretch) {
		t.Helper()
		require.Len(t, got[name], len(want), "%s: %v", name, got[name])
		for i, w := range want {
			g := got[name][i]
			require.InDelta(t, w.from, g.from, step, "%s begins", name)
			require.InDelta(t, w.length, g.length, step, "%s lasts", name)
			require.Equal(t, w.length < 0, g.length < 0, "%s: whether it lasts", name)
		}
	}
	near("Flaps", stretch{1001, 2}, stretch{3333, 2}, stretch{7777, 2})
	near("Long", stretch{2000, 180})
	near("Lasts", stretch{minutes - 300, -1})
	near("JustBegan", stretch{minutes + 4, -1})
	near("JustEnded", stretch{minutes + 1, 2})
}
