package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
)

// The annotations of a rollout. The first two are kubectl's and the
// controllers' own.
const (
	changeCause   = "kubernetes.io/change-cause"
	revisionNote  = "deployment.kubernetes.io/revision"
	restartedAt   = "kubectl.kubernetes.io/restartedAt"
	actorNote     = "aictl.dev/actor"
	changedAtNote = "aictl.dev/changed-at"
)

// resources are the kinds by their names in paths, in the order of lists.
var resources = []struct{ kind, name string }{
	{deploy.Deployment, "deployments"}, {deploy.StatefulSet, "statefulsets"}, {deploy.DaemonSet, "daemonsets"},
}

func resourceOf(kind string) string {
	for _, r := range resources {
		if r.kind == kind {
			return r.name
		}
	}
	return ""
}

// workload is what the three kinds have in common.
type workload struct {
	kind     string
	object   runtime.Object
	meta     *meta.ObjectMeta
	template *core.PodTemplateSpec
	selector *meta.LabelSelector

	desired, updated, ready, available int32
	observed                           int64
	paused                             bool
	deadline                           time.Duration
	conditions                         []deploy.Condition
	// revision of the newest template: its number or its hash; "" where only the
	// owned objects tell.
	revision string
}

func newObject(kind string) (runtime.Object, error) {
	switch kind {
	case deploy.Deployment:
		return &apps.Deployment{}, nil
	case deploy.StatefulSet:
		return &apps.StatefulSet{}, nil
	case deploy.DaemonSet:
		return &apps.DaemonSet{}, nil
	}
	return nil, fail.New(fail.Usage, "a cluster has no %s to operate", kind).Hint("deployment, statefulset or daemonset")
}

// view reads an object as a workload.
func view(object runtime.Object) workload {
	w := workload{object: object}
	switch o := object.(type) {
	case *apps.Deployment:
		w.kind, w.meta, w.template, w.selector = deploy.Deployment, &o.ObjectMeta, &o.Spec.Template, o.Spec.Selector
		w.desired = 1
		if o.Spec.Replicas != nil {
			w.desired = *o.Spec.Replicas
		}
		s := o.Status
		w.updated, w.ready, w.available, w.observed = s.UpdatedReplicas, s.ReadyReplicas, s.AvailableReplicas, s.ObservedGeneration
		w.paused, w.revision = o.Spec.Paused, o.Annotations[revisionNote]
		if o.Spec.ProgressDeadlineSeconds != nil {
			w.deadline = time.Duration(*o.Spec.ProgressDeadlineSeconds) * time.Second
		}
		for _, k := range s.Conditions {
			w.conditions = append(w.conditions, condition(string(k.Type), string(k.Status), k.Reason, k.Message, k.LastTransitionTime))
		}
	case *apps.StatefulSet:
		w.kind, w.meta, w.template, w.selector = deploy.StatefulSet, &o.ObjectMeta, &o.Spec.Template, o.Spec.Selector
		w.desired = 1
		if o.Spec.Replicas != nil {
			w.desired = *o.Spec.Replicas
		}
		s := o.Status
		w.updated, w.ready, w.available, w.observed = s.UpdatedReplicas, s.ReadyReplicas, s.AvailableReplicas, s.ObservedGeneration
		if s.UpdateRevision == s.CurrentRevision { // the controller then counts nothing as updated
			w.updated = max(w.updated, s.CurrentReplicas)
		}
		for _, k := range s.Conditions {
			w.conditions = append(w.conditions, condition(string(k.Type), string(k.Status), k.Reason, k.Message, k.LastTransitionTime))
		}
	case *apps.DaemonSet:
		w.kind, w.meta, w.template, w.selector = deploy.DaemonSet, &o.ObjectMeta, &o.Spec.Template, o.Spec.Selector
		s := o.Status
		w.desired, w.updated, w.ready, w.available, w.observed = s.DesiredNumberScheduled, s.UpdatedNumberScheduled, s.NumberReady, s.NumberAvailable, s.ObservedGeneration
		for _, k := range s.Conditions {
			w.conditions = append(w.conditions, condition(string(k.Type), string(k.Status), k.Reason, k.Message, k.LastTransitionTime))
		}
	}
	return w
}

func condition(kind, status, reason, message string, since meta.Time) deploy.Condition {
	return deploy.Condition{Type: kind, Status: status, Reason: reason, Message: message, Since: since.UTC()}
}

