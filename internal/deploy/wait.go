package deploy

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Asker answers what a workload's own engine cannot. A nil member is a system
// that the context does not have.
type Asker struct {
	// Metric evaluates PromQL now: a value a series.
	Metric func(ctx context.Context, query string) ([]float64, error)
	// Alert says how many alerts of a name, or that matchers hit, fire now.
	Alert func(ctx context.Context, matchers string) (int, error)
}

// Truth is what an expression comes to.
type Truth string

// The three values. Unknown is never taken for one of the others.
const (
	True    Truth = "true"
	False   Truth = "false"
	Unknown Truth = "unknown"
)

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// WaitOptions say how long things may take.
type WaitOptions struct {
	FollowOptions
	// Until must hold all at once for Stable; of FailIf none may hold for
	// longer than Tolerate.
	Until, FailIf []Expr
	Tolerate      time.Duration
	Stable        time.Duration
	// Interval is the time between two questions to the Asker; 0 is 2 s.
	Interval time.Duration
	Asker    Asker
}

// check refuses expressions that this context cannot evaluate at all.
func (o WaitOptions) check() error {
	for _, e := range slices.Concat(o.Until, o.FailIf) {
		switch {
		case e.Kind == ExprMetric && o.Asker.Metric == nil:
			return fail.New(fail.Unavailable, "%s: this context has no metrics backend", e.Text).Hint("aictl up, or name a Prometheus in the context: aictl config view")
		case e.Kind == ExprAlert && o.Asker.Alert == nil:
			return fail.New(fail.Unavailable, "%s: this context has no Alertmanager", e.Text).Hint("aictl up, or name one in the context: aictl config view")
		}
	}
	return nil
}

// clause is an expression with what it came to last.
type clause struct {
	Expr
	any   bool // of a metric's series: any, in place of all
	state Truth
	found string
	since time.Time // when it became what it is
	fresh bool      // it changed and was not told
}

func (c *clause) set(t Truth, found string, now time.Time) {
	if t != c.state {
		c.since, c.fresh = now, true
	}
	c.state, c.found = t, found
}

// Wait gives the changes of what the expressions come to, and last a verdict:
// complete when all of Until hold, failed when one of FailIf does,
// inconclusive when that can never be told. It ends with an error as Follow
// does.
func Wait(ctx context.Context, c Cluster, r Ref, o WaitOptions) iter.Seq2[api.DeployWaitEvent, error] {
	return func(yield func(api.DeployWaitEvent, error) bool) {
		if err := o.check(); err != nil {
			yield(api.DeployWaitEvent{}, err)
			return
		}
		w := newVigil(o)
		w.cluster = c
		pictures, stop := watch(ctx, c, r)
		defer stop()
		tick := time.NewTicker(w.interval)
		defer tick.Stop()
		wake := time.NewTimer(time.Hour)
		defer wake.Stop()
		if err := w.askAll(ctx); err != nil {
			yield(api.DeployWaitEvent{}, err)
			return
		}
		for {
			var err error
			select {
			case <-ctx.Done():
				err = fail.From(ctx.Err())
			case p, ok := <-pictures:
				switch {
				case !ok && ctx.Err() != nil:
					err = fail.From(ctx.Err())
				case !ok:
					err = fail.New(fail.Unavailable, "the watch of %s ended", r.Name).Hint("run the command again")
				default:
					w.last, err = p.s, p.err
				}
			case <-tick.C:
				err = w.askAll(ctx)
			case <-wake.C:
			}
			if err != nil {
				yield(api.DeployWaitEvent{}, err)
				return
			}
			if w.last == nil {
				continue
			}
			w.look(ctx)
			for _, cl := range w.clauses() {
				if cl.fresh {
					cl.fresh = false
					if !yield(api.DeployWaitEvent{Type: "expression", Time: w.now().UTC(), Expr: cl.Text, State: string(cl.state), Message: cl.found}, nil) {
						return
					}
				}
			}
			if v, done := w.decide(); done {
				yield(v, nil)
				return
			}
			rearm(wake, w.wake(), w.now())
		}
	}
}

// vigil is the state of one wait.
type vigil struct {
	o             WaitOptions
	cluster       Cluster
	now           func() time.Time
	interval      time.Duration
	until, failIf []*clause
	last          *Snapshot
	state         State
	verdict       api.DeployVerdict
}

func newVigil(o WaitOptions) *vigil {
	w := &vigil{o: o, now: o.Now, interval: o.Interval}
	if w.now == nil {
		w.now = time.Now
	}
	if w.interval <= 0 {
		w.interval = 2 * time.Second
	}
	for _, e := range o.Until {
		w.until = append(w.until, &clause{Expr: e})
	}
	for _, e := range o.FailIf {
		w.failIf = append(w.failIf, &clause{Expr: e, any: true})
	}
	return w
}

func (w *vigil) clauses() []*clause { return slices.Concat(w.until, w.failIf) }

