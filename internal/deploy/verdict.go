package deploy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// The codes of a verdict, one a class. Scripts rely on them.
const (
	CodeComplete      = "complete"
	CodeProgressing   = "progressing"
	CodePaused        = "paused"     // nothing will happen until somebody acts
	CodeStale         = "stale"      // the engine has not looked at the change
	CodeSuperseded    = "superseded" // something else is rolled out by now
	CodeImagePull     = "image_pull"
	CodeCrashLoop     = "crash_loop"
	CodeProbe         = "probe_failing"
	CodeUnschedulable = "unschedulable"
	CodeQuota         = "quota"
	CodeAdmission     = "admission"
	CodeConfig        = "missing_config"
	CodeDeadline      = "deadline"
	CodeCanary        = "canary" // the canary was worse, and was taken back
)

// ranks order troubles that are failures at the same time: the cause before
// what follows from it.
var ranks = map[string]int{
	CodeConfig: 1, CodeImagePull: 2, CodeCrashLoop: 3, CodeProbe: 4, CodeQuota: 5, CodeAdmission: 6, CodeUnschedulable: 7, CodeDeadline: 8,
}

// JudgeOptions loosen or tighten a judgement.
type JudgeOptions struct {
	// Grace is how long any trouble may last before it is a failure; nil is
	// each trouble's own time (patience in trouble.go).
	Grace *time.Duration
	// Revision and Template are what the caller rolled out; another newest
	// revision, or a template of another Digest, makes the verdict
	// inconclusive. Empty is whatever is newest.
	Revision, Template string
	// Generation is that of the caller's change: an older picture says nothing.
	Generation int64
	// Engine is added to the commands that are suggested.
	Engine string
	// Present are ConfigMaps and Secrets ("secret/web") that are known to exist
	// by now: a kubelet that says otherwise has not looked again yet.
	Present map[string]bool
}

// State is what a judgement remembers for the next one. The zero value
// remembers nothing.
type State struct {
	// Wake is when the judgement may change by time alone; zero is never.
	Wake time.Time
	// Logs asks for the last lines of the verdict's container.
	Logs bool
	// Previous says that they are those of the container before the one that
	// runs.
	Previous bool

	begun   bool
	matched bool   // the caller's template was seen
	canary  string // the revision that got a share of the calls
	seen    map[string]time.Time
	stale   time.Time
}

// staleFor is how long an engine may take to look at a change: a controller
// that lives needs milliseconds.
const staleFor = 30 * time.Second

// Judge says what a picture means at a time, given what was seen before. It is
// pure. A trouble is a failure when it has lasted for its patience; what has
// none is a failure at once.
func Judge(prev State, s *Snapshot, now time.Time, o JudgeOptions) (api.DeployVerdict, State) {
	next := State{begun: true, seen: map[string]time.Time{}}
	w := s.Workload
	v := api.DeployVerdict{Outcome: api.DeployProgressing, Code: CodeProgressing, Message: progress(s)}
	v.Notes = notes(s)
	if s.Canary != nil {
		next.canary = s.Canary.Revision
	} else if e := takenBack(s, prev.canary); e != nil {
		shown := shownEvent(*e)
		v.Outcome, v.Code, v.Reason, v.Detail, v.Event, v.Since = api.DeployFailed, CodeCanary, e.Reason, e.Message, &shown, e.Time.UTC()
		v.Message = fmt.Sprintf("the canary of %s was taken back: %s", Title(w), oneLine(e.Message))
		v.Next = command(o, "logs", w, "")
		return v, next
	}
	next.matched = prev.matched || o.Template == s.Template.Digest()
	if s.Generation < o.Generation || s.Observed < s.Generation || o.Template != "" && !next.matched && !prev.late(now) {
		return judgeStale(prev, next, s, now, v, o)
	}
	if superseded(s, o) {
		v.Outcome, v.Code = api.DeployInconclusive, CodeSuperseded
		v.Message = fmt.Sprintf("%s was changed meanwhile: revision %s is rolled out now", Title(w), cmp.Or(w.Revision, "?"))
		v.Next = command(o, "status", w, "")
		return v, next
	}
	if complete(s) {
		v.Outcome, v.Code, v.Message = api.DeployComplete, CodeComplete, fmt.Sprintf("%s is rolled out: %s", Title(w), ready(w))
		if s.Paused {
			v.Notes = append(v.Notes, "it is paused: what is changed now is rolled out when it is resumed")
		}
		return v, next
	}
	if why := held(s); why != "" {
		v.Outcome, v.Code, v.Message = api.DeployInconclusive, CodePaused, why
		if s.Paused {
			v.Next = command(o, "resume", w, "")
		}
		return v, next
	}
	found := troubles(s, now)
	for i := range found {
		found[i].believe(o.Present)
		found[i].settle(prev, now, o.Grace)
		next.seen[found[i].key()] = found[i].since
	}
	expired := exceeded(s)
	slices.SortStableFunc(found, func(a, b trouble) int {
		return cmp.Or(cmp.Compare(ranks[a.code], ranks[b.code]), a.due.Compare(b.due), b.at.Compare(a.at))
	})
	for i := range found {
		t := &found[i]
		if t.code != "" && (expired != nil || !t.due.IsZero() && !t.due.After(now)) {
			next.Logs, next.Previous = t.logs, t.previous
			v = failed(v, t, found, w, o)
			if s.Canary != nil { // the engine takes it back by itself: there is nothing to undo
				v.Next = logsOf(t, w, o)
			}
			return v, next
		}
		if !t.due.IsZero() && (next.Wake.IsZero() || t.due.Before(next.Wake)) {
			next.Wake = t.due
		}
		if !t.quiet {
			v.Notes = append(v.Notes, t.pending(now))
		}
	}
	if expired != nil {
		v.Outcome, v.Code, v.Reason, v.Detail, v.Since = api.DeployFailed, CodeDeadline, expired.Reason, expired.Message, expired.Since
		v.Message = fmt.Sprintf("%s made no progress within its deadline%s: %s", Title(w), within(s.Deadline), progress(s))
		v.Next = command(o, "status", w, "")
		return v, next
	}
	return v, next
}

