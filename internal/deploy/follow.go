package deploy

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// FollowOptions say how a rollout is followed.
type FollowOptions struct {
	JudgeOptions
	// Lines is how many of the last lines of a crashed container the verdict
	// brings; 0 is none.
	Lines int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// logsWithin bounds the reading of a crashed container's last lines: the
// verdict does not wait for a node that is away.
const logsWithin = 3 * time.Second

// relatedWithin bounds the second look at what is said to be missing.
const relatedWithin = time.Second

// picture is one element of a watch.
type picture struct {
	s   *Snapshot
	err error
}

// Follow gives what happens to a workload until its rollout is decided: the
// last event is the verdict. It ends with an error when ctx ends, when the
// workload is deleted, or when the engine cannot be asked. A verdict that time
// alone brings (a patience that has run out) comes without a further picture.
func Follow(ctx context.Context, c Cluster, r Ref, o FollowOptions) iter.Seq2[api.DeployWatchEvent, error] {
	return func(yield func(api.DeployWatchEvent, error) bool) {
		now := o.Now
		if now == nil {
			now = time.Now
		}
		pictures, stop := watch(ctx, c, r)
		defer stop()
		f := follower{yield: yield, now: now}
		var last *Snapshot
		var state State
		wake := time.NewTimer(time.Hour)
		defer wake.Stop()
		for {
			select {
			case <-ctx.Done():
				yield(api.DeployWatchEvent{}, fail.From(ctx.Err()))
				return
			case p, ok := <-pictures:
				switch {
				case !ok && ctx.Err() != nil:
					p.err = fail.From(ctx.Err())
				case !ok:
					p.err = fail.New(fail.Unavailable, "the watch of %s ended", r.Name).Hint("run the command again")
				}
				if p.err != nil {
					yield(api.DeployWatchEvent{}, p.err)
					return
				}
				if last = p.s; !f.show(last) {
					return
				}
			case <-wake.C:
			}
			if last == nil {
				continue
			}
			var v api.DeployVerdict
			v, state = judge(ctx, c, state, last, now(), o.JudgeOptions)
			if v.Outcome == api.DeployProgressing {
				if !f.remark(v) {
					return
				}
				rearm(wake, state.Wake, now())
				continue
			}
			fetchLogs(ctx, c, last, &v, state, o.Lines)
			yield(api.DeployWatchEvent{Type: "verdict", Time: now().UTC(), Workload: &last.Workload, Verdict: &v}, nil)
			return
		}
	}
}

// judge is Judge with a second look at what is said to be missing: it may have
// come while the kubelet did not look.
func judge(ctx context.Context, c Cluster, prev State, s *Snapshot, now time.Time, o JudgeOptions) (api.DeployVerdict, State) {
	v, st := Judge(prev, s, now, o)
	if v.Code != CodeConfig || v.Outcome != api.DeployFailed || o.Grace != nil {
		return v, st
	}
	ctx, cancel := context.WithTimeout(ctx, relatedWithin)
	defer cancel()
	around, err := c.Related(ctx, Ref{Kind: s.Workload.Kind, Namespace: s.Workload.Namespace, Name: s.Workload.Name})
	if err != nil || around == nil { // what may not be read stays as the engine says
		return v, st
	}
	o.Present = map[string]bool{}
	for _, f := range around.Config {
		if f.Hash != "" && f.Hash != Hidden {
			o.Present[strings.ToLower(f.Object)] = true
		}
	}
	return Judge(prev, s, now, o)
}

// rearm sets the timer for when the judgement may change by time alone.
func rearm(t *time.Timer, at, now time.Time) {
	d := time.Hour
	if !at.IsZero() {
		d = max(at.Sub(now), time.Millisecond)
	}
	t.Reset(d)
}

// watch reads pictures in a goroutine of its own, which stop ends and joins.
func watch(ctx context.Context, c Cluster, r Ref) (<-chan picture, func()) {
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan picture)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(out)
		for s, err := range c.Watch(ctx, r) {
			select {
			case out <- picture{s, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	return out, func() {
		cancel()
		wg.Wait()
	}
}

// follower turns pictures into events: what is new in each.
type follower struct {
	yield    func(api.DeployWatchEvent, error) bool
	now      func() time.Time
	begun    bool
	summary  string
	replicas map[string]api.DeployReplica
	events   map[string]bool
	remarks  map[string]bool
}

func (f *follower) send(e api.DeployWatchEvent) bool {
	e.Time = f.now().UTC()
	return f.yield(e, nil)
}

func (f *follower) show(s *Snapshot) bool {
	w := s.Workload
	line := fmt.Sprint(w.State, w.Desired, w.Updated, w.Ready, w.Available, w.Revision, w.Images, s.Paused)
	if line != f.summary {
		f.summary = line
		if !f.send(api.DeployWatchEvent{Type: "workload", Workload: &w, Message: progress(s)}) {
			return false
		}
	}
	have := map[string]api.DeployReplica{}
	for _, r := range s.Replicas {
		shown := ShownReplica(r)
		have[r.Name] = shown
		if was, ok := f.replicas[r.Name]; (!ok || was != shown) && !f.send(api.DeployWatchEvent{Type: "replica", Replica: &shown}) {
			return false
		}
	}
	for _, name := range missing(f.replicas, have) {
		was := f.replicas[name]
		was.State, was.Ready = "gone", false
		if !f.send(api.DeployWatchEvent{Type: "gone", Replica: &was}) {
			return false
		}
	}
	f.replicas = have
	return f.showEvents(s)
}

func missing(before, now map[string]api.DeployReplica) []string {
	var out []string
	for name := range before {
		if _, ok := now[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// recent is how old an event may be that the first picture shows.
const recent = 15 * time.Minute

func (f *follower) showEvents(s *Snapshot) bool {
	seen := map[string]bool{}
	for _, e := range s.Events {
		key := e.Object + "\x00" + e.Reason + "\x00" + e.Message
		old := f.events[key]
		seen[key] = true
		if old || !f.begun && (f.now().Sub(e.Time) > recent || e.Time.Before(s.Workload.Changed.Add(-5*time.Second))) {
			continue
		}
		shown := shownEvent(e)
		if !f.send(api.DeployWatchEvent{Type: "event", Event: &shown}) {
			return false
		}
	}
	f.events, f.begun = seen, true
	return true
}

// remark says once what may become a failure.
func (f *follower) remark(v api.DeployVerdict) bool {
	now := map[string]bool{}
	for _, n := range v.Notes {
		key, _, _ := strings.Cut(n, " (it may pass")
		now[key] = true
		if !f.remarks[key] && !f.send(api.DeployWatchEvent{Type: "notice", Message: n}) {
			return false
		}
	}
	f.remarks = now
	return true
}

// ShownReplica is a replica in one line.
func ShownReplica(r Replica) api.DeployReplica {
	out := api.DeployReplica{Name: r.Name, Revision: r.Revision, Current: r.Current, Ready: r.Ready, Node: r.Node, Created: r.Created, Message: oneLine(r.Message)}
	out.State = stateWord(r)
	for _, c := range r.Containers {
		out.Restarts += c.Restarts
		if out.Message == "" && c.State != "running" {
			out.Message = oneLine(c.Message)
		}
	}
	return out
}

// stateWord is the engine's word for what a replica does or waits for.
func stateWord(r Replica) string {
	switch {
	case r.Deleting:
		return "Terminating"
	case r.Ready:
		return "ready"
	case r.Reason != "":
		return r.Reason
	}
	for _, c := range r.Containers {
		if c.State == "waiting" && c.Reason != "" || c.State == "terminated" && !(c.Init && c.Exit != nil && c.Exit.Code == 0) {
			return cmp.Or(c.Reason, c.State)
		}
	}
	for _, c := range r.Conditions {
		if c.Type == "PodScheduled" && c.Status == "False" {
			return cmp.Or(c.Reason, "Unschedulable")
		}
	}
	if r.Phase == "Running" {
		return "not ready"
	}
	return r.Phase
}

// fetchLogs puts the last lines of the verdict's container into it. That they
// cannot be read takes nothing from the verdict, and is noted.
func fetchLogs(ctx context.Context, c Cluster, s *Snapshot, v *api.DeployVerdict, st State, lines int) {
	if !st.Logs || lines <= 0 || v.Replica == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, logsWithin)
	defer cancel()
	r := Ref{Kind: s.Workload.Kind, Namespace: s.Workload.Namespace, Name: s.Workload.Name}
	for _, previous := range []bool{st.Previous, !st.Previous} {
		got, err := tailOf(ctx, c, r, LogOptions{Replica: v.Replica, Container: v.Container, Previous: previous, Tail: lines})
		if len(got) > 0 {
			v.Logs = got
			return
		}
		if err != nil && previous == st.Previous {
			v.Notes = append(v.Notes, "its last lines cannot be read: "+oneLine(err.Error()))
		}
	}
}

func tailOf(ctx context.Context, c Cluster, r Ref, o LogOptions) ([]api.LogEntry, error) {
	var out []api.LogEntry
	for e, err := range c.Logs(ctx, r, o) {
		if err != nil {
			return out, err
		}
		if e.Entry == nil || e.Entry.Source != "" && !strings.HasPrefix(e.Entry.Source, o.Replica+"/") && e.Entry.Source != o.Replica {
			continue
		}
		if out = append(out, *e.Entry); len(out) > o.Tail {
			out = out[1:]
		}
	}
	return out, nil
}

// Status is one judgement of a workload now.
func Status(ctx context.Context, c Cluster, r Ref, o FollowOptions) (api.DeployStatus, error) {
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	s, err := c.Get(ctx, r)
	if err != nil {
		return api.DeployStatus{}, err
	}
	v, st := judge(ctx, c, State{}, s, now(), o.JudgeOptions)
	fetchLogs(ctx, c, s, &v, st, o.Lines)
	out := api.DeployStatus{Workload: s.Workload, Version: s.Version, Verdict: v, Replicas: []api.DeployReplica{}, Events: []api.DeployEvent{}, Time: now().UTC()}
	if s.Canary != nil {
		out.Canary = &api.DeployCanary{Revision: s.Canary.Revision, Weight: s.Canary.Weight, Since: s.Canary.Since, Message: s.Canary.Message}
	}
	for _, one := range s.Replicas {
		out.Replicas = append(out.Replicas, ShownReplica(one))
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, shownEvent(e))
	}
	return out, nil
}
