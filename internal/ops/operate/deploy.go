package operate

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func bindDeploy(r *op.Registry, d Deps) {
	op.BindQuery(r, api.DeployList, func(ctx context.Context, in api.WorkloadFilter) (api.WorkloadList, error) {
		return deployList(ctx, d, in)
	})
	op.BindQuery(r, api.DeployShow, func(ctx context.Context, in api.DeployStatusInput) (api.DeployStatus, error) {
		c, s, err := d.find(ctx, in.WorkloadName)
		if err != nil {
			return api.DeployStatus{}, err
		}
		return deploy.Status(ctx, c, refOf(s), deploy.FollowOptions{JudgeOptions: deploy.JudgeOptions{Engine: in.Engine}, Lines: in.Lines, Now: d.now})
	})
	op.BindStream(r, api.DeployWatch, func(ctx context.Context, in api.DeployWatchInput) iter.Seq2[api.DeployWatchEvent, error] {
		return deployWatch(ctx, d, in)
	})
	op.BindQuery(r, api.DeployHistory, func(ctx context.Context, in api.WorkloadName) ([]api.DeployRevision, error) {
		c, s, err := d.find(ctx, in)
		if err != nil {
			return nil, err
		}
		list, err := c.History(ctx, refOf(s))
		return deploy.Histories(list), err
	})
	op.BindQuery(r, api.DeployCompare, func(ctx context.Context, in api.DeployDiffInput) (api.DeployDiff, error) {
		c, s, err := d.find(ctx, in.WorkloadName)
		if err != nil {
			return api.DeployDiff{}, err
		}
		diff, _, err := compare(ctx, c, s, in.From, in.ToRevision)
		return diff, err
	})
	op.BindStream(r, api.DeployWait, func(ctx context.Context, in api.DeployWaitInput) iter.Seq2[api.DeployWaitEvent, error] {
		return deployWait(ctx, d, in)
	})
	op.BindStream(r, api.DeployVerify, func(ctx context.Context, in api.DeployVerifyInput) iter.Seq2[api.DeployWaitEvent, error] {
		return deployVerify(ctx, d, in)
	})
	op.BindStream(r, api.DeployReplicas, func(ctx context.Context, in api.ReplicaFilter) iter.Seq2[api.ReplicaEvent, error] {
		return deployReplicas(ctx, d, in)
	})
	op.BindStream(r, api.DeployLogs, func(ctx context.Context, in api.DeployLogsInput) iter.Seq2[api.LogEvent, error] {
		return deployLogs(ctx, d, in)
	})
	bindDeployChanges(r, d)
}

// clusters gives the engines, all of them or the one that is named.
func (d Deps) clusters(ctx context.Context, engine string) ([]deploy.Cluster, error) {
	if d.Clusters == nil {
		return nil, fail.New(fail.Unavailable, "this context has neither a Kubernetes cluster nor a control plane").
			Hint("aictl up, or give the context a kubeconfig: aictl context set NAME backends.kubernetes.kubeconfig=PATH")
	}
	all, err := d.Clusters(ctx)
	if err != nil {
		return nil, err
	}
	if engine != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(c deploy.Cluster) bool { return c.Engine() != engine })
	}
	if len(all) == 0 {
		return nil, fail.New(fail.Unavailable, "this context has no engine %s", engine).Hint("aictl doctor")
	}
	return all, nil
}

// answer is what one engine says.
type answer struct {
	c    deploy.Cluster
	s    *deploy.Snapshot
	list []api.Workload
	err  error
}

// ask puts a question to every engine at once.
func ask(clusters []deploy.Cluster, question func(c deploy.Cluster, into *answer)) []answer {
	out := make([]answer, len(clusters))
	var wg sync.WaitGroup
	for i, c := range clusters {
		out[i].c = c
		wg.Go(func() { question(c, &out[i]) })
	}
	wg.Wait()
	return out
}

// find gives the workload of a name, and the engine that has it.
func (d Deps) find(ctx context.Context, in api.WorkloadName) (deploy.Cluster, *deploy.Snapshot, error) {
	r, err := d.ref(in.Name, in.Namespace)
	if err != nil {
		return nil, nil, err
	}
	clusters, err := d.clusters(ctx, in.Engine)
	if err != nil {
		return nil, nil, err
	}
	answers := ask(clusters, func(c deploy.Cluster, into *answer) { into.s, into.err = c.Get(ctx, r) })
	var found []answer
	var failed error
	for _, a := range answers {
		switch {
		case a.err == nil:
			found = append(found, a)
		case failed == nil || fail.CodeOf(failed) == fail.NotFound: // what an engine cannot say weighs more than that it has nothing
			failed = a.err
		}
	}
	switch len(found) {
	case 0:
		return nil, nil, failed
	case 1:
		return found[0].c, found[0].s, nil
	}
	var where []string
	for _, a := range found {
		where = append(where, strings.TrimSpace(a.c.Engine()+" "+a.s.Workload.Context)+": "+deploy.Title(a.s.Workload))
	}
	return nil, nil, fail.New(fail.Usage, "%q is the name of several: %s", in.Name, strings.Join(where, ", ")).Hint("choose with KIND/NAME, or --engine %s", found[0].c.Engine())
}

