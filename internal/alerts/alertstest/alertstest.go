// Package alertstest has an Alertmanager in memory for tests of what is built
// on alerts.Manager. It keeps quiet what its silences hit, as the real one
// does; it has no clusters, and what fails is told to it.
package alertstest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Manager implements alerts.Manager. It is safe for concurrent use.
type Manager struct {
	// Now is the clock.
	Now func() time.Time

	mu       sync.Mutex // guards the rest
	alerts   []api.Alert
	silences []alerts.Silence
	failed   []api.BackendFailure
	err      error
	partly   error
}

var _ alerts.Manager = (*Manager)(nil)

// New makes a manager that has alerts.
func New(now func() time.Time, list ...api.Alert) *Manager {
	return &Manager{Now: now, alerts: list}
}

// Alert makes an alert that fires: its name and pairs of labels.
func Alert(name string, labels ...string) api.Alert {
	a := api.Alert{Fingerprint: "fp-" + name, Name: name, State: "firing", Labels: map[string]string{"alertname": name}, Annotations: map[string]string{}}
	for i := 0; i+1 < len(labels); i += 2 {
		a.Labels[labels[i]] = labels[i+1]
	}
	a.Severity, a.Service, a.Summary = a.Labels["severity"], a.Labels["service"], "about "+name
	return a
}

// Fire replaces the alerts.
func (m *Manager) Fire(list ...api.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alerts = list
}

// Has adds silences as they are.
func (m *Manager) Has(list ...alerts.Silence) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silences = append(m.silences, list...)
}

// Fail makes every question fail with err, and answers partial with failed.
func (m *Manager) Fail(err error, failed ...api.BackendFailure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err, m.failed = err, failed
}

// Partly makes Set report that not every cluster has taken it.
func (m *Manager) Partly(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.partly = err
}

// All are the silences as they are now.
func (m *Manager) All() []alerts.Silence {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.silences)
}

// Alerts implements alerts.Manager.
func (m *Manager) Alerts(context.Context) ([]api.Alert, []api.BackendFailure, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.failed, m.err
	}
	out := slices.Clone(m.alerts)
	for i := range out {
		out[i].SilencedBy = nil
		for _, s := range m.silences {
			if s.State(m.Now()) == alerts.Active && s.Matchers.Hit(out[i].Labels) {
				out[i].State, out[i].SilencedBy = "silenced", append(out[i].SilencedBy, s.ID)
			}
		}
	}
	return out, append([]api.BackendFailure{}, m.failed...), nil
}

// Silences implements alerts.Manager.
func (m *Manager) Silences(context.Context) ([]alerts.Silence, []api.BackendFailure, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.silences), append([]api.BackendFailure{}, m.failed...), m.err
}

// Set implements alerts.Manager.
func (m *Manager) Set(_ context.Context, s alerts.Silence) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return "", m.err
	}
	for i := range m.silences {
		if s.ID != "" && m.silences[i].ID == s.ID {
			m.silences[i] = s
			return s.ID, m.partly
		}
	}
	s.ID = fmt.Sprintf("id-%d", len(m.silences))
	m.silences = append(m.silences, s)
	return s.ID, m.partly
}

// Expire implements alerts.Manager.
func (m *Manager) Expire(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.silences {
		if m.silences[i].ID == id {
			m.silences[i].Ends = m.Now()
			return m.err
		}
	}
	return fail.New(fail.NotFound, "no silence with the id %q", id)
}

// Check implements alerts.Manager.
func (m *Manager) Check(context.Context) ([]alerts.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []alerts.Member{{Name: "memory", Version: "0", Err: m.err}}, nil
}
