package overview

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/past"
)

// How often each thing is asked for.
const (
	alertsEvery   = 5 * time.Second
	firedEvery    = 30 * time.Second // what is past changes no more
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
	p.up = p.source("up", trafficEvery, func(k feed.Key) tea.Cmd {
		from, to := p.env.Bounds()
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.MetricsRange, api.MetricRangeInput{Query: past.Queries(p.env.Window.Span)[0], From: from.UTC(), To: to.UTC()})
	})
	p.fired = p.source("fired", firedEvery, func(k feed.Key) tea.Cmd {
		from, to := p.env.Bounds()
		return feed.Ask(p.env.Feeds, k, p.env.Contexts, api.AlertsHistory, api.AlertHistoryInput{From: from.UTC(), To: to.UTC()})
	})
	present := func() bool { return p.env.Window.Live }
	p.up.idle, p.fired.idle = present, present
	for i := range p.traffic {
		p.traffic[i] = p.source(signals[i].name, trafficEvery, func(k feed.Key) tea.Cmd {
			from, to := p.env.Bounds()
			in := api.MetricRangeInput{Query: past.Queries(p.env.Window.Span)[1+i], From: from.UTC(), To: to.UTC()}
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
	for _, s := range append([]*source{p.up, p.fired, p.changes}, p.traffic[:]...) {
		s.follows = true
	}
}

func (p *Pane) source(slot string, every time.Duration, ask func(feed.Key) tea.Cmd) *source {
	s := &source{slot: slot, every: every, parts: map[string]part{}}
	s.ask = func() tea.Cmd { return ask(feed.Key{Pane: name, Slot: slot}) }
	p.sources = append(p.sources, s)
	return s
}

// signal is one of the three by which a service is judged.
type signal struct{ name, title string }

var signals = [3]signal{{"rate", "calls"}, {"errors", "errors"}, {"latency", "p95"}}
