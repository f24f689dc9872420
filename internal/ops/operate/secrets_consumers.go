package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/secrets"
)

// SecretGate judges PromQL comparisons for rotations ("errors < 0.1", of every
// series); nil where there is no metrics backend.
func SecretGate(querier func(ctx context.Context) (metrics.Querier, error), now func() time.Time) secrets.Gate {
	if querier == nil {
		return nil
	}
	d := Deps{Metrics: querier, Now: now}
	return func(ctx context.Context, expr string) (bool, string, error) {
		e, err := deploy.ParseExpr("metric: "+expr, nil)
		if err != nil {
			return false, "", err
		}
		truth, found, err := e.Ask(ctx, d.asker())
		if err == nil && truth == deploy.Unknown {
			err = fail.New(fail.Inconclusive, "%s: %s", expr, found)
		}
		return truth == deploy.True, expr + ": " + found, err
	}
}

// SecretConsumers finds and restarts what uses secrets, over the engines of
// deployments; nil where there are none.
func SecretConsumers(clusters func(ctx context.Context) ([]deploy.Cluster, error), now func() time.Time) secrets.Consumers {
	if clusters == nil {
		return nil
	}
	return &workloads{clusters: clusters, now: now}
}

type workloads struct {
	clusters func(ctx context.Context) ([]deploy.Cluster, error)
	now      func() time.Time
}

// lookers bounds how many workloads are read at once.
const lookers = 8

// Find implements secrets.Consumers. It reads every workload of every engine
// that might refer to one of the secrets.
func (w *workloads) Find(ctx context.Context, refs []secrets.Ref) ([]secrets.Use, error) {
	clusters, err := w.clusters(ctx)
	if err != nil {
		return nil, err
	}
	wanted := sources(refs)
	var mu sync.Mutex // guards out and failed
	var out []secrets.Use
	var failed error
	for _, c := range clusters {
		list, err := wanted.workloads(ctx, c)
		if err != nil {
			return nil, err
		}
		slots := make(chan struct{}, lookers)
		var wg sync.WaitGroup
		for _, item := range list {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				s, err := c.Get(ctx, deploy.Ref{Kind: item.Kind, Namespace: item.Namespace, Name: item.Name})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case fail.CodeOf(err) == fail.NotFound: // it went meanwhile
				case err != nil:
					failed = err
				default:
					out = append(out, wanted.uses(c.Engine(), s)...)
				}
			})
		}
		wg.Wait()
	}
	slices.SortFunc(out, func(a, b secrets.Use) int {
		return strings.Compare(a.Consumer.String()+a.Ref.String(), b.Consumer.String()+b.Ref.String())
	})
	return out, failed
}

// wantedSources are the forms in which a template may name the secrets.
type wantedSources struct {
	refs       []secrets.Ref
	namespaces map[string]bool // of Kubernetes
}

func sources(refs []secrets.Ref) wantedSources {
	w := wantedSources{refs: refs, namespaces: map[string]bool{}}
	for _, r := range refs {
		if ns, _, ok := strings.Cut(r.Path, "/"); ok && r.Store == secrets.KindKubernetes {
			w.namespaces[ns] = true
		}
	}
	return w
}

