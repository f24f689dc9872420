// Package demo is what `aictl up --demo` plays: two small services as processes
// of the control plane's own runtime, steady calls to them through the gateway,
// and one incident that is staged once: a revision whose pool of connections is
// too small for the calls that come.
//
// Nothing of it is canned. The pool is a real pool, calls really wait for it
// and run out of patience, the metrics are the gateway's, the alert is that of
// the built-in rules, the lines are what the service writes. Whoever takes the
// revision back has solved it: it is not shipped again while the server runs.
//
// The package knows neither the platform nor its store: it is handed a way to
// deploy and a way to call.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/fail"
)

// The services of the demo. Checkout is the one that the incident is staged on;
// it asks Stock whether there is enough.
const (
	Checkout = "demo-checkout"
	Stock    = "demo-stock"
)

// Names are the services of the demo.
func Names() []string { return []string{Checkout, Stock} }

const (
	// After is how long all is well before the bad revision is shipped.
	After = 20 * time.Second
	// rate is how many calls a second are made; the times between them vary by
	// half, which is enough for a queue and too little for bursts that would
	// open the gateway's breaker.
	rate = 23.0
	// goodPool and badPool are the connections that checkout has to stock. A
	// lookup takes 50 ms there: one connection serves 20 calls a second, and 23
	// come: about one in seven finds none in time.
	goodPool, badPool = 16, 1
	// patience bounds one call of the traffic.
	patience = 5 * time.Second
	// inFlight bounds the calls that the traffic has open.
	inFlight = 128
	// steadyWithin bounds how long the services may take to answer at first.
	steadyWithin = time.Minute
)

// Options are what the demo needs.
type Options struct {
	// Program is the server's own binary, whose `plugin NAME` is the service.
	Program string
	// Dir is an empty folder that the manifests stand in.
	Dir string
	// Deploy makes the manifest (YAML) a revision, for the reason.
	Deploy func(ctx context.Context, manifest []byte, dir, reason string) error
	// Call makes one call through the gateway.
	Call func(ctx context.Context, call ai.Call) (*ai.Reply, error)
	// After is how long all is well first; After where 0.
	After time.Duration
	Log   *slog.Logger
}

// Run plays the demo until ctx ends, which is no error. It returns when its
// last call has ended.
func Run(ctx context.Context, o Options) error {
	if o.After <= 0 {
		o.After = After
	}
	for _, m := range []plugin.Manifest{stockManifest(o.Program), checkoutManifest(o.Program, "1.4.0", goodPool)} {
		if err := o.ship(ctx, m, "the demo's service"); err != nil {
			return stopped(ctx, err)
		}
	}
	if err := o.steady(ctx); err != nil {
		return stopped(ctx, err)
	}
	o.Log.Info("demo: calls begin", "service", Checkout, "rate", rate, "bad_revision_after", o.After.String())
	traffic, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { o.traffic(traffic) })
	defer work.Wait()
	defer stop()
	timer := time.NewTimer(o.After)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-timer.C:
	}
	if err := o.ship(ctx, checkoutManifest(o.Program, "1.5.0", badPool), "fewer connections to the stock"); err != nil {
		return stopped(ctx, err)
	}
	o.Log.Info("demo: a bad revision was shipped", "service", Checkout)
	<-ctx.Done()
	return nil
}

// stopped hides the errors of an end that was asked for.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of ctx is how a demo ends
	}
	return err
}

func (o Options) ship(ctx context.Context, m plugin.Manifest, reason string) error {
	body, err := json.Marshal(m) // JSON is YAML
	if err != nil {
		return fail.Wrap(fail.Internal, err, "writing the manifest of %s", m.Name)
	}
	return o.Deploy(ctx, body, o.Dir, reason)
}

// steady waits until checkout answers.
func (o Options) steady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, steadyWithin)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := o.order(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fail.Wrap(fail.Timeout, err, "waiting for %s to answer", Checkout).Hint("aictl deploy status %s", Checkout)
		case <-tick.C:
		}
	}
}

// order is one call.
func (o Options) order(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	input := fmt.Sprintf(`{"item":%q,"count":%d}`, items[rand.IntN(len(items))], 1+rand.IntN(3)) //nolint:gosec // traffic, not a secret
	reply, err := o.Call(ctx, ai.Call{Service: Checkout, Operation: "order", Input: []byte(input)})
	if err != nil {
		return err
	}
	for _, err := range reply.Chunks {
		if err != nil {
			return err
		}
	}
	return nil
}

// traffic calls until ctx ends, and waits for its calls. What they answer is
// the gateway's to count.
func (o Options) traffic(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	slots := make(chan struct{}, inFlight)
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(time.Duration((0.5 + rand.Float64()) / rate * float64(time.Second))) //nolint:gosec // traffic, not a secret
		select {
		case slots <- struct{}{}:
		default: // a machine that does not keep up gets no more
			continue
		}
		calls.Go(func() {
			defer func() { <-slots }()
			_ = o.order(ctx)
		})
	}
}
