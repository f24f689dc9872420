package chart_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/metrics/chart"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/plot"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// ofSeries makes the answer of an hour in minutes; a series without a value in
// a minute has a gap there.
func ofSeries(from time.Time, n int, value func(series, minute int) (float64, bool)) api.MetricPlot {
	r := api.MetricPlot{MetricRange: api.MetricRange{Query: "q", From: from, To: from.Add(time.Hour), Step: op.Duration(time.Minute)}}
	for i := range n {
		s := api.MetricSeries{Labels: map[string]string{"__name__": "mem_bytes", "job": "j", "pod": fmt.Sprint("p", i)}}
		for m := range 61 {
			if v, ok := value(i, m); ok {
				s.Samples = append(s.Samples, api.MetricSample{Time: from.Add(time.Duration(m) * time.Minute), Value: api.Number(v)})
			}
		}
		r.Series = append(r.Series, s)
	}
	return r
}

func TestOfKeepsGapsAndUnits(t *testing.T) {
	r := ofSeries(noon, 2, func(_, m int) (float64, bool) { return float64(m) * (1 << 20), m != 30 })
	end := noon.Add(50 * time.Minute)
	r.Thresholds = []api.Number{5}
	r.Annotations = []api.Annotation{
		{Kind: "deployment", Time: noon.Add(time.Minute), Title: "chat", Text: "v2\x1b[2J"},
		{Kind: "alert", Time: noon.Add(time.Minute), Title: "Lasts"},
		{Kind: "silence", Time: noon, End: &end, Title: "by bo"},
	}
	c := chart.Of(r, chart.Options{})
	require.Equal(t, []string{`{pod="p0"}`, `{pod="p1"}`}, []string{c.Series[0].Name, c.Series[1].Name}, "what all share is left out")
	require.Len(t, c.Series[0].Points, 61)
	require.True(t, math.IsNaN(c.Series[0].Points[30].Value))
	require.Equal(t, "1 MiB", c.Format(1<<20))
	require.Equal(t, []float64{5}, c.Thresholds)
	require.NotContains(t, c.Marks[0].Text, "\x1b")
	require.True(t, c.Marks[0].End.IsZero(), "a deployment has no length")
	require.Equal(t, r.To, c.Marks[1].End, "an alert that lasts")
	require.Equal(t, end, c.Marks[2].End)
	require.Equal(t, "5", chart.Of(r, chart.Options{Unit: &metrics.Unit{}}).Format(5), "a chosen unit wins")
}

func TestOfBesideAnEarlierStretch(t *testing.T) {
	value := func(s, m int) (float64, bool) { return float64(s*100 + m), true }
	for _, c := range []struct {
		name                    string
		now, before, drawn, ago int
	}{
		{"few", 2, 2, 2, 2},
		{"many", 12, 12, 4, 4},
		{"many now", 12, 1, 7, 1},
		{"many before", 1, 12, 1, 7},
		{"none before", 12, 0, 8, 0},
	} {
		now, before := ofSeries(noon, c.now, value), ofSeries(noon.Add(-24*time.Hour), c.before, value)
		got := chart.Of(now, chart.Options{Before: &before, Later: 24 * time.Hour, Ago: "1d ago"})
		require.Len(t, got.Series, c.now+c.before, c.name)
		drawn := got.Series[:min(len(got.Series), plot.MaxSeries)]
		var nowNames, agoNames int
		for _, s := range drawn {
			if strings.HasSuffix(s.Name, " 1d ago") {
				agoNames++
			} else {
				nowNames++
			}
			require.Equal(t, noon, s.Points[0].Time, "%s: an earlier curve lies on the same axis", c.name)
		}
		require.Equal(t, c.drawn, nowNames, c.name)
		require.Equal(t, c.ago, agoNames, c.name)
	}
}

func TestTheGreatestComeFirst(t *testing.T) {
	r := ofSeries(noon, 20, func(s, _ int) (float64, bool) { return float64(s), s != 19 })
	got := chart.Ordered(r.Series)
	require.Equal(t, "p18", got[0].Labels["pod"])
	require.Equal(t, "p19", got[19].Labels["pod"], "one without a value is last")
	require.Equal(t, "p0", r.Series[0].Labels["pod"], "the answer stays as it is")
}

func TestCaret(t *testing.T) {
	for _, c := range []struct {
		name, query string
		at, width   int
		want        []string
	}{
		{"end", "sum(", 4, 40, []string{"  sum(", "      ^"}},
		{"line", "sum(\nup{{\n)", 8, 40, []string{"  up{{", "     ^"}},
		{"hostile", "a\x1b[2J{", 5, 40, []string{"  a^[[2J{", "        ^"}},
	} {
		got := chart.Caret(c.query, metrics.Place{Offset: c.at}, c.width)
		require.Equal(t, c.want, got, c.name)
	}
	long := chart.Caret(strings.Repeat("x", 100)+"!", metrics.Place{Offset: 100}, 40)
	require.Equal(t, strings.Index(long[0], "!")-len("…")+1, strings.Index(long[1], "^"))
}
