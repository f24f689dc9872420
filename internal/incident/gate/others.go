package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/pattern"
)

// alerts makes the check that no alert with these labels fires.
func (g *run) alerts(text string) (func(context.Context, time.Time) finding, error) {
	m, err := alerts.Parse(text)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, now time.Time) finding {
		manager, err := g.d.Alerts(ctx)
		if err != nil {
			return unknown("%s", err.Error())
		}
		list, failed, err := manager.Alerts(ctx)
		if err != nil {
			return unknown("%s", err.Error())
		}
		firing := alerts.Select(list, api.AlertFilter{State: "firing"}, m)
		if len(firing) > 0 {
			f := finding{state: deploy.False}
			var names []string
			for _, a := range firing {
				words := a.Name
				if a.Service != "" {
					words += " of " + a.Service
				}
				names = append(names, words)
				f.evidence = append(f.evidence, api.Fact{
					ID: digest("alr", a.Fingerprint, a.Started.UTC().Format(time.RFC3339)), Kind: "alert", Source: "alertmanager", Time: a.Started.UTC(), Service: a.Service,
					Text: words + " fires since " + clock(a.Started), Show: argv.Line("aictl", "alerts", "show", a.Fingerprint),
				})
			}
			slices.Sort(names)
			f.message = fmt.Sprintf("%d fire: %s", len(firing), strings.Join(slices.Compact(names), ", "))
			return f
		}
		for _, b := range failed {
			if !b.Covered {
				return unknown("%s does not answer: %s", b.Backend, b.Message)
			}
		}
		_ = now
		return finding{state: deploy.True, message: "none fires"}
	}, nil
}

// bounds of what is looked at of the logs.
const (
	mostEntries = 20_000
	surge       = 3
)

// logs makes the check that the logs say nothing new and bad.
func (g *run) logs(text string) (func(context.Context, time.Time) finding, error) {
	word, service, _ := strings.Cut(strings.TrimSpace(text), " ")
	if word != "new-errors" {
		return nil, fail.New(fail.Usage, "--logs %q is not known", text).Hint("--logs new-errors, or --logs 'new-errors SERVICE'")
	}
	service = strings.TrimSpace(service)
	return func(ctx context.Context, now time.Time) finding {
		store, err := g.d.Logs(ctx)
		if err != nil {
			return unknown("%s", err.Error())
		}
		from := g.begun
		if g.baseTo.Before(from) { // since the rollout
			from = g.baseTo
		}
		if now.Sub(from) < time.Duration(g.in.Window) && g.in.Baseline != "previous" {
			from = now.Add(-time.Duration(g.in.Window)) // a gate that has just begun looks at what led to it
		}
		q := logs.Query{From: from, To: now}
		if service != "" {
			q.Services = []string{service}
		}
		base := q
		base.To = min64(from, g.baseTo)
		base.From = base.To.Add(-time.Duration(g.in.Window))
		all, err := store.Search(ctx, logs.Query{Services: q.Services, From: base.From, To: now, Limit: 1})
		if err != nil {
			return unknown("%s", err.Error())
		}
		if len(all.Entries) == 0 {
			return unknown("there are no lines at all since %s", clock(base.From))
		}
		is, isWindow, err := mine(ctx, store, q)
		if err != nil {
			return unknown("%s", err.Error())
		}
		was, wasWindow, err := mine(ctx, store, base)
		if err != nil {
			return unknown("%s", err.Error())
		}
		c := pattern.Compare(was, is, wasWindow, isWindow, surge)
		f := finding{state: deploy.True, message: "nothing new"}
		for i, list := range [][]api.LogChange{c.New, c.Surging} {
			for _, n := range list {
				words := fmt.Sprintf("new: %s (%d times)", n.Pattern, n.Count)
				if i == 1 {
					words = fmt.Sprintf("%.0f times as often: %s (%d times)", n.Rate/max(n.BaseRate, 1e-9), n.Pattern, n.Count)
				}
				f.evidence = append(f.evidence, api.Fact{
					ID: "pat-" + n.ID, Kind: "pattern", Source: "logs", Time: n.First.UTC(), Text: words,
					Show: argv.Line("aictl", "logs", "patterns", "--level", "warn", "--from", from.UTC().Format(time.RFC3339), "--to", now.UTC().Format(time.RFC3339)),
				})
			}
		}
		if len(f.evidence) > 0 {
			f.state, f.message = deploy.False, f.evidence[0].Text
			if n := len(f.evidence); n > 1 {
				f.message += fmt.Sprintf(", and %d more", n-1)
			}
		}
		return f
	}, nil
}

func min64(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func mine(ctx context.Context, store logs.Store, q logs.Query) ([]api.LogPattern, pattern.Window, error) {
	q.Levels = logs.Levels(logs.LevelWarn)
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
