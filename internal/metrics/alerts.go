package metrics

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// alertPoints bounds how exactly the ends of an alert are known: the series is
// asked for in steps, as its rule is evaluated in steps.
const alertPoints = 1_000

// Alerts gives the stretches of a window in which alerts fired, from the
// series ALERTS that Prometheus's rule engine writes. A stretch that reaches
// the window's end has no End: it lasts. A backend without rules gives none.
func Alerts(ctx context.Context, q Querier, from, to time.Time) ([]api.Annotation, error) {
	w, err := NewWindow(from, to, Step(to.Sub(from), alertPoints), to)
	if err != nil {
		return nil, err
	}
	r, err := q.Range(ctx, `ALERTS{alertstate="firing"}`, w)
	if err != nil {
		return nil, err
	}
	out := []api.Annotation{}
	for _, s := range r.Series {
		out = append(out, stretches(s, w)...)
	}
	SortAnnotations(out)
	return out, nil
}

// stretches cuts a series into runs of present values.
func stretches(s api.MetricSeries, w Window) []api.Annotation {
	labels := map[string]string{}
	for k, v := range s.Labels {
		if k != NameLabel && k != "alertstate" {
			labels[k] = v
		}
	}
	var out []api.Annotation
	grid := w.Grid(s)
	start := -1
	for i := 0; i <= len(grid); i++ {
		fires := i < len(grid) && grid[i] == grid[i] && grid[i] != 0 // not NaN
		switch {
		case fires && start < 0:
			start = i
		case !fires && start >= 0:
			a := api.Annotation{Kind: "alert", Time: w.Time(start), Title: labels["alertname"], Text: describe(labels), Labels: labels}
			if i < len(grid) {
				end := w.Time(i)
				a.End = &end
			}
			out = append(out, a)
			start = -1
		}
	}
	return out
}

// describe is a line of the labels that tell alerts of one name apart.
func describe(labels map[string]string) string {
	keys := make([]string, 0, len(labels))
	for k := range labels {
		if k != "alertname" {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k + "=" + labels[k]
	}
	return strings.Join(parts, " ")
}

// SortAnnotations orders by time, then kind, title and text, so that the same
// answer always reads the same.
func SortAnnotations(list []api.Annotation) {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case !a.Time.Equal(b.Time):
			return a.Time.Before(b.Time)
		case a.Kind != b.Kind:
			return a.Kind < b.Kind
		case a.Title != b.Title:
			return a.Title < b.Title
		}
		return a.Text < b.Text
	})
}
