package ops

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/sse"
)

func bindServices(r *op.Registry, d Deps) {
	op.BindQuery(r, api.ServicesList, func(context.Context, api.None) ([]api.Service, error) {
		out := []api.Service{}
		for _, s := range d.Gateway.Services() {
			out = append(out, listed(d.Gateway, s))
		}
		return out, nil
	})
	op.BindQuery(r, api.ServicesDescribe, func(_ context.Context, in api.ServiceName) (api.ServiceDetail, error) {
		for _, s := range d.Gateway.Services() {
			if s.Name == in.Name {
				return detail(d.Gateway, s), nil
			}
		}
		return api.ServiceDetail{}, noService(in.Name)
	})
	op.BindQuery(r, api.ServicesHealth, func(_ context.Context, in api.ServiceFilter) ([]api.ServiceHealth, error) {
		out := []api.ServiceHealth{}
		for _, s := range d.Gateway.Services() {
			if h, ok := d.Gateway.Health(s.Name); ok && (in.Name == "" || in.Name == s.Name) {
				out = append(out, h)
			}
		}
		if in.Name != "" && len(out) == 0 {
			return nil, noService(in.Name)
		}
		return out, nil
	})
	op.BindQuery(r, api.ServicesInvoke, func(ctx context.Context, in api.InvokeInput) (json.RawMessage, error) {
		return invoke(ctx, d.Gateway, in.Service, in.Operation, in.Data)
	})
	op.BindStream(r, api.ServicesStream, func(ctx context.Context, in api.InvokeInput) iter.Seq2[api.InvokeEvent, error] {
		return streamed(ctx, d.Gateway, in)
	})
}

func noService(name string) error {
	return fail.New(fail.NotFound, "no service named %q", name).Hint("aictl services list")
}

func listed(g Gateway, s ai.Description) api.Service {
	out := api.Service{
		Name: s.Name, Version: s.Version, Kind: g.Kind(s.Name), State: "ready", Operations: []string{}, Summary: s.Summary,
	}
	for _, o := range s.Operations {
		out.Operations = append(out.Operations, o.Name)
	}
	if h, ok := g.Health(s.Name); ok {
		out.State, out.Replicas = h.State, len(h.Targets)
		for _, t := range h.Targets {
			if t.State == "ready" {
				out.Ready++
			}
		}
	}
	return out
}

func detail(g Gateway, s ai.Description) api.ServiceDetail {
	out := api.ServiceDetail{Service: listed(g, s), Describes: []api.ServiceOperation{}}
	for _, o := range s.Operations {
		examples := o.Examples
		if examples == nil {
			examples = []json.RawMessage{}
		}
		out.Describes = append(out.Describes, api.ServiceOperation{
			Name: o.Name, Summary: o.Summary, Streams: o.Streams, Idempotent: o.Idempotent,
			Input: o.Input, Output: o.Output, Examples: examples,
		})
	}
	out.Health, _ = g.Health(s.Name)
	return out
}

// maxAnswer bounds a plain answer that is passed on, in bytes.
const maxAnswer = 64 << 20

// invoke makes a plain call and gives its JSON body.
func invoke(ctx context.Context, g Gateway, service, operation string, input []byte) (json.RawMessage, error) {
	if len(input) == 0 {
		input = []byte("{}")
	}
	reply, err := g.Do(ctx, ai.Call{Service: service, Operation: operation, Input: input})
	if err != nil {
		return nil, err
	}
	if reply.Stream {
		reply.Discard()
		return nil, fail.New(fail.Usage, "%s.%s answered in parts", service, operation).Hint("repeat with --stream")
	}
	body, err := whole(reply, service, operation)
	if err != nil {
		return nil, err
	}
	if reply.Status >= http.StatusBadRequest {
		return nil, refusal(service, operation, reply.Status, body)
	}
	if !json.Valid(body) {
		return nil, fail.New(fail.Failed, "%s.%s answered with something that is not JSON", service, operation).
			Hint("aictl services describe %s", service)
	}
	return body, nil
}

