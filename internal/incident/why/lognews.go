package why

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/pattern"
)

// news is a pattern of a service's logs that is new since the onset, or came
// more often.
type news struct {
	api.LogChange
	service string
	fresh   bool // new, not merely more
}

const (
	// mostServices bounds whose logs are read, mostEntries how many of each
	// window.
	mostServices = 6
	mostEntries  = 4_000
	// mostNews bounds what is kept of a service.
	mostNews = 8
	// surge is how many times more often a pattern must come.
	surge = 3
)

// logNews compares the patterns after the onset with those before, of the
// subject and of what it depends on.
func (a *analysis) logNews(ctx context.Context) (map[string][]news, error) {
	out := map[string][]news{}
	if a.store == nil || a.onset.IsZero() {
		return out, nil
	}
	names := a.around(mostServices)
	found := make([][]news, len(names))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(4)
	for i, name := range names {
		work.Go(func() (err error) {
			found[i], err = a.newsOf(ctx, name)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return out, err
	}
	for i, name := range names {
		if len(found[i]) > 0 {
			out[name] = found[i]
		}
	}
	return out, nil
}

func (a *analysis) newsOf(ctx context.Context, service string) ([]news, error) {
	split := a.onset.Add(-a.within - time.Second)
	after := logs.Query{Services: []string{service}, From: split, To: a.now}
	before := after
	before.From, before.To = a.window.From, split
	if span := 6 * after.To.Sub(after.From); span < before.To.Sub(before.From) {
		before.From = before.To.Add(-max(span, 10*time.Minute))
	}
	if !before.From.Before(before.To) {
		return nil, nil
	}
	is, isWindow, err := a.mine(ctx, after)
	if err != nil || len(is) == 0 {
		return nil, err
	}
	was, wasWindow, err := a.mine(ctx, before)
	if err != nil {
		return nil, err
	}
	c := pattern.Compare(was, is, wasWindow, isWindow, surge)
	var out []news
	for i, list := range [][]api.LogChange{c.New, c.Surging} {
		for _, one := range list {
			if bad(one.Levels) {
				out = append(out, news{LogChange: one, service: service, fresh: i == 0})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y news) int {
		if x.fresh != y.fresh {
			return map[bool]int{true: -1, false: 1}[x.fresh]
		}
		if x.Count != y.Count {
			return int(y.Count - x.Count)
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out[:min(len(out), mostNews)], nil
}

func (a *analysis) mine(ctx context.Context, q logs.Query) ([]api.LogPattern, pattern.Window, error) {
	miner := pattern.New(pattern.Options{})
	entries, sample := logs.Sample(ctx, a.store, q, mostEntries)
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

// bad says that a pattern's lines are warnings or worse, most of them.
func bad(levels map[string]int64) bool {
	var worse, all int64
	for level, n := range levels {
		all += n
		switch level {
		case "warn", "warning", "error", "fatal", "critical", "panic":
			worse += n
		}
	}
	return all > 0 && 2*worse >= all
}

func (a *analysis) patternFact(n news) api.Fact {
	words := fmt.Sprintf("new in the logs of %s since %s: %s (%d times)", n.service, clock(n.First), n.Pattern, n.Count)
	if !n.fresh {
		words = fmt.Sprintf("%.0f times as often in the logs of %s: %s (%d times)", n.Rate/max(n.BaseRate, 1e-9), n.service, n.Pattern, n.Count)
	}
	v, b := number(float64(n.Count)), number(float64(n.Baseline))
	return api.Fact{
		ID: "pat-" + n.ID, Kind: "pattern", Source: "logs", Time: n.First.UTC(), Service: n.service, Text: words, Value: v, Baseline: b,
		Show: line("logs", "patterns", "--service", n.service, "--from", stamp(a.onset.Add(-a.within)), "--to", stamp(a.now)),
	}
}
