// Package timeline puts what happened on one axis: alerts, changes, births of
// log patterns, shifts of metrics, and what people did.
//
// It promises that the order does not depend on who answered first, nor on
// clocks that are off by no more than is said; that every row has a source, an
// id that is the same when the row is made again, and the command that shows it
// again; and that a source which does not answer is named. It knows no backend.
package timeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/pattern"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

// Deps are what is asked. A nil func is a system that there is not; its rows
// are then not expected.
type Deps struct {
	Metrics func(ctx context.Context) (metrics.Querier, error)
	Logs    func(ctx context.Context) (logs.Store, error)
	Changes func(ctx context.Context, from, to time.Time, namespace string) (api.ChangeList, error)
	// Shifts gives the shifts of metrics in a window.
	Shifts func(ctx context.Context, from, to time.Time, service string) ([]api.Fact, error)
	// ServiceOf gives the workload that an alert's labels name.
	ServiceOf func(labels map[string]string) string
}

const (
	// sourceTimeout bounds each source.
	sourceTimeout = 8 * time.Second
	// mostEntries bounds how many log lines of each window are looked at, and
	// mostPatterns how many births are told.
	mostEntries  = 20_000
	mostPatterns = 60
)

// Build asks every source at once and makes the rows, the oldest first.
func Build(ctx context.Context, d Deps, in api.TimelineInput) (api.Timeline, error) {
	if !in.From.Before(in.To) {
		return api.Timeline{}, fail.New(fail.Usage, "the window ends before it begins").Hint("--from must be before --to")
	}
	out := api.Timeline{From: in.From.UTC(), To: in.To.UTC(), Rows: []api.TimelineRow{}, Failed: []api.BackendFailure{}, Warnings: []string{}}
	sources := []struct {
		name string
		has  bool
		ask  func(context.Context) ([]api.TimelineRow, error)
	}{
		{"alerts", d.Metrics != nil, func(ctx context.Context) ([]api.TimelineRow, error) { return d.alerts(ctx, in) }},
		{"changes", d.Changes != nil, func(ctx context.Context) ([]api.TimelineRow, error) { return d.changes(ctx, in, &out) }},
		{"logs", d.Logs != nil, func(ctx context.Context) ([]api.TimelineRow, error) { return d.births(ctx, in) }},
		{"metrics", d.Shifts != nil, func(ctx context.Context) ([]api.TimelineRow, error) { return d.shifts(ctx, in) }},
	}
	rows, errs := make([][]api.TimelineRow, len(sources)), make([]error, len(sources))
	var work errgroup.Group
	asked := 0
	for i, s := range sources {
		if !s.has {
			continue
		}
		asked++
		work.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
			defer cancel()
			rows[i], errs[i] = s.ask(ctx)
			return nil
		})
	}
	_ = work.Wait()
	if asked == 0 {
		return out, fail.New(fail.Unavailable, "this context has nothing to ask: no metrics, no logs, no changes").Hint("aictl doctor")
	}
	for i, err := range errs {
		if err != nil {
			e := fail.From(err)
			out.Failed = append(out.Failed, api.BackendFailure{Backend: sources[i].name, Code: e.Code, Message: e.Error(), Next: e.Next})
		}
	}
	if len(out.Failed) == asked {
		return out, errs[slices.IndexFunc(errs, func(e error) bool { return e != nil })]
	}
	out.Rows = Order(slices.Concat(rows...))
	if len(in.Kind) > 0 {
		out.Rows = slices.DeleteFunc(out.Rows, func(r api.TimelineRow) bool { return !slices.Contains(in.Kind, r.Kind) })
	}
	if limit := in.Limit; limit > 0 && len(out.Rows) > limit {
		out.More = len(out.Rows) - limit
		out.Rows = out.Rows[out.More:]
	}
	slices.SortFunc(out.Failed, func(a, b api.BackendFailure) int { return strings.Compare(a.Backend, b.Backend) })
	slices.Sort(out.Warnings)
	return out, nil
}

// rank is what can only have come first of what cannot be told apart by time:
// causes before effects, effects before what people did about them.
func rank(kind string) int {
	return slices.Index([]string{
		"node", "settings", "secret", "config", "rollout", "canary", "pause", "delete", "scale", "pattern", "metric", "onset", "alert", "autoscale", "ack", "silence", "action", "note", "resolved",
	}, kind)
}

// Order sorts rows and drops those that are there twice: by time, then by what
// can only have come first, then by id.
func Order(rows []api.TimelineRow) []api.TimelineRow {
	slices.SortFunc(rows, func(a, b api.TimelineRow) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(rank(a.Kind), rank(b.Kind)), strings.Compare(a.ID, b.ID))
	})
	seen := map[string]bool{}
	out := make([]api.TimelineRow, 0, len(rows))
	for _, r := range rows {
		if !seen[r.ID] {
			seen[r.ID] = true
			out = append(out, r)
		}
	}
	return out
}

