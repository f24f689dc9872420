// Package say puts what the platform said into words and lines: times, labels,
// what did not answer, curves, Markdown. Panes that show the same things share
// it, so that they say them alike.
//
// What it returns is safe for a terminal, whatever it was given.
package say

import (
	"sort"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/markdown"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
)

func out(e *pane.Env) output.Env { return output.Env{Now: e.Now, Zone: e.Zone} }

// Clock is a time in the person's zone: the clock today, with the date
// otherwise, and "-" for none.
func Clock(e *pane.Env, t time.Time) string { return out(e).Time(t) }

// Ago is how long ago a time is, "in 5m" for the future and "-" for none.
func Ago(e *pane.Env, t time.Time) string { return out(e).Ago(t) }

// Long is a length of time in at most two units.
func Long(d op.Duration) string { return output.Duration(time.Duration(d)) }

// Labels are a set of labels in the order of their names, but for those that
// are left out.
func Labels(set map[string]string, without ...string) string {
	parts := make([]string, 0, len(set))
next:
	for k, v := range set {
		for _, w := range without {
			if k == w {
				continue next
			}
		}
		parts = append(parts, clip(k)+"="+clip(v))
	}
	sort.Strings(parts)
	return Line(strings.Join(parts, " "))
}

// Line is text from outside as one line that a terminal can be given, cut
// where nobody reads on.
func Line(text string) string { return term.SafeLine(clip(text)) }

// maxCurves is how many series a small chart shows.
const maxCurves = 4

// Curves are series as a chart has them, the first few of them.
func Curves(list []api.MetricSeries) []plot.Series {
	out := make([]plot.Series, 0, min(len(list), maxCurves))
	for _, s := range list[:min(len(list), maxCurves)] {
		name := Labels(s.Labels, "__name__", "alertname")
		if name == "" {
			name = term.SafeLine(s.Labels["__name__"])
		}
		one := plot.Series{Name: name, Points: make([]plot.Point, 0, len(s.Samples))}
		for _, v := range s.Samples {
			one.Points = append(one.Points, plot.Point{Time: v.Time, Value: float64(v.Value)})
		}
		out = append(out, one)
	}
	return out
}

// Span is the first and the last time of the samples; false where there is
// none.
func Span(list []api.MetricSeries) (from, to time.Time, ok bool) {
	for _, s := range list {
		for _, v := range s.Samples {
			if from.IsZero() || v.Time.Before(from) {
				from = v.Time
			}
			if v.Time.After(to) {
				to = v.Time
			}
		}
	}
	return from, to, to.After(from)
}

// maxProse is the widest that running text is set.
const maxProse = 100

// Markdown are the lines of a text in Markdown, in the theme's style.
func Markdown(th *theme.Theme, text string, width int) []string {
	rendered := markdown.Render(term.Safe(text), min(max(width, 1), maxProse), term.NewStyles(th.Name != theme.Mono))
	return strings.Split(strings.ReplaceAll(rendered, "\t", "    "), "\n")
}
