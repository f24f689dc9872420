package runtime

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/fail"
)

// terminator ends a whole stream on the wire of plugins: no JSON value can be
// mistaken for it.
const terminator = "[DONE]"

func stopping(name string) error {
	return fail.New(fail.Unavailable, "service %s is being stopped", name).Hint("aictl deploy status service/%s", name)
}

// route tells the gateway where calls go, when that has changed. The caller
// holds mu. The first tier has the instances that take calls, by revision and
// weight; the second one is the queue, which is open while none of them is
// ready.
func (s *service) route() {
	serving := s.serving()
	if serving == nil {
		return
	}
	type share struct {
		rev    *revision
		weight int
	}
	var shares []share
	stable := 100
	if c := s.rec.Canary; c != nil && s.revisions[c.Revision] != nil && c.Revision != serving.number {
		shares = append(shares, share{s.revisions[c.Revision], c.Weight})
		stable -= c.Weight
	}
	if s.rec.Stable != 0 { // before that nothing has been proved: calls wait in the queue
		shares = append(shares, share{serving, stable})
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%p", serving)
	first := gateway.Tier{}
	for _, sh := range shares {
		v := gateway.Revision{Name: sh.rev.name, Weight: sh.weight}
		fmt.Fprintf(&key, "/%d*%d", sh.rev.number, sh.weight)
		for _, r := range s.of(sh.rev.number) {
			if inst := r.instance(); inst != nil {
				v.Replicas = append(v.Replicas, gateway.Replica{Name: r.name, Upstream: inst, Ready: inst.ready.Load})
				fmt.Fprintf(&key, ",%p", inst)
			}
		}
		first.Revisions = append(first.Revisions, v)
	}
	if key.String() == s.routed {
		return
	}
	queued := gateway.Tier{Revisions: []gateway.Revision{{Name: serving.name, Weight: 1, Replicas: []gateway.Replica{
		{Name: s.name + "-queue", Upstream: serving.queue, Ready: serving.queue.open},
	}}}}
	_, err := s.rt.o.Gateway.SetRoute(gateway.Route{
		Description: serving.manifest.Description(), Tiers: []gateway.Tier{first, queued}, Policies: policies(serving.manifest),
	})
	if err != nil { // a route that we made has a name and upstreams
		s.rt.o.Logger.Error("a service was not routed", "service", s.name, "error", err)
		return
	}
	s.routed = key.String()
}

// policies let a caller wait for a replica until the end of its own time: for
// the queue that drops nothing, neither the first byte nor a slot has a bound
// of its own.
func policies(m *plugin.Manifest) map[string]gateway.Policy {
	out := make(map[string]gateway.Policy, len(m.Operations))
	for _, o := range m.Operations {
		timeout := o.Limits.Timeout.D()
		if timeout == 0 {
			timeout = time.Minute
		}
		out[o.Name] = gateway.Policy{
			Timeout: timeout, FirstByte: timeout, QueueWait: timeout,
			Concurrency: o.Limits.Concurrency, Queue: o.Limits.Queue, MaxBody: int64(o.Limits.MaxBody),
			Idempotent: o.Idempotent, Terminator: terminator,
		}
	}
	return out
}