func (d Deps) ref(name, namespace string) (deploy.Ref, error) {
	if namespace == "*" {
		return deploy.Ref{}, fail.New(fail.Usage, "a single workload is in one namespace").Hint("give -n NAMESPACE")
	}
	if namespace == "" {
		namespace = d.Namespace
	}
	return deploy.ParseRef(name, namespace)
}

func refOf(s *deploy.Snapshot) deploy.Ref {
	return deploy.Ref{Kind: s.Workload.Kind, Namespace: s.Workload.Namespace, Name: s.Workload.Name}
}

func deployList(ctx context.Context, d Deps, in api.WorkloadFilter) (api.WorkloadList, error) {
	out := api.WorkloadList{Workloads: []api.Workload{}, Failed: []api.BackendFailure{}}
	f := deploy.Filter{Namespace: in.Namespace, Selector: in.Selector}
	if in.Namespace == "*" {
		f.Namespace, f.AllNamespaces = "", true
	} else if f.Namespace == "" {
		f.Namespace = d.Namespace
	}
	for _, word := range in.Kind {
		k, err := deploy.ParseKind(word)
		if err != nil {
			return out, err
		}
		f.Kinds = append(f.Kinds, k)
	}
	var only deploy.Ref
	if in.Name != "" {
		r, err := deploy.ParseRef(in.Name, "")
		if err != nil {
			return out, err
		}
		only = r
	}
	clusters, err := d.clusters(ctx, in.Engine)
	if err != nil {
		return out, err
	}
	answers := ask(clusters, func(c deploy.Cluster, into *answer) { into.list, into.err = c.List(ctx, f) })
	for _, a := range answers {
		if a.err != nil {
			if len(answers) == 1 {
				return out, a.err
			}
			e := fail.From(a.err)
			out.Failed = append(out.Failed, api.BackendFailure{Backend: a.c.Engine(), Code: e.Code, Message: e.Error(), Next: e.Next})
			continue
		}
		for _, w := range a.list {
			if only.Name == "" || w.Name == only.Name && (only.Kind == "" || only.Kind == w.Kind) {
				out.Workloads = append(out.Workloads, w)
			}
		}
	}
	if len(out.Failed) == len(answers) {
		return out, answers[0].err
	}
	return out, nil
}

func deployWatch(ctx context.Context, d Deps, in api.DeployWatchInput) iter.Seq2[api.DeployWatchEvent, error] {
	return func(yield func(api.DeployWatchEvent, error) bool) {
		c, s, err := d.find(ctx, in.WorkloadName)
		if err != nil {
			yield(api.DeployWatchEvent{}, err)
			return
		}
		o := deploy.FollowOptions{Lines: in.Lines, Now: d.now, JudgeOptions: deploy.JudgeOptions{
			Revision: in.Revision, Template: in.Template, Generation: in.Generation, Engine: in.Engine,
		}}
		if in.Grace != nil {
			if *in.Grace < 0 {
				yield(api.DeployWatchEvent{}, fail.New(fail.Usage, "--grace %s is before now", time.Duration(*in.Grace)).Hint("--grace 30s"))
				return
			}
			grace := time.Duration(*in.Grace)
			o.Grace = &grace
		}
		for e, err := range deploy.Follow(ctx, c, refOf(s), o) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// compare makes the difference between two revisions of a workload: between
// the current one and that of an undo where none is named.
func compare(ctx context.Context, c deploy.Cluster, s *deploy.Snapshot, from, to string) (api.DeployDiff, deploy.Revision, error) {
	none := api.DeployDiff{}
	history, err := c.History(ctx, refOf(s))
	if err != nil {
		return none, deploy.Revision{}, err
	}
	var target, current deploy.Revision
	if from != "" && to != "" { // neither needs to be the current one
		for _, name := range []string{from, to} {
			at := slices.IndexFunc(history, func(r deploy.Revision) bool { return r.Name == name })
			if at < 0 {
				return none, target, fail.New(fail.NotFound, "%s has no revision %q", deploy.Title(s.Workload), name).Hint("aictl deploy history %s", deploy.Title(s.Workload))
			}
			current, target = target, history[at]
		}
	} else {
		if target, current, err = deploy.Target(s.Workload, history, to); err != nil {
			return none, target, err
		}
		if from != "" {
			if target, _, err = deploy.Target(s.Workload, history, from); err != nil {
				return none, target, err
			}
			current, target = target, current
		}
	}
	around, err := c.Related(ctx, refOf(s))
	if err != nil && fail.CodeOf(err) != fail.Forbidden {
		return none, target, err
	}
	diff := deploy.Compare(s, current, target, around)
	if err != nil { // what may not be read is said, and stops nothing
		diff.Since = append(diff.Since, api.DeployAround{Kind: "note", Object: deploy.Title(s.Workload), Message: fmt.Sprintf("what else changed is not known: %s", err)})
	}
	return diff, target, nil
}
