package observe

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/pattern"
)

func logsPatterns(ctx context.Context, d Deps, in api.LogPatternsInput) (api.LogPatterns, error) {
	if err := lookBounds(in.Limit, in.Max); err != nil {
		return api.LogPatterns{}, err
	}
	store, q, err := d.logQuery(ctx, in.LogFilter)
	if err != nil {
		return api.LogPatterns{}, err
	}
	list, sample, err := mine(ctx, store, q, in.Max)
	if err != nil {
		return api.LogPatterns{}, err
	}
	out := api.LogPatterns{Patterns: orEmpty(list), Sample: sample}
	if in.Limit > 0 && len(list) > in.Limit {
		out.Patterns, out.More = list[:in.Limit], len(list)-in.Limit
	}
	return out, nil
}

func lookBounds(limit int, most int64) error {
	if err := atMost("--limit", limit, maxLogPatterns); err != nil {
		return err
	}
	return atMost("--max", int(min(most, maxLogLook+1)), maxLogLook)
}

// mine learns the templates of what matches, or of an even sample of it.
func mine(ctx context.Context, store logs.Store, q logs.Query, most int64) ([]api.LogPattern, api.LogSample, error) {
	miner := pattern.New(pattern.Options{})
	entries, sample := logs.Sample(ctx, store, q, most)
	for e, err := range entries {
		if err != nil {
			return nil, api.LogSample{}, err
		}
		miner.Add(&e)
	}
	return miner.Patterns(), *sample, nil
}

func logsDiff(ctx context.Context, d Deps, in api.LogDiffInput) (api.LogDiff, error) {
	if err := lookBounds(in.Limit, in.Max); err != nil {
		return api.LogDiff{}, err
	}
	if in.Factor < 1 {
		return api.LogDiff{}, fail.New(fail.Usage, "--factor %g is below 1: surging is more than before", in.Factor).Hint("--factor 2")
	}
	store, now, err := d.logQuery(ctx, in.LogFilter)
	if err != nil {
		return api.LogDiff{}, err
	}
	base := now
	if base.To = in.BaseTo; base.To.IsZero() {
		base.To = now.From
	}
	if base.From = in.BaseFrom; base.From.IsZero() {
		base.From = base.To.Add(-now.To.Sub(now.From))
	}
	if !base.From.Before(base.To) {
		return api.LogDiff{}, fail.New(fail.Usage, "the baseline ends before it begins").Hint("--baseline 2h, or --baseline FROM..TO")
	}
	var before, after []api.LogPattern
	var was, is api.LogSample
	both, bctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) { after, is, err = mine(bctx, store, now, in.Max); return err })
	both.Go(func() (err error) { before, was, err = mine(bctx, store, base, in.Max); return err })
	if err := both.Wait(); err != nil {
		return api.LogDiff{}, err
	}
	c := pattern.Compare(before, after, lookedAt(was), lookedAt(is), in.Factor)
	out := api.LogDiff{
		New: orEmpty(c.New), Surging: orEmpty(c.Surging), Gone: orEmpty(c.Gone), Same: c.Same,
		Window: is, Baseline: was, Factor: in.Factor, Warnings: []string{},
	}
	warn := func(format string, args ...any) { out.Warnings = append(out.Warnings, fmt.Sprintf(format, args...)) }
	switch {
	case was.Entries == 0 && is.Entries > 0:
		warn("the baseline holds no entries: everything is new")
	case was.Sampled && len(out.New) > 0:
		warn("the baseline was sampled: a rare pattern that is new here may have been in it")
	}
	if is.Sampled && len(out.Gone) > 0 {
		warn("the window was sampled: a rare pattern that is gone here may still be in it")
	}
	for _, kind := range []struct {
		name string
		list *[]api.LogChange
	}{{"new", &out.New}, {"surging", &out.Surging}, {"gone", &out.Gone}} {
		if n := len(*kind.list); in.Limit > 0 && n > in.Limit {
			*kind.list = (*kind.list)[:in.Limit]
			warn("%d of %d %s patterns are shown", in.Limit, n, kind.name)
		}
	}
	return out, nil
}

// lookedAt is a sample in the terms of the comparison.
func lookedAt(s api.LogSample) pattern.Window {
	w := pattern.Window{Length: s.To.Sub(s.From)}
	if s.Entries > 0 {
		w.Looked = float64(s.Looked) / float64(s.Entries)
	}
	return w
}
