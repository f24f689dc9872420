package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// tries is how often a change is sent again when only the status of its object
// moved in between.
const tries = 5

// Change implements deploy.Cluster. Workloads of others are changed by a
// strategic merge patch under our field manager, at the resource version that
// was looked at: server-side apply would take away what an earlier change of
// ours set and this one does not repeat.
func (c *Client) Change(ctx context.Context, r deploy.Ref, ch deploy.Change) (*deploy.Snapshot, error) {
	for try := 1; ; try++ {
		w, err := c.find(ctx, r)
		if err != nil {
			return nil, err
		}
		if ch.Version != "" && ch.Version != w.version() {
			return nil, fail.New(fail.Conflict, "%s %s changed since it was looked at", strings.ToLower(w.kind), w.meta.Name).
				Hint("look again: aictl deploy status %s/%s -n %s", strings.ToLower(w.kind), w.meta.Name, w.meta.Namespace)
		}
		if ch.Delete {
			return c.remove(ctx, w, ch)
		}
		patch, err := c.patch(ctx, w, ch)
		if err != nil {
			return nil, err
		}
		object, err := c.send(ctx, w, patch, ch)
		if fail.CodeOf(err) == fail.Conflict && try < tries {
			continue // the status moved, or somebody was first: then the version says so
		}
		if err != nil {
			return nil, err
		}
		fresh := view(object)
		if ch.Dry { // nothing of it happens: the pods are as they were
			fresh.observed = fresh.meta.Generation
		}
		a, err := c.around(ctx, fresh)
		if err != nil {
			return nil, err
		}
		return c.picture(a), nil
	}
}

// patch is what is sent: the version that it is made for, why, and the change.
func (c *Client) patch(ctx context.Context, w workload, ch deploy.Change) (map[string]any, error) {
	spec := map[string]any{}
	named := ""
	rolls := true
	switch {
	case ch.Scale != nil:
		if w.kind == deploy.DaemonSet {
			return nil, fail.New(fail.Usage, "a DaemonSet runs one pod a node: it has no number of replicas").Hint("%s", nodesOf(w))
		}
		spec["replicas"], rolls = *ch.Scale, false
	case ch.Pause != nil:
		if w.kind != deploy.Deployment {
			return nil, fail.New(fail.Usage, "a %s cannot be paused: Kubernetes does that for Deployments only", w.kind).
				Hint("aictl deploy undo %s/%s -n %s, which stops a rollout", strings.ToLower(w.kind), w.meta.Name, w.meta.Namespace)
		}
		spec["paused"], rolls = *ch.Pause, false
	case ch.Restart:
		named = "restart"
		spec["template"] = map[string]any{"metadata": map[string]any{"annotations": map[string]any{restartedAt: c.now().UTC().Format(time.RFC3339)}}}
	case len(ch.Images) > 0:
		containers, names, err := images(w, ch.Images)
		if err != nil {
			return nil, err
		}
		named = "set image " + strings.Join(names, ", ")
		spec["template"] = map[string]any{"spec": containers}
	case ch.Undo != "":
		list, err := c.versions(ctx, w)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(v version) bool { return v.Name == ch.Undo })
		if i < 0 {
			return nil, fail.New(fail.NotFound, "%s %s has no revision %s", strings.ToLower(w.kind), w.meta.Name, ch.Undo).
				Hint("aictl deploy history %s/%s -n %s", strings.ToLower(w.kind), w.meta.Name, w.meta.Namespace)
		}
		template, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&list[i].template)
		if err != nil {
			return nil, err
		}
		template["$patch"] = "replace"
		named = "undo to revision " + ch.Undo
		spec["template"] = template
	case ch.Canary != nil:
		return nil, fail.New(fail.Refused, "Kubernetes has no canary by share of calls").
			Hint("run the service on the control plane's runtime, or roll out a second Deployment behind the same Service")
	default:
		return nil, fail.New(fail.Usage, "the change says nothing to do")
	}
	notes := map[string]any{changedAtNote: c.now().UTC().Format(time.RFC3339Nano)}
	if ch.Actor != "" {
		notes[actorNote] = ch.Actor
	}
	if rolls { // a revision is named by why it was made
		notes[changeCause] = cmp.Or(ch.Cause, "aictl: "+named)
	} else if ch.Cause != "" {
		notes["aictl.dev/reason"] = ch.Cause
	}
	if !rolls {
		delete(notes, changedAtNote)
	}
	return map[string]any{"metadata": map[string]any{"resourceVersion": w.meta.ResourceVersion, "annotations": notes}, "spec": spec}, nil
}