// version is the token of optimistic concurrency: it moves with what is asked
// for and not with status.
func (w workload) version() string {
	return string(w.meta.UID) + "/" + strconv.FormatInt(w.meta.Generation, 10)
}

// row is the workload as the list shows it.
func (w workload) row(c *Client) api.Workload {
	out := api.Workload{
		Engine: c.Engine(), Context: c.name, Namespace: w.meta.Namespace, Kind: w.kind, Name: w.meta.Name,
		Desired: int(w.desired), Updated: int(w.updated), Ready: int(w.ready), Available: int(w.available),
		Revision: w.revision, Cause: w.meta.Annotations[changeCause], Created: w.meta.CreationTimestamp.UTC(), Images: []string{},
	}
	for _, k := range w.template.Spec.Containers {
		out.Images = append(out.Images, k.Image)
	}
	out.State = w.state()
	out.Changed = changed(w.meta, w.conditions)
	return out
}

// state is one word, from the status alone.
func (w workload) state() string {
	for _, k := range w.conditions {
		failing := k.Type == "ReplicaFailure" && k.Status == "True" || k.Type == "Progressing" && k.Status == "False" && k.Reason == "ProgressDeadlineExceeded"
		if failing {
			return "failed"
		}
	}
	switch {
	case w.paused:
		return "paused"
	case w.desired == 0 && w.ready == 0:
		return "stopped"
	case w.observed < w.meta.Generation || w.updated < w.desired:
		return "progressing"
	case w.available < w.desired:
		return "degraded"
	}
	return "ready"
}

// changed is when the newest revision was made, as well as it is known: by us,
// or by whoever else wrote the template since.
func changed(m *meta.ObjectMeta, conditions []deploy.Condition) time.Time {
	var latest time.Time
	if t, err := time.Parse(time.RFC3339, m.Annotations[changedAtNote]); err == nil {
		latest = t.UTC()
	}
	noted := !latest.IsZero()
	for _, f := range m.ManagedFields {
		if f.Subresource != "" || f.Time == nil || f.FieldsV1 == nil || noted && f.Manager == FieldManager {
			continue // ours is also of scalings
		}
		if f.Time.After(latest) && strings.Contains(string(f.FieldsV1.GetRawBytes()), `"f:template"`) {
			latest = f.Time.UTC()
		}
	}
	if latest.IsZero() {
		for _, k := range conditions {
			if k.Type == "Progressing" && k.Since.After(latest) {
				latest = k.Since
			}
		}
	}
	return latest
}