// askAll asks other systems. That one of them is away for a moment makes its
// expressions unknown; a wrong question ends the wait.
func (w *vigil) askAll(ctx context.Context) error {
	for _, c := range w.clauses() {
		var t Truth
		var found string
		var err error
		switch c.Kind { //nolint:exhaustive // the others are read off the picture
		case ExprMetric:
			t, found, err = askMetric(ctx, w.o.Asker, c.Expr, c.any)
		case ExprAlert:
			t, found, err = askAlert(ctx, w.o.Asker, c.Expr)
		default:
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				return fail.From(ctx.Err())
			}
			if code := fail.CodeOf(err); code == fail.Usage || code == fail.Auth || code == fail.Forbidden {
				return fail.Wrap(code, err, "evaluating %s", c.Text)
			}
			t, found = Unknown, oneLine(err.Error())
		}
		c.set(t, found, w.now())
	}
	return nil
}

func askMetric(ctx context.Context, a Asker, e Expr, anySeries bool) (Truth, string, error) {
	values, err := a.Metric(ctx, e.Left)
	if err != nil {
		return Unknown, "", err
	}
	values = slices.DeleteFunc(values, math.IsNaN)
	if len(values) == 0 {
		return Unknown, "no data", nil
	}
	fits := func(v float64) bool { return compareNumbers(v, e.Op, e.number) }
	shown := values
	if holding := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return fits(v) != anySeries }); len(holding) > 0 {
		shown = holding // those that decide
	}
	found := fmt.Sprintf("%.6g", shown[0])
	if len(values) > 1 {
		found += fmt.Sprintf(" (of %d series)", len(values))
	}
	if anySeries {
		return truth(slices.ContainsFunc(values, fits)), found, nil
	}
	return truth(!slices.ContainsFunc(values, func(v float64) bool { return !fits(v) })), found, nil
}

func askAlert(ctx context.Context, a Asker, e Expr) (Truth, string, error) {
	n, err := a.Alert(ctx, e.Left)
	if err != nil {
		return Unknown, "", err
	}
	return truth((n > 0) == (e.Right == "firing")), count(n, "fires", "fire"), nil
}

// look reads what the picture says.
func (w *vigil) look(ctx context.Context) {
	now := w.now()
	w.verdict, w.state = judge(ctx, w.cluster, w.state, w.last, now, w.o.JudgeOptions)
	for _, c := range w.clauses() {
		switch c.Kind { //nolint:exhaustive // the others are asked for
		case ExprRollout:
			t := Unknown
			switch w.verdict.Outcome {
			case api.DeployComplete, api.DeployFailed, api.DeployProgressing:
				t = truth(w.verdict.Outcome == map[string]string{"complete": api.DeployComplete, "failed": api.DeployFailed}[c.Right])
			}
			c.set(t, w.verdict.Message, now)
		case ExprCondition:
			c.set(w.condition(c.Expr), w.conditionFound(c.Expr), now)
		case ExprPath:
			t, found := pathTruth(c.Expr, w.last.Raw)
			c.set(t, found, now)
		}
	}
}

func (w *vigil) find(e Expr) *Condition {
	for i, c := range w.last.Conditions {
		if strings.EqualFold(c.Type, e.Left) {
			return &w.last.Conditions[i]
		}
	}
	return nil
}

func (w *vigil) condition(e Expr) Truth {
	c := w.find(e)
	if c == nil || w.last.Observed < w.last.Generation {
		return Unknown
	}
	return truth(strings.EqualFold(c.Status, e.Right))
}

func (w *vigil) conditionFound(e Expr) string {
	c := w.find(e)
	if c == nil {
		return "there is no such condition"
	}
	return strings.TrimSpace(strings.Join([]string{c.Status, c.Reason, oneLine(c.Message)}, " "))
}

func pathTruth(e Expr, doc []byte) (Truth, string) {
	values, err := e.path(doc)
	if err != nil {
		return Unknown, oneLine(err.Error())
	}
	if e.Op == "" {
		return truth(len(values) > 0), count(len(values), "value", "values")
	}
	if len(values) == 0 { // kubectl wait: what is not there has no value yet
		return False, "there is no such field"
	}
	all := true
	texts := make([]string, 0, len(values))
	for _, v := range values {
		all = all && e.holds(v)
		texts = append(texts, jsonText(v))
	}
	return truth(all), oneLine(strings.Join(texts, " "))
}

