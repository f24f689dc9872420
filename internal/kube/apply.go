package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aictl/aictl/internal/fail"
)

// What is asked for of objects whose content is of no use here.
const (
	metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	metadataList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// applied are the kinds that a manifest of ours may hold, by apiVersion/kind.
var applied = map[string]struct {
	gv       schema.GroupVersion
	resource string
}{
	"apps/v1/Deployment":                     {schema.GroupVersion{Group: "apps", Version: "v1"}, "deployments"},
	"v1/Service":                             {schema.GroupVersion{Version: "v1"}, "services"},
	"v1/ServiceAccount":                      {schema.GroupVersion{Version: "v1"}, "serviceaccounts"},
	"v1/ConfigMap":                           {schema.GroupVersion{Version: "v1"}, "configmaps"},
	"autoscaling/v2/HorizontalPodAutoscaler": {schema.GroupVersion{Group: "autoscaling", Version: "v2"}, "horizontalpodautoscalers"},
	"networking.k8s.io/v1/NetworkPolicy":     {schema.GroupVersion{Group: "networking.k8s.io", Version: "v1"}, "networkpolicies"},
	"policy/v1/PodDisruptionBudget":          {schema.GroupVersion{Group: "policy", Version: "v1"}, "poddisruptionbudgets"},
}

// Step is what applying one object did, or would do.
type Step struct {
	Action string // create, update, none or delete
	Object string // "deployment/digest"
}

// Apply brings objects into a namespace by server-side apply under our field
// manager: what it sets and others own is a fail.Conflict that names them, and
// what an earlier application set and this one does not is taken away. Objects
// of the owner (the label and its value) that are not among them are deleted,
// the last of all. Dry asks the cluster for its opinion and changes nothing.
func (c *Client) Apply(ctx context.Context, namespace string, objects []map[string]any, label, owner string, dry bool) ([]Step, error) {
	var steps []Step
	kept := map[string]bool{}
	for _, o := range objects {
		step, err := c.applyOne(ctx, namespace, &unstructured.Unstructured{Object: o}, dry)
		if err != nil {
			return steps, err
		}
		kept[step.Object] = true
		steps = append(steps, step)
	}
	gone, err := c.prune(ctx, namespace, label+"="+owner, kept, dry)
	return append(steps, gone...), err
}

// Remove deletes every object of an owner.
func (c *Client) Remove(ctx context.Context, namespace, label, owner string, dry bool) ([]Step, error) {
	return c.prune(ctx, namespace, label+"="+owner, nil, dry)
}

func (c *Client) applyOne(ctx context.Context, namespace string, o *unstructured.Unstructured, dry bool) (Step, error) {
	kind, ok := applied[o.GetAPIVersion()+"/"+o.GetKind()]
	if !ok {
		return Step{}, fail.New(fail.Usage, "%s %s is no kind that is applied", o.GetAPIVersion(), o.GetKind())
	}
	step := Step{Object: strings.ToLower(o.GetKind()) + "/" + o.GetName(), Action: "update"}
	client := c.core()
	path := c.path(kind.gv, namespace, kind.resource, o.GetName())
	var before, after meta.PartialObjectMetadata
	raw, err := content(client.Get().AbsPath(path).SetHeader("Accept", metadataOnly).Do(ctx))
	switch err := c.explain(err, "get", kind.resource, namespace, o.GetName()); fail.CodeOf(err) {
	case fail.OK:
		if err := json.Unmarshal(raw, &before); err != nil {
			return step, fail.Wrap(fail.Failed, err, "reading %s", step.Object)
		}
		if !sameOwner(o.GetLabels(), before.Labels) {
			return step, fail.New(fail.Conflict, "%s is there already in namespace %s, and is not %s's", step.Object, namespace, o.GetLabels()[managedBy]).
				Hint("choose another name, or: kubectl delete %s %s -n %s", kind.resource, o.GetName(), namespace)
		}
	case fail.NotFound:
		step.Action = "create"
	default:
		return step, err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return step, err
	}
	request := client.Patch(types.ApplyPatchType).AbsPath(path).Param("fieldManager", FieldManager).SetHeader("Accept", metadataOnly).Body(body)
	if dry {
		request = request.Param("dryRun", "All")
	}
	raw, err = content(request.Do(ctx))
	if err := c.explain(err, "patch", kind.resource, namespace, o.GetName()); err != nil {
		if fail.CodeOf(err) == fail.Conflict {
			_, words, _ := strings.Cut(fail.From(err).Message, "changed in between: ")
			return step, fail.New(fail.Conflict, "%s is managed by somebody else: %s", step.Object, words).
				Hint("kubectl get %s %s -n %s -o yaml --show-managed-fields", kind.resource, o.GetName(), namespace)
		}
		return step, err
	}
	if err := json.Unmarshal(raw, &after); err != nil {
		return step, fail.Wrap(fail.Failed, err, "reading %s", step.Object)
	}
	if step.Action == "update" && !dry && before.ResourceVersion == after.ResourceVersion {
		step.Action = "none"
	}
	return step, nil
}

func (c *Client) path(gv schema.GroupVersion, namespace, resource, name string) string {
	root := "/apis/" + gv.Group + "/" + gv.Version
	if gv.Group == "" {
		root = "/api/" + gv.Version
	}
	out := root + "/namespaces/" + namespace + "/" + resource
	if name != "" {
		out += "/" + name
	}
	return out
}

// prune deletes what carries the label and is not kept.
func (c *Client) prune(ctx context.Context, namespace, selector string, kept map[string]bool, dry bool) ([]Step, error) {
	var steps []Step
	var kinds []string
	for k := range applied {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		kind := applied[k]
		raw, err := content(c.core().Get().AbsPath(c.path(kind.gv, namespace, kind.resource, "")).Param("labelSelector", selector).
			SetHeader("Accept", metadataList).Do(ctx))
		switch err := c.explain(err, "list", kind.resource, namespace, ""); fail.CodeOf(err) {
		case fail.OK:
		case fail.Forbidden:
			continue // what may not be seen was not made by us
		default:
			return steps, err
		}
		var list meta.PartialObjectMetadataList
		if err := json.Unmarshal(raw, &list); err != nil {
			return steps, fail.Wrap(fail.Failed, err, "reading %s", kind.resource)
		}
		for i := range list.Items {
			m := &list.Items[i]
			step := Step{Action: "delete", Object: strings.ToLower(k[strings.LastIndex(k, "/")+1:]) + "/" + m.Name}
			if kept[step.Object] {
				continue
			}
			policy := meta.DeletePropagationBackground
			options := meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: &m.UID}, PropagationPolicy: &policy}
			if dry {
				options.DryRun = []string{meta.DryRunAll}
			}
			err := c.core().Delete().AbsPath(c.path(kind.gv, namespace, kind.resource, m.Name)).Body(&options).Do(ctx).Error()
			if err := unless(c.explain(err, "delete", kind.resource, namespace, m.Name), fail.NotFound); err != nil {
				return steps, err
			}
			steps = append(steps, step)
		}
	}
	return steps, nil
}