// takenBack gives the event of the canary's end, where it ended badly.
func takenBack(s *Snapshot, canary string) *Event {
	if canary == "" {
		return nil
	}
	for i := len(s.Events) - 1; i >= 0; i-- {
		if e := &s.Events[i]; e.Reason == "CanaryRolledBack" && strings.HasPrefix(e.Message, "revision "+canary+":") {
			return e
		}
	}
	return nil
}

// failed makes the verdict of a trouble that has lasted too long.
func failed(v api.DeployVerdict, t *trouble, all []trouble, w api.Workload, o JudgeOptions) api.DeployVerdict {
	v.Outcome, v.Code, v.Reason, v.Message, v.Detail = api.DeployFailed, t.code, t.reason, t.message, t.detail
	v.Replica, v.Container, v.Restarts, v.Since = t.replica, t.container, t.restarts, t.since.UTC()
	if t.exit != nil {
		v.Exit = &api.DeployExit{Code: t.exit.Code, Signal: t.exit.Signal, Reason: t.exit.Reason, At: t.exit.At}
	}
	if t.event != nil {
		e := shownEvent(*t.event)
		v.Event = &e
	}
	names := map[string]bool{}
	for _, other := range all {
		if other.code == t.code && other.replica != "" {
			names[other.replica] = true
		}
	}
	if v.Affected = len(names); v.Affected > 1 {
		v.Message += fmt.Sprintf(" (and %d more)", v.Affected-1)
	}
	v.Next = remedy(t, w, o)
	return v
}

// remedy is the command to run next.
func remedy(t *trouble, w api.Workload, o JudgeOptions) string {
	if t.next != "" {
		return t.next
	}
	switch t.code {
	case CodeUnschedulable:
		return "kubectl describe nodes"
	case CodeQuota:
		return "kubectl describe quota -n " + cmp.Or(w.Namespace, "default")
	}
	if n, err := strconv.Atoi(w.Revision); err == nil && n > 1 {
		return command(o, "undo", w, "")
	}
	if t.code == CodeCrashLoop || t.code == CodeProbe {
		return logsOf(t, w, o)
	}
	return command(o, "history", w, "")
}

// logsOf shows the lines that tell why.
func logsOf(t *trouble, w api.Workload, o JudgeOptions) string {
	if t.previous {
		return command(o, "logs", w, " --previous")
	}
	return command(o, "logs", w, "")
}

// late says that the engine has had its time to show the caller's change.
func (st State) late(now time.Time) bool {
	return !st.stale.IsZero() && !now.Before(st.stale.Add(staleFor))
}

func judgeStale(prev, next State, s *Snapshot, now time.Time, v api.DeployVerdict, o JudgeOptions) (api.DeployVerdict, State) {
	since := prev.stale
	if since.IsZero() {
		since = now
	}
	next.stale, next.Wake = since, since.Add(staleFor)
	v.Message = fmt.Sprintf("the engine has not looked at the change of %s yet", Title(s.Workload))
	if !now.Before(next.Wake) {
		v.Outcome, v.Code, v.Since, next.Wake = api.DeployInconclusive, CodeStale, since.UTC(), time.Time{}
		v.Message = fmt.Sprintf("the engine has not looked at the change of %s for %s: its controller may be down", Title(s.Workload), now.Sub(since).Round(time.Second))
		v.Next = command(o, "status", s.Workload, "")
	}
	return v, next
}

func superseded(s *Snapshot, o JudgeOptions) bool {
	return o.Revision != "" && s.Workload.Revision != "" && o.Revision != s.Workload.Revision ||
		o.Template != "" && o.Template != s.Template.Digest()
}

