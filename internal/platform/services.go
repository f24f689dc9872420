package platform

import (
	"cmp"
	"fmt"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// services shows the gateway as ops.Gateway: inner routes are left out.
type services struct {
	*gateway.Gateway
	runtime *runtime.Runtime
}

// Kind implements ops.Gateway.
func (g services) Kind(name string) string {
	kind, _ := g.runtime.Kind(name)
	return cmp.Or(kind, "builtin")
}

// Services implements ops.Gateway.
func (g services) Services() []ai.Description {
	out := []ai.Description{}
	for _, d := range g.Gateway.Services() {
		if !inner(d.Name) {
			out = append(out, d)
		}
	}
	return out
}

// queueSuffix marks the runtime's queue among the targets of a service.
const queueSuffix = "-queue"

// statsWindow is the time that the gateway's figures cover.
const statsWindow = 5 * time.Minute

// Health implements ops.Gateway.
func (g services) Health(name string) (api.ServiceHealth, bool) {
	for _, s := range g.Stats() {
		if s.Service != name {
			continue
		}
		h := api.ServiceHealth{
			Name: name, State: "ready", Window: op.Duration(statsWindow), Requests: s.Requests, Errors: s.Errors,
			P50: millis(s.P50), P95: millis(s.P95), P99: millis(s.P99), InFlight: int64(s.InFlight), Queued: int64(s.Queued),
			TokensIn: s.InputTokens, TokensOut: s.OutputTokens,
			Targets: []api.ServiceTarget{}, Recent: []api.ServiceError{},
		}
		if s.Requests > 0 {
			h.ErrorRate = float64(s.Errors) / float64(s.Requests)
		}
		for _, t := range g.ListTargets(name) {
			if t.Name == name+queueSuffix { // where calls wait for a replica: none itself
				continue
			}
			h.Targets = append(h.Targets, api.ServiceTarget{
				Name: t.Name, Revision: t.Revision, State: stateOf(t), Breaker: t.Breaker, Outstanding: t.Outstanding,
			})
		}
		for _, e := range s.RecentErrors {
			h.Recent = append(h.Recent, api.ServiceError{Time: e.Time.UTC(), Operation: e.Operation, Code: string(e.Code), Message: e.Message})
		}
		judge(&h)
		if _, idle := g.runtime.Kind(name); idle {
			h.State, h.Reason = "ready", "no replica runs; a call starts one"
		}
		return h, true
	}
	return api.ServiceHealth{}, false
}

func stateOf(t gateway.TargetState) string {
	switch {
	case !t.Ready:
		return "not ready"
	case t.Breaker == "open":
		return "broken"
	case !t.HeldUntil.IsZero():
		return "held back"
	}
	return "ready"
}

// judge sets the state: down where no target takes calls, degraded where some
// don't or one call in twenty fails.
func judge(h *api.ServiceHealth) {
	ready := 0
	for _, t := range h.Targets {
		if t.State == "ready" {
			ready++
		}
	}
	switch {
	case ready == 0:
		h.State, h.Reason = "down", fmt.Sprintf("none of %d targets takes calls", len(h.Targets))
	case ready < len(h.Targets):
		h.State, h.Reason = "degraded", fmt.Sprintf("%d of %d targets take calls", ready, len(h.Targets))
	case h.Requests >= 20 && h.ErrorRate >= 0.05:
		h.State, h.Reason = "degraded", fmt.Sprintf("%.0f%% of %d calls failed", 100*h.ErrorRate, h.Requests)
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
