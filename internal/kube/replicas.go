package kube

import (
	"context"
	"iter"
	"strings"
	"sync"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	kwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// Replicas implements deploy.Cluster: the pods, page by page, and the watch of
// them from where the list was.
func (c *Client) Replicas(ctx context.Context, q deploy.ReplicaQuery) iter.Seq2[api.ReplicaEvent, error] {
	return func(yield func(api.ReplicaEvent, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l, err := c.podLister(ctx, q)
		if err != nil {
			yield(api.ReplicaEvent{}, err)
			return
		}
		stopped := false
		l.tell = func(e api.ReplicaEvent) bool {
			if !stopped && !yield(e, nil) {
				stopped = true
				cancel()
			}
			return !stopped
		}
		if q.Watch {
			l.told = &deploy.Told{}
			err = l.source().run(ctx, make(chan struct{}, 1))
		} else {
			_, err = l.list(ctx)
		}
		if err == nil && q.Watch {
			err = ctx.Err()
		}
		if err != nil && !stopped {
			yield(api.ReplicaEvent{}, fail.From(err))
		}
	}
}

// podLister tells of the pods that a query picks.
type podLister struct {
	c      *Client
	ns     string
	o      meta.ListOptions
	only   string // the workload, where one is named
	told   *deploy.Told
	synced bool // once
	tell   func(api.ReplicaEvent) bool
}

func (c *Client) podLister(ctx context.Context, q deploy.ReplicaQuery) (*podLister, error) {
	if _, err := labels.Parse(q.Selector); err != nil {
		return nil, fail.New(fail.Usage, "the selector %q does not parse: %s", q.Selector, oneLine(err.Error())).Hint("-l 'app=web,tier!=cache'")
	}
	l := &podLister{c: c, ns: q.Of(c.namespace), o: meta.ListOptions{LabelSelector: q.Selector}}
	if q.Workload.Name == "" {
		return l, nil
	}
	if q.AllNamespaces {
		return nil, fail.New(fail.Usage, "a single workload is in one namespace").Hint("give -n NAMESPACE")
	}
	w, err := c.find(ctx, deploy.Ref{Kind: q.Workload.Kind, Namespace: l.ns, Name: q.Workload.Name})
	if err != nil {
		return nil, err
	}
	own, err := podSelector(w)
	if err != nil {
		return nil, err
	}
	if q.Selector != "" {
		own += "," + q.Selector
	}
	// Workloads beside each other may have selectors of which one takes in the
	// other's pods (app=web beside app=web,track=canary): the owner decides.
	l.o.LabelSelector, l.only = own, strings.ToLower(w.kind)+"/"+w.meta.Name
	return l, nil
}

// list tells of all pods and gives the version to watch from. The next page is
// on its way while this one is told, and no more than two are held.
//
// A page is protobuf, decoded as pods and dropped: 10,000 pods of 2 KiB take
// 0.2 s of one core so, 1.1 s as JSON. A Table would be less to decode and is
// JSON only; its cells are for people ("3 (5m ago)"), and what a pod belongs
// to is in no cell, so that each row brings its metadata, with the managed
// fields, which are most of a pod.
func (l *podLister) list(ctx context.Context) (string, error) {
	if l.told != nil {
		l.told.Begin()
	}
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan []api.Replica)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var version string // these two are read when pages is closed
	var failed error
	wg.Go(func() {
		defer close(pages)
		version, failed = listAll(ctx, l.c, l.c.core(), "pods", l.ns, l.o, func(p *core.PodList) (string, string) {
			rows := make([]api.Replica, 0, len(p.Items))
			for i := range p.Items {
				if r, ok := l.row(&p.Items[i]); ok {
					rows = append(rows, r)
				}
			}
			select {
			case pages <- rows:
			case <-ctx.Done():
			}
			return p.Continue, p.ResourceVersion
		})
	})
	for rows := range pages {
		for i := range rows {
			if (l.told == nil || l.told.Seen(rows[i])) && !l.tell(api.ReplicaEvent{Type: api.ReplicaSeen, Replica: &rows[i]}) {
				return "", context.Canceled
			}
		}
	}
	if failed != nil {
		return "", failed
	}
	if l.told != nil {
		for _, r := range l.told.End() {
			l.tell(api.ReplicaEvent{Type: api.ReplicaGone, Replica: &r})
		}
	}
	l.synced = true
	l.tell(api.ReplicaEvent{Type: api.ReplicaSynced, Engine: l.c.Engine(), Context: l.c.name})
	return version, nil
}

// source is the list that is kept up to date.
func (l *podLister) source() *source {
	s := &source{c: l.c, client: l.c.core(), resource: "pods", ns: l.ns, o: l.o}
	s.list = func(ctx context.Context) (string, error) {
		version, err := l.list(ctx)
		code := fail.CodeOf(err)
		if err != nil && l.synced && ctx.Err() == nil && code != fail.Forbidden && code != fail.Auth { // what was told grows old; those two end it
			l.tell(api.ReplicaEvent{
				Type: api.ReplicaNotice, Engine: l.c.Engine(), Context: l.c.name, Message: "the pods cannot be watched now: " + err.Error(),
				Failure: &api.BackendFailure{Backend: l.c.Engine(), Code: code, Message: err.Error(), Next: fail.From(err).Next},
			})
		}
		return version, err
	}
	s.apply = func(kind kwatch.EventType, object runtime.Object) {
		p, ok := object.(*core.Pod)
		if !ok {
			return
		}
		r, ok := l.row(p)
		switch {
		case !ok:
		case kind == kwatch.Deleted:
			if l.told.Gone(r) {
				l.tell(api.ReplicaEvent{Type: api.ReplicaGone, Replica: &r})
			}
		case l.told.Seen(r):
			l.tell(api.ReplicaEvent{Type: api.ReplicaSeen, Replica: &r})
		}
	}
	return s
}

// row is a pod in one line; false says that it is another workload's.
func (l *podLister) row(p *core.Pod) (api.Replica, bool) {
	r := api.Replica{
		Engine: l.c.Engine(), Context: l.c.name, Namespace: p.Namespace, Name: p.Name, Node: p.Spec.NodeName, IP: p.Status.PodIP, Created: p.CreationTimestamp.UTC(),
	}
	r.Workload, r.Revision = ownerOfPod(p)
	if l.only != "" && r.Workload != l.only {
		return r, false
	}
	for i := range p.Status.Conditions {
		if k := &p.Status.Conditions[i]; k.Type == core.PodReady {
			r.Ready = k.Status == core.ConditionTrue
		}
	}
	describePod(p, &r)
	return r, true
}

// ownerOfPod is what a pod belongs to, and the hash of the template that it is
// of. A Deployment's ReplicaSet is named after both; no request is needed.
func ownerOfPod(p *core.Pod) (workload, revision string) {
	for i := range p.OwnerReferences {
		o := &p.OwnerReferences[i]
		if o.Controller == nil || !*o.Controller {
			continue
		}
		if hash := p.Labels["pod-template-hash"]; o.Kind == "ReplicaSet" && hash != "" {
			if base, ok := strings.CutSuffix(o.Name, "-"+hash); ok {
				return "deployment/" + base, hash
			}
		}
		hash := p.Labels["controller-revision-hash"]
		return strings.ToLower(o.Kind) + "/" + o.Name, strings.TrimPrefix(hash, o.Name+"-")
	}
	return "", ""
}
