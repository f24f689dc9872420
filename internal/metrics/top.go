package metrics

import (
	"context"
	"math"
	"sort"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// defaultTops are what Top ranks without an expression: the first that gives
// anything. They go from the platform's own metrics to what any scraped
// process has.
var defaultTops = [...]string{
	`sum by (service, operation) (rate(aictl_gateway_requests_total[5m])) > 0`,
	`sum by (job, instance) (rate(process_cpu_seconds_total[5m]))`,
	`scrape_duration_seconds`,
}

// sparkPoints is how many steps the recent past of a row has.
const sparkPoints = 24

// Top evaluates an expression, orders its series by value and adds how each
// came to it over the window. NaN values come last.
func Top(ctx context.Context, q Querier, in api.MetricTopInput, now time.Time) (api.MetricTop, error) {
	window := time.Duration(in.Window)
	if window <= 0 {
		window = time.Hour
	}
	if in.Limit <= 0 {
		in.Limit = 15
	}
	query, r, err := topQuery(ctx, q, in.Query, now)
	if err != nil {
		return api.MetricTop{}, err
	}
	out := api.MetricTop{Query: query, Window: op.Duration(window), Rows: []api.MetricTopRow{}, Total: len(r.Series), Warnings: orEmpty(r.Warnings)}
	for _, s := range r.Series {
		if len(s.Samples) == 0 {
			continue
		}
		out.Rows = append(out.Rows, api.MetricTopRow{
			Labels: s.Labels, Value: s.Samples[len(s.Samples)-1].Value, Before: nan, Change: nan, Recent: []api.Number{},
		})
	}
	sortTop(out.Rows, in.Bottom)
	out.Rows = out.Rows[:min(len(out.Rows), in.Limit)]
	if len(out.Rows) == 0 {
		return out, nil
	}
	w, err := NewWindow(now.Add(-window), now, max(window/sparkPoints, time.Second).Truncate(time.Second), now)
	if err != nil {
		return out, err
	}
	past, err := q.Range(ctx, query, w)
	if err != nil {
		return out, err
	}
	fillTop(out.Rows, past, w)
	out.Warnings = union(out.Warnings, past.Warnings)
	return out, nil
}

func topQuery(ctx context.Context, q Querier, query string, now time.Time) (string, Result, error) {
	candidates := defaultTops[:]
	if query != "" {
		candidates = []string{query}
	}
	var r Result
	var err error
	for _, query = range candidates {
		if r, err = q.Instant(ctx, query, now); err != nil {
			return query, r, err
		}
		if r.Type == "matrix" {
			return query, r, fail.New(fail.Usage, "the expression gives a %s, and only an instant vector can be ranked", r.Type).
				Hint("put a function around it, as in rate(…) or max_over_time(…)")
		}
		if len(r.Series) > 0 {
			break
		}
	}
	return query, r, nil
}

var nan = api.Number(math.NaN())

func sortTop(rows []api.MetricTopRow, bottom bool) {
	sort.SliceStable(rows, func(i, j int) bool {
		a, b := float64(rows[i].Value), float64(rows[j].Value)
		switch {
		case math.IsNaN(a) || math.IsNaN(b):
			return !math.IsNaN(a) && math.IsNaN(b)
		case a == b:
			return Labels(rows[i].Labels) < Labels(rows[j].Labels)
		}
		return (a > b) != bottom
	})
}

func fillTop(rows []api.MetricTopRow, past Result, w Window) {
	grids := make(map[string][]float64, len(past.Series))
	for _, s := range past.Series {
		grids[Labels(s.Labels)] = w.Grid(s)
	}
	for i := range rows {
		row := &rows[i]
		for _, v := range grids[Labels(row.Labels)] {
			if !row.Before.Finite() && !math.IsNaN(v) && !math.IsInf(v, 0) {
				row.Before = api.Number(v)
			}
			row.Recent = append(row.Recent, api.Number(v))
		}
		if row.Before.Finite() && row.Value.Finite() {
			row.Change = row.Value - row.Before
		}
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// union appends what is new of more.
func union(list, more []string) []string {
	list = orEmpty(list)
	seen := map[string]bool{}
	for _, s := range list {
		seen[s] = true
	}
	for _, s := range more {
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}
