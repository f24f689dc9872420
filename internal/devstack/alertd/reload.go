package alertd

import (
	"context"
	"time"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/common/model"

	"github.com/aictl/aictl/internal/fail"
)

// plan is a configuration made ready: nothing in it can fail any more.
type plan struct {
	conf      *config.Config
	tmpl      *template.Template
	routes    *dispatch.Route
	receivers map[string][]notify.Integration
	intervals map[string][]timeinterval.TimeInterval
}

// Check says whether a configuration would load (fail.Usage if not); it
// changes nothing.
func (s *Server) Check(configuration []byte) error {
	_, err := s.prepare(configuration)
	return err
}

// Reload puts a configuration in force, or leaves the old one and says why
// (fail.Usage). Alerts and silences stay.
func (s *Server) Reload(configuration []byte) error {
	p, err := s.prepare(configuration)
	if err != nil {
		return err
	}
	s.reload.Lock()
	defer s.reload.Unlock()
	select {
	case <-s.stop:
		return fail.New(fail.Unavailable, "the embedded Alertmanager is stopping")
	default:
	}
	s.swap(p)
	return nil
}

func (s *Server) prepare(configuration []byte) (*plan, error) {
	bad := func(err error) error {
		return fail.Wrap(fail.Usage, err, "the Alertmanager configuration does not load").
			Hint("correct it (amtool check-config FILE); the one in force stays until then")
	}
	conf, err := config.Load(string(configuration))
	if err != nil {
		return nil, bad(err)
	}
	p := &plan{conf: conf, routes: dispatch.NewRoute(conf.Route, nil), receivers: map[string][]notify.Integration{}, intervals: map[string][]timeinterval.TimeInterval{}}
	if p.tmpl, err = template.FromGlobs(conf.Templates); err != nil {
		return nil, bad(err)
	}
	p.tmpl.ExternalURL = s.o.ExternalURL.JoinPath(s.o.Prefix)
	used := map[string]bool{}
	p.routes.Walk(func(r *dispatch.Route) { used[r.RouteOpts.Receiver] = true })
	for _, r := range conf.Receivers {
		if !used[r.Name] {
			continue
		}
		if p.receivers[r.Name], err = receiver.BuildReceiverIntegrations(r, p.tmpl, s.logger.With("component", "receiver")); err != nil {
			return nil, bad(err)
		}
	}
	for _, i := range conf.MuteTimeIntervals {
		p.intervals[i.Name] = i.TimeIntervals
	}
	for _, i := range conf.TimeIntervals {
		p.intervals[i.Name] = i.TimeIntervals
	}
	return p, nil
}

// swap replaces what depends on the configuration, in upstream's order: the
// old pair stops, the new inhibitor has seen every alert before the new
// dispatcher can notify about one. The caller holds reload.
func (s *Server) swap(p *plan) {
	if old := s.inhibitor.Load(); old != nil {
		old.Stop()
	}
	if old := s.dispatcher.Load(); old != nil {
		old.Stop()
	}
	inhibitor := inhibit.NewInhibitor(s.alerts, p.conf.InhibitRules, s.logger.With("component", "inhibitor"), s.recorder)
	alone := func() time.Duration { return 0 } // no peers to wait for
	stages := s.pipeline.New(p.receivers, alone, inhibitor, s.silencer, timeinterval.NewIntervener(p.intervals), s.groups, s.log, nil)
	dispatcher := dispatch.NewDispatcher(
		s.alerts, p.routes, stages, s.groups,
		func(d time.Duration) time.Duration { return max(d, notify.MinTimeout) },
		dispatchGC, nil, s.logger.With("component", "dispatcher"), s.recorder, s.dispatch, p.tmpl,
	)
	s.guard.Go("inhibitor", inhibitor.Run)
	inhibitor.WaitForLoading()
	s.inhibitor.Store(inhibitor)
	s.api.Update(p.conf, func(ctx context.Context, labels model.LabelSet) {
		s.inhibitor.Load().Mutes(ctx, labels)
		s.silencer.Mutes(ctx, labels)
	})
	start := s.born
	s.guard.Go("dispatcher", func() { dispatcher.Run(start) })
	dispatcher.WaitForLoading()
	s.dispatcher.Store(dispatcher)
}
