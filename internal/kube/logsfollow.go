package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// containerKey names a container for as long as its pod lives.
type containerKey struct {
	uid       types.UID
	container string
}

// track is how far a container's lines were read. It belongs to follow.
type track struct {
	source string
	run    int32 // the container's start that is read, or was: its restart count
	last   time.Time
	active bool // a stream is open
	lost   bool // the last stream broke before its end
	told   bool // of the trouble that goes on
	pause  time.Duration
	due    time.Time // not before
}

// finished is how a stream ended.
type finished struct {
	key  containerKey
	last time.Time
	err  error
}

// follow keeps a stream open for each container, those of later pods and later
// starts too. A stream that breaks is taken up at its last line; what could
// not be read is told.
func (g *gatherer) follow(ctx context.Context, out chan<- api.LogEvent) error {
	selector, err := podSelector(g.w)
	if err != nil {
		return err
	}
	l := &live{dirty: make(chan struct{}, 1)}
	list := kept(g.c, g.c.core(), "pods", g.w.meta.Namespace, meta.ListOptions{LabelSelector: selector}, l, func() *map[types.UID]core.Pod { return &l.pods }, pods)
	failed, listed := make(chan error, 1), make(chan struct{}, 1)
	g.wg.Go(func() {
		if err := list.run(ctx, listed); err != nil {
			failed <- err
		}
	})
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	case <-listed:
	}
	f := &follower{g: g, tracks: map[containerKey]*track{}, ended: make(chan finished), out: out}
	for first := true; ; first = false {
		timer := time.NewTimer(f.look(ctx, l.podsNow(), first))
		select {
		case <-ctx.Done():
		case err = <-failed:
		case <-l.dirty:
		case e := <-f.ended:
			err = f.end(ctx, e)
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil || err != nil {
			return err
		}
	}
}

// podsNow are the pods by name.
func (l *live) podsNow() []core.Pod {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]core.Pod, 0, len(l.pods))
	for _, p := range l.pods {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b core.Pod) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// follower is the state of following, of one goroutine.
type follower struct {
	g      *gatherer
	tracks map[containerKey]*track
	active int
	full   bool // that there are too many was told
	ended  chan finished
	out    chan<- api.LogEvent
}

// look opens what is to be opened, and says when to look again.
func (f *follower) look(ctx context.Context, list []core.Pod, first bool) time.Duration {
	now := time.Now()
	wait := time.Hour
	seen := map[containerKey]bool{}
	for i := range list {
		p := &list[i]
		for _, s := range f.g.containers(p) {
			key := containerKey{p.UID, s.Name}
			seen[key] = true
			t := f.tracks[key]
			fresh := t == nil
			if fresh {
				t = &track{source: p.Name + "/" + s.Name, run: -1}
			}
			parts, missed := t.next(s, f.g.o.Previous && fresh)
			switch {
			case len(parts) == 0:
				continue
			case now.Before(t.due):
				wait = min(wait, t.due.Sub(now))
				continue
			case f.active >= streamsAtOnce:
				if !f.full {
					f.full = true
					notice(ctx, f.out, "warning", fmt.Sprintf("%d containers are followed, and more wait for one of them to end: choose with --replica or --container", streamsAtOnce))
				}
				continue
			}
			if missed > 0 {
				send(ctx, f.out, api.LogEvent{Type: "gap", Gap: &api.LogGap{
					From: t.last, To: now.UTC(), Reason: fmt.Sprintf("%s started %d more times than its log was read: a kubelet keeps the last two", t.source, missed),
				}})
			}
			tail := 0
			if first && fresh {
				tail = f.g.o.Tail
			}
			f.tracks[key] = t
			f.open(ctx, key, t, s, parts, tail, p.Name)
		}
	}
	for key, t := range f.tracks {
		if seen[key] || t.active {
			continue
		}
		if t.lost {
			notice(ctx, f.out, "warning", fmt.Sprintf("%s is gone, and its log stream had broken: its last lines may be missing", t.source))
		}
		delete(f.tracks, key)
	}
	return wait
}

// next says which logs of a container to read now (the previous run's is
// true), and how many runs nobody read.
func (t *track) next(s core.ContainerStatus, previous bool) (parts []bool, missed int32) {
	switch {
	case t.active:
		return nil, 0
	case t.run < 0:
		return logsOf(s, previous), 0
	case s.RestartCount > t.run && s.State.Waiting == nil: // it has started again
		if t.lost {
			parts = append(parts, true)
		}
		return append(parts, false), s.RestartCount - t.run - 1
	case s.RestartCount == t.run && (t.lost || s.State.Running != nil): // its stream ended before it did
		return []bool{false}, 0
	}
	return nil, 0
}

// open reads the logs of a container, one after the other.
func (f *follower) open(ctx context.Context, key containerKey, t *track, s core.ContainerStatus, parts []bool, tail int, pod string) {
	t.active, t.run = true, s.RestartCount
	f.active++
	last := t.last
	f.g.wg.Go(func() {
		var err error
		for _, previous := range parts {
			if last, err = f.g.read(ctx, logStream{pod, s.Name, previous}, last, tail, f.out); err != nil {
				break
			}
		}
		select {
		case f.ended <- finished{key, last, err}:
		case <-ctx.Done():
		}
	})
}

// end takes note of a stream that ended. Who may not read one log of a
// namespace may read none.
func (f *follower) end(ctx context.Context, e finished) error {
	f.active--
	t := f.tracks[e.key]
	if e.last.After(t.last) {
		t.pause = 0
	}
	t.active, t.last, t.lost = false, e.last, false
	// A container's end shows in its stream before it shows in its status.
	t.pause = min(max(2*t.pause, 10*pauseFirst), pauseMost)
	t.due = time.Now().Add(t.pause)
	kind, message := "warning", ""
	switch fail.CodeOf(e.err) {
	case fail.OK, fail.NotFound: // to its end, or the pod is gone
		t.told = false
	case fail.Forbidden, fail.Auth:
		return e.err
	case fail.Failed, fail.Refused, fail.Usage: // the kubelet has no such log (any more)
		message = fmt.Sprintf("the log of %s cannot be read: %v", t.source, e.err)
	default:
		t.lost, kind = true, "reconnecting"
		message = fmt.Sprintf("the log stream of %s broke and is taken up again: %v", t.source, e.err)
	}
	if message != "" && !t.told {
		t.told = true
		notice(ctx, f.out, kind, message)
	}
	return nil
}
