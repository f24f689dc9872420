package kube

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	hpa "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// Related implements deploy.Cluster. A Secret that the person may not read has
// deploy.Hidden for its fingerprint; autoscalers and budgets that they may not
// list are left out.
func (c *Client) Related(ctx context.Context, r deploy.Ref) (*deploy.Related, error) {
	w, err := c.find(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &deploy.Related{}
	for _, r := range references(w.template.Spec) {
		f, err := c.fingerprintOf(ctx, w.meta.Namespace, r.object)
		if err != nil {
			return nil, err
		}
		if r.required || f.Hash != "" {
			out.Config = append(out.Config, f)
		}
	}
	if out.Scaler, err = c.scaler(ctx, w); err != nil {
		return nil, err
	}
	out.Budget, err = c.budget(ctx, w)
	return out, err
}

func (c *Client) fingerprintOf(ctx context.Context, namespace, object string) (deploy.Fingerprint, error) {
	out := deploy.Fingerprint{Object: object}
	kind, name, _ := strings.Cut(object, "/")
	var m meta.ObjectMeta
	var data map[string][]byte
	var err error
	if kind == "secret" {
		var s core.Secret
		err = c.core().Get().Namespace(namespace).Resource("secrets").Name(name).Do(ctx).Into(&s)
		m, data = s.ObjectMeta, s.Data
	} else {
		var s core.ConfigMap
		err = c.core().Get().Namespace(namespace).Resource("configmaps").Name(name).Do(ctx).Into(&s)
		m, data = s.ObjectMeta, map[string][]byte{}
		for k, v := range s.Data {
			data[k] = []byte(v)
		}
		for k, v := range s.BinaryData {
			data["binary "+k] = v
		}
	}
	switch err := c.explain(err, "get", kind+"s", namespace, name); fail.CodeOf(err) {
	case fail.OK:
	case fail.NotFound:
		return out, nil
	case fail.Forbidden:
		out.Hash = deploy.Hidden
		return out, nil
	default:
		return out, err
	}
	var parts [][]byte
	for _, k := range slices.Sorted(maps.Keys(data)) {
		parts = append(parts, []byte(k), data[k])
	}
	out.Hash = c.fingerprint(parts...)
	for _, v := range data {
		clear(v)
	}
	out.Changed, out.By = lastWrite(m)
	return out, nil
}

// lastWrite is the newest write of an object that its field managers tell of.
func lastWrite(m meta.ObjectMeta) (at time.Time, by string) {
	at = m.CreationTimestamp.UTC()
	for _, f := range m.ManagedFields {
		if f.Subresource == "" && f.Time != nil && !f.Time.UTC().Before(at) {
			at, by = f.Time.UTC(), f.Manager
		}
	}
	return at, by
}

func (c *Client) scaler(ctx context.Context, w workload) (*deploy.Scaler, error) {
	list, err := all(ctx, c, c.groups[hpa.SchemeGroupVersion], "horizontalpodautoscalers", w.meta.Namespace, meta.ListOptions{},
		func(l *hpa.HorizontalPodAutoscalerList) ([]hpa.HorizontalPodAutoscaler, meta.ListMeta) {
			return l.Items, l.ListMeta
		})
	if err != nil {
		return nil, unless(err, fail.Forbidden, fail.NotFound) // an old cluster has no such group
	}
	for i := range list {
		h := &list[i]
		if h.Spec.ScaleTargetRef.Kind != w.kind || h.Spec.ScaleTargetRef.Name != w.meta.Name {
			continue
		}
		out := &deploy.Scaler{Name: h.Name, Min: 1, Max: int(h.Spec.MaxReplicas), Current: int(h.Status.CurrentReplicas), Wanted: int(h.Status.DesiredReplicas)}
		if h.Spec.MinReplicas != nil {
			out.Min = int(*h.Spec.MinReplicas)
		}
		out.Changed, _ = lastWrite(h.ObjectMeta)
		return out, nil
	}
	return nil, nil //nolint:nilnil // none is an answer
}

func (c *Client) budget(ctx context.Context, w workload) (*deploy.Budget, error) {
	list, err := all(ctx, c, c.groups[policy.SchemeGroupVersion], "poddisruptionbudgets", w.meta.Namespace, meta.ListOptions{},
		func(l *policy.PodDisruptionBudgetList) ([]policy.PodDisruptionBudget, meta.ListMeta) {
			return l.Items, l.ListMeta
		})
	if err != nil {
		return nil, unless(err, fail.Forbidden, fail.NotFound) // an old cluster has no such group
	}
	for i := range list {
		b := &list[i]
		s, err := meta.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || s.Empty() && b.Spec.Selector == nil || !s.Matches(labels.Set(w.template.Labels)) {
			continue
		}
		out := &deploy.Budget{Name: b.Name, Allowed: int(b.Status.DisruptionsAllowed), Healthy: int(b.Status.CurrentHealthy), Wanted: int(b.Status.DesiredHealthy)}
		out.Changed, _ = lastWrite(b.ObjectMeta)
		return out, nil
	}
	return nil, nil //nolint:nilnil // none is an answer
}

func unless(err error, codes ...fail.Code) error {
	if slices.Contains(codes, fail.CodeOf(err)) {
		return nil
	}
	return err
}
