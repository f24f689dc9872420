package kube

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// around is what the API server says of a workload and of what it owns.
type around struct {
	w      workload
	sets   []apps.ReplicaSet         // of a Deployment
	states []apps.ControllerRevision // of a StatefulSet or a DaemonSet
	pods   []core.Pod
	events []core.Event
}

// eventsKept bounds the events of a picture.
const eventsKept = 200

// telling are the normal events that say how long to wait.
var telling = []string{"Killing", "TriggeredScaleUp", "NotTriggerScaleUp", "Nominated"}

// Get implements deploy.Cluster: the workload, its pods and the events about
// them, in four requests.
func (c *Client) Get(ctx context.Context, r deploy.Ref) (*deploy.Snapshot, error) {
	w, err := c.find(ctx, r)
	if err != nil {
		return nil, err
	}
	a, err := c.around(ctx, w)
	if err != nil {
		return nil, err
	}
	return c.picture(a), nil
}

func (c *Client) around(ctx context.Context, w workload) (around, error) {
	a := around{w: w}
	selector, err := podSelector(w)
	if err != nil {
		return a, err
	}
	ns := w.meta.Namespace
	if w.kind == deploy.Deployment {
		a.sets, err = all(ctx, c, c.apps(), "replicasets", ns, meta.ListOptions{LabelSelector: selector}, replicaSets)
	} else {
		a.states, err = all(ctx, c, c.apps(), "controllerrevisions", ns, meta.ListOptions{LabelSelector: selector}, controllerRevisions)
	}
	if err != nil {
		return a, err
	}
	if a.pods, err = all(ctx, c, c.core(), "pods", ns, meta.ListOptions{LabelSelector: selector}, pods); err != nil {
		return a, err
	}
	a.events, err = all(ctx, c, c.core(), "events", ns, meta.ListOptions{}, func(l *core.EventList) ([]core.Event, meta.ListMeta) {
		return eventsNear(l.Items, w.meta.Name), l.ListMeta
	})
	// Somebody who may see pods and no events still gets a verdict.
	if err != nil && fail.CodeOf(err) != fail.Forbidden {
		return a, err
	}
	return a, nil
}

func replicaSets(l *apps.ReplicaSetList) ([]apps.ReplicaSet, meta.ListMeta) {
	return l.Items, l.ListMeta
}

func controllerRevisions(l *apps.ControllerRevisionList) ([]apps.ControllerRevision, meta.ListMeta) {
	return l.Items, l.ListMeta
}
func pods(l *core.PodList) ([]core.Pod, meta.ListMeta) { return l.Items, l.ListMeta }

// near says that an event may be about a workload: the controllers name what
// they make after it. The API server selects by one name at a time only.
func near(e *core.Event, name string) bool {
	rest, ok := strings.CutPrefix(e.InvolvedObject.Name, name)
	return ok && (rest == "" || rest[0] == '-')
}

func eventsNear(list []core.Event, name string) []core.Event {
	return slices.DeleteFunc(list, func(e core.Event) bool { return !near(&e, name) })
}

