package observe

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/logstest"
	"github.com/aictl/aictl/internal/op"
)

var logNoon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// logDeps have a store with an entry a minute, back to two hours ago; the id
// is the age in minutes.
func logDeps() (Deps, *logstest.Store) {
	s := logstest.New()
	for i := 120; i > 0; i-- {
		s.Add(api.LogEntry{
			ID: fmt.Sprint(i), Time: logNoon.Add(-time.Duration(i) * time.Minute), Level: "info", Service: "chat", Message: "line",
		})
	}
	return Deps{
		Now:  func() time.Time { return logNoon },
		Logs: func(context.Context) (logs.Store, error) { return s, nil },
	}, s
}

func TestLogsSearchWindow(t *testing.T) {
	d, s := logDeps()
	s.Add(api.LogEntry{ID: "ahead", Time: logNoon.Add(3 * time.Second), Trace: "t"})
	s.Add(api.LogEntry{ID: "old", Time: logNoon.Add(-20 * time.Hour), Trace: "t"})
	for _, c := range []struct {
		name        string
		in          api.LogSearchInput
		first, last string
		more        bool
	}{
		{"the last hour, with clocks that are ahead", api.LogSearchInput{Limit: 100}, "60", "ahead", false},
		{"the newest", api.LogSearchInput{Limit: 3}, "2", "ahead", true},
		{"an end", api.LogSearchInput{LogFilter: api.LogFilter{To: logNoon.Add(-90 * time.Minute)}, Limit: 100}, "120", "91", false},
		{"a trace is looked for in a day", api.LogSearchInput{LogFilter: api.LogFilter{Trace: "t"}, Limit: 100}, "old", "ahead", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := logsSearch(t.Context(), d, c.in)
			require.NoError(t, err)
			require.Equal(t, c.first, got.Entries[0].ID)
			require.Equal(t, c.last, got.Entries[len(got.Entries)-1].ID)
			require.Equal(t, c.more, got.More)
			require.NotNil(t, got.Client)
			require.NotNil(t, got.Warnings)
		})
	}
}

func TestLogsTailBegins(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    api.LogTailInput
		first string // "" is nothing
	}{
		{"with the last ones", api.LogTailInput{Last: 10}, "10"},
		{"with all where there are fewer", api.LogTailInput{Last: 1000}, "60"},
		{"with what comes", api.LogTailInput{}, ""},
		{"where it is told", api.LogTailInput{LogFilter: api.LogFilter{From: logNoon.Add(-2 * time.Minute)}, Last: 10}, "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := logDeps()
				first := ""
				for e, err := range logsTail(t.Context(), d, c.in) {
					require.NoError(t, err)
					if e.Type == "entry" {
						first = e.Entry.ID
					}
					break
				}
				require.Equal(t, c.first, first)
			})
		})
	}
}

func TestLogsBounds(t *testing.T) {
	d, _ := logDeps()
	tail := func(in api.LogTailInput) error {
		for _, err := range logsTail(t.Context(), d, in) {
			return err
		}
		return nil
	}
	search := func(in api.LogSearchInput) error { _, err := logsSearch(t.Context(), d, in); return err }
	histogram := func(in api.LogHistogramInput) error { _, err := logsHistogram(t.Context(), d, in); return err }
	for name, err := range map[string]error{
		"limit":            search(api.LogSearchInput{Limit: 1_000_000}),
		"a negative limit": search(api.LogSearchInput{Limit: -1}),
		"context":          search(api.LogSearchInput{After: 1_000_000}),
		"hold":             tail(api.LogTailInput{Hold: op.Duration(time.Hour)}),
		"a negative hold":  tail(api.LogTailInput{Hold: op.Duration(-time.Hour)}),
		"an end":           tail(api.LogTailInput{LogFilter: api.LogFilter{To: logNoon}}),
		"no cursor":        tail(api.LogTailInput{Cursor: "x"}),
		"steps":            histogram(api.LogHistogramInput{Step: op.Duration(time.Millisecond)}),
		"a negative step":  histogram(api.LogHistogramInput{Step: op.Duration(-time.Second)}),
	} {
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%s: %v", name, err)
	}
}

func TestLogsWithoutAStore(t *testing.T) {
	d := Deps{Now: time.Now}
	_, err := logsSearch(t.Context(), d, api.LogSearchInput{Limit: 1})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.NotEmpty(t, fail.From(err).Next)
	for _, err := range logsTail(t.Context(), d, api.LogTailInput{}) {
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	}
}

func TestLogsHistogramSteps(t *testing.T) {
	d, _ := logDeps()
	got, err := logsHistogram(t.Context(), d, api.LogHistogramInput{})
	require.NoError(t, err)
	require.LessOrEqual(t, len(got), logSteps)
	require.Equal(t, got[0].Time, got[0].Time.Truncate(2*time.Minute), "steps begin at round times")
	n := int64(0)
	for _, b := range got {
		n += b.Count
	}
	require.Equal(t, int64(60), n)
}
