package runtime

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/line"
)

// journals are the lines to read: of the start that runs, or ran last, or of
// the one before it.
func (s *service) journals(o deploy.LogOptions) []*journal {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*journal
	for _, r := range s.replicas {
		if o.Replica != "" && o.Replica != r.name {
			continue
		}
		r.mu.Lock()
		j := r.journal
		if o.Previous && r.status.state != Backoff && r.status.state != CrashLoop {
			j = r.previous
		}
		r.mu.Unlock()
		if j != nil {
			out = append(out, j)
		}
	}
	if o.Previous || o.Follow || o.Replica != "" { // those of replicas that have gone
		for _, j := range s.past {
			if (o.Replica == "" || o.Replica == j.replica) && (!o.Follow || o.Replica != "") {
				out = append(out, j)
			}
		}
	}
	return out
}

// maxPast bounds the journals kept of replicas that have gone.
const maxPast = 10

// keepJournal keeps the lines of a replica that has stopped. The caller holds
// mu.
func (s *service) keepJournal(r *replica) {
	r.mu.Lock()
	j := r.journal
	r.mu.Unlock()
	if j == nil {
		return
	}
	if len(s.past) >= maxPast {
		s.past = slices.Clone(s.past[1:])
	}
	s.past = append(s.past, j)
}

// Logs implements deploy.Cluster. A service of the control plane itself has no
// lines of its own here: its log is the control plane's.
func (r *Runtime) Logs(ctx context.Context, ref deploy.Ref, o deploy.LogOptions) iter.Seq2[api.LogEvent, error] {
	return func(yield func(api.LogEvent, error) bool) {
		if err := checkRef(ref); err != nil {
			yield(api.LogEvent{}, err)
			return
		}
		s, ok := r.find(ref.Name)
		if !ok {
			if _, err := r.builtin(ref.Name); err != nil {
				yield(api.LogEvent{}, err)
				return
			}
			yield(api.LogEvent{Type: "notice", Notice: &api.LogNotice{
				Code: "warning", Message: "service/" + ref.Name + " is part of the control plane: its lines are in the control plane's log (aictl logs --service " + ref.Name + ")",
			}}, nil)
			return
		}
		if c, on, err := r.behind(ctx, s); err != nil {
			yield(api.LogEvent{}, err)
			return
		} else if c != nil {
			c.Logs(ctx, on, o)(yield)
			return
		}
		if o.Container != "" && o.Container != s.name {
			yield(api.LogEvent{}, fail.New(fail.NotFound, "service/%s has one container, %s", s.name, s.name))
			return
		}
		p := &reader{s: s, o: o, parse: line.NewParser(time.UTC, r.now), yield: yield}
		if o.Follow {
			p.follow(ctx)
			return
		}
		for _, j := range s.journals(o) {
			lines, lost, _ := j.after(0)
			if !p.emit(j, lines, lost, true) {
				return
			}
		}
	}
}

// behind gives the engine that has the lines of a service on Kubernetes.
func (r *Runtime) behind(ctx context.Context, s *service) (deploy.Cluster, deploy.Ref, error) {
	s.mu.Lock()
	rev := s.rec.newest()
	s.mu.Unlock()
	if rev == nil {
		return nil, deploy.Ref{}, nil
	}
	return r.onCluster(ctx, rev.Manifest)
}

// reader hands out lines as entries.
type reader struct {
	s     *service
	o     deploy.LogOptions
	parse *line.Parser
	yield func(api.LogEvent, error) bool
}

// emit passes lines on; first ones are cut to the tail that was asked for, and
// what the ring has lost is said.
func (p *reader) emit(j *journal, lines []Line, lost int, first bool) bool {
	if first && p.o.Tail > 0 && len(lines) > p.o.Tail {
		lines, lost = lines[len(lines)-p.o.Tail:], 0
	}
	if first && !p.o.Since.IsZero() {
		at := slices.IndexFunc(lines, func(l Line) bool { return !l.Time.Before(p.o.Since) })
		if at < 0 {
			at = len(lines)
		}
		if at > 0 {
			lost = 0
		}
		lines = lines[at:]
	}
	if lost > 0 && len(lines) > 0 && (!first || p.o.Tail == 0) {
		if !p.yield(api.LogEvent{Type: "gap", Gap: &api.LogGap{
			From: lines[0].Time, To: lines[0].Time, Missed: int64(lost),
			Reason: fmt.Sprintf("%s has written more than is kept here: the log store has the rest", j.replica),
		}}, nil) {
			return false
		}
	}
	for i := range lines {
		if !p.yield(p.entry(&lines[i]), nil) {
			return false
		}
	}
	return true
}

func (p *reader) entry(l *Line) api.LogEvent {
	e := p.parse.Parse(l.Text)
	e.ID, e.Service, e.Source = l.ID(), p.s.name, l.Replica+"/"+p.s.name
	if e.Time.IsZero() {
		e.Time = l.Time
	}
	return api.LogEvent{Type: "entry", Entry: &e}
}

// batch is some lines of one journal on their way to the reader.
type batch struct {
	j     *journal
	lines []Line
	lost  int
	first bool
}

// follow reads all journals as they grow, those of later starts and replicas
// too, until ctx ends.
func (p *reader) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	batches := make(chan batch)
	known := map[*journal]bool{}
	begun := false
	for {
		p.s.mu.Lock()
		grown, deleted := p.s.logs, p.s.deleted
		p.s.mu.Unlock()
		if deleted {
			p.yield(api.LogEvent{}, noService(p.s.name))
			return
		}
		for _, j := range p.s.journals(p.o) {
			if known[j] {
				continue
			}
			known[j] = true
			first := !begun // a later start is read from its beginning
			readers.Go(func() { pump(ctx, j, first, batches) })
		}
		begun = true
		for open := true; open; {
			select {
			case b := <-batches:
				if !p.emit(b.j, b.lines, b.lost, b.first) {
					return
				}
			case <-grown:
				open = false
			case <-p.s.wakes():
				open = false
			case <-ctx.Done():
				p.yield(api.LogEvent{}, fail.From(context.Cause(ctx)))
				return
			}
		}
	}
}

// pump sends the lines of one journal until it has ended.
func pump(ctx context.Context, j *journal, first bool, to chan<- batch) {
	for at := 0; ; {
		lines, lost, more := j.after(at)
		if len(lines) > 0 {
			at = lines[len(lines)-1].Number + 1
			select {
			case to <- batch{j, lines, lost, first}:
				first = false
			case <-ctx.Done():
				return
			}
		}
		if more == nil && len(lines) == 0 {
			return
		}
		if more == nil {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}
