// Package gate decides by live signals whether a change may go on: error
// budgets, alerts, queries, logs.
//
// It promises that missing data is never taken for good data: no series, NaN, a
// series or a target that has gone, a backend that does not answer make a check
// inconclusive, unless the caller says what they count as. What fails is told
// with what was found. It knows no backend, and evaluates expressions as
// package deploy's waits do.
package gate

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/metrics"
)

// Deps are what is asked. A nil func is a system that there is not: its checks
// are a usage error before anything is looked at.
type Deps struct {
	Metrics func(ctx context.Context) (metrics.Querier, error)
	Alerts  func(ctx context.Context) (alerts.Manager, error)
	Logs    func(ctx context.Context) (logs.Store, error)
	// Rolled gives when a workload was rolled out last.
	Rolled func(ctx context.Context, name, namespace string) (time.Time, error)
	Now    func() time.Time
}

const (
	// lookTimeout bounds one look at one check.
	lookTimeout = 15 * time.Second
	minInterval = 200 * time.Millisecond
)

// check is one check under way.
type check struct {
	api.GateCheck
	look func(ctx context.Context, now time.Time) finding
}

// finding is what one look says.
type finding struct {
	state    deploy.Truth
	message  string
	evidence []api.Fact
}

func unknown(format string, args ...any) finding {
	return finding{state: deploy.Unknown, message: fmt.Sprintf(format, args...)}
}

// Run gives the changes of the checks, and last the verdict. It ends with an
// error where a check can't be evaluated at all (fail.Usage, fail.NotFound,
// fail.Unavailable for a system that the context does not have).
func Run(ctx context.Context, d Deps, in api.GateInput) iter.Seq2[api.GateEvent, error] {
	return func(yield func(api.GateEvent, error) bool) {
		g := &run{d: d, in: in, begun: d.Now()}
		if err := g.prepare(ctx); err != nil {
			yield(api.GateEvent{}, err)
			return
		}
		if err := g.watch(ctx, yield); err != nil {
			yield(api.GateEvent{}, err)
		}
	}
}

type run struct {
	d        Deps
	in       api.GateInput
	begun    time.Time
	checks   []*check
	baseFrom time.Time // of the baseline
	baseTo   time.Time
	looks    int
}

func (g *run) prepare(ctx context.Context) error {
	if time.Duration(g.in.Interval) < minInterval || g.in.For < 0 || g.in.Grace < 0 || g.in.Window <= 0 {
		return fail.New(fail.Usage, "--interval is at least %s, --window is above nothing, and --for and --grace are not below", minInterval).Hint("--interval 15s --for 5m")
	}
	g.baseTo = g.begun
	if g.in.Baseline == "previous" {
		if g.d.Rolled == nil {
			return fail.New(fail.Unavailable, "this context has no deployments to find the last rollout of").Hint("--baseline window")
		}
		at, err := g.d.Rolled(ctx, g.in.Deploy, g.in.Namespace)
		if err != nil {
			return err
		}
		g.baseTo = at
	}
	g.baseFrom = g.baseTo.Add(-time.Duration(g.in.Window))
	for _, kind := range []struct {
		name  string
		texts []string
		has   bool
		make  func(text string) (func(context.Context, time.Time) finding, error)
		lack  string
	}{
		{"query", g.in.Query, g.d.Metrics != nil, g.query, "metrics backend"},
		{"slo", g.in.SLO, g.d.Metrics != nil, g.slo, "metrics backend"},
		{"alerts", g.in.Alerts, g.d.Alerts != nil, g.alerts, "Alertmanager"},
		{"logs", g.in.Logs, g.d.Logs != nil, g.logs, "log store"},
	} {
		for _, text := range kind.texts {
			if !kind.has {
				return fail.New(fail.Unavailable, "--%s %s: this context has no %s", kind.name, text, kind.lack).Hint("aictl config view, or aictl up")
			}
			look, err := kind.make(text)
			if err != nil {
				return err
			}
			g.checks = append(g.checks, &check{GateCheck: api.GateCheck{Kind: kind.name, Name: text, Evidence: []api.Fact{}}, look: look})
		}
	}
	return nil
}

// watch looks at everything until it is decided.
func (g *run) watch(ctx context.Context, yield func(api.GateEvent, error) bool) error {
	tick := time.NewTicker(time.Duration(g.in.Interval))
	defer tick.Stop()
	for {
		fresh, err := g.look(ctx)
		if err != nil {
			return err
		}
		for _, c := range fresh {
			copied := c.GateCheck
			if !yield(api.GateEvent{Type: "check", Time: g.d.Now().UTC(), Check: &copied}, nil) {
				return nil
			}
		}
		if v, message, done := g.decide(); done {
			all := make([]api.GateCheck, len(g.checks))
			for i, c := range g.checks {
				all[i] = c.GateCheck
			}
			yield(api.GateEvent{Type: "verdict", Time: g.d.Now().UTC(), Verdict: v, Message: message, Checks: all, From: g.begun.UTC(), Looks: g.looks}, nil)
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fail.From(ctx.Err())
		}
	}
}

// look asks all checks at once and gives those that changed.
func (g *run) look(ctx context.Context) ([]*check, error) {
	now := g.d.Now()
	found := make([]finding, len(g.checks))
	var work errgroup.Group
	work.SetLimit(8)
	for i, c := range g.checks {
		work.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, lookTimeout)
			defer cancel()
			found[i] = c.look(ctx, now)
			return nil
		})
	}
	_ = work.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fail.From(err)
	}
	g.looks++
	var fresh []*check
	for i, c := range g.checks {
		f := found[i]
		state := g.count(f.state)
		if state == c.State {
			c.Message, c.Evidence = f.message, orNone(f.evidence)
			continue
		}
		c.State, c.Message, c.Evidence, c.Since = state, f.message, orNone(f.evidence), now.UTC()
		fresh = append(fresh, c)
	}
	return fresh, nil
}

func orNone(list []api.Fact) []api.Fact {
	if list == nil {
		return []api.Fact{}
	}
	return list
}

// count is what a state counts as.
func (g *run) count(t deploy.Truth) string {
	switch t {
	case deploy.True:
		return api.GatePass
	case deploy.False:
		return api.GateFail
	case deploy.Unknown:
	}
	switch g.in.Missing {
	case "pass":
		return api.GatePass
	case "fail":
		return api.GateFail
	}
	return api.GateInconclusive
}

// decide gives the verdict when there is one: a failure that outlasts the grace
// at once, the rest when the time is over.
func (g *run) decide() (verdict, message string, done bool) {
	now := g.d.Now()
	over := now.Sub(g.begun) >= time.Duration(g.in.For)
	var failed, open, young []string
	for _, c := range g.checks {
		lasts := now.Sub(c.Since) >= time.Duration(g.in.Grace)
		switch {
		case c.State == api.GateFail && lasts:
			failed = append(failed, c.Name)
		case c.State == api.GateInconclusive && lasts:
			open = append(open, c.Name)
		case c.State != api.GatePass:
			young = append(young, c.Name)
		}
	}
	switch {
	case len(failed) > 0:
		return api.GateFail, "failed: " + strings.Join(failed, "; "), true
	case !over || len(young) > 0 && now.Sub(g.begun) < time.Duration(g.in.For+g.in.Grace):
		return "", "", false
	case len(open)+len(young) > 0:
		return api.GateInconclusive, "cannot be told: " + strings.Join(slices.Concat(open, young), "; "), true
	}
	return api.GatePass, fmt.Sprintf("%d checks passed", len(g.checks)), true
}
