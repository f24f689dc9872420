package kube

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/line"
)

const (
	// streamsAtOnce bounds the log streams that are open, which are a
	// connection of a kubelet each.
	streamsAtOnce = 256
	// logQueue bounds what waits for the reader; a full queue slows the
	// streams down, and with them the kubelets' reading.
	logQueue = 1024
	// headQueue is the same for one stream that is merged with others.
	headQueue = 64
	// lineMost bounds one line; the rest of a longer one is cut, and said.
	lineMost = 1 << 20
	// podsAgain is how often new pods are looked for while following.
	podsAgain = time.Second
)

// Logs implements deploy.Cluster: the lines of every container of every pod,
// previous ones included where asked. Without Follow they are merged by time,
// with no more in memory than the heads of the streams; with it they come as
// they come, each container's in its order.
func (c *Client) Logs(ctx context.Context, r deploy.Ref, o deploy.LogOptions) iter.Seq2[api.LogEvent, error] {
	return func(yield func(api.LogEvent, error) bool) {
		w, err := c.find(ctx, r)
		if err != nil {
			yield(api.LogEvent{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		g := &gatherer{c: c, w: w, o: o, slots: make(chan struct{}, streamsAtOnce), open: map[string]bool{}}
		defer g.wg.Wait()
		defer cancel()
		if !o.Follow {
			g.merged(ctx, yield)
			return
		}
		out, failed := make(chan api.LogEvent, logQueue), make(chan error, 1)
		g.wg.Go(func() { failed <- g.run(ctx, out) })
		for {
			select {
			case e := <-out:
				if !yield(e, nil) {
					return
				}
			case err := <-failed:
				if err == nil {
					err = fail.From(ctx.Err())
				}
				yield(api.LogEvent{}, err)
				return
			case <-ctx.Done():
				yield(api.LogEvent{}, fail.From(ctx.Err()))
				return
			}
		}
	}
}

// gatherer follows the containers of one workload.
type gatherer struct {
	c     *Client
	w     workload
	o     deploy.LogOptions
	slots chan struct{}
	wg    sync.WaitGroup
	open  map[string]bool // streams that run or have run, by pod, container and start; run's own
}

// merged gives what there is, in the order of time.
func (g *gatherer) merged(ctx context.Context, yield func(api.LogEvent, error) bool) {
	list, err := g.pods(ctx)
	if err != nil {
		yield(api.LogEvent{}, err)
		return
	}
	var heads []*head
	left := 0
	for i := range list {
		for _, one := range g.streams(&list[i]) {
			if len(heads) == streamsAtOnce {
				left++
				continue
			}
			h := &head{in: make(chan api.LogEvent, headQueue)}
			heads = append(heads, h)
			g.wg.Go(func() {
				defer close(h.in)
				g.stream(ctx, one, h.in)
			})
		}
	}
	if left > 0 {
		message := fmt.Sprintf("the logs of %d more containers were not read: %d at once are", left, streamsAtOnce)
		if !yield(api.LogEvent{Type: "notice", Notice: &api.LogNotice{Code: "warning", Message: message}}, nil) {
			return
		}
	}
	for {
		var first *head
		for _, h := range heads {
			if !h.ready() {
				continue
			}
			if first == nil || h.before(first) {
				first = h
			}
		}
		if first == nil {
			if ctx.Err() != nil {
				yield(api.LogEvent{}, fail.From(ctx.Err()))
			}
			return
		}
		if !yield(*first.event, nil) {
			return
		}
		first.event = nil
	}
}

// head is the next event of one stream.
type head struct {
	in    chan api.LogEvent
	event *api.LogEvent
	over  bool
}

// ready waits for the next event; false is the end.
func (h *head) ready() bool {
	if h.event == nil && !h.over {
		e, ok := <-h.in
		if h.over = !ok; ok {
			h.event = &e
		}
	}
	return h.event != nil
}

func (h *head) before(other *head) bool {
	switch {
	case h.event.Entry == nil: // what is no line has no place in time
		return other.event.Entry != nil
	case other.event.Entry == nil:
		return false
	}
	return h.event.Entry.Time.Before(other.event.Entry.Time)
}

func (g *gatherer) pods(ctx context.Context) ([]core.Pod, error) {
	selector, err := podSelector(g.w)
	if err != nil {
		return nil, err
	}
	return all(ctx, g.c, g.c.core(), "pods", g.w.meta.Namespace, meta.ListOptions{LabelSelector: selector}, pods)
}

// run opens a stream for each container that has something to say, and goes on
// looking for new ones.
func (g *gatherer) run(ctx context.Context, out chan<- api.LogEvent) error {
	for first := true; ; first = false {
		list, err := g.pods(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			notice(ctx, out, "reconnecting", fmt.Sprintf("the pods of %s cannot be listed: %v", g.w.meta.Name, err))
		}
		for i := range list {
			for _, one := range g.streams(&list[i]) {
				g.wg.Go(func() { g.stream(ctx, one, out) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(podsAgain):
		}
	}
}

// logStream is one log of one container.
type logStream struct {
	pod, container string
	previous       bool
}

// streams are the logs of a pod that have not been opened.
func (g *gatherer) streams(p *core.Pod) (out []logStream) {
	if g.o.Replica != "" && g.o.Replica != p.Name {
		return nil
	}
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if g.o.Container != "" && g.o.Container != s.Name {
			continue
		}
		began := s.State.Running != nil || s.State.Terminated != nil
		for _, previous := range []bool{true, false} {
			// Between two starts the API server still has the log of the last.
			there := began || s.RestartCount > 0 && !g.o.Previous
			if previous {
				there = g.o.Previous && s.RestartCount > 0
			}
			key := fmt.Sprintf("%s/%s/%d/%v", p.UID, s.Name, s.RestartCount, previous)
			if !there || g.open[key] {
				continue
			}
			g.open[key] = true
			out = append(out, logStream{p.Name, s.Name, previous})
		}
	}
	return out
}

// stream reads one container's log to its end, or while it runs.
func (g *gatherer) stream(ctx context.Context, l logStream, out chan<- api.LogEvent) {
	pod, container, previous := l.pod, l.container, l.previous
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return
	}
	o := core.PodLogOptions{Container: container, Timestamps: true, Previous: previous, Follow: g.o.Follow && !previous}
	if !g.o.Since.IsZero() {
		since := meta.NewTime(g.o.Since)
		o.SinceTime = &since
	}
	if g.o.Tail > 0 {
		n := int64(g.o.Tail)
		o.TailLines = &n
	}
	source := pod + "/" + container
	if previous {
		source += " (previous)"
	}
	var last time.Time
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		if !last.IsZero() { // the API takes whole seconds; lines that were seen are left out
			since := meta.NewTime(last)
			o.SinceTime, o.TailLines = &since, nil
		}
		before := last
		var err error
		last, err = g.read(ctx, l, &o, source, last, out)
		switch {
		case ctx.Err() != nil, err == nil:
			return
		case !o.Follow, fail.CodeOf(err) == fail.NotFound, fail.CodeOf(err) == fail.Forbidden:
			notice(ctx, out, "warning", fmt.Sprintf("the log of %s cannot be read: %v", source, err))
			return
		}
		if !last.Equal(before) {
			pause = pauseFirst
		}
		notice(ctx, out, "reconnecting", fmt.Sprintf("the log stream of %s broke and is taken up again: %v", source, err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// read opens the log and sends its lines after a time; nil is its end.
func (g *gatherer) read(ctx context.Context, l logStream, o *core.PodLogOptions, source string, after time.Time, out chan<- api.LogEvent) (last time.Time, err error) {
	body, err := g.c.core().Get().Namespace(g.w.meta.Namespace).Resource("pods").Name(l.pod).SubResource("log").
		VersionedParams(o, g.c.codec).Stream(ctx)
	if err != nil {
		return after, g.c.explain(err, "get", "pods/log", g.w.meta.Namespace, l.pod)
	}
	defer func() { _ = body.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = body.Close() })
	defer stop()
	return g.lines(ctx, body, l, source, after, out)
}

// lines sends the lines of a stream, and gives the time of the last one.
func (g *gatherer) lines(ctx context.Context, body io.Reader, l logStream, source string, after time.Time, out chan<- api.LogEvent) (last time.Time, err error) {
	last = after
	parser := line.NewParser(time.UTC, g.c.now)
	in := bufio.NewReaderSize(body, 64<<10)
	where, _ := json.Marshal(map[string]any{"kubernetes": map[string]any{
		"namespace": g.w.meta.Namespace, "pod": map[string]string{"name": l.pod}, "container": map[string]string{"name": l.container},
	}})
	for {
		text, cut, err := readLine(in)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return last, err
		}
		stamp, rest, _ := bytes.Cut(text, []byte{' '})
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		if err != nil {
			at, rest = last, text
		}
		if !after.IsZero() && !at.After(after) {
			continue
		}
		last = at
		e := parser.Parse(rest)
		e.Time, e.Service, e.Source = at.UTC(), g.w.meta.Name, source
		e.Fields = withFields(e.Fields, where)
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00%s", source, stamp, rest)
		e.ID = fmt.Sprintf("%016x", h.Sum64())
		if cut {
			notice(ctx, out, "warning", fmt.Sprintf("a line of %s is longer than %d bytes and was cut", source, lineMost))
		}
		if !send(ctx, out, api.LogEvent{Type: "entry", Entry: &e}) {
			return last, nil
		}
	}
}

// readLine reads a line of at most lineMost bytes, without its end.
func readLine(in *bufio.Reader) (text []byte, cut bool, err error) {
	for {
		part, more, err := in.ReadLine()
		if err != nil {
			if len(text) > 0 && errors.Is(err, io.EOF) {
				return text, cut, nil
			}
			return nil, false, err
		}
		if room := lineMost - len(text); len(part) > room {
			part, cut = part[:room], true
		}
		text = append(text, part...)
		if !more {
			return text, cut, nil
		}
	}
}

// withFields puts the members of one object into another.
func withFields(a, b json.RawMessage) json.RawMessage {
	if len(a) < 3 {
		return b
	}
	out := make([]byte, 0, len(a)+len(b))
	out = append(out, a[:len(a)-1]...)
	out = append(out, ',')
	return append(out, b[1:]...)
}

func notice(ctx context.Context, out chan<- api.LogEvent, code, message string) {
	send(ctx, out, api.LogEvent{Type: "notice", Notice: &api.LogNotice{Code: code, Message: message}})
}

func send(ctx context.Context, out chan<- api.LogEvent, e api.LogEvent) bool {
	select {
	case out <- e:
		return true
	case <-ctx.Done():
		return false
	}
}
