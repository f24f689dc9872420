// Package why says what is behind an alert, or behind how a service does, from
// evidence alone.
//
// How it thinks: the symptom is measured by the alert's own expression, and its
// onset found by change-point detection. Everything that could be a cause is a
// candidate: what was changed, what a service depends on, what callers ask for,
// what runs out, where it runs. Evidence for and against each adds to its
// log-odds, with weights that are written beside the rule (rank.go); what
// remains unexplained is a candidate too, so that a change that is merely near
// in time does not win for lack of others.
//
// It promises that nothing is stated without a fact that can be shown again;
// that a backend which does not answer makes what it would say unknown, never
// healthy; that equal data gives an equal answer; and that it asks nobody but
// the backends given. It is deterministic, and no language model.
package why

import (
	"context"
	"errors"
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
	"github.com/aictl/aictl/internal/op"
)

// Deps are what is asked. A nil func is a system that there is not: what it
// would say is unknown.
type Deps struct {
	Metrics func(ctx context.Context) (metrics.Querier, error)
	Logs    func(ctx context.Context) (logs.Store, error)
	Alerts  func(ctx context.Context) (alerts.Manager, error)
	// Changes gives what changed in a window.
	Changes  func(ctx context.Context, from, to time.Time, namespace string) (api.ChangeList, error)
	Clusters func(ctx context.Context) ([]deploy.Cluster, error)
	// Now is the clock.
	Now func() time.Time
}

const (
	// lookBack is how long before the onset a cause is looked for, unless the
	// person says otherwise.
	lookBack = time.Hour
	// sourceTimeout bounds every backend: an answer is due within two seconds.
	sourceTimeout = 4 * time.Second
)

// Ask gives the answer. It fails where the subject is not known (NotFound), and
// where nothing at all could be asked.
func Ask(ctx context.Context, d Deps, in api.WhyInput) (api.Why, error) {
	begun := d.Now()
	a := &analysis{d: d, in: in, now: in.To}
	if a.now.IsZero() {
		a.now = begun
	}
	a.out = api.Why{
		Time: a.now.UTC(), Candidates: []api.WhyCandidate{}, Cleared: []api.WhyCleared{}, Unknown: []api.BackendFailure{}, Warnings: []string{},
		Symptom: api.WhySymptom{Values: []api.MetricSeries{}, Evidence: []api.Fact{}},
	}
	if err := a.open(ctx); err != nil {
		return a.out, err
	}
	if err := a.resolve(ctx); err != nil {
		return a.out, err
	}
	if err := a.frame(ctx); err != nil {
		return a.out, err
	}
	a.symptom(ctx)
	a.gather(ctx)
	a.judge()
	a.out.Took = op.Duration(d.Now().Sub(begun))
	return a.out, nil
}

// analysis is one answer in the making.
type analysis struct {
	d   Deps
	in  api.WhyInput
	now time.Time
	out api.Why

	querier metrics.Querier
	store   logs.Store

	rule     *api.AlertRule
	window   metrics.Window // of all that is measured
	interval time.Duration  // between two samples
	rising   bool           // which way of the symptom is bad
	falling  bool

	signals  *signals
	changes  []api.Change
	patterns map[string][]news // by service
	state    map[string]*deploy.Snapshot
	others   []api.Annotation // alerts that fired in the window
	onset    time.Time        // of the symptom; zero is unknown
	within   time.Duration
}

// unknown notes a backend that did not answer.
func (a *analysis) unknown(backend string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	e := fail.From(err)
	if slices.ContainsFunc(a.out.Unknown, func(f api.BackendFailure) bool { return f.Backend == backend }) {
		return
	}
	a.out.Unknown = append(a.out.Unknown, api.BackendFailure{Backend: backend, Code: e.Code, Message: e.Error(), Next: e.Next})
}

func (a *analysis) knows(backend string) bool {
	return !slices.ContainsFunc(a.out.Unknown, func(f api.BackendFailure) bool { return f.Backend == backend })
}

// The names under which what is unknown is told.
const (
	ofMetrics  = "metrics"
	ofLogs     = "logs"
	ofAlerts   = "alerts"
	ofChanges  = "changes"
	ofClusters = "deployments"
)