// whole reads a plain answer to its end.
func whole(reply *ai.Reply, service, operation string) (body []byte, err error) {
	for chunk, err := range reply.Chunks {
		if err != nil {
			return nil, err
		}
		if body = append(body, chunk...); len(body) > maxAnswer {
			return nil, fail.New(fail.TooLarge, "the answer of %s.%s is over %d MiB", service, operation, maxAnswer>>20)
		}
	}
	return body, nil
}

// refusal is the error that a service answered with: problem details (RFC
// 9457) with one of our codes, or whatever else by its status.
func refusal(service, operation string, status int, body []byte) error {
	var p struct {
		Code   fail.Code `json:"code"`
		Detail string    `json:"detail"`
		Title  string    `json:"title"`
		Status int       `json:"status"`
	}
	_ = json.Unmarshal(body, &p) // what is no problem document has a status
	code := p.Code
	known := slices.ContainsFunc(fail.Table(), func(e fail.Entry) bool { return e.Code == code && code != fail.OK })
	if !known {
		code = fail.FromStatus(cmp.Or(status, p.Status, http.StatusInternalServerError))
	}
	why := cmp.Or(p.Detail, p.Title, http.StatusText(status), "no reason given")
	e := fail.New(code, "%s.%s: %s", service, operation, why)
	if code == fail.Usage {
		return e.Hint("aictl services describe %s", service)
	}
	return e.Hint("aictl logs --service %s --since 5m", service)
}

// streamed passes the data of server-sent events on, each as one event.
func streamed(ctx context.Context, g Gateway, in api.InvokeInput) iter.Seq2[api.InvokeEvent, error] {
	return func(yield func(api.InvokeEvent, error) bool) {
		input := in.Data
		if len(input) == 0 {
			input = []byte("{}")
		}
		reply, err := g.Do(ctx, ai.Call{Service: in.Service, Operation: in.Operation, Input: input, Stream: true})
		if err != nil {
			yield(api.InvokeEvent{}, err)
			return
		}
		if reply.Status >= http.StatusBadRequest {
			body, err := whole(reply, in.Service, in.Operation)
			if err == nil {
				err = refusal(in.Service, in.Operation, reply.Status, body)
			}
			yield(api.InvokeEvent{}, err)
			return
		}
		for e, err := range events(reply.Chunks) {
			if err != nil {
				yield(api.InvokeEvent{}, err)
				return
			}
			if string(e.Data) == "[DONE]" {
				continue
			}
			if e.Type == "error" {
				yield(api.InvokeEvent{}, refusal(in.Service, in.Operation, 0, e.Data))
				return
			}
			data := json.RawMessage(e.Data)
			if !json.Valid(data) {
				if data, err = json.Marshal(string(e.Data)); err != nil {
					yield(api.InvokeEvent{}, err)
					return
				}
			}
			if !yield(api.InvokeEvent{Type: "data", Data: data}, nil) {
				return
			}
		}
	}
}

// maxEvent bounds one server-sent event, in bytes.
const maxEvent = 8 << 20

// events decodes the server-sent events of a streamed reply.
func events(chunks iter.Seq2[[]byte, error]) iter.Seq2[sse.Event, error] {
	return func(yield func(sse.Event, error) bool) {
		next, stop := iter.Pull2(chunks)
		defer stop()
		r := sse.NewReader(&chunkReader{next: next}, maxEvent)
		for {
			e, err := r.Next()
			if errors.Is(err, io.EOF) || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// chunkReader is an io.Reader over chunks, each valid until the next.
type chunkReader struct {
	next func() ([]byte, error, bool)
	rest []byte
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		chunk, err, more := c.next()
		if !more {
			return 0, io.EOF
		}
		if err != nil {
			return 0, err
		}
		c.rest = chunk
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
