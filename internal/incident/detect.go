package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

// acts are the kinds of timeline rows that can have ended an incident.
var acts = []string{
	api.ChangeRollout, api.ChangeScale, api.ChangePause, api.ChangeCanary, api.ChangeConfig, api.ChangeSecret, api.ChangeSettings, api.ChangeDelete, api.ChangeAction,
}

// detect finds the moments of an incident in what was gathered. Each is what
// one piece of evidence says; a moment that none names is absent.
func detect(in api.Incident) api.IncidentDetection {
	var d api.IncidentDetection
	firing := false
	for _, x := range in.Subjects {
		w := x.Why
		if w == nil {
			continue
		}
		if on := w.Symptom.Onset; on != nil && earlier(*on, d.Onset) {
			d.Onset = moment(*on, symptomID(w), "the values of "+x.Name+" left what they were before")
		}
		if w.Subject.Kind == "alert" && !w.Subject.Started.IsZero() {
			firing = firing || w.Subject.State == "firing" || w.Subject.State == "silenced" || w.Subject.State == "inhibited"
			if earlier(w.Subject.Started, d.Alert) {
				d.Alert = moment(w.Subject.Started, alertID(w), w.Subject.Name+" began to fire")
			}
		}
	}
	rows := slices.Clone(in.Timeline.Rows)
	slices.SortStableFunc(rows, func(a, b api.TimelineRow) int { return a.Time.Compare(b.Time) })
	for _, r := range rows {
		if r.Kind == "alert" && ours(in, r) && !before(r.Time, d.Onset) {
			if d.Alert.Time == nil {
				d.Alert = moment(r.Time, r.ID, r.Title)
			}
			firing = firing || r.End == nil
		}
	}
	d.Recovery = recovery(in, rows, d, firing)
	for _, r := range rows {
		switch {
		case before(r.Time, d.Alert) || d.Alert.Time == nil && before(r.Time, d.Onset), d.Alert.Time == nil && d.Onset.Time == nil:
		case r.Kind == "ack" && d.Ack.Time == nil && concerns(in, r):
			d.Ack = moment(r.Time, r.ID, r.Title)
		case d.Mitigation.Time == nil && slices.Contains(acts, r.Kind) && concerns(in, r) && !strings.HasPrefix(r.Title, "incident ") &&
			(d.Recovery.Time == nil || !r.Time.After(*d.Recovery.Time)):
			d.Mitigation = moment(r.Time, r.ID, "the first change after the alert: "+r.Title)
		}
	}
	for _, run := range in.Runs {
		for _, r := range run.Results {
			if r.Kind == api.RunbookAct && r.OK && !before(r.Started, d.Alert) && d.Alert.Time != nil && earlier(r.Started, d.Mitigation) {
				d.Mitigation = moment(r.Started, r.ID, "the first change after the alert: "+r.Command)
			}
		}
	}
	d.TTD, d.TTA = between(d.Onset, d.Alert), between(d.Alert, d.Ack)
	d.TTM, d.TTR = between(d.Onset, d.Mitigation), between(d.Onset, d.Recovery)
	return d
}

// recovery is when the last of our alerts resolved; nothing while one fires.
func recovery(in api.Incident, rows []api.TimelineRow, d api.IncidentDetection, firing bool) api.IncidentMoment {
	var out api.IncidentMoment
	if firing || d.Alert.Time == nil {
		return out
	}
	for _, r := range rows {
		end := r.Time
		switch {
		case r.Kind == "alert" && r.End != nil:
			end = *r.End
		case r.Kind != "resolved":
			continue
		}
		if ours(in, r) && !before(end, d.Alert) && (out.Time == nil || end.After(*out.Time)) {
			out = moment(end, r.ID, "no alert of the incident fires after this")
		}
	}
	return out
}

// ours reports whether a row of an alert is about one of the subjects.
func ours(in api.Incident, r api.TimelineRow) bool {
	for _, x := range in.Subjects {
		name := x.Name
		if x.Why != nil && x.Why.Subject.Kind == "alert" {
			name = x.Why.Subject.Name
			if !slices.Contains(strings.Fields(r.Title), name) {
				continue
			}
			if x.Why.Subject.Service == "" || r.Service == "" || r.Service == x.Why.Subject.Service {
				return true
			}
			continue
		}
		if slices.Contains(strings.Fields(r.Title), name) || r.Service == name {
			return true
		}
	}
	return false
}

// concerns reports whether a row is about a service of the incident, or about
// none in particular.
func concerns(in api.Incident, r api.TimelineRow) bool {
	all := involved(in)
	return r.Service == "" || len(all) == 0 || slices.Contains(all, r.Service)
}

func moment(t time.Time, id, text string) api.IncidentMoment {
	t = t.UTC()
	return api.IncidentMoment{Time: &t, Evidence: id, Text: text}
}

func earlier(t time.Time, m api.IncidentMoment) bool { return m.Time == nil || t.Before(*m.Time) }
func before(t time.Time, m api.IncidentMoment) bool  { return m.Time != nil && t.Before(*m.Time) }

// between is the time from a to b; nothing where either is unknown or they are
// not in this order.
func between(a, b api.IncidentMoment) *op.Duration {
	if a.Time == nil || b.Time == nil || b.Time.Before(*a.Time) {
		return nil
	}
	d := op.Duration(b.Time.Sub(*a.Time).Round(time.Second))
	return &d
}
