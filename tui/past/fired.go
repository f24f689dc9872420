// Package past makes what a window in the past shows: the alerts that fired
// in it, and how the services did at a moment of it. It reads the record and
// the metrics as they were answered.
//
// It promises that nothing of the present stands in for the past. What neither
// source holds (who kept an alert quiet, where the record has no word of it)
// is Unknown, and never none.
package past

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
)

// Unknown is what is said of the past where nobody kept it.
const Unknown = "unknown"

// Fired is a stretch of a window in which an alert fired.
type Fired struct {
	Name, Severity, Service string
	Labels                  map[string]string
	// From is when it began, or the window's first moment where it fired
	// before; To is when it ended, and zero where it outlasted the window.
	From, To time.Time
	// Earlier says that it fired when the window began.
	Earlier bool
	// Done are the acknowledgements, silences and the like that the record has
	// of it in the window, in order.
	Done []api.AlertPast
}

// Firing picks what fired of the history of a window that begins at from, the
// worst first and of equals the one that began first.
func Firing(history []api.AlertPast, from time.Time) []Fired {
	var out []Fired
	for _, h := range history {
		if h.Kind != "firing" {
			continue
		}
		f := Fired{Name: h.Name, Severity: h.Labels["severity"], Service: h.Labels["service"], Labels: h.Labels, From: h.Start, Earlier: !h.Start.After(from)}
		if f.Earlier { // the history's steps begin before the window does
			f.From = from
		}
		if h.End != nil {
			f.To = *h.End
		}
		for _, did := range history {
			if did.Kind != "firing" && f.At(did.Start) && concerns(did, &f) {
				f.Done = append(f.Done, did)
			}
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b Fired) int { return cmp.Or(Compare(&a, &b), strings.Compare(a.Key(), b.Key())) })
	return out
}

// Compare is the order of alerts: the worst first, then what began first.
func Compare(a, b *Fired) int {
	x, y := a.Alert(""), b.Alert("")
	return alerts.Compare(&x, &y)
}

// concerns reports whether what was done was done about the alert: it was one
// of those that were hit, and no matcher denies it. A matcher of a label that
// the series ALERTS lacks (one that was added on the way to the Alertmanager)
// denies nothing.
func concerns(did api.AlertPast, f *Fired) bool {
	if !slices.Contains(strings.Fields(did.Name), f.Name) {
		return false
	}
	m, err := alerts.Parse(did.Matchers)
	if err != nil || len(m) == 0 && did.Labels["service"] == "" { // it may be any alert of the name
		return false
	}
	for _, one := range m {
		if value, has := f.Labels[one.Name]; has && !one.Matches(value) {
			return false
		}
	}
	for _, label := range []string{"service", "severity"} { // what a record without matchers says
		if value := did.Labels[label]; value != "" && value != f.Labels[label] {
			return false
		}
	}
	return true
}

// At reports whether it fired at a moment.
func (f *Fired) At(t time.Time) bool {
	return !t.Before(f.From) && (f.To.IsZero() || t.Before(f.To))
}

// Key tells a stretch from the others of its context.
func (f *Fired) Key() string {
	return f.From.UTC().Format(time.RFC3339Nano) + " " + alerts.Exactly(f.Labels).String()
}

// Began and Ended are its bounds in words.
func (f *Fired) Began(e *pane.Env) string {
	if f.Earlier {
		return "before " + Clock(e, f.From)
	}
	return Clock(e, f.From)
}

// Ended is when it ended, in words: "after" the window's end where it went on.
func (f *Fired) Ended(e *pane.Env) string {
	if f.To.IsZero() {
		return "after " + Clock(e, f.End(e))
	}
	return Clock(e, f.To)
}

// Lasted is for how long of the window it fired.
func (f *Fired) Lasted(e *pane.Env) time.Duration {
	return max(f.End(e).Sub(f.From), 0)
}

// End is when it ended, or the window's end where it went on.
func (f *Fired) End(e *pane.Env) time.Time {
	if f.To.IsZero() {
		_, to := e.Bounds()
		return to
	}
	return f.To
}

// TakenBy is who took it over in the window. Unknown where the record has
// nobody: it may lack what was done without the control plane, or before the
// window.
func (f *Fired) TakenBy() string {
	for _, did := range slices.Backward(f.Done) {
		if did.Kind == "ack" && did.By != "" {
			return did.By
		}
	}
	return Unknown
}

// Quiet is when it was silenced, or inhibited, in words. Unknown where the
// record has no word of it: it is written while a control plane watches.
func (f *Fired) Quiet(e *pane.Env, state string) string {
	var parts []string
	for _, did := range f.Done {
		switch did.Kind {
		case state:
			parts = append(parts, "from "+Clock(e, did.Start))
		case "un" + state:
			parts = append(parts, "to "+Clock(e, did.Start))
		}
	}
	return cmp.Or(strings.Join(parts, " "), Unknown)
}

// Alert is the stretch as the panes' other parts know alerts.
func (f *Fired) Alert(state string) api.Alert {
	return api.Alert{Name: f.Name, State: state, Severity: f.Severity, Service: f.Service, Started: f.From, Labels: f.Labels}
}

// Subject is what it is about.
func (f *Fired) Subject(context string) pane.Subject {
	return pane.Subject{Context: context, Namespace: f.Labels["namespace"], Service: f.Service, Alert: f.Name, Labels: f.Labels, At: f.From}
}

// Is reports whether an alert of now is the same one: it has every label that
// the stretch has. It may have more, which are added on the way to the
// Alertmanager.
func (f *Fired) Is(a *api.Alert) bool {
	if a.Name != f.Name {
		return false
	}
	for name, value := range f.Labels {
		if a.Labels[name] != value {
			return false
		}
	}
	return true
}

// Clock is a moment of the window, with its day where the window has several:
// what stands over the rows says which day it is otherwise.
func Clock(e *pane.Env, t time.Time) string {
	if from, to := e.Bounds(); !e.SameDay(from, to) {
		return t.In(e.Zone).Format("2 Jan 15:04:05")
	}
	return t.In(e.Zone).Format("15:04:05")
}

// Moment is the one of a window that is looked at: the cursor where it is in
// the window, and otherwise the window's end.
func Moment(e *pane.Env) time.Time {
	if Scrubbed(e) {
		return e.Window.Cursor
	}
	_, to := e.Bounds()
	return to
}

// Scrubbed reports whether the cursor is in the window.
func Scrubbed(e *pane.Env) bool {
	from, to := e.Bounds()
	at := e.Window.Cursor
	return !at.IsZero() && !at.Before(from) && !at.After(to)
}
