package overview

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
)

// How often each thing is asked for.
const (
	alertsEvery   = 5 * time.Second
	healthEvery   = 10 * time.Second
	trafficEvery  = 10 * time.Second
	rolloutsEvery = 10 * time.Second
	changesEvery  = 15 * time.Second
	backendsEvery = 15 * time.Second
)

// questions makes the sources of the overview.
func (p *Pane) questions() {
	p.alerts = p.source("alerts", alertsEvery, func(k feed.Key) tea.Cmd {
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.AlertsList, api.AlertFilter{State: "all"})
	})
	p.status = p.source("status", healthEvery, func(k feed.Key) tea.Cmd {
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.PlatformStatus, api.None{})
	})
	p.list = p.source("services", healthEvery, func(k feed.Key) tea.Cmd {
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.ServicesList, api.None{})
	})
	p.health = p.source("health", healthEvery, func(k feed.Key) tea.Cmd {
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.ServicesHealth, api.ServiceFilter{})
	})
	for i := range p.traffic {
		p.traffic[i] = p.source(signals[i].name, trafficEvery, func(k feed.Key) tea.Cmd {
			from, to := p.env.Bounds()
			in := api.MetricRangeInput{Query: signals[i].query(p.env.Window.Span), From: from.UTC(), To: to.UTC()}
			return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.MetricsRange, in)
		})
	}
	p.rollouts = p.source("rollouts", rolloutsEvery, func(k feed.Key) tea.Cmd {
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.DeployList, api.WorkloadFilter{Namespace: p.env.Namespace})
	})
	p.changes = p.source("changes", changesEvery, func(k feed.Key) tea.Cmd {
		from, to := p.env.Bounds()
		in := api.ChangeFilter{Namespace: p.env.Namespace, From: from.UTC(), To: to.UTC()}
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.ChangesList, in)
	})
	p.backends = p.source("backends", backendsEvery, func(k feed.Key) tea.Cmd {
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.BackendsCheck, api.None{})
	})
}

func (p *Pane) source(slot string, every time.Duration, ask func(feed.Key) tea.Cmd) *source {
	s := &source{slot: slot, every: every, parts: map[string]part{}}
	s.ask = func() tea.Cmd { return ask(feed.Key{Pane: name, Slot: slot}) }
	p.sources = append(p.sources, s)
	return s
}

// signal is one of the three by which a service is judged.
type signal struct {
	name, title string
	// series is the recording rule's name without the length of its rate; last
	// is that length where the window is short, long where it is not.
	series, last, long string
}

var signals = [3]signal{
	{"rate", "calls", "service:aictl_gateway_requests:rate", "1m", "5m"},
	{"errors", "errors", "service:aictl_gateway_errors:ratio_rate", "1m", "5m"},
	{"latency", "p95", "service:aictl_gateway_request_duration_seconds:p95_", "1m", "5m"},
}

// query is the expression for a window. A step of a long window is minutes: a
// rate over one minute would miss what lies between.
func (s signal) query(window time.Duration) string {
	if window <= 3*time.Hour {
		return s.series + s.last
	}
	return s.series + s.long
}
