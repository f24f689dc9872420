package metrics

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// alertPoints bounds how exactly the ends of an alert are known: the series is
// asked for in steps, as its rule is evaluated in steps.
const alertPoints = 1_000

// exactStep is the longest step between whose points no alert is looked for: a
// rule that fires for less is between two evaluations, too.
const exactStep = time.Minute

const firingSeries = `ALERTS{alertstate="firing"}`

// Alerts gives the stretches of a window in which alerts fired, from the
// series ALERTS that Prometheus's rule engine writes. A stretch that reaches
// the window's end has no End: it lasts. A backend without rules gives none.
// Over a long window the ends are known to the step, and none that fired is
// left out.
func Alerts(ctx context.Context, q Querier, from, to time.Time) ([]api.Annotation, error) {
	w, err := NewWindow(from, to, Step(to.Sub(from), alertPoints), to)
	if err != nil {
		return nil, err
	}
	cut, query := stretches, firingSeries
	if w.Step > exactStep {
		if cut, err = coarse(ctx, q, &w, to); err != nil {
			return nil, err
		}
		query = fmt.Sprintf("last_over_time(%[1]s[%[2]ds]) or %[1]s", firingSeries, int(w.Step/time.Second))
	}
	r, err := q.Range(ctx, query, w)
	if err != nil {
		return nil, err
	}
	out := []api.Annotation{}
	for _, s := range r.Series {
		out = append(out, cut(s, w)...)
	}
	SortAnnotations(out)
	return out, nil
}

// coarse prepares for steps that are longer than an alert may last: each point
// tells of its whole step, the last one reaches beyond the window's end, and
// what fires at the end is asked apart.
func coarse(ctx context.Context, q Querier, w *Window, to time.Time) (func(api.MetricSeries, Window) []api.Annotation, error) {
	now, err := q.Instant(ctx, firingSeries, to)
	if err != nil {
		return nil, err
	}
	lasts := map[string]bool{}
	for _, s := range now.Series {
		lasts[Labels(s.Labels)] = true
	}
	if w.To.Before(to) {
		w.To = w.To.Add(w.Step)
	}
	return func(s api.MetricSeries, w Window) []api.Annotation {
		list := stretches(s, w)
		for i := range list {
			x := &list[i]
			if x.End == nil && !lasts[Labels(s.Labels)] {
				end := to
				x.End = &end
			} else if x.End != nil {
				// What is seen at a point was within the step before it.
				end := x.End.Add(-w.Step)
				if !end.After(x.Time) {
					end = x.Time.Add(exactStep)
				}
				x.End = &end
			}
			if !x.Time.Before(to) { // it began after the last whole step
				x.Time = x.Time.Add(-w.Step)
			}
		}
		return list
	}, nil
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
