package overview

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// row is one line of a box, made when its data came. All its text is safe.
type row struct {
	key     string
	subject pane.Subject
	to      string // the pane that shows more of it; empty where lines do
	lines   []string

	sign            sign
	word            string // the state, the severity or the kind
	name            string
	where           string // the service or the namespace
	note            string
	context         string
	at              time.Time
	red             *red // how a service does
	firing          bool
	upset           bool // a person should look at it
	previousToAlert time.Duration
}

// matches reports whether the filter lets the row through.
func (r *row) matches(f widget.Filter) bool {
	return f.Empty() || f.Match(strings.Join([]string{r.word, r.name, r.where, r.note, r.context}, "\n"))
}

// alertRows are all alerts, the worst first; those that somebody keeps quiet
// come last.
func (p *Pane) alertRows() []*row {
	type owned struct {
		context string
		alert   api.Alert
	}
	var all []owned
	for _, c := range p.env.Contexts {
		list, _ := last[api.AlertList](p.alerts, c.Name)
		for _, a := range list.Alerts {
			all = append(all, owned{c.Name, a})
		}
	}
	slices.SortStableFunc(all, func(a, b owned) int { return alerts.Compare(&a.alert, &b.alert) })
	out := make([]*row, 0, len(all))
	for _, o := range all {
		a := o.alert
		r := &row{
			key: o.context + "/" + a.Fingerprint, to: "alerts", context: p.who(o.context), at: a.Started,
			word: safe(cmp.Or(a.Severity, "none")), name: safe(a.Name), where: safe(a.Service), note: safe(a.Summary),
			firing: a.State == "firing", upset: a.State == "firing",
			subject: pane.Subject{
				Context: o.context, Namespace: a.Labels["namespace"], Service: a.Service, Alert: a.Name,
				Fingerprint: a.Fingerprint, Labels: a.Labels, At: a.Started,
			},
		}
		switch {
		case !r.firing && a.Ack != nil:
			r.sign, r.word, r.note = quiet, "taken", "by "+safe(a.Ack.By)+": "+r.note
		case !r.firing:
			r.sign, r.word = quiet, safe(a.State)
		case a.Severity == "critical" || a.Severity == "page" || a.Severity == "error":
			r.sign = bad
		default:
			r.sign = warn
		}
		out = append(out, r)
	}
	return out
}

// underWay ranks the states of a workload whose rollout is not over.
var underWay = map[string]int{"failed": 1, "degraded": 2, "progressing": 3, "paused": 4}

// rolloutRows are the workloads that are not as they should be.
func (p *Pane) rolloutRows() []*row {
	var out []*row
	for _, c := range p.env.Contexts {
		list, _ := last[api.WorkloadList](p.rollouts, c.Name)
		for i := range list.Workloads {
			w := &list.Workloads[i]
			if underWay[w.State] == 0 {
				continue
			}
			r := &row{
				key: c.Name + "/" + w.Namespace + "/" + workloadName(w), to: "deployments", context: p.who(c.Name), at: w.Changed,
				word: safe(w.State), name: safe(workloadName(w)), where: safe(w.Namespace), note: rolloutNote(w),
				upset:   w.State == "failed" || w.State == "degraded",
				subject: pane.Subject{Context: c.Name, Namespace: w.Namespace, Service: w.Name, Workload: workloadName(w), At: w.Changed},
			}
			r.sign = map[string]sign{"failed": bad, "degraded": warn, "progressing": busy, "paused": quiet}[w.State]
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *row) int {
		return cmp.Or(cmp.Compare(underWay[a.word], underWay[b.word]), b.at.Compare(a.at))
	})
	return out
}

func workloadName(w *api.Workload) string { return strings.ToLower(w.Kind) + "/" + w.Name }

func rolloutNote(w *api.Workload) string {
	note := itoa(w.Updated) + "/" + itoa(w.Desired) + " updated, " + itoa(w.Ready) + " ready"
	if w.Revision != "" {
		note += ", revision " + safe(w.Revision)
	}
	if w.Cause != "" {
		note += ": " + safe(w.Cause)
	}
	return note
}

// workload finds the workload of a service, so that `d` goes to it.
func (p *Pane) workload(context, service string) (api.Workload, bool) {
	list, _ := last[api.WorkloadList](p.rollouts, context)
	i := slices.IndexFunc(list.Workloads, func(w api.Workload) bool { return w.Name == service })
	if i < 0 {
		return api.Workload{}, false
	}
	return list.Workloads[i], true
}

// changeTo says which pane shows more of a kind of change; the others are seen
// on the timeline.
var changeTo = map[string]string{
	api.ChangeRollout: "deployments", api.ChangeScale: "deployments", api.ChangeAutoscale: "deployments",
	api.ChangePause: "deployments", api.ChangeCanary: "deployments", api.ChangeDelete: "deployments",
	api.ChangeSilence: "alerts", api.ChangeAck: "alerts", api.ChangeSettings: "audit", api.ChangeAction: "audit",
}

// changeRows are what changed in the window, the newest first.
func (p *Pane) changeRows() []*row {
	var out []*row
	for _, c := range p.env.Contexts {
		list, _ := last[api.ChangeList](p.changes, c.Name)
		for i := range list.Changes {
			ch := &list.Changes[i]
			r := &row{
				key: c.Name + "/" + ch.ID, to: cmp.Or(changeTo[ch.Kind], "incident"), context: p.who(c.Name), at: ch.Time,
				word: safe(ch.Kind), name: safe(cmp.Or(ch.Service, ch.Object)), where: safe(ch.Namespace), note: safe(ch.Summary),
				sign:    plain,
				subject: pane.Subject{Context: c.Name, Namespace: ch.Namespace, Service: ch.Service, Text: ch.Object, At: ch.Time},
			}
			if r.to == "deployments" {
				r.subject.Workload, r.subject.Text = ch.Object, ""
			}
			if ch.Actor != "" {
				r.note += " (by " + safe(ch.Actor) + ")"
			}
			r.previousToAlert = p.beforeAlert(c.Name, ch)
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *row) int { return b.at.Compare(a.at) })
	return out
}

// suspicious is how long before an alert's start a change is worth a remark.
const suspicious = 30 * time.Minute

// beforeAlert is how long before the start of a firing alert of the same
// service a change was made; 0 where there is no such alert.
func (p *Pane) beforeAlert(context string, ch *api.Change) time.Duration {
	if p.inPast() {
		return p.beforeFired(context, ch)
	}
	list, _ := last[api.AlertList](p.alerts, context)
	least := time.Duration(0)
	for i := range list.Alerts {
		a := &list.Alerts[i]
		if a.State != "firing" || a.Service == "" || a.Service != ch.Service && !slices.Contains(ch.Services, a.Service) {
			continue
		}
		if d := a.Started.Sub(ch.Time); d > 0 && d <= suspicious && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}