// strategy is the part of a Kubernetes object that says which replicas a
// rollout replaces by itself.
type strategy struct {
	Spec struct {
		UpdateStrategy struct {
			Type          string `json:"type"`
			RollingUpdate struct {
				Partition int `json:"partition"`
			} `json:"rollingUpdate"`
		} `json:"updateStrategy"`
	} `json:"spec"`
	Status struct {
		Misscheduled int `json:"numberMisscheduled"`
	} `json:"status"`
}

func strategyOf(s *Snapshot) (out strategy) {
	if s.Workload.Kind == StatefulSet || s.Workload.Kind == DaemonSet {
		_ = json.Unmarshal(s.Raw, &out) // an object in a form of its own says nothing
	}
	return out
}

// complete follows kubectl: everything wanted is of the newest revision, is
// available, and nothing of an older one is left.
func complete(s *Snapshot) bool {
	w, st := s.Workload, strategyOf(s)
	if s.Canary != nil {
		return false
	}
	partition := st.Spec.UpdateStrategy.RollingUpdate.Partition
	if w.Kind != StatefulSet {
		partition = 0
	}
	if st.Spec.UpdateStrategy.Type == "OnDelete" && w.Updated < w.Desired {
		return false
	}
	if w.Updated < w.Desired-partition || w.Available < w.Desired {
		return false
	}
	for _, r := range s.Replicas {
		if !r.Current && partition == 0 && !gone(r) {
			return false
		}
		if w.Desired == 0 && !gone(r) {
			return false
		}
	}
	return true
}

// gone says that a replica takes no part any more.
func gone(r Replica) bool { return r.Phase == "Succeeded" || r.Phase == "Failed" }

// held says why nothing will happen by itself; empty where something may.
func held(s *Snapshot) string {
	st := strategyOf(s)
	switch {
	case s.Paused:
		return fmt.Sprintf("%s is paused: %s", Title(s.Workload), progress(s))
	case st.Spec.UpdateStrategy.Type == "OnDelete" && s.Workload.Updated < s.Workload.Desired && s.Workload.Available >= s.Workload.Updated:
		return fmt.Sprintf("%s replaces a pod only when somebody deletes it (OnDelete): %d of %d are of the newest revision", Title(s.Workload), s.Workload.Updated, s.Workload.Desired)
	}
	return ""
}

// exceeded gives the condition that says that the deadline has passed.
func exceeded(s *Snapshot) *Condition {
	for i, c := range s.Conditions {
		if c.Type == "Progressing" && c.Status == "False" && c.Reason == "ProgressDeadlineExceeded" {
			return &s.Conditions[i]
		}
	}
	return nil
}

// notes say what else is wrong: trouble of replicas that are being replaced,
// and pods on nodes where a DaemonSet does not want them.
func notes(s *Snapshot) []string {
	var out []string
	old := 0
	for _, r := range s.Replicas {
		if !r.Current && !r.Deleting && !r.Ready && !gone(r) {
			old++
		}
	}
	if old > 0 {
		out = append(out, count(old, "replica of an earlier revision is not ready", "replicas of earlier revisions are not ready"))
	}
	if n := strategyOf(s).Status.Misscheduled; n > 0 && s.Workload.Kind == DaemonSet {
		out = append(out, count(n, "pod runs on a node where it should not", "pods run on nodes where they should not"))
	}
	return out
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// progress is one line about how far a rollout is.
func progress(s *Snapshot) string {
	w := s.Workload
	if s.Canary != nil {
		return fmt.Sprintf("canary: revision %s gets %d %% of the calls", s.Canary.Revision, s.Canary.Weight)
	}
	old := 0
	for _, r := range s.Replicas {
		if !r.Current && !gone(r) {
			old++
		}
	}
	line := fmt.Sprintf("%d of %d replicas updated, %d available", w.Updated, w.Desired, w.Available)
	if w.Ready != w.Available {
		line = fmt.Sprintf("%d of %d replicas updated, %d ready, %d available", w.Updated, w.Desired, w.Ready, w.Available)
	}
	if old > 0 {
		line += ", " + count(old, "old one left", "old ones left")
	}
	return line
}

func ready(w api.Workload) string {
	if w.Desired == 0 {
		return "no replicas are wanted"
	}
	return fmt.Sprintf("%d of %d replicas available", w.Available, w.Desired)
}

func within(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return " of " + d.String()
}

// Title names a workload as commands take it: "deployment/web".
func Title(w api.Workload) string { return strings.ToLower(w.Kind) + "/" + w.Name }

// command is a command about a workload, to be run as it stands.
func command(o JudgeOptions, verb string, w api.Workload, flags string) string {
	line := "aictl deploy " + verb + " " + Title(w)
	if w.Namespace != "" && w.Namespace != "default" {
		line += " -n " + w.Namespace
	}
	if o.Engine != "" {
		line += " --engine " + o.Engine
	}
	return line + flags
}

func shownEvent(e Event) api.DeployEvent {
	return api.DeployEvent{Time: e.Time, Object: e.Object, Reason: e.Reason, Message: e.Message, Count: e.Count}
}