// decide gives the verdict when there is one.
func (w *vigil) decide() (api.DeployWaitEvent, bool) {
	now := w.now()
	verdict := func(state, message, expr string) (api.DeployWaitEvent, bool) {
		return api.DeployWaitEvent{Type: "verdict", Time: now.UTC(), State: state, Message: message, Expr: expr}, true
	}
	for _, c := range w.failIf {
		if c.state == True && now.Sub(c.since) >= w.o.Tolerate {
			return verdict(api.DeployFailed, strings.TrimSuffix(c.Text+": "+c.found, ": "), c.Text)
		}
	}
	holds := len(w.until) > 0
	for _, c := range w.until {
		holds = holds && c.state == True && now.Sub(c.since) >= w.o.Stable
		if c.Kind == ExprRollout && w.verdict.Outcome == api.DeployInconclusive {
			return verdict(api.DeployInconclusive, w.verdict.Message, c.Text)
		}
	}
	if holds {
		var texts []string
		for _, c := range w.until {
			texts = append(texts, strings.TrimSuffix(c.Text+": "+c.found, ": "))
		}
		return verdict(api.DeployComplete, strings.Join(texts, "; "), "")
	}
	return api.DeployWaitEvent{}, false
}

// wake is when something may be decided by time alone.
func (w *vigil) wake() time.Time {
	at := w.state.Wake
	sooner := func(t time.Time) {
		if t.After(w.now()) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, c := range w.failIf {
		if c.state == True {
			sooner(c.since.Add(w.o.Tolerate))
		}
	}
	for _, c := range w.until {
		if c.state == True {
			sooner(c.since.Add(w.o.Stable))
		}
	}
	return at
}

// VerifyOptions say how a verification watches.
type VerifyOptions struct {
	// For is how long it watches at most, Stable how long the expression must
	// have held to be taken for recovered, Interval the time between two looks.
	For, Stable, Interval time.Duration
	Now                   func() time.Time
}

// Verify watches a metric expression after a change: complete when it has held
// for Stable, failed when it does not hold in the end, inconclusive when there
// is no data or it came and went.
func Verify(ctx context.Context, e Expr, a Asker, o VerifyOptions) iter.Seq2[api.DeployWaitEvent, error] {
	return func(yield func(api.DeployWaitEvent, error) bool) {
		if a.Metric == nil {
			yield(api.DeployWaitEvent{}, fail.New(fail.Unavailable, "this context has no metrics backend").Hint("aictl up, or name a Prometheus in the context: aictl config view"))
			return
		}
		now := o.Now
		if now == nil {
			now = time.Now
		}
		w := newVigil(WaitOptions{FollowOptions: FollowOptions{Now: now}, Until: []Expr{e}, Asker: a})
		c, begun := w.until[0], now()
		tick := time.NewTicker(max(o.Interval, 100*time.Millisecond))
		defer tick.Stop()
		verdict := func(state, message string) {
			yield(api.DeployWaitEvent{Type: "verdict", Time: now().UTC(), Expr: e.Text, State: state, Message: message}, nil)
		}
		for {
			if err := w.askAll(ctx); err != nil {
				yield(api.DeployWaitEvent{}, err)
				return
			}
			if c.fresh {
				c.fresh = false
				if !yield(api.DeployWaitEvent{Type: "expression", Time: now().UTC(), Expr: e.Text, State: string(c.state), Message: c.found}, nil) {
					return
				}
			}
			held := now().Sub(c.since)
			switch over := now().Sub(begun) >= o.For; {
			case c.state == True && held >= o.Stable:
				verdict(api.DeployComplete, fmt.Sprintf("recovered: %s holds for %s (%s)", e.Text, held.Round(time.Second), c.found))
				return
			case !over:
			case c.state == False:
				verdict(api.DeployFailed, fmt.Sprintf("not recovered after %s: %s does not hold (%s)", o.For, e.Text, c.found))
				return
			case c.state == True:
				verdict(api.DeployInconclusive, fmt.Sprintf("not certain after %s: %s holds for %s only (%s)", o.For, e.Text, held.Round(time.Second), c.found))
				return
			default:
				verdict(api.DeployInconclusive, fmt.Sprintf("not known after %s: %s", o.For, c.found))
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				yield(api.DeployWaitEvent{}, fail.From(ctx.Err()))
				return
			}
		}
	}
}

// WaitFor is Wait for expressions over metrics and alerts alone, which no
// workload has a part in.
func WaitFor(ctx context.Context, o WaitOptions) iter.Seq2[api.DeployWaitEvent, error] {
	return func(yield func(api.DeployWaitEvent, error) bool) {
		if err := o.check(); err != nil {
			yield(api.DeployWaitEvent{}, err)
			return
		}
		w := newVigil(o)
		tick := time.NewTicker(w.interval)
		defer tick.Stop()
		for {
			if err := w.askAll(ctx); err != nil {
				yield(api.DeployWaitEvent{}, err)
				return
			}
			for _, cl := range w.clauses() {
				if cl.fresh {
					cl.fresh = false
					if !yield(api.DeployWaitEvent{Type: "expression", Time: w.now().UTC(), Expr: cl.Text, State: string(cl.state), Message: cl.found}, nil) {
						return
					}
				}
			}
			if v, done := w.decide(); done {
				yield(v, nil)
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				yield(api.DeployWaitEvent{}, fail.From(ctx.Err()))
				return
			}
		}
	}
}