// workloads are those of an engine that might refer to one of the secrets. A
// pod reads Secrets of its own namespace alone, so that nobody needs the right
// to see the others.
func (w wantedSources) workloads(ctx context.Context, c deploy.Cluster) ([]api.Workload, error) {
	if c.Engine() != secrets.KindKubernetes {
		return c.List(ctx, deploy.Filter{AllNamespaces: true})
	}
	var out []api.Workload
	for ns := range w.namespaces {
		list, err := c.List(ctx, deploy.Filter{Namespace: ns})
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// uses matches a workload's template. On Kubernetes a template names a Secret
// of its own namespace ("secret/NAME:KEY", "secret/NAME" for all its keys); on
// the control plane's runtime it names a reference ("secret/STORE:PATH").
func (w wantedSources) uses(engine string, s *deploy.Snapshot) []secrets.Use {
	var named []string
	for _, c := range s.Template.Containers {
		for _, e := range c.Env {
			if src, ok := strings.CutPrefix(e.Source, "secret/"); ok {
				named = append(named, src)
			}
		}
	}
	for _, v := range s.Template.Volumes {
		if src, ok := strings.CutPrefix(v.Source, "secret/"); ok {
			named = append(named, src)
		}
	}
	who := secrets.Consumer{Cluster: strings.Trim(engine+"/"+s.Workload.Context, "/"), Namespace: s.Workload.Namespace, Kind: s.Workload.Kind, Name: s.Workload.Name}
	var out []secrets.Use
	for _, r := range w.refs {
		if slices.ContainsFunc(named, func(src string) bool { return refers(engine, s.Workload.Namespace, src, r) }) {
			out = append(out, secrets.Use{Ref: r, Consumer: who})
		}
	}
	return out
}

func refers(engine, namespace, source string, r secrets.Ref) bool {
	if engine != secrets.KindKubernetes {
		got, err := secrets.ParseRef(source)
		return err == nil && got.Store == r.Store && got.Path == r.Path && (r.Member == "" || got.Member == "" || got.Member == r.Member)
	}
	parts := strings.Split(r.Path, "/")
	if r.Store != secrets.KindKubernetes || len(parts) != 3 || parts[0] != namespace {
		return false
	}
	name, key, one := strings.Cut(source, ":")
	return name == parts[1] && (!one || key == parts[2])
}

// at gives the engine and the picture of a consumer.
func (w *workloads) at(ctx context.Context, c secrets.Consumer) (deploy.Cluster, deploy.Ref, *deploy.Snapshot, error) {
	r := deploy.Ref{Kind: c.Kind, Namespace: c.Namespace, Name: c.Name}
	clusters, err := w.clusters(ctx)
	if err != nil {
		return nil, r, nil, err
	}
	engine, where, _ := strings.Cut(c.Cluster, "/")
	var last error
	for _, k := range clusters {
		if k.Engine() != engine {
			continue
		}
		s, err := k.Get(ctx, r)
		switch {
		case fail.CodeOf(err) == fail.NotFound:
		case err != nil:
			last = err
		case where == "" || s.Workload.Context == where:
			return k, r, s, nil
		}
	}
	if last == nil {
		last = fail.New(fail.NotFound, "%s is not there any more", c)
	}
	return nil, r, nil, last
}

// Now implements secrets.Consumers.
func (w *workloads) Now(ctx context.Context, c secrets.Consumer) (time.Time, error) {
	_, _, s, err := w.at(ctx, c)
	if err != nil {
		return time.Time{}, err
	}
	return w.taken(s), nil
}

func (w *workloads) taken(s *deploy.Snapshot) time.Time {
	if s.Taken.IsZero() {
		return w.now().UTC()
	}
	return s.Taken.UTC()
}

// Restart implements secrets.Consumers.
func (w *workloads) Restart(ctx context.Context, c secrets.Consumer, cause string) (time.Time, error) {
	k, r, s, err := w.at(ctx, c)
	if fail.CodeOf(err) == fail.NotFound { // nothing of it runs
		return w.now().UTC(), nil
	}
	if err != nil {
		return time.Time{}, err
	}
	_, err = k.Change(ctx, r, deploy.Change{Restart: true, Cause: cause, Actor: caller(ctx)})
	return w.taken(s), err
}

// Proof implements secrets.Consumers. A replica is fresh when it was created
// at or after the moment and is of the revision that is rolled out: the
// engine's times have whole seconds only, and the revision tells apart what
// was created in the same second.
func (w *workloads) Proof(ctx context.Context, c secrets.Consumer, since time.Time) (secrets.Proof, error) {
	_, _, s, err := w.at(ctx, c)
	if fail.CodeOf(err) == fail.NotFound {
		return secrets.Proof{Observed: true}, nil
	}
	if err != nil {
		return secrets.Proof{}, err
	}
	return proofOf(s, since, w.now()), nil
}

func proofOf(s *deploy.Snapshot, since, now time.Time) secrets.Proof {
	out := secrets.Proof{Observed: s.Observed >= s.Generation}
	for _, r := range s.Replicas {
		switch {
		case r.Phase == "Succeeded" || r.Phase == "Failed":
		case !r.Current || r.Created.IsZero() || r.Created.Before(since.Truncate(time.Second)):
			out.Stale = append(out.Stale, r.Name)
		case r.Ready && !r.Deleting:
			out.Fresh = append(out.Fresh, r.Name)
		default:
			out.Waiting = append(out.Waiting, r.Name)
		}
	}
	if missing := s.Workload.Desired - len(out.Fresh) - len(out.Waiting); missing > 0 {
		out.Waiting = append(out.Waiting, fmt.Sprintf("%d not made yet", missing))
	}
	if verdict, _ := deploy.Judge(deploy.State{}, s, now, deploy.JudgeOptions{}); verdict.Outcome == api.DeployFailed {
		out.Failed = verdict.Code + ": " + verdict.Message
	}
	return out
}
