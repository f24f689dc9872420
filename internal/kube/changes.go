package kube

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	hpa "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/changes"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// Changes is the cluster as a source of changes.
//
// A cluster keeps no history: what is told are the revisions of workloads, and
// the last write of everything else, as its field managers and its events (kept
// for an hour by default) say.
func (c *Client) Changes() changes.Source { return changeSource{c} }

type changeSource struct{ c *Client }

// Name implements changes.Source.
func (changeSource) Name() string { return "kubernetes" }

// Changes implements changes.Source. What may not be listed is a warning that
// names the missing rule.
func (s changeSource) Changes(ctx context.Context, q changes.Query) (changes.Answer, error) {
	g := &gather{c: s.c, q: q, namespace: q.Namespace, users: map[string][]string{}}
	switch q.Namespace {
	case "":
		g.namespace = s.c.namespace
	case "*":
		g.namespace = ""
	}
	skew, within, err := s.c.skew(ctx)
	if err != nil {
		return changes.Answer{}, err
	}
	g.out.Skew, g.out.Within = skew, within
	for _, part := range []func(context.Context) error{g.workloads, g.configs, g.scalers, g.events, g.nodes} {
		if err := part(ctx); err != nil {
			if fail.CodeOf(err) != fail.Forbidden {
				return g.out, err
			}
			g.out.Warnings = append(g.out.Warnings, err.Error())
		}
	}
	return g.out, nil
}

// gather is one answer in the making.
type gather struct {
	c         *Client
	q         changes.Query
	namespace string              // "" is all
	users     map[string][]string // "NAMESPACE/configmap/NAME" → the workloads that read it
	out       changes.Answer
}

// add takes a change in the window.
func (g *gather) add(c api.Change) {
	if c.Time.Before(g.q.From) || !c.Time.Before(g.q.To) {
		return
	}
	c.Source, c.Within = "kubernetes", max(c.Within, changes.Exact)
	g.out.Changes = append(g.out.Changes, c)
}

// command is an aictl command about something in a namespace.
func command(namespace string, words ...string) string {
	if namespace != "" {
		words = append(words, "-n", namespace)
	}
	return argv.Line(append([]string{"aictl"}, words...)...)
}

// workloads are the revisions, and what people scaled and paused.
func (g *gather) workloads(ctx context.Context) error {
	sets, err := all(ctx, g.c, g.c.apps(), "replicasets", g.namespace, meta.ListOptions{}, replicaSets)
	if err != nil {
		return err
	}
	states, err := all(ctx, g.c, g.c.apps(), "controllerrevisions", g.namespace, meta.ListOptions{}, controllerRevisions)
	if err != nil {
		return err
	}
	seen, err := g.scalings(ctx)
	if err != nil {
		return err
	}
	owned := map[types.UID][]*apps.ReplicaSet{}
	for i := range sets {
		if owner := ownerOf(sets[i].OwnerReferences); owner != "" {
			owned[owner] = append(owned[owner], &sets[i])
		}
	}
	kept := map[types.UID][]*apps.ControllerRevision{}
	for i := range states {
		if owner := ownerOf(states[i].OwnerReferences); owner != "" {
			kept[owner] = append(kept[owner], &states[i])
		}
	}
	for _, kind := range []string{deploy.Deployment, deploy.StatefulSet, deploy.DaemonSet} {
		list, err := g.c.objects(ctx, kind, g.namespace, meta.ListOptions{})
		if err != nil {
			return err
		}
		for _, object := range list {
			w := view(object)
			for _, r := range references(w.template.Spec) {
				key := w.meta.Namespace + "/" + r.object
				g.users[key] = append(g.users[key], w.meta.Name)
			}
			g.revisions(w, owned[w.meta.UID], kept[w.meta.UID])
			g.scaled(w, owned[w.meta.UID], seen)
		}
	}
	return nil
}

