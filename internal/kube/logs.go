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
		g := &gatherer{c: c, w: w, o: o}
		defer g.wg.Wait()
		defer cancel()
		if !o.Follow {
			g.merged(ctx, yield)
			return
		}
		out, failed := make(chan api.LogEvent, logQueue), make(chan error, 1)
		g.wg.Go(func() { failed <- g.follow(ctx, out) })
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

// gatherer reads the containers of one workload.
type gatherer struct {
	c  *Client
	w  workload
	o  deploy.LogOptions
	wg sync.WaitGroup
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
				_, err := g.read(ctx, one, time.Time{}, g.o.Tail, h.in)
				switch {
				case err == nil, ctx.Err() != nil:
				case fail.CodeOf(err) == fail.Forbidden, fail.CodeOf(err) == fail.Auth:
					h.refused = err
				default:
					notice(ctx, h.in, "warning", fmt.Sprintf("the log of %s cannot be read: %v", one.source(), err))
				}
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
				if h.refused != nil {
					yield(api.LogEvent{}, h.refused)
					return
				}
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
	// refused is why nothing was read; it is set before in is closed.
	refused error
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

// logStream is one log of one container.
type logStream struct {
	pod, container string
	previous       bool
}

func (l logStream) source() string { return l.pod + "/" + l.container }

// streams are the logs that a pod has now.
func (g *gatherer) streams(p *core.Pod) (out []logStream) {
	for _, s := range g.containers(p) {
		for _, previous := range logsOf(s, g.o.Previous) {
			out = append(out, logStream{p.Name, s.Name, previous})
		}
	}
	return out
}

// containers are those of a pod that were asked for.
func (g *gatherer) containers(p *core.Pod) []core.ContainerStatus {
	if g.o.Replica != "" && g.o.Replica != p.Name {
		return nil
	}
	all := slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses)
	return slices.DeleteFunc(all, func(s core.ContainerStatus) bool { return g.o.Container != "" && g.o.Container != s.Name })
}

// logsOf are the logs that a kubelet has of a container: the previous run's
// (true), then the current one's (false). Between two runs it gives the last
// one's for both.
func logsOf(s core.ContainerStatus, previous bool) (out []bool) {
	ended := s.RestartCount > 0 || s.LastTerminationState.Terminated != nil
	if previous && ended {
		out = append(out, true)
	}
	if s.State.Running != nil || s.State.Terminated != nil || ended && !previous {
		out = append(out, false)
	}
	return out
}

// read opens a log and sends its lines after a time; without an error it was
// read to its end. tail bounds the lines of a first reading, 0 does not.
func (g *gatherer) read(ctx context.Context, l logStream, after time.Time, tail int, out chan<- api.LogEvent) (last time.Time, err error) {
	o := core.PodLogOptions{Container: l.container, Timestamps: true, Previous: l.previous, Follow: g.o.Follow && !l.previous}
	since := g.o.Since
	if after.After(since) {
		since = after // the API takes whole seconds; lines that were seen are left out
	}
	if !since.IsZero() {
		at := meta.NewTime(since)
		o.SinceTime = &at
	}
	if tail > 0 {
		n := int64(tail)
		o.TailLines = &n
	}
	body, err := g.c.core().Get().Namespace(g.w.meta.Namespace).Resource("pods").Name(l.pod).SubResource("log").
		VersionedParams(&o, g.c.codec).Stream(ctx)
	if err != nil {
		return after, g.c.explain(err, "get", "pods/log", g.w.meta.Namespace, l.pod)
	}
	defer func() { _ = body.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = body.Close() })
	defer stop()
	return g.lines(ctx, body, l, l.source(), after, out)
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
		if !after.IsZero() && !at.After(after) || at.Before(g.o.Since) {
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