// picture makes the snapshot.
func (c *Client) picture(a around) *deploy.Snapshot {
	w := a.w
	owned := map[types.UID]*apps.ReplicaSet{}
	var newest *apps.ReplicaSet
	for i := range a.sets {
		s := &a.sets[i]
		if !controlledBy(s.OwnerReferences, w.meta.UID) {
			continue
		}
		owned[s.UID] = s
		if s.Annotations[revisionNote] == w.revision && w.revision != "" {
			newest = s
		}
	}
	s := &deploy.Snapshot{
		Version: w.version(), Generation: w.meta.Generation, Observed: w.observed, Paused: w.paused, Deadline: w.deadline,
		Template: c.template(*w.template), Conditions: w.conditions, Taken: c.now().UTC(), Raw: raw(w.object),
	}
	// A controller that has not looked yet has no newest set: then no pod is
	// of the revision that is being rolled out.
	settled := w.observed >= w.meta.Generation
	state := newestState(a.states, w)
	numbers := map[string]string{}
	for i := range a.states {
		numbers[a.states[i].Labels[apps.ControllerRevisionHashLabelKey]] = strconv.FormatInt(a.states[i].Revision, 10)
		numbers[a.states[i].Name] = numbers[a.states[i].Labels[apps.ControllerRevisionHashLabelKey]]
	}
	names := map[string]bool{strings.ToLower(w.kind) + "/" + w.meta.Name: true}
	for i := range a.pods {
		p := &a.pods[i]
		var revision string
		var current bool
		switch w.kind {
		case deploy.Deployment:
			set := owned[ownerOf(p.OwnerReferences)]
			if set == nil {
				continue
			}
			revision, current = set.Annotations[revisionNote], settled && set == newest
		default:
			if !controlledBy(p.OwnerReferences, w.meta.UID) {
				continue
			}
			hash := p.Labels[apps.ControllerRevisionHashLabelKey]
			revision = cmp.Or(numbers[hash], hash)
			current = settled && state != nil && revision == strconv.FormatInt(state.Revision, 10)
		}
		names["pod/"+p.Name] = true
		s.Replicas = append(s.Replicas, replica(p, revision, current))
	}
	for _, set := range owned {
		names["replicaset/"+set.Name] = true
	}
	slices.SortFunc(s.Replicas, func(x, y deploy.Replica) int {
		if x.Current != y.Current {
			if x.Current {
				return -1
			}
			return 1
		}
		return cmp.Or(y.Created.Compare(x.Created), cmp.Compare(x.Name, y.Name))
	})
	s.Events = c.eventsAbout(a.events, names)
	if w.kind == deploy.Deployment && newest != nil && settled {
		// The set's own count: the status of the workload follows it.
		s.Conditions = append(s.Conditions, setFailures(newest)...)
	}
	s.Workload = w.row(c)
	if state != nil {
		s.Workload.Revision = strconv.FormatInt(state.Revision, 10)
	}
	if a.inherited(newest, state) {
		s.Workload.Cause = ""
	}
	return s
}

// inherited says that the reason on the workload is that of an earlier
// revision: the newest was made by other means than ours.
func (a around) inherited(set *apps.ReplicaSet, state *apps.ControllerRevision) bool {
	note := a.w.meta.Annotations[changedAtNote]
	if note == "" {
		return false
	}
	for i := range a.sets {
		if s := &a.sets[i]; set != nil && s != set && controlledBy(s.OwnerReferences, a.w.meta.UID) && s.Annotations[changedAtNote] == note {
			return true
		}
	}
	for i := range a.states {
		if s := &a.states[i]; state != nil && s != state && controlledBy(s.OwnerReferences, a.w.meta.UID) && s.Annotations[changedAtNote] == note {
			return true
		}
	}
	return false
}

// newestState is the newest revision of a StatefulSet or a DaemonSet.
func newestState(list []apps.ControllerRevision, w workload) *apps.ControllerRevision {
	var newest *apps.ControllerRevision
	for i := range list {
		one := &list[i]
		if controlledBy(one.OwnerReferences, w.meta.UID) && (newest == nil || one.Revision > newest.Revision) {
			newest = one
		}
	}
	return newest
}

// setFailures are the newest set's own failures to make pods, where the
// workload does not repeat them.
func setFailures(set *apps.ReplicaSet) []deploy.Condition {
	var out []deploy.Condition
	for _, k := range set.Status.Conditions {
		if k.Type == apps.ReplicaSetReplicaFailure && k.Status == core.ConditionTrue {
			out = append(out, condition("ReplicaFailure", "True", k.Reason, k.Message, k.LastTransitionTime))
		}
	}
	return out
}

func controlledBy(owners []meta.OwnerReference, uid types.UID) bool { return ownerOf(owners) == uid }

func ownerOf(owners []meta.OwnerReference) types.UID {
	for _, o := range owners {
		if o.Controller != nil && *o.Controller {
			return o.UID
		}
	}
	return ""
}