func digest(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:6])
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// alerts are the stretches in which alerts fired: a row for the beginning, one
// for the end.
func (d Deps) alerts(ctx context.Context, in api.TimelineInput) ([]api.TimelineRow, error) {
	q, err := d.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	list, err := metrics.Alerts(ctx, q, in.From, in.To)
	if err != nil {
		return nil, err
	}
	step := metrics.Step(in.To.Sub(in.From), 1000)
	var out []api.TimelineRow
	for _, a := range list {
		service := d.ServiceOf(a.Labels)
		if in.Service != "" && service != in.Service {
			continue
		}
		words := []string{"aictl", "alerts", "history", a.Title}
		for _, l := range sortedKeys(a.Labels) {
			if l != "alertname" && len(words) < 8 {
				words = append(words, l+"="+a.Labels[l])
			}
		}
		row := api.TimelineRow{
			ID: digest("alr", a.Title, a.Text, stamp(a.Time)), Time: a.Time.UTC(), Within: op.Duration(step), Kind: "alert", Source: "metrics", Service: service,
			Title: a.Title + " fires", Text: a.Text, Show: argv.Line(append(words, "--from", stamp(in.From), "--to", stamp(in.To))...),
		}
		if a.End != nil {
			end := a.End.UTC()
			row.End = &end
			gone := row
			gone.ID, gone.Time, gone.End, gone.Kind = row.ID+"-end", end, nil, "resolved"
			gone.Title = fmt.Sprintf("%s no longer fires, after %s", a.Title, end.Sub(a.Time).Round(time.Second))
			out = append(out, gone)
		}
		if a.Time.Sub(in.From) > 2*step { // else it stood before
			out = append(out, row)
		} else {
			row.Title = a.Title + " fires already"
			out = append(out, row)
		}
	}
	return out, nil
}

// changes are rows of what was changed and done.
func (d Deps) changes(ctx context.Context, in api.TimelineInput, t *api.Timeline) ([]api.TimelineRow, error) {
	list, err := d.Changes(ctx, in.From, in.To, in.Namespace)
	if err != nil {
		return nil, err
	}
	t.Warnings = append(t.Warnings, list.Warnings...)
	for _, f := range list.Failed {
		f.Backend = "changes of " + f.Backend
		t.Failed = append(t.Failed, f)
	}
	var out []api.TimelineRow
	for _, c := range list.Changes {
		if in.Service != "" && c.Service != in.Service && !slices.Contains(c.Services, in.Service) && c.Kind != api.ChangeNode {
			continue
		}
		out = append(out, api.TimelineRow{
			ID: c.ID, Time: c.Time.UTC(), Within: c.Within, Kind: c.Kind, Source: c.Source, Service: c.Service, Title: c.Summary, Actor: c.Actor, Reason: c.Reason, Show: c.Show,
		})
	}
	return out, nil
}

// births are the log patterns that were seen first in the window.
func (d Deps) births(ctx context.Context, in api.TimelineInput) ([]api.TimelineRow, error) {
	store, err := d.Logs(ctx)
	if err != nil {
		return nil, err
	}
	q := logs.Query{From: in.From, To: in.To, Levels: logs.Levels(logs.LevelWarn)}
	if in.Service != "" {
		q.Services = []string{in.Service}
	}
	before := q
	before.From, before.To = in.From.Add(-in.To.Sub(in.From)), in.From
	is, isWindow, err := mine(ctx, store, q)
	if err != nil || len(is) == 0 {
		return nil, err
	}
	was, wasWindow, err := mine(ctx, store, before)
	if err != nil {
		return nil, err
	}
	c := pattern.Compare(was, is, wasWindow, isWindow, 3)
	var out []api.TimelineRow
	for i, list := range [][]api.LogChange{c.New, c.Surging} {
		for _, n := range list[:min(len(list), mostPatterns)] {
			service := most(n.Services)
			title := "new in the logs: " + n.Pattern
			if i == 1 {
				title = fmt.Sprintf("%.0f times as often in the logs: %s", n.Rate/max(n.BaseRate, 1e-9), n.Pattern)
			}
			words := []string{"aictl", "logs", "patterns", "--from", stamp(in.From), "--to", stamp(in.To)}
			if service != "" {
				words = append(words, "--service", service)
			}
			out = append(out, api.TimelineRow{
				ID: "pat-" + n.ID, Time: n.First.UTC(), Kind: "pattern", Source: "logs", Service: service, Title: title,
				Text: fmt.Sprintf("%d times until %s", n.Count, n.Last.UTC().Format("15:04:05")), Show: argv.Line(words...),
			})
		}
	}
	return out, nil
}

func mine(ctx context.Context, store logs.Store, q logs.Query) ([]api.LogPattern, pattern.Window, error) {
	miner := pattern.New(pattern.Options{})
	entries, sample := logs.Sample(ctx, store, q, mostEntries)
	for e, err := range entries {
		if err != nil {
			return nil, pattern.Window{}, err
		}
		miner.Add(&e)
	}
	w := pattern.Window{Length: sample.To.Sub(sample.From)}
	if sample.Entries > 0 {
		w.Looked = float64(sample.Looked) / float64(sample.Entries)
	}
	return miner.Patterns(), w, nil
}

// most is the name with the greatest count.
func most(m map[string]int64) string {
	best := ""
	for _, k := range sortedKeys(m) {
		if best == "" || m[k] > m[best] {
			best = k
		}
	}
	return best
}

// shifts are the moments at which metrics left what they were.
func (d Deps) shifts(ctx context.Context, in api.TimelineInput) ([]api.TimelineRow, error) {
	list, err := d.Shifts(ctx, in.From, in.To, in.Service)
	if err != nil {
		return nil, err
	}
	out := make([]api.TimelineRow, 0, len(list))
	for _, f := range list {
		out = append(out, api.TimelineRow{ID: f.ID, Time: f.Time.UTC(), Kind: "metric", Source: f.Source, Service: f.Service, Title: f.Text, Show: f.Show})
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
