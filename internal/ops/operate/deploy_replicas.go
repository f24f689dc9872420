package operate

import (
	"context"
	"iter"
	"sync"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// replicasQueue is how many replicas wait between the engines and the reader;
// the engines then wait.
const replicasQueue = 256

// toldBy is one event of one engine; the last one has done set.
type toldBy struct {
	at     int // which engine
	engine string
	e      api.ReplicaEvent
	err    error
	done   bool
}

func deployReplicas(ctx context.Context, d Deps, in api.ReplicaFilter) iter.Seq2[api.ReplicaEvent, error] {
	return func(yield func(api.ReplicaEvent, error) bool) {
		q, err := d.replicaQuery(in)
		var clusters []deploy.Cluster
		if err == nil {
			clusters, err = d.clusters(ctx, in.Engine)
		}
		if err != nil {
			yield(api.ReplicaEvent{}, err)
			return
		}
		events, stop := tellings(ctx, clusters, q)
		defer stop()
		m := &replicaMerge{yield: yield, named: in.Name != "", watch: in.Watch, left: len(clusters), waits: len(clusters), answered: map[int]bool{}}
		for t := range events {
			if ctx.Err() == nil && !m.take(t) {
				return
			}
		}
		if err = ctx.Err(); err == nil {
			err = m.end()
		}
		if err != nil {
			yield(api.ReplicaEvent{}, fail.From(err))
		}
	}
}

func (d Deps) replicaQuery(in api.ReplicaFilter) (deploy.ReplicaQuery, error) {
	q := deploy.ReplicaQuery{Namespace: in.Namespace, Selector: in.Selector, Watch: in.Watch}
	if in.Namespace == "*" {
		q.Namespace, q.AllNamespaces = "", true
	} else if q.Namespace == "" {
		q.Namespace = d.Namespace
	}
	if in.Name == "" {
		return q, nil
	}
	r, err := d.ref(in.Name, in.Namespace)
	q.Workload = r
	return q, err
}

// tellings asks every engine, each in a goroutine that stop ends and joins.
func tellings(ctx context.Context, clusters []deploy.Cluster, q deploy.ReplicaQuery) (<-chan toldBy, func()) {
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan toldBy, replicasQueue)
	var wg, engines sync.WaitGroup
	for i, c := range clusters {
		engines.Add(1)
		wg.Go(func() {
			defer engines.Done()
			send := func(t toldBy) bool {
				t.at, t.engine = i, c.Engine()
				select {
				case out <- t:
					return true
				case <-ctx.Done():
					return false
				}
			}
			var failed error
			for e, err := range c.Replicas(ctx, q) {
				if failed = err; err != nil || !send(toldBy{e: e}) {
					break
				}
			}
			send(toldBy{err: failed, done: true})
		})
	}
	wg.Go(func() {
		engines.Wait()
		close(out)
	})
	return out, func() {
		cancel()
		wg.Wait()
	}
}

// replicaMerge makes one stream of what the engines tell. One that fails is a
// notice, unless none answers: then its failure is that of the stream.
type replicaMerge struct {
	yield    func(api.ReplicaEvent, error) bool
	named    bool // one workload is asked for: an engine that has none of the name is no failure
	answered map[int]bool
	watch    bool
	left     int // engines that have not ended
	waits    int // engines that have neither answered nor ended
	whole    bool
	failed   []toldBy
	noticed  int // of the failed
	absent   error
}

// take brings one event in; false ends the stream.
func (m *replicaMerge) take(t toldBy) bool {
	switch {
	case t.done:
		m.left--
		if !m.answered[t.at] {
			m.waits--
		}
		code := fail.CodeOf(t.err)
		switch {
		case t.err == nil:
		case m.named && !m.answered[t.at] && (code == fail.NotFound || code == fail.Usage):
			m.absent = t.err
		default:
			m.failed = append(m.failed, t)
		}
	case !m.yield(t.e, nil):
		return false
	case t.e.Type == api.ReplicaSynced && !m.answered[t.at]:
		m.answered[t.at] = true
		m.waits--
	default:
		return true
	}
	return m.account()
}

// account tells which engines have failed and when all have answered, once one
// has.
func (m *replicaMerge) account() bool {
	if len(m.answered) == 0 {
		return true
	}
	for ; m.noticed < len(m.failed); m.noticed++ {
		if m.watch && m.left == 0 { // it is the stream's own end
			return true
		}
		t := m.failed[m.noticed]
		e := fail.From(t.err)
		if !m.yield(api.ReplicaEvent{
			Type: api.ReplicaNotice, Engine: t.engine, Message: t.engine + " did not answer: " + e.Error(),
			Failure: &api.BackendFailure{Backend: t.engine, Code: e.Code, Message: e.Error(), Next: e.Next},
		}, nil) {
			return false
		}
	}
	if m.waits > 0 || m.whole {
		return true
	}
	m.whole = true
	return m.yield(api.ReplicaEvent{Type: api.ReplicaSynced}, nil)
}

// end is the error that the stream ends with when no engine tells any more.
func (m *replicaMerge) end() error {
	switch {
	case len(m.answered) > 0 && !m.watch:
		return nil
	case len(m.failed) > 0:
		return m.failed[len(m.failed)-1].err
	}
	return m.absent
}
