package platform

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai/chat/assistant"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/authz"
	"github.com/aictl/aictl/internal/op"
)

// live is the platform's state as the assistant sees it: no more than the
// caller may read by other ways.
type live struct{ p *Platform }

func (l live) may(ctx context.Context) error {
	id, _ := op.IdentityFrom(ctx)
	return authz.Authorize(id, "services", op.Read, "default")
}

// Services implements assistant.Platform.
func (l live) Services(ctx context.Context) ([]assistant.Service, error) {
	if err := l.may(ctx); err != nil {
		return nil, err
	}
	var out []assistant.Service
	g := services{l.p.gateway, l.p.runtime}
	for _, d := range g.Services() {
		s := assistant.Service{Name: d.Name, Version: d.Version, Summary: d.Summary, State: "ready"}
		if h, ok := g.Health(d.Name); ok {
			s.State = h.State
		}
		for _, o := range d.Operations {
			s.Operations = append(s.Operations, assistant.Operation{Name: o.Name, Summary: o.Summary, Streams: o.Streams})
		}
		out = append(out, s)
	}
	return out, nil
}

func (l live) health(ctx context.Context) ([]api.ServiceHealth, error) {
	if err := l.may(ctx); err != nil {
		return nil, err
	}
	var out []api.ServiceHealth
	g := services{l.p.gateway, l.p.runtime}
	for _, d := range g.Services() {
		if h, ok := g.Health(d.Name); ok {
			out = append(out, h)
		}
	}
	return out, nil
}

// Health implements assistant.Platform.
func (l live) Health(ctx context.Context) ([]assistant.Health, error) {
	list, err := l.health(ctx)
	var out []assistant.Health
	for _, h := range list {
		one := assistant.Health{
			Name: h.Name, State: h.State, Reason: h.Reason, Window: time.Duration(h.Window), Requests: h.Requests, Errors: h.Errors,
			P50: duration(h.P50), P95: duration(h.P95), P99: duration(h.P99), InFlight: h.InFlight, Queued: h.Queued,
		}
		for _, t := range h.Targets {
			if t.Breaker == "open" {
				one.Open = append(one.Open, t.Name)
			}
		}
		out = append(out, one)
	}
	return out, err
}

func duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// Errors implements assistant.Platform.
func (l live) Errors(ctx context.Context, window time.Duration) ([]assistant.Failure, error) {
	list, err := l.health(ctx)
	var out []assistant.Failure
	since := l.p.o.Now().Add(-window)
	for _, h := range list {
		for _, e := range h.Recent {
			if e.Time.After(since) {
				out = append(out, assistant.Failure{Time: e.Time, Service: h.Name, Operation: e.Operation, Code: e.Code, Message: e.Message, Request: e.Request})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b assistant.Failure) int { return b.Time.Compare(a.Time) })
	return out, err
}

// Usage implements assistant.Platform.
func (l live) Usage(ctx context.Context) (assistant.Usage, error) {
	list, err := l.health(ctx)
	out := assistant.Usage{Window: statsWindow}
	for _, h := range list {
		out.Services = append(out.Services, assistant.ServiceUsage{
			Name: h.Name, Requests: h.Requests, Errors: h.Errors, InputTokens: h.TokensIn, OutputTokens: h.TokensOut,
		})
	}
	return out, err
}

// Version implements assistant.Platform.
func (l live) Version(context.Context) (assistant.Version, error) {
	v := l.p.o.Version
	return assistant.Version{Version: v.Version, Commit: v.Commit, Go: v.Go, Started: l.p.started}, nil
}

// Caller implements assistant.Platform.
func (l live) Caller(ctx context.Context) (assistant.Caller, error) {
	id, _ := op.IdentityFrom(ctx)
	out := assistant.Caller{Subject: id.Subject}
	for _, g := range id.Grants {
		out.Roles = append(out.Roles, g.Role)
	}
	return out, nil
}

// Commands implements assistant.Platform: the commands of the operations.
func (l live) Commands(context.Context) ([]assistant.Command, error) {
	var out []assistant.Command
	for _, d := range api.All() {
		s := d.Describe()
		path := s.CommandPath()
		if path == nil {
			continue
		}
		c := assistant.Command{Name: "aictl " + strings.Join(path, " "), Summary: s.Summary}
		for _, e := range s.Examples {
			c.Examples = append(c.Examples, e.Command)
		}
		out = append(out, c)
	}
	return out, nil
}

// Docs implements assistant.Platform.
func (l live) Docs() fs.FS { return l.p.o.Docs }