// nodesOf is the command that gives a DaemonSet another pod, or shows where it
// has one already.
func nodesOf(w workload) string {
	selector := w.template.Spec.NodeSelector
	if len(selector) == 0 {
		return "kubectl get nodes"
	}
	words := []string{"kubectl label node NODE"}
	for _, key := range slices.Sorted(maps.Keys(selector)) {
		words = append(words, key+"="+selector[key])
	}
	return strings.Join(words, " ")
}

// images are the containers of a patch, found among both kinds.
func images(w workload, wanted map[string]string) (spec map[string]any, said []string, err error) {
	spec = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		image := wanted[name]
		if name == "" {
			if len(w.template.Spec.Containers) != 1 {
				var names []string
				for _, k := range w.template.Spec.Containers {
					names = append(names, k.Name)
				}
				return nil, nil, fail.New(fail.Usage, "%s has %d containers: name one of %s", w.meta.Name, len(names), strings.Join(names, ", ")).
					Hint("%s=%s", names[0], image)
			}
			name = w.template.Spec.Containers[0].Name
		}
		key := ""
		for _, k := range w.template.Spec.Containers {
			if k.Name == name {
				key = "containers"
			}
		}
		for _, k := range w.template.Spec.InitContainers {
			if k.Name == name {
				key = "initContainers"
			}
		}
		if key == "" {
			return nil, nil, fail.New(fail.NotFound, "%s has no container %q", w.meta.Name, name).
				Hint("aictl deploy status %s/%s -n %s -o wide", strings.ToLower(w.kind), w.meta.Name, w.meta.Namespace)
		}
		list, _ := spec[key].([]any)
		spec[key] = append(list, map[string]any{"name": name, "image": image})
		said = append(said, name+"="+image)
	}
	return spec, said, nil
}

func (c *Client) send(ctx context.Context, w workload, patch map[string]any, ch deploy.Change) (runtime.Object, error) {
	body, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	out, err := newObject(w.kind)
	if err != nil {
		return nil, err
	}
	resource := resourceOf(w.kind)
	o := meta.PatchOptions{FieldManager: FieldManager}
	if ch.Dry {
		o.DryRun = []string{meta.DryRunAll}
	}
	err = c.apps().Patch(types.StrategicMergePatchType).Namespace(w.meta.Namespace).Resource(resource).Name(w.meta.Name).
		VersionedParams(&o, c.codec).Body(body).Do(ctx).Into(out)
	err = c.explain(err, "patch", resource, w.meta.Namespace, w.meta.Name)
	if ch.Scale != nil && fail.CodeOf(err) == fail.Forbidden {
		// Who may not change the workload may still be allowed to scale it.
		alone := c.scale(ctx, w, *ch.Scale, o)
		if alone == nil {
			alone = c.get(ctx, deploy.Ref{Kind: w.kind, Namespace: w.meta.Namespace, Name: w.meta.Name}, out)
			scaled(out, *ch.Scale)
		}
		if fail.CodeOf(alone) != fail.Forbidden {
			return out, alone
		}
	}
	return out, err
}

// scaled is the object as it will be: a dry run has not changed it.
func scaled(object runtime.Object, replicas int) {
	n := int32(min(replicas, 1<<30)) //nolint:gosec // it is bounded
	switch o := object.(type) {
	case *apps.Deployment:
		o.Spec.Replicas = &n
	case *apps.StatefulSet:
		o.Spec.Replicas = &n
	}
}

// scale uses the subresource, which carries no reason.
func (c *Client) scale(ctx context.Context, w workload, replicas int, o meta.PatchOptions) error {
	resource := resourceOf(w.kind)
	body := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q},"spec":{"replicas":%d}}`, w.meta.ResourceVersion, replicas)
	err := c.apps().Patch(types.MergePatchType).Namespace(w.meta.Namespace).Resource(resource).Name(w.meta.Name).SubResource("scale").
		VersionedParams(&o, c.codec).Body(body).Do(ctx).Error()
	return c.explain(err, "patch", resource+"/scale", w.meta.Namespace, w.meta.Name)
}

// remove deletes the workload that was looked at, and its pods with it.
func (c *Client) remove(ctx context.Context, w workload, ch deploy.Change) (*deploy.Snapshot, error) {
	a, err := c.around(ctx, w)
	if err != nil {
		return nil, err
	}
	policy := meta.DeletePropagationBackground
	o := meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: &w.meta.UID}, PropagationPolicy: &policy}
	if ch.Dry {
		o.DryRun = []string{meta.DryRunAll}
	}
	resource := resourceOf(w.kind)
	err = c.apps().Delete().Namespace(w.meta.Namespace).Resource(resource).Name(w.meta.Name).Body(&o).Do(ctx).Error()
	if err := c.explain(err, "delete", resource, w.meta.Namespace, w.meta.Name); err != nil {
		return nil, err
	}
	return c.picture(a), nil
}