// open reaches the backends; one that cannot be reached is unknown.
func (a *analysis) open(ctx context.Context) error {
	var err error
	missing := func(what string) error {
		return fail.New(fail.Unavailable, "this context has no %s", what).Hint("aictl config view, or aictl up")
	}
	if a.d.Metrics == nil {
		a.unknown(ofMetrics, missing("metrics backend"))
	} else if a.querier, err = a.d.Metrics(ctx); err != nil {
		a.unknown(ofMetrics, err)
	}
	if a.d.Logs == nil {
		a.unknown(ofLogs, missing("log store"))
	} else if a.store, err = a.d.Logs(ctx); err != nil {
		a.unknown(ofLogs, err)
	}
	if a.d.Changes == nil {
		a.unknown(ofChanges, missing("source of changes"))
	}
	if a.d.Clusters == nil {
		a.unknown(ofClusters, missing("engine of deployments"))
	}
	if a.querier == nil && a.store == nil && a.d.Changes == nil && a.d.Alerts == nil {
		return fail.New(fail.Unavailable, "this context has nothing to ask: no metrics, no logs, no alerts, no changes").Hint("aictl doctor")
	}
	return nil
}

// gather asks for everything besides the symptom, side by side.
func (a *analysis) gather(ctx context.Context) {
	var work errgroup.Group
	part := func(f func(ctx context.Context)) {
		work.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
			defer cancel()
			f(ctx)
			return nil
		})
	}
	var changed api.ChangeList
	var changesErr, clustersErr, logsErr error
	part(func(ctx context.Context) {
		if a.d.Changes != nil {
			changed, changesErr = a.d.Changes(ctx, a.window.From, a.now.Add(a.window.Step), a.in.Namespace)
		}
	})
	part(func(ctx context.Context) { a.state, clustersErr = a.replicas(ctx) })
	part(func(ctx context.Context) { a.patterns, logsErr = a.logNews(ctx) })
	_ = work.Wait()
	if changesErr != nil {
		a.unknown(ofChanges, changesErr)
	}
	for _, f := range changed.Failed {
		f.Backend = ofChanges + " of " + f.Backend
		a.out.Unknown = append(a.out.Unknown, f)
	}
	a.out.Warnings = append(a.out.Warnings, changed.Warnings...)
	a.changes = changed.Changes
	if clustersErr != nil {
		a.unknown(ofClusters, clustersErr)
	}
	if logsErr != nil {
		a.unknown(ofLogs, logsErr)
	}
	slices.SortFunc(a.out.Unknown, func(x, y api.BackendFailure) int { return strings.Compare(x.Backend, y.Backend) })
}

// replicas are the pictures of the subject and of what it depends on. They are
// of now, and say nothing of a moment long past.
func (a *analysis) replicas(ctx context.Context) (map[string]*deploy.Snapshot, error) {
	out := map[string]*deploy.Snapshot{}
	if a.d.Clusters == nil || a.d.Now().Sub(a.now) > 10*time.Minute {
		return out, nil
	}
	engines, err := a.d.Clusters(ctx)
	if err != nil {
		return out, err
	}
	const most = 8 // each costs the engine some questions
	var failed error
	for _, name := range a.around(most) {
		for _, e := range engines {
			s, err := e.Get(ctx, deploy.Ref{Name: name, Namespace: a.in.Namespace})
			switch fail.CodeOf(err) {
			case fail.OK:
				if out[name] == nil {
					out[name] = s
				}
			case fail.NotFound, fail.Usage: // another engine has it, or it is ambiguous there
			default:
				failed = err
			}
		}
	}
	if len(out) > 0 {
		failed = nil
	}
	return out, failed
}

// around are the subject and the services that it depends on, the nearest
// first, at most so many.
func (a *analysis) around(most int) []string {
	if a.out.Subject.Service == "" {
		return nil
	}
	distance := map[string]int{a.out.Subject.Service: 0}
	if a.signals != nil {
		distance = a.signals.graph.Downstream(a.out.Subject.Service, 3)
	}
	var out []string
	for name := range distance {
		out = append(out, name)
	}
	slices.SortFunc(out, func(x, y string) int {
		if distance[x] != distance[y] {
			return distance[x] - distance[y]
		}
		return strings.Compare(x, y)
	})
	return out[:min(len(out), most)]
}