func replica(p *core.Pod, revision string, current bool) deploy.Replica {
	r := deploy.Replica{
		Name: p.Name, Revision: revision, Current: current, Node: p.Spec.NodeName, Phase: string(p.Status.Phase),
		Reason: p.Status.Reason, Message: p.Status.Message, Deleting: p.DeletionTimestamp != nil, Created: p.CreationTimestamp.UTC(),
	}
	if p.Status.StartTime != nil {
		r.Started = p.Status.StartTime.UTC()
	}
	for _, k := range p.Status.Conditions {
		r.Conditions = append(r.Conditions, condition(string(k.Type), string(k.Status), k.Reason, k.Message, k.LastTransitionTime))
		if k.Type == core.PodReady {
			r.Ready = k.Status == core.ConditionTrue
		}
	}
	for _, s := range p.Status.InitContainerStatuses {
		r.Containers = append(r.Containers, containerState(s, true))
	}
	for _, s := range p.Status.ContainerStatuses {
		r.Containers = append(r.Containers, containerState(s, false))
	}
	return r
}

func containerState(s core.ContainerStatus, init bool) deploy.ContainerState {
	out := deploy.ContainerState{Name: s.Name, Init: init, Image: s.Image, Ready: s.Ready, Restarts: int(s.RestartCount), State: "waiting"}
	switch {
	case s.State.Running != nil:
		out.State, out.Since = "running", s.State.Running.StartedAt.UTC()
	case s.State.Terminated != nil:
		out.State, out.Reason, out.Message = "terminated", s.State.Terminated.Reason, s.State.Terminated.Message
		out.Exit, out.Since = termination(s.State.Terminated), s.State.Terminated.FinishedAt.UTC()
	case s.State.Waiting != nil:
		out.Reason, out.Message = s.State.Waiting.Reason, s.State.Waiting.Message
	}
	if s.LastTerminationState.Terminated != nil {
		out.Last = termination(s.LastTerminationState.Terminated)
	}
	return out
}

func termination(t *core.ContainerStateTerminated) *deploy.Termination {
	out := &deploy.Termination{Code: int(t.ExitCode), Reason: t.Reason, Message: t.Message, At: t.FinishedAt.UTC()}
	// Runtimes report a signal as 128 and its number, as shells do.
	n := int(t.Signal)
	if n == 0 && out.Code > 128 && out.Code < 128+65 {
		n = out.Code - 128
	}
	if n > 0 {
		out.Signal = signalName(n)
	}
	return out
}

func signalName(n int) string {
	names := map[syscall.Signal]string{
		syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGILL: "SIGILL", syscall.SIGTRAP: "SIGTRAP",
		syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGKILL: "SIGKILL",
		syscall.SIGSEGV: "SIGSEGV", syscall.SIGPIPE: "SIGPIPE", syscall.SIGALRM: "SIGALRM", syscall.SIGTERM: "SIGTERM",
	}
	if name, ok := names[syscall.Signal(n)]; ok {
		return name
	}
	return "signal " + strconv.Itoa(n)
}

// eventsAbout are the events about the objects named, of the last hour, the
// newest last.
func (c *Client) eventsAbout(list []core.Event, names map[string]bool) []deploy.Event {
	var out []deploy.Event
	since := c.now().Add(-time.Hour)
	for i := range list {
		e := &list[i]
		object := strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name
		if !names[object] || e.Type != core.EventTypeWarning && !slices.Contains(telling, e.Reason) {
			continue
		}
		one := deploy.Event{Object: object, Container: fieldContainer(e.InvolvedObject.FieldPath), Reason: e.Reason, Message: e.Message, Count: max(int(e.Count), 1)}
		one.Time, one.First = e.LastTimestamp.UTC(), e.FirstTimestamp.UTC()
		if e.LastTimestamp.IsZero() {
			one.Time = e.EventTime.UTC()
		}
		if e.Series != nil {
			one.Count, one.Time = int(e.Series.Count), e.Series.LastObservedTime.UTC()
		}
		if e.FirstTimestamp.IsZero() {
			one.First = e.EventTime.UTC()
		}
		if one.Time.IsZero() || one.Time.Year() < 1970 {
			one.Time = e.CreationTimestamp.UTC()
		}
		if one.Time.After(since) {
			out = append(out, one)
		}
	}
	slices.SortStableFunc(out, func(a, b deploy.Event) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	if len(out) > eventsKept {
		out = out[len(out)-eventsKept:]
	}
	return out
}

// fieldContainer reads spec.containers{NAME}.
func fieldContainer(path string) string {
	if _, rest, ok := strings.Cut(path, "{"); ok {
		return strings.TrimSuffix(rest, "}")
	}
	return ""
}
