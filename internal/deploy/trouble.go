package deploy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Patience: how long a trouble may last before it is a failure, where it can
// pass by itself. The numbers follow what an engine does: a kubelet pulls
// again after 10 s, an autoscaler looks every 10 s and needs minutes for a
// node, a ConfigMap of the same apply comes within a second or two.
const (
	atOnce = 0
	// What another object of the same apply may mend: as long as the call still
	// comes within three seconds of what is seen first.
	patienceApply   = 2400 * time.Millisecond
	patienceCrash   = time.Second      // the first CrashLoopBackOff
	patienceEnd     = 20 * time.Second // one end of a container: it is started again at once
	patiencePull    = 20 * time.Second // a pull that failed for no clear reason
	patienceNetwork = 60 * time.Second // a registry, a webhook, a volume that does not answer
	patienceNode    = 15 * time.Second // no node fits, and no autoscaler has spoken
	patienceScaleUp = 5 * time.Minute  // an autoscaler is adding a node
	patienceRace    = 30 * time.Second // a conflict that controllers resolve by trying again
	never           = time.Duration(-1)
)

// trouble is one thing that keeps a rollout from completing.
type trouble struct {
	code, reason, message, detail string
	replica, container            string
	stage                         string // of a trouble that has several; each is timed by itself
	exit                          *Termination
	event                         *Event
	restarts                      int
	// at is when it began by the engine's word; zero where it has none.
	at time.Time
	// patience is how long it may last; never is a remark only.
	patience time.Duration
	// anchored troubles are due at plus patience, whenever they were seen
	// first: a probe's budget runs from the container's start.
	anchored bool
	// logs says that the container's last lines are of use, previous that they
	// are those of the container before.
	logs, previous bool
	// quiet troubles are not spoken of before they are failures: nothing says
	// yet that anything is wrong.
	quiet bool
	// next replaces the class's command.
	next string

	since, due time.Time
}

func (t *trouble) key() string {
	return t.code + "\x00" + t.stage + "\x00" + t.replica + "\x00" + t.container
}

// settle finds since when the trouble lasts and when it is a failure. What was
// not there in an earlier picture begins now; in the first picture the
// engine's times are all there is.
func (t *trouble) settle(prev State, now time.Time, grace *time.Duration) {
	first, known := prev.seen[t.key()]
	switch {
	case known:
		t.since = first
	case !prev.begun && !t.at.IsZero() && t.at.Before(now), t.anchored && !t.at.IsZero():
		t.since = t.at
	default:
		t.since = now
	}
	if t.patience == never {
		return
	}
	t.due = t.since.Add(t.patience)
	if t.anchored {
		t.due = t.at.Add(t.patience)
	}
	if grace != nil {
		if t.anchored {
			t.due = t.due.Add(*grace)
		} else {
			t.due = t.since.Add(*grace)
		}
	}
}

// absent finds what a kubelet misses.
var absent = regexp.MustCompile(`(?i)\b(configmap|secret) "([^"]+)" not found`)

// believe gives a kubelet that misses what exists by now the time to look
// again: it does so every ten seconds or more.
func (t *trouble) believe(present map[string]bool) {
	if t.code != CodeConfig || len(present) == 0 {
		return
	}
	if m := absent.FindStringSubmatch(t.detail); m != nil && present[strings.ToLower(m[1])+"/"+m[2]] {
		t.patience = patienceNetwork
		t.message += "; it exists by now, and the node has not looked again"
	}
}

// pending is the remark about a trouble that is not a failure yet.
func (t *trouble) pending(now time.Time) string {
	line := t.message
	if t.detail != "" && t.code == "" {
		line += ": " + t.detail
	}
	if !t.due.IsZero() {
		line += fmt.Sprintf(" (it may pass; a failure in %s)", max(t.due.Sub(now), 0).Round(100*time.Millisecond))
	}
	return line
}

