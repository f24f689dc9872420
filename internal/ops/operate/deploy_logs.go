package operate

import (
	"cmp"
	"container/heap"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/line"
)

// Bounds of reading the lines of workloads.
const (
	linesQueue = 1024    // lines that wait between the engines and the reader; the engines then wait
	linesMost  = 500_000 // lines of one answer
	// linesHold is how long a followed line waits for earlier ones of other
	// replicas.
	linesHold = 300 * time.Millisecond
)

// source is a workload whose lines are read.
type source struct {
	c deploy.Cluster
	r deploy.Ref
}

// said is one event of one source.
type said struct {
	e   api.LogEvent
	err error
}

func deployLogs(ctx context.Context, d Deps, in api.DeployLogsInput) iter.Seq2[api.LogEvent, error] {
	return func(yield func(api.LogEvent, error) bool) {
		q, err := logs.Compile(api.LogFilter{Level: in.Level, Grep: in.Grep, Where: in.Where, From: in.From, To: in.To})
		var sources []source
		if err == nil {
			sources, err = d.sources(ctx, in)
		}
		if err != nil {
			yield(api.LogEvent{}, err)
			return
		}
		events, stop := read(ctx, sources, deploy.LogOptions{
			Follow: in.Follow, Previous: in.Previous, Container: in.Container, Replica: in.Replica, Since: in.From, Tail: in.Tail,
		})
		defer stop()
		m := &merging{match: logs.Matcher(q), parser: line.NewParser(time.UTC, d.now), yield: yield, now: d.now}
		if in.Follow {
			m.follow(ctx, events)
			return
		}
		m.all(ctx, events)
	}
}

// sources are the workloads that the input names.
func (d Deps) sources(ctx context.Context, in api.DeployLogsInput) ([]source, error) {
	if in.Name != "" {
		c, s, err := d.find(ctx, api.WorkloadName{Name: in.Name, Namespace: in.Namespace, Engine: in.Engine})
		if err != nil {
			return nil, err
		}
		return []source{{c, refOf(s)}}, nil
	}
	f := deploy.Filter{Namespace: cmp.Or(in.Namespace, d.Namespace), Selector: in.Selector}
	if in.Namespace == "*" {
		f.Namespace, f.AllNamespaces = "", true
	}
	clusters, err := d.clusters(ctx, in.Engine)
	if err != nil {
		return nil, err
	}
	var out []source
	for _, a := range ask(clusters, func(c deploy.Cluster, into *answer) { into.list, into.err = c.List(ctx, f) }) {
		if a.err != nil {
			return nil, a.err
		}
		for _, w := range a.list {
			out = append(out, source{a.c, deploy.Ref{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name}})
		}
	}
	if len(out) == 0 {
		return nil, fail.New(fail.NotFound, "no workload has the labels %s", in.Selector).Hint("aictl deploy list -A -l %s", in.Selector)
	}
	return out, nil
}

// read reads all sources at once, each in a goroutine that stop ends and joins.
func read(ctx context.Context, sources []source, o deploy.LogOptions) (<-chan said, func()) {
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan said, linesQueue)
	var wg, readers sync.WaitGroup
	for _, s := range sources {
		readers.Add(1)
		wg.Go(func() {
			defer readers.Done()
			for e, err := range s.c.Logs(ctx, s.r, o) {
				select {
				case out <- said{e, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		})
	}
	wg.Go(func() {
		readers.Wait()
		close(out)
	})
	return out, func() {
		cancel()
		wg.Wait()
	}
}

// merging puts the lines of several replicas into one order.
type merging struct {
	match  func(*api.LogEntry) bool
	parser *line.Parser
	yield  func(api.LogEvent, error) bool
	now    func() time.Time
	heap   lineHeap
	last   time.Time // of the newest line that was given
}

// take reads a line: what an engine gave as mere text gets its level and its
// fields. False says that the filter leaves it out.
func (m *merging) take(e *api.LogEntry) bool {
	if e.Level == "" && len(e.Fields) == 0 {
		p := m.parser.Parse([]byte(e.Message))
		e.Level, e.Message, e.Fields = p.Level, p.Message, p.Fields
		e.Trace = cmp.Or(e.Trace, p.Trace)
		if e.Time.IsZero() {
			e.Time = p.Time
		}
	}
	return m.match(e)
}

// all gives what there is, oldest first.
func (m *merging) all(ctx context.Context, events <-chan said) {
	var entries []api.LogEntry
	for s := range events {
		switch {
		case s.err != nil:
			m.yield(api.LogEvent{}, s.err)
			return
		case s.e.Entry == nil:
			if !m.yield(s.e, nil) {
				return
			}
		case m.take(s.e.Entry):
			if entries = append(entries, *s.e.Entry); len(entries) > linesMost {
				m.yield(api.LogEvent{}, fail.New(fail.TooLarge, "there are over %d lines", linesMost).Hint("fewer with --tail, --since, --level or --grep"))
				return
			}
		}
	}
	if err := ctx.Err(); err != nil {
		m.yield(api.LogEvent{}, fail.From(err))
		return
	}
	slices.SortStableFunc(entries, func(a, b api.LogEntry) int { return a.Time.Compare(b.Time) })
	for i := range entries {
		if !m.yield(api.LogEvent{Type: "entry", Entry: &entries[i]}, nil) {
			return
		}
	}
}

// follow gives what comes. A line waits for linesHold for earlier ones; what
// is later still is given with its mark.
func (m *merging) follow(ctx context.Context, events <-chan said) {
	tick := time.NewTicker(linesHold / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			m.yield(api.LogEvent{}, fail.From(ctx.Err()))
			return
		case s, ok := <-events:
			switch {
			case !ok:
				m.flush(0)
				return
			case s.err != nil:
				if m.flush(0) {
					m.yield(api.LogEvent{}, s.err)
				}
				return
			case s.e.Entry == nil:
				if !m.yield(s.e, nil) {
					return
				}
			case m.take(s.e.Entry):
				heap.Push(&m.heap, heldLine{*s.e.Entry, m.now()})
			}
		case <-tick.C:
		}
		if !m.flush(linesHold) {
			return
		}
	}
}

// flush gives the lines that have waited for long enough.
func (m *merging) flush(hold time.Duration) bool {
	for len(m.heap) > 0 {
		top := m.heap[0]
		if m.now().Sub(top.arrived) < hold && len(m.heap) < linesQueue {
			return true
		}
		heap.Pop(&m.heap)
		late := top.entry.Time.Before(m.last)
		if !late {
			m.last = top.entry.Time
		}
		if !m.yield(api.LogEvent{Type: "entry", Entry: &top.entry, Late: late}, nil) {
			return false
		}
	}
	return true
}

type heldLine struct {
	entry   api.LogEntry
	arrived time.Time
}

type lineHeap []heldLine

func (h lineHeap) Len() int           { return len(h) }
func (h lineHeap) Less(i, j int) bool { return h[i].entry.Time.Before(h[j].entry.Time) }
func (h lineHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lineHeap) Push(x any)        { *h = append(*h, x.(heldLine)) } //nolint:forcetypeassert // heap.Push of follow alone
func (h *lineHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = heldLine{} // let go of its strings
	*h = old[:len(old)-1]
	return last
}
