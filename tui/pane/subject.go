package pane

import "time"

// Subject is what a row is about, in as many ways as the row knows: the panes
// hand it to each other.
type Subject struct {
	Context   string
	Namespace string
	// Service is a service's or a workload's plain name.
	Service string
	// Workload is KIND/NAME where the row knows it.
	Workload string
	// Alert is an alert's name, and Fingerprint the one alert.
	Alert, Fingerprint string
	Labels             map[string]string
	// Query is a PromQL expression.
	Query string
	// Trace is a trace's id.
	Trace string
	// Level is a log level.
	Level string
	// Incident is an incident's id, Secret a secret's STORE:PATH, Session a
	// conversation.
	Incident, Secret, Session string
	// Text is anything else that a pane can search for.
	Text string
	// At is the moment that the row is about.
	At time.Time
}

// Zero reports whether the subject says nothing.
func (s Subject) Zero() bool {
	return s.Context == "" && s.Namespace == "" && s.Service == "" && s.Workload == "" && s.Alert == "" &&
		s.Fingerprint == "" && len(s.Labels) == 0 && s.Query == "" && s.Trace == "" && s.Level == "" &&
		s.Incident == "" && s.Secret == "" && s.Session == "" && s.Text == "" && s.At.IsZero()
}
