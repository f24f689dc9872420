package observe

import (
	"context"
	"iter"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/op"
)

// Bounds of what one question may ask of a log store.
const (
	maxLogEntries  = 10_000
	maxLogBuckets  = 2_000
	maxLogTop      = 1_000
	maxLogPatterns = 10_000
	maxLogLook     = 5_000_000
	logSteps       = 60
)

func bindLogs(r *op.Registry, d Deps) {
	op.BindQuery(r, api.LogsSearch, func(ctx context.Context, in api.LogSearchInput) (api.LogAnswer, error) {
		return logsSearch(ctx, d, in)
	})
	op.BindStream(r, api.LogsTail, func(ctx context.Context, in api.LogTailInput) iter.Seq2[api.LogEvent, error] {
		return logsTail(ctx, d, in)
	})
	op.BindQuery(r, api.LogsHistogram, func(ctx context.Context, in api.LogHistogramInput) ([]api.LogBucket, error) {
		return logsHistogram(ctx, d, in)
	})
	op.BindQuery(r, api.LogsFields, func(ctx context.Context, in api.LogFieldsInput) ([]api.LogField, error) {
		store, q, err := d.logQuery(ctx, in.LogFilter)
		if err != nil {
			return nil, err
		}
		if err := atMost("--top", in.Top, maxLogTop); err != nil {
			return nil, err
		}
		return store.Fields(ctx, q, in.Field, in.Top)
	})
	op.BindQuery(r, api.LogsPatterns, func(ctx context.Context, in api.LogPatternsInput) (api.LogPatterns, error) {
		return logsPatterns(ctx, d, in)
	})
	op.BindQuery(r, api.LogsDiff, func(ctx context.Context, in api.LogDiffInput) (api.LogDiff, error) {
		return logsDiff(ctx, d, in)
	})
}

// logStore is the context's log store.
func (d Deps) logStore(ctx context.Context) (logs.Store, error) {
	if d.Logs == nil {
		return nil, fail.New(fail.Unavailable, "this context has no log store").
			Hint("aictl up, or name an Elasticsearch in the context: aictl config view")
	}
	return d.Logs(ctx)
}

// logQuery is the store, and the filter compiled, with a window that has both
// ends.
func (d Deps) logQuery(ctx context.Context, f api.LogFilter) (logs.Store, logs.Query, error) {
	store, err := d.logStore(ctx)
	if err != nil {
		return nil, logs.Query{}, err
	}
	if f.To.IsZero() {
		f.To = d.now()
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-logSpan(f))
	}
	f.From, f.To = f.From.UTC(), f.To.UTC()
	q, err := logs.Compile(f)
	return store, q, err
}

// logSpan is the window where nobody gives one: an hour is long enough for the
// incident at hand and short enough for any store; a trace is rare enough to
// be looked for in a day.
func logSpan(f api.LogFilter) time.Duration {
	if f.Trace != "" {
		return 24 * time.Hour
	}
	return time.Hour
}

func atMost(flag string, n, limit int) error {
	switch {
	case n < 0:
		return fail.New(fail.Usage, "%s is less than nothing", flag)
	case n > limit:
		return fail.New(fail.Usage, "%s %d is over the bound of %d", flag, n, limit).Hint("%s %d, or a shorter window", flag, limit)
	}
	return nil
}

