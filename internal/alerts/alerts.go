// Package alerts is the domain of alerts: what an Alertmanager must be able to
// do (Manager), and what is built on any: matchers, acknowledgements that renew
// and lapse, previews, watches, the rules about what a silence needs.
//
// It promises that matchers mean what they mean in Alertmanager (they are its
// own package's), and that nothing is kept quiet for longer than somebody said:
// an acknowledgement that nobody renews ends within AckFor. It knows no
// backend: the adapter below it (alertmanager) does.
package alerts

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Manager is what the domain needs of the Alertmanagers of a context.
// Implementations are safe for concurrent use. When some members answer and
// others do not, the answer is what there is, with the Failed ones; an error
// means that none answered.
type Manager interface {
	// Alerts gives every alert that is active, silenced or inhibited, once.
	Alerts(ctx context.Context) ([]api.Alert, []api.BackendFailure, error)
	// Silences gives every silence, the expired ones too, once.
	Silences(ctx context.Context) ([]Silence, []api.BackendFailure, error)
	// Set makes a silence, or changes the one with its ID, on every
	// independent Alertmanager. It gives the ID.
	Set(ctx context.Context, s Silence) (string, error)
	// Expire ends a silence wherever it is.
	Expire(ctx context.Context, id string) error
	// Check asks every member for its version.
	Check(ctx context.Context) ([]Member, error)
}

// Member is one Alertmanager.
type Member struct {
	Name, URL, Version string
	// Err says why it does not answer.
	Err error
}

// Silence is one silence.
type Silence struct {
	ID           string
	Matchers     Matchers
	By, Comment  string
	Starts, Ends time.Time
}

// The states of a silence.
const (
	Active  = "active"
	Pending = "pending"
	Expired = "expired"
)

// State is the silence's at a time.
func (s Silence) State(now time.Time) string {
	switch {
	case !now.Before(s.Ends):
		return Expired
	case now.Before(s.Starts):
		return Pending
	}
	return Active
}

// severities rank the common words; the worst is the highest.
var severities = map[string]int{
	"critical": 5, "page": 5, "emergency": 6, "fatal": 5, "error": 4, "high": 4, "major": 4,
	"warning": 3, "warn": 3, "medium": 3, "minor": 2, "low": 2, "info": 1, "none": 0,
}

// Critical reports whether a severity wakes people.
func Critical(severity string) bool { return severities[severity] >= 5 }

// Sort puts the worst first, then the longest, then by name and fingerprint.
func Sort(list []api.Alert) {
	slices.SortStableFunc(list, func(a, b api.Alert) int { return Compare(&a, &b) })
}

// Compare is the order of Sort: negative where a comes first.
func Compare(a, b *api.Alert) int {
	return cmp.Or(
		cmp.Compare(quiet(a.State), quiet(b.State)),
		cmp.Compare(severities[b.Severity], severities[a.Severity]),
		a.Started.Compare(b.Started),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Fingerprint, b.Fingerprint),
	)
}

// quiet ranks the states: what nobody keeps quiet comes first.
func quiet(state string) int {
	switch state {
	case "silenced":
		return 1
	case "inhibited":
		return 2
	}
	return 0
}

// Select gives the alerts that a filter picks, sorted. The matchers were
// parsed from the filter's.
func Select(list []api.Alert, f api.AlertFilter, m Matchers) []api.Alert {
	out := []api.Alert{}
	for _, a := range list {
		if (f.State == "" || f.State == "all" || f.State == a.State) &&
			(f.Severity == "" || f.Severity == a.Severity) &&
			(f.Service == "" || f.Service == a.Service) && (m.Hit(a.Labels) || m.names(a)) {
			out = append(out, a)
		}
	}
	Sort(out)
	return out
}

// Acknowledge fills in who has each alert, from the silences that hold now.
func Acknowledge(list []api.Alert, silences []Silence, now time.Time) {
	acks := map[string]Silence{}
	for _, s := range silences {
		if IsAck(s.Comment) && s.State(now) == Active {
			acks[s.ID] = s
		}
	}
	for i := range list {
		for _, id := range list[i].SilencedBy {
			if s, ok := acks[id]; ok {
				list[i].Ack = &api.AlertAck{By: s.By, Comment: Words(s.Comment), Until: s.Ends.UTC(), Silence: s.ID}
			}
		}
	}
}