// troubles finds everything that is wrong with the revision that is rolled
// out.
func troubles(s *Snapshot, now time.Time) []trouble {
	out := creation(s, now)
	for _, r := range s.Replicas {
		if r.Deleting || gone(r) {
			continue
		}
		if !r.Current {
			if s.Workload.Kind == StatefulSet {
				out = append(out, blocking(s, r, now)...)
			}
			continue
		}
		out = append(out, replicaTroubles(s, r, now)...)
	}
	return out
}

func replicaTroubles(s *Snapshot, r Replica, now time.Time) []trouble {
	if t, ok := scheduling(s, r); ok {
		return []trouble{t}
	}
	var out []trouble
	waits := false
	for _, c := range r.Containers {
		if t, ok := containerTrouble(s, r, c, now); ok {
			t.replica, t.container, t.restarts = r.Name, c.Name, c.Restarts
			out = append(out, t)
		}
		waits = waits || c.State == "waiting"
	}
	if len(out) == 0 && (waits || len(r.Containers) == 0) {
		out = append(out, mounts(s, r)...)
	}
	for i := range out {
		if s.Workload.Kind == StatefulSet && s.Workload.Updated < s.Workload.Desired {
			out[i].message += "; a StatefulSet goes no further until it is ready"
		}
	}
	return out
}

// blocking is the trouble of a StatefulSet's pod of an earlier revision: the
// controller waits for it to become ready and never replaces it
// (kubernetes/kubernetes#67250).
func blocking(s *Snapshot, r Replica, now time.Time) []trouble {
	if r.Ready {
		return nil
	}
	old := replicaTroubles(s, r, now)
	for i := range old {
		old[i].message = fmt.Sprintf("%s is of an earlier revision and broken, and a StatefulSet does not replace it: %s", r.Name, old[i].message)
		old[i].patience = max(old[i].patience, patienceRace)
		old[i].next = fmt.Sprintf("kubectl delete pod %s -n %s", r.Name, cmp.Or(s.Workload.Namespace, "default"))
	}
	return old
}