func logsSearch(ctx context.Context, d Deps, in api.LogSearchInput) (api.LogAnswer, error) {
	before, after := max(in.Before, in.Around), max(in.After, in.Around)
	for _, bound := range []struct {
		flag     string
		n, limit int
	}{{"--limit", in.Limit, maxLogEntries}, {"-B", before, logs.MaxAround}, {"-A", after, logs.MaxAround}} {
		if err := atMost(bound.flag, bound.n, bound.limit); err != nil {
			return api.LogAnswer{}, err
		}
	}
	toNow := in.To.IsZero()
	store, q, err := d.logQuery(ctx, in.LogFilter)
	if err != nil {
		return api.LogAnswer{}, err
	}
	if toNow { // an entry whose writer's clock is ahead of ours is wanted too
		q.To = time.Time{}
	}
	q.Limit, q.Newest = in.Limit, true
	r, err := store.Search(ctx, q)
	if err != nil {
		return api.LogAnswer{}, err
	}
	logs.Sort(r.Entries)
	if (before > 0 || after > 0) && len(r.Entries) > 0 {
		if r.Entries, err = logs.Around(ctx, store, q, r.Entries, before, after); err != nil {
			return api.LogAnswer{}, err
		}
	}
	return api.LogAnswer{
		Entries: orEmpty(r.Entries), More: r.More, Client: orEmpty(r.Client), Warnings: orEmpty(r.Warnings), From: q.From,
	}, nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// logsTail follows from where the caller says: a cursor, a time, the last
// entries, or now.
func logsTail(ctx context.Context, d Deps, in api.LogTailInput) iter.Seq2[api.LogEvent, error] {
	return func(yield func(api.LogEvent, error) bool) {
		store, q, err := d.tailQuery(ctx, in)
		if err != nil {
			yield(api.LogEvent{}, err)
			return
		}
		o := logs.TailOptions{Cursor: in.Cursor, Hold: time.Duration(in.Hold)}
		for e, err := range logs.Tail(ctx, store, q, o) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// maxHold bounds what the server keeps for one reader.
const maxHold = 10 * time.Minute

func (d Deps) tailQuery(ctx context.Context, in api.LogTailInput) (logs.Store, logs.Query, error) {
	if hold := time.Duration(in.Hold); hold < 0 || hold > maxHold {
		return nil, logs.Query{}, fail.New(fail.Usage, "--hold is not between 0 and %s", maxHold).Hint("--hold 30s")
	}
	if err := atMost("--limit", in.Last, maxLogEntries); err != nil {
		return nil, logs.Query{}, err
	}
	if !in.To.IsZero() {
		return nil, logs.Query{}, fail.New(fail.Usage, "what is followed has no end: --to does not go with -f").Hint("aictl logs --to ... without -f")
	}
	store, err := d.logStore(ctx)
	if err != nil {
		return nil, logs.Query{}, err
	}
	q, err := logs.Compile(in.LogFilter)
	if err != nil || in.Cursor != "" || !q.From.IsZero() {
		return store, q, err
	}
	// Entries that are on their way have a time before now.
	now := d.now()
	q.From = now.Add(-max(5*time.Second, time.Duration(in.Hold)))
	if in.Last == 0 {
		return store, q, nil
	}
	last := q
	last.From, last.Newest, last.Limit = now.Add(-logSpan(in.LogFilter)), true, in.Last
	r, err := store.Search(ctx, last)
	if err != nil {
		return nil, q, err
	}
	if len(r.Entries) >= in.Last || len(r.Entries) > 0 && r.Entries[0].Time.Before(q.From) {
		q.From = r.Entries[0].Time
	}
	return store, q, nil
}

func logsHistogram(ctx context.Context, d Deps, in api.LogHistogramInput) ([]api.LogBucket, error) {
	store, q, err := d.logQuery(ctx, in.LogFilter)
	if err != nil {
		return nil, err
	}
	step := time.Duration(in.Step)
	switch {
	case step < 0 || step > 0 && step < time.Millisecond:
		return nil, fail.New(fail.Usage, "--step is shorter than a millisecond").Hint("--step 1m")
	case step == 0:
		step = logs.Step(q.To.Sub(q.From), logSteps)
	}
	q.From = q.From.Truncate(step)
	if n := q.To.Sub(q.From) / step; n > maxLogBuckets {
		return nil, fail.New(fail.Usage, "the window has %d steps of %s, over the bound of %d", n, step, maxLogBuckets).
			Hint("--step %s", logs.Step(q.To.Sub(q.From), maxLogBuckets))
	}
	return store.Histogram(ctx, q, step)
}