// ApplyAll brings objects in by server-side apply, each into its own namespace
// or else the client's.
func (c *Client) ApplyAll(ctx context.Context, objects []map[string]any, dry bool) error {
	for _, o := range objects {
		u := &unstructured.Unstructured{Object: o}
		if _, err := c.applyOne(ctx, cmp.Or(u.GetNamespace(), c.namespace), u, dry); err != nil {
			return err
		}
	}
	return nil
}

// managedBy is the label that says whose an object is.
const managedBy = "app.kubernetes.io/managed-by"

// sameOwner says that what is there belongs to whoever wants to be there.
func sameOwner(wanted, there map[string]string) bool {
	return wanted[managedBy] == "" || wanted[managedBy] == there[managedBy]
}

// DeleteAll removes objects, the last one first. What is not there is no error,
// and what has come to be somebody else's stays.
func (c *Client) DeleteAll(ctx context.Context, objects []map[string]any) error {
	for _, o := range slices.Backward(objects) {
		u := &unstructured.Unstructured{Object: o}
		kind, ok := applied[u.GetAPIVersion()+"/"+u.GetKind()]
		if !ok {
			return fail.New(fail.Usage, "%s %s is no kind that is applied", u.GetAPIVersion(), u.GetKind())
		}
		namespace := cmp.Or(u.GetNamespace(), c.namespace)
		path := c.path(kind.gv, namespace, kind.resource, u.GetName())
		raw, err := content(c.core().Get().AbsPath(path).SetHeader("Accept", metadataOnly).Do(ctx))
		switch err := c.explain(err, "get", kind.resource, namespace, u.GetName()); fail.CodeOf(err) {
		case fail.OK:
		case fail.NotFound:
			continue
		default:
			return err
		}
		var there meta.PartialObjectMetadata
		if err := json.Unmarshal(raw, &there); err != nil {
			return fail.Wrap(fail.Failed, err, "reading %s %s", kind.resource, u.GetName())
		}
		if !sameOwner(u.GetLabels(), there.Labels) {
			continue
		}
		policy := meta.DeletePropagationBackground
		options := meta.DeleteOptions{PropagationPolicy: &policy, Preconditions: &meta.Preconditions{UID: &there.UID}}
		err = c.core().Delete().AbsPath(path).Body(&options).Do(ctx).Error()
		if err := unless(c.explain(err, "delete", kind.resource, namespace, u.GetName()), fail.NotFound); err != nil {
			return err
		}
	}
	return nil
}

// Reach gives the way to a Service: its name where this process runs in the
// cluster (the transport is then nil), the API server's proxy elsewhere.
func (c *Client) Reach(namespace, service string, port int) (base string, transport http.RoundTripper) {
	namespace = cmp.Or(namespace, c.namespace)
	if c.inCluster {
		return fmt.Sprintf("http://%s.%s.svc:%d", service, namespace, port), nil
	}
	return c.Proxy(Found{Namespace: namespace, Service: service, Port: strconv.Itoa(port)})
}