// scheduling judges a replica that no node takes.
func scheduling(s *Snapshot, r Replica) (trouble, bool) {
	t := trouble{code: CodeUnschedulable, replica: r.Name, patience: patienceNode}
	for _, c := range r.Conditions {
		if c.Type == "PodScheduled" && c.Status == "False" {
			t.reason, t.detail, t.at = c.Reason, c.Message, c.Since
		}
	}
	if t.reason == "" && r.Phase == "Pending" && r.Reason == "Unschedulable" {
		t.reason, t.detail = r.Reason, r.Message
	}
	events := eventsOf(s, r)
	for _, e := range events {
		if e.Reason == "FailedScheduling" {
			t.event = &e
			if t.reason == "" && r.Node == "" && r.Phase == "Pending" && len(r.Containers) == 0 {
				t.reason, t.detail, t.at = e.Reason, e.Message, first(e)
			}
		}
	}
	if t.reason == "" {
		return t, false
	}
	t.message = fmt.Sprintf("no node takes %s: %s", r.Name, oneLine(t.detail))
	switch {
	case has(t.detail, "persistentvolumeclaim", "not found"):
		t.code, t.patience = CodeConfig, patienceApply
		t.message = fmt.Sprintf("%s refers to a volume claim that does not exist: %s", r.Name, oneLine(t.detail))
		return t, true
	case t.reason == "SchedulingGated":
		t.patience = patienceScaleUp
		t.message = r.Name + " is held back by a scheduling gate"
		return t, true
	case has(t.detail, "unbound immediate PersistentVolumeClaims"), hasAny(t.detail, "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
		t.patience = patienceNetwork
	case slices.ContainsFunc(s.Replicas, func(r Replica) bool { return r.Deleting }): // what goes makes room
		t.patience = patienceRace
	}
	// The last word of the autoscaler counts.
	for _, e := range events {
		switch e.Reason {
		case "TriggeredScaleUp", "Nominated":
			t.patience = patienceScaleUp
		case "NotTriggerScaleUp":
			t.patience, t.event = atOnce, &e
		}
	}
	return t, true
}

func containerTrouble(s *Snapshot, r Replica, c ContainerState, now time.Time) (trouble, bool) {
	switch c.State {
	case "waiting":
		return waiting(s, r, c)
	case "terminated":
		if c.Exit == nil || c.Init && c.Exit.Code == 0 {
			return trouble{}, false
		}
		t := crash(s, r, c, c.Exit)
		t.previous = false
		if c.Restarts < 2 && !slow(t) {
			t.patience = patienceEnd
		}
		return t, true
	case "running":
		if c.Ready || c.Init {
			return trouble{}, false
		}
		if c.Last != nil && now.Sub(c.Last.At) < 10*time.Minute && (c.Restarts >= 2 || neverBegan(s, r, c)) { // a kubelet forgets after ten
			return crash(s, r, c, c.Last), true
		}
		return probing(s, r, c)
	}
	return trouble{}, false
}

// waiting judges a container by the kubelet's word for what it waits for.
func waiting(s *Snapshot, r Replica, c ContainerState) (trouble, bool) {
	t := trouble{reason: c.Reason, detail: c.Message}
	switch c.Reason {
	case "InvalidImageName", "ErrImageNeverPull", "SignatureValidationFailed":
		t.code, t.patience = CodeImagePull, atOnce
		t.message = fmt.Sprintf("the image of container %s cannot be used: %s (%s)", c.Name, image(s, c), c.Reason)
		return t, true
	case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable":
		return pulling(s, r, c), true
	case "CrashLoopBackOff":
		last := c.Last
		if last == nil {
			last = c.Exit
		}
		t := crash(s, r, c, last)
		if t.stage = "back-off"; c.Restarts < 2 && !slow(t) {
			t.patience = patienceCrash
		}
		return t, true
	case "CreateContainerConfigError":
		t.code, t.patience = CodeConfig, patienceApply
		t.message = fmt.Sprintf("container %s cannot be configured: %s", c.Name, oneLine(c.Message))
		return t, true
	case "CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun", "PreCreateHookError", "PreStartHookError", "PostStartHookError":
		t.code, t.patience, t.exit = CodeCrashLoop, patienceEnd, c.Last
		if has(c.Message, "executable file not found") || has(c.Message, "no such file or directory") || has(c.Message, "permission denied") || has(c.Message, "no command specified") || has(c.Message, "exec format error") {
			t.patience = patienceCrash
		}
		t.message = fmt.Sprintf("container %s cannot be started: %s", c.Name, oneLine(cmp.Or(c.Message, c.Reason)))
		return t, true
	}
	return t, false
}

// pulling judges a pull that failed. A registry that has answered with a no
// will say it again; one that did not answer may next time.
func pulling(s *Snapshot, r Replica, c ContainerState) trouble {
	t := trouble{code: CodeImagePull, reason: c.Reason, detail: c.Message, patience: patiencePull}
	words, failures := c.Message, 0
	for _, e := range eventsOf(s, r) {
		if e.Reason == "Failed" && has(e.Message, "pull") && (e.Container == "" || e.Container == c.Name) {
			words += "\n" + e.Message
			failures += max(e.Count, 1)
			t.event = &e
			if t.at.IsZero() {
				t.at = first(e)
			}
		}
	}
	switch {
	case pullMayPass(words):
		t.patience = patienceNetwork
	case pullRefused(words):
		t.patience = atOnce
	}
	if t.patience == patiencePull && failures >= 3 { // "Failed" is said of the pull, and of the back-off's error
		t.patience = atOnce
	}
	why := ""
	if cause := pullCause(words); cause != "" {
		why = " (" + cause + ")"
	}
	t.message = fmt.Sprintf("the image of container %s cannot be pulled: %s%s", c.Name, image(s, c), why)
	return t
}

func image(s *Snapshot, c ContainerState) string {
	for _, one := range s.Template.Containers {
		if one.Name == c.Name && one.Image != "" {
			return one.Image
		}
	}
	return c.Image
}

// crash judges a container that ended.
func crash(s *Snapshot, r Replica, c ContainerState, end *Termination) trouble {
	t := trouble{code: CodeCrashLoop, reason: c.Reason, detail: c.Message, exit: end, logs: true, previous: true, patience: atOnce}
	what := "container " + c.Name
	if c.Init {
		what = "init container " + c.Name
	}
	if end == nil {
		t.message = what + " crashes"
		return t
	}
	t.at = end.At
	if t.reason == "" || end.Reason != "" && end.Reason != "Error" && end.Reason != "Completed" {
		t.reason = end.Reason
	}
	if e := killedByProbe(s, r, c, end); e != nil {
		t.code, t.reason, t.event, t.detail = CodeProbe, e.Reason, e, e.Message
		t.message = fmt.Sprintf("%s is killed by its probe: %s", what, oneLine(e.Message))
		return t
	}
	if end.Message != "" {
		t.detail = end.Message
	}
	how := fmt.Sprintf("code %d", end.Code)
	if end.Signal != "" {
		how += " (" + end.Signal + ")"
	}
	switch {
	case end.Reason == "OOMKilled":
		how += ", out of memory"
		if limit := memoryLimit(s, c.Name); limit != "" {
			how += " at its limit of " + limit
		}
	case end.Reason == "StartError" || end.Reason == "ContainerCannotRun":
		t.message = fmt.Sprintf("%s cannot be started: %s", what, oneLine(cmp.Or(end.Message, end.Reason)))
		t.logs = false
		return t
	case end.Code == 0 && !c.Init:
		how += ": it ends by itself, and a workload's container must not"
	}
	t.message = fmt.Sprintf("%s crashes: %s, it ended last with %s", what, count(c.Restarts, "restart", "restarts"), how)
	return t
}

// slow says that a start has used up all of the time that it was given: that
// is a budget which somebody declared, as that of a readiness probe is, and the
// next start has no more of it. One that ends earlier may have been unlucky.
func slow(t trouble) bool {
	return t.event != nil && (strings.HasPrefix(t.event.Message, "Startup probe") || has(t.event.Message, "failed startup probe"))
}

// neverBegan says that the start before this one was too slow.
func neverBegan(s *Snapshot, r Replica, c ContainerState) bool {
	e := killedByProbe(s, r, c, c.Last)
	return e != nil && slow(trouble{event: e})
}

// killedByProbe gives the event of the liveness or startup probe that had the
// container killed.
func killedByProbe(s *Snapshot, r Replica, c ContainerState, end *Termination) *Event {
	if end.Reason == "OOMKilled" {
		return nil
	}
	var found *Event
	for _, e := range eventsOf(s, r) {
		if e.Container != "" && e.Container != c.Name {
			continue
		}
		kill := e.Reason == "Killing" && (has(e.Message, "failed liveness probe") || has(e.Message, "failed startup probe"))
		ill := e.Reason == "Unhealthy" && (strings.HasPrefix(e.Message, "Liveness probe") || strings.HasPrefix(e.Message, "Startup probe"))
		// The kill comes before the end, by the termination's grace at most.
		near := end.At.IsZero() || e.Time.After(end.At.Add(-90*time.Second)) && first(e).Before(end.At.Add(time.Second))
		if near && (kill && found == nil || ill) {
			found = &e
		}
	}
	return found
}

func memoryLimit(s *Snapshot, container string) string {
	for _, c := range s.Template.Containers {
		if c.Name == container {
			return c.Limits["memory"]
		}
	}
	return ""
}

// Kubernetes' defaults of a probe.
const (
	// probeSlack is what the last probe of a budget may take to fail.
	probeSlack      = time.Second
	defaultPeriod   = 10 * time.Second
	defaultFailures = 3
)

// budget is how long after its start a container may be without being ready.
func budget(s *Snapshot, name string) (time.Duration, int, bool) {
	of := func(p ProbeTiming) time.Duration {
		return p.Delay + cmp.Or(p.Period, defaultPeriod)*time.Duration(cmp.Or(p.Failures, defaultFailures))
	}
	for _, c := range s.Template.Containers {
		if c.Name != name {
			continue
		}
		var total time.Duration
		if p, ok := c.Timing["startup"]; ok {
			total = of(p)
		} else if _, ok := c.Probes["startup"]; ok {
			total = of(ProbeTiming{})
		}
		p, timed := c.Timing["readiness"]
		_, named := c.Probes["readiness"]
		return total + of(p), cmp.Or(p.Failures, defaultFailures), timed || named
	}
	return of(ProbeTiming{}), defaultFailures, false
}

// probing judges a container that runs and is not ready: its probes may fail
// for as long as they are declared to.
func probing(s *Snapshot, r Replica, c ContainerState) (trouble, bool) {
	if c.Since.IsZero() {
		return trouble{}, false
	}
	t := trouble{code: CodeProbe, reason: "Unhealthy", at: c.Since, anchored: true, logs: true}
	for _, one := range r.Conditions { // what was ready once has its budget from when it was not any more
		if one.Type == "Ready" && one.Status == "False" && one.Since.After(t.at) {
			t.at = one.Since
		}
	}
	length, failures, declared := budget(s, c.Name)
	t.patience = length + probeSlack
	seen := 0
	for _, e := range eventsOf(s, r) {
		if e.Reason != "Unhealthy" || e.Container != "" && e.Container != c.Name || e.Time.Before(c.Since.Add(-time.Second)) {
			continue
		}
		t.event, t.detail = &e, e.Message
		if strings.HasPrefix(e.Message, "Readiness probe") {
			seen += max(e.Count, 1)
		}
	}
	switch {
	case t.event == nil && !declared: // something else keeps it from being ready: a gate, a node
		return t, false
	case t.event == nil: // events may be hidden from us, or lost
		t.patience, t.quiet = t.patience+patienceRace, true
		t.message = fmt.Sprintf("container %s runs and is not ready: its readiness probe has not passed", c.Name)
	default:
		t.message = fmt.Sprintf("container %s is not ready: %s", c.Name, oneLine(t.detail))
		if seen >= failures { // the budget is used up by count
			t.at, t.patience = t.event.Time, atOnce
		}
	}
	return t, true
}

// mounts judges a replica whose containers wait for their volumes.
func mounts(s *Snapshot, r Replica) []trouble {
	for _, e := range slices.Backward(eventsOf(s, r)) {
		if e.Reason != "FailedMount" && e.Reason != "FailedAttachVolume" && e.Reason != "FailedCreatePodSandBox" && e.Reason != "FailedCreatePodContainer" {
			continue
		}
		t := trouble{reason: e.Reason, detail: e.Message, replica: r.Name, event: &e, at: first(e), patience: never}
		t.message = fmt.Sprintf("%s waits (%s)", r.Name, e.Reason)
		if has(e.Message, "not found") && (has(e.Message, "configmap") || has(e.Message, "secret") || has(e.Message, "persistentvolumeclaim")) || has(e.Message, "references non-existent") {
			t.code, t.patience = CodeConfig, patienceApply
			t.message = fmt.Sprintf("%s refers to what does not exist: %s", r.Name, oneLine(e.Message))
		}
		return []trouble{t}
	}
	return nil
}

func eventsOf(s *Snapshot, r Replica) []Event {
	var out []Event
	for _, e := range s.Events {
		if e.Object == "pod/"+r.Name || e.Object == r.Name || strings.HasSuffix(e.Object, "/"+r.Name) {
			out = append(out, e)
		}
	}
	return out
}

func first(e Event) time.Time {
	if e.First.IsZero() {
		return e.Time
	}
	return e.First
}