// List implements deploy.Cluster: one request a kind and page, and no pods.
func (c *Client) List(ctx context.Context, f deploy.Filter) ([]api.Workload, error) {
	namespace := cmp.Or(f.Namespace, c.namespace)
	if f.AllNamespaces {
		namespace = ""
	}
	if _, err := labels.Parse(f.Selector); err != nil {
		return nil, fail.New(fail.Usage, "the selector %q does not parse: %s", f.Selector, oneLine(err.Error())).Hint("-l 'app=web,tier!=cache'")
	}
	o := meta.ListOptions{LabelSelector: f.Selector}
	out := []api.Workload{}
	for _, r := range resources {
		if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, r.kind) {
			continue
		}
		objects, err := c.objects(ctx, r.kind, namespace, o)
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			out = append(out, view(object).row(c))
		}
	}
	slices.SortFunc(out, func(a, b api.Workload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

func (c *Client) objects(ctx context.Context, kind, namespace string, o meta.ListOptions) ([]runtime.Object, error) {
	out, _, err := c.objectsAt(ctx, kind, namespace, o)
	return out, err
}

// objectsAt also gives the version to watch from.
func (c *Client) objectsAt(ctx context.Context, kind, namespace string, o meta.ListOptions) (out []runtime.Object, version string, err error) {
	name := resourceOf(kind)
	switch kind {
	case deploy.Deployment:
		version, err = listAll(ctx, c, c.apps(), name, namespace, o, func(l *apps.DeploymentList) (string, string) {
			for i := range l.Items {
				out = append(out, &l.Items[i])
			}
			return l.Continue, l.ResourceVersion
		})
	case deploy.StatefulSet:
		version, err = listAll(ctx, c, c.apps(), name, namespace, o, func(l *apps.StatefulSetList) (string, string) {
			for i := range l.Items {
				out = append(out, &l.Items[i])
			}
			return l.Continue, l.ResourceVersion
		})
	case deploy.DaemonSet:
		version, err = listAll(ctx, c, c.apps(), name, namespace, o, func(l *apps.DaemonSetList) (string, string) {
			for i := range l.Items {
				out = append(out, &l.Items[i])
			}
			return l.Continue, l.ResourceVersion
		})
	}
	return out, version, err
}

// find reads the object that a reference means. Without a kind each is asked.
func (c *Client) find(ctx context.Context, r deploy.Ref) (workload, error) {
	r.Namespace = cmp.Or(r.Namespace, c.namespace)
	if r.Kind != "" {
		object, err := newObject(r.Kind)
		if err != nil {
			return workload{}, err
		}
		if err := c.get(ctx, r, object); err != nil {
			if fail.CodeOf(err) == fail.NotFound {
				return workload{}, c.missing(ctx, r)
			}
			return workload{}, err
		}
		return view(object), nil
	}
	var found []workload
	var refused error // of a kind that the person may not see
	for _, kind := range resources {
		object, err := newObject(kind.kind)
		if err != nil {
			return workload{}, err
		}
		one := r
		one.Kind = kind.kind
		switch err := c.get(ctx, one, object); {
		case fail.CodeOf(err) == fail.NotFound:
			continue
		case fail.CodeOf(err) == fail.Forbidden:
			refused = cmp.Or(refused, err)
			continue
		case err != nil:
			return workload{}, err
		}
		found = append(found, view(object))
	}
	switch len(found) {
	case 0:
		if refused != nil {
			return workload{}, refused
		}
		return workload{}, c.missing(ctx, r)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, w := range found {
		names = append(names, strings.ToLower(w.kind)+"/"+r.Name)
	}
	return workload{}, fail.New(fail.Usage, "%s is ambiguous in namespace %s: %s", r.Name, r.Namespace, strings.Join(names, " and ")).
		Hint("give the kind: %s", names[0])
}

func (c *Client) get(ctx context.Context, r deploy.Ref, into runtime.Object) error {
	resource := resourceOf(r.Kind)
	err := c.apps().Get().Namespace(r.Namespace).Resource(resource).Name(r.Name).Do(ctx).Into(into)
	return c.explain(err, "get", resource, r.Namespace, r.Name)
}

// missing is NotFound with the name that is nearest.
func (c *Client) missing(ctx context.Context, r deploy.Ref) error {
	what := "workload"
	var kinds []string
	if r.Kind != "" {
		what, kinds = strings.ToLower(r.Kind), []string{r.Kind}
	}
	e := fail.New(fail.NotFound, "there is no %s %q in namespace %s", what, r.Name, r.Namespace).Hint("aictl deploy list -n %s", r.Namespace)
	all, err := c.List(ctx, deploy.Filter{Namespace: r.Namespace, Kinds: kinds})
	if err != nil {
		return e
	}
	best, name := 3, ""
	for _, w := range all {
		if d := nearest.Distance(r.Name, w.Name); d < best {
			best, name = d, strings.ToLower(w.Kind)+"/"+w.Name
		}
	}
	if name != "" {
		return fail.New(fail.NotFound, "there is no %s %q in namespace %s: did you mean %s?", what, r.Name, r.Namespace, name).
			Hint("aictl deploy status %s -n %s", name, r.Namespace)
	}
	return e
}

// raw is the object as JSON, without managed fields and without the literal
// values of variables, which may be secrets.
func raw(object runtime.Object) []byte {
	copied := object.DeepCopyObject()
	w := view(copied)
	w.meta.ManagedFields = nil
	delete(w.meta.Annotations, "kubectl.kubernetes.io/last-applied-configuration")
	for _, list := range [][]core.Container{w.template.Spec.InitContainers, w.template.Spec.Containers} {
		for i := range list {
			for j := range list[i].Env {
				list[i].Env[j].Value = ""
			}
		}
	}
	body, err := json.Marshal(copied)
	if err != nil {
		return nil
	}
	var m map[string]any
	if json.Unmarshal(body, &m) == nil {
		m["apiVersion"], m["kind"] = "apps/v1", w.kind
		if fresh, err := json.Marshal(m); err == nil {
			return fresh
		}
	}
	return body
}

func podSelector(w workload) (string, error) {
	s, err := meta.LabelSelectorAsSelector(w.selector)
	if err != nil || s.Empty() {
		return "", fail.New(fail.Failed, "%s %s has no selector that can be read", w.kind, w.meta.Name)
	}
	return s.String(), nil
}