func (g *gather) revisions(w workload, sets []*apps.ReplicaSet, states []*apps.ControllerRevision) {
	var list []version
	for _, s := range sets {
		if n, err := strconv.ParseInt(s.Annotations[revisionNote], 10, 64); err == nil {
			list = append(list, g.c.version(n, s.ObjectMeta, s.Spec.Template, int(s.Status.ReadyReplicas), s.Annotations[revisionNote] == w.revision))
		}
	}
	for _, s := range states {
		var body struct {
			Spec struct {
				Template core.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if decodeJSON(s.Data.Raw, &body) == nil {
			list = append(list, g.c.version(s.Revision, s.ObjectMeta, body.Spec.Template, 0, false))
		}
	}
	slices.SortFunc(list, func(a, b version) int { return cmp.Compare(b.number, a.number) })
	whose(list)
	name, ns := w.meta.Name, w.meta.Namespace
	for i, v := range list {
		c := api.Change{
			Kind: api.ChangeRollout, Time: v.Created, Service: name, Namespace: ns, Object: strings.ToLower(w.kind) + "/" + name,
			Actor: v.Actor, Reason: v.Cause, Revision: v.Name, Summary: fmt.Sprintf("revision %s of %s was rolled out", v.Name, name),
			Show: command(ns, "deploy", "history", name),
		}
		if i+1 < len(list) {
			before := list[i+1]
			c.Previous, c.Changes = before.Name, deploy.Diff(before.Template, v.Template)
			if d := changes.Describe(c.Changes); d != "" {
				c.Summary += ": " + d
			}
			c.Show = command(ns, "deploy", "diff", name, "--from-revision", c.Previous, "--to-revision", c.Revision)
			c.Undo = command(ns, "deploy", "undo", name, "--to-revision", c.Previous)
		}
		g.add(c)
	}
}

// scaled tells of the last write of the number of replicas, which the scale
// subresource's field manager has.
func (g *gather) scaled(w workload, sets []*apps.ReplicaSet, seen scalings) {
	for _, f := range w.meta.ManagedFields {
		if f.Subresource != "scale" {
			continue
		}
		kind, actor, summary := api.ChangeScale, f.Manager, fmt.Sprintf("%s was scaled; it has %d replicas now", w.meta.Name, w.desired)
		if !byPerson(f.Manager) {
			kind = api.ChangeAutoscale
		}
		var at time.Time
		if f.Time != nil {
			at = f.Time.UTC()
		} else if one, ok := seen.last(w.meta.Namespace, w.meta.Name, sets, w.revision); ok {
			at, summary = one.at, fmt.Sprintf("%s was scaled from %d to %d replicas", w.meta.Name, one.from, one.to)
		} else {
			continue
		}
		g.add(api.Change{
			Kind: kind, Time: at, Service: w.meta.Name, Namespace: w.meta.Namespace, Object: strings.ToLower(w.kind) + "/" + w.meta.Name,
			Actor: actor, Summary: summary, Show: command(w.meta.Namespace, "deploy", "status", w.meta.Name),
		})
	}
}

// configs are the last writes of ConfigMaps and Secrets, of which only the
// metadata is read.
func (g *gather) configs(ctx context.Context) error {
	for _, kind := range []string{"configmap", "secret"} {
		list, err := g.metadata(ctx, kind+"s")
		if err != nil {
			if fail.CodeOf(err) != fail.Forbidden {
				return err
			}
			g.out.Warnings = append(g.out.Warnings, err.Error())
			continue
		}
		for i := range list {
			m := &list[i].ObjectMeta
			at, by := lastWrite(*m)
			created := !at.After(m.CreationTimestamp.UTC())
			if m.Name == "kube-root-ca.crt" || by == "kube-controller-manager" && created {
				continue
			}
			object := kind + "/" + m.Name
			c := api.Change{
				Kind: api.ChangeConfig, Time: at, Namespace: m.Namespace, Object: object, Actor: by,
				Services: g.users[m.Namespace+"/"+object], Summary: object + " was " + map[bool]string{true: "created", false: "written"}[created],
				Revision: m.ResourceVersion,
			}
			if kind == "secret" {
				c.Kind = api.ChangeSecret
			}
			if len(c.Services) > 0 {
				slices.Sort(c.Services)
				c.Services = slices.Compact(c.Services)
				c.Service, c.Summary = c.Services[0], c.Summary+"; "+strings.Join(c.Services, ", ")+" read it"
				c.Show = command(m.Namespace, "deploy", "diff", c.Service)
			} else {
				c.Show = command(m.Namespace, "changes", "--kind", c.Kind)
			}
			g.add(c)
		}
	}
	return nil
}

// metadata lists objects without their content.
func (g *gather) metadata(ctx context.Context, resource string) ([]meta.PartialObjectMetadata, error) {
	var out []meta.PartialObjectMetadata
	o := meta.ListOptions{Limit: page}
	for {
		body, err := content(g.c.core().Get().NamespaceIfScoped(g.namespace, g.namespace != "").Resource(resource).VersionedParams(&o, g.c.codec).
			SetHeader("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").Do(ctx))
		if token := continued(err); token != "" && o.Continue != "" {
			o.Continue = token
			continue
		}
		if err != nil {
			return nil, g.c.explain(err, "list", resource, g.namespace, "")
		}
		var l meta.PartialObjectMetadataList
		if err := decodeJSON(body, &l); err != nil {
			return nil, fail.Wrap(fail.Failed, err, "%s gave a list of %s that can't be read", g.c.host, resource)
		}
		out = append(out, l.Items...)
		if o.Continue = l.Continue; o.Continue == "" {
			return out, nil
		}
	}
}

// scalers are the last moves of autoscalers.
func (g *gather) scalers(ctx context.Context) error {
	list, err := all(ctx, g.c, g.c.groups[hpa.SchemeGroupVersion], "horizontalpodautoscalers", g.namespace, meta.ListOptions{},
		func(l *hpa.HorizontalPodAutoscalerList) ([]hpa.HorizontalPodAutoscaler, meta.ListMeta) {
			return l.Items, l.ListMeta
		})
	if err != nil {
		return unless(err, fail.NotFound)
	}
	for i := range list {
		h := &list[i]
		target := h.Spec.ScaleTargetRef
		if at := h.Status.LastScaleTime; at != nil {
			g.add(api.Change{
				Kind: api.ChangeAutoscale, Time: at.UTC(), Service: target.Name, Namespace: h.Namespace, Object: strings.ToLower(target.Kind) + "/" + target.Name,
				Actor: "horizontalpodautoscaler/" + h.Name, Show: command(h.Namespace, "deploy", "status", target.Name),
				Summary: fmt.Sprintf("the autoscaler %s moved %s to %d replicas", h.Name, target.Name, h.Status.DesiredReplicas),
			})
		}
	}
	return nil
}

// nodeReasons are the events of nodes that change what runs.
var nodeReasons = map[string]string{
	"NodeNotReady": "is not ready", "NodeReady": "is ready", "RegisteredNode": "", "RemovingNode": "was removed",
	"NodeNotSchedulable": "was cordoned", "NodeSchedulable": "was uncordoned", "Rebooted": "was rebooted",
	"SystemOOM": "ran out of memory", "EvictionThresholdMet": "runs short of a resource", "NodeHasDiskPressure": "has disk pressure", "NodeHasInsufficientMemory": "has memory pressure",
	"DeletingNode": "was deleted",
}

// events are those of nodes, and deletions.
func (g *gather) events(ctx context.Context) error {
	list, err := all(ctx, g.c, g.c.core(), "events", "", meta.ListOptions{FieldSelector: "involvedObject.kind=Node"}, func(l *core.EventList) ([]core.Event, meta.ListMeta) {
		return l.Items, l.ListMeta
	})
	if err != nil {
		return err
	}
	for i := range list {
		e := &list[i]
		words := nodeReasons[e.Reason]
		if words == "" {
			continue
		}
		name := e.InvolvedObject.Name
		c := api.Change{
			Kind: api.ChangeNode, Time: eventTime(e), Object: "node/" + name, Actor: cmp.Or(e.Source.Component, e.ReportingController),
			Summary: "node " + name + " " + words, Show: argv.Line("aictl", "changes", "--kind", "node"),
		}
		if oneLine(e.Message) != "" && e.Reason != "NodeReady" {
			c.Reason = oneLine(e.Message)
		}
		g.add(c)
	}
	return nil
}

// eventTime is when an event happened last.
func eventTime(e *core.Event) time.Time {
	at := e.LastTimestamp.UTC()
	if e.LastTimestamp.IsZero() {
		at = e.EventTime.UTC()
	}
	if e.Series != nil {
		at = e.Series.LastObservedTime.UTC()
	}
	if at.IsZero() || at.Year() < 1970 {
		at = e.CreationTimestamp.UTC()
	}
	return at
}

// nodes are the conditions that changed and the taints that came.
func (g *gather) nodes(ctx context.Context) error {
	list, err := all(ctx, g.c, g.c.core(), "nodes", "", meta.ListOptions{}, func(l *core.NodeList) ([]core.Node, meta.ListMeta) { return l.Items, l.ListMeta })
	if err != nil {
		return err
	}
	for i := range list {
		n := &list[i]
		base := api.Change{Kind: api.ChangeNode, Object: "node/" + n.Name, Actor: "kubelet", Show: argv.Line("aictl", "changes", "--kind", "node")}
		for _, k := range n.Status.Conditions {
			bad := k.Type == core.NodeReady && k.Status != core.ConditionTrue || k.Type != core.NodeReady && k.Status == core.ConditionTrue
			came := k.LastTransitionTime.Sub(n.CreationTimestamp.Time) < time.Minute
			if !bad && came {
				continue
			}
			c := base
			c.Time, c.Reason = k.LastTransitionTime.UTC(), oneLine(k.Message)
			switch {
			case k.Type == core.NodeReady && bad:
				c.Summary = "node " + n.Name + " is not ready"
			case k.Type == core.NodeReady:
				c.Summary = "node " + n.Name + " is ready"
			case bad:
				c.Summary = fmt.Sprintf("node %s has %s", n.Name, k.Type)
			default:
				continue
			}
			g.add(c)
		}
		for _, t := range n.Spec.Taints {
			if t.TimeAdded == nil || strings.HasPrefix(t.Key, "node.kubernetes.io/not-ready") || strings.HasPrefix(t.Key, "node.kubernetes.io/unreachable") {
				continue // the condition says it
			}
			c := base
			c.Time, c.Summary = t.TimeAdded.UTC(), fmt.Sprintf("node %s got the taint %s", n.Name, t.ToString())
			g.add(c)
		}
		if created := n.CreationTimestamp.UTC(); !created.IsZero() {
			c := base
			c.Time, c.Actor, c.Summary = created, "", "node "+n.Name+" joined"
			g.add(c)
		}
	}
	g.twice()
	return nil
}

// twice drops of two things that were said of a node in the same words within
// a minute (an event and a condition) the one that came later.
func (g *gather) twice() {
	last := map[string]time.Time{}
	slices.SortStableFunc(g.out.Changes, func(a, b api.Change) int { return a.Time.Compare(b.Time) })
	g.out.Changes = slices.DeleteFunc(g.out.Changes, func(c api.Change) bool {
		if c.Kind != api.ChangeNode && c.Kind != api.ChangeAutoscale {
			return false
		}
		key := c.Kind + "\x00" + c.Object
		if c.Kind == api.ChangeNode {
			key += "\x00" + c.Summary
		}
		at, known := last[key]
		if known && c.Time.Sub(at) < 10*time.Second {
			return true
		}
		last[key] = c.Time
		return false
	})
}

// skew is the API server's clock minus ours, by the Date header, which has
// whole seconds.
func (c *Client) skew(ctx context.Context) (skew, within time.Duration, err error) {
	asked := c.now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.core().Get().AbsPath("/version").URL().String(), http.NoBody)
	if err != nil {
		return 0, 0, fail.Wrap(fail.Internal, err, "asking %s for its time", c.host)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, 0, c.explain(err, "get", "version", "", "")
	}
	_ = res.Body.Close()
	answered := c.now()
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return 0, 0, nil //nolint:nilerr // a proxy that takes the header away leaves the clock unknown
	}
	round := answered.Sub(asked)
	middle := asked.Add(round / 2)
	skew = at.Add(500 * time.Millisecond).Sub(middle)
	within = time.Second + round/2
	if skew.Abs() <= within {
		return 0, within, nil // no more than what the header can tell
	}
	return skew.Round(100 * time.Millisecond), within, nil
}
