package why

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/nearest"
)

// resolve finds what was asked about: an alert that stands, one that stood at
// the moment asked about, a rule, or a service.
func (a *analysis) resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	name := a.in.Subject
	var known []string
	if a.d.Alerts != nil {
		list, err := a.alertsNow(ctx)
		if err != nil {
			a.unknown(ofAlerts, err)
		}
		if s, ok := pickAlert(list, name, a.in.Service, a.now); ok {
			a.out.Subject = s
		}
		for _, one := range list {
			known = append(known, one.Name)
		}
	} else {
		a.unknown(ofAlerts, fail.New(fail.Unavailable, "this context has no Alertmanager").Hint("aictl config view"))
	}
	rules := a.rules(ctx)
	if a.querier != nil {
		past, err := metrics.Alerts(ctx, a.querier, a.now.Add(-6*time.Hour), a.now)
		if err != nil {
			a.unknown(ofMetrics, err)
		}
		a.others = past
		if a.out.Subject.Name == "" {
			if s, ok := pickPast(past, name, a.in.Service, a.now); ok {
				a.out.Subject = s
			}
		}
	}
	for i := range rules {
		known = append(known, rules[i].Name)
		if rules[i].Name == name || rules[i].Name == a.out.Subject.Name {
			a.rule = &rules[i]
			break
		}
	}
	switch {
	case a.out.Subject.Name != "":
	case a.rule != nil:
		a.out.Subject = api.WhySubject{Kind: "alert", Name: name, Service: a.rule.Labels["service"], Labels: a.rule.Labels, State: a.rule.State, Runbook: a.rule.Annotations["runbook_url"]}
		if a.in.Service != "" {
			a.out.Subject.Service = a.in.Service
		}
	default:
		services, err := a.services(ctx)
		if !slices.Contains(services, name) {
			if err != nil && len(services) == 0 && len(known) == 0 {
				return err
			}
			e := fail.New(fail.NotFound, "nothing named %q is known: no alert, no rule, no service", name)
			if near, ok := nearest.Of(name, append(known, services...)); ok {
				return e.Hint("did you mean %s? aictl alerts list, aictl services list", near)
			}
			return e.Hint("aictl alerts list --state all, aictl services list")
		}
		a.out.Subject = api.WhySubject{Kind: "service", Name: name, Service: name}
	}
	if a.in.Namespace != "" && a.in.Namespace != "*" {
		a.out.Subject.Namespace = a.in.Namespace
	}
	if ns := a.out.Subject.Labels["namespace"]; ns != "" {
		a.out.Subject.Namespace = ns
	}
	return nil
}

func (a *analysis) alertsNow(ctx context.Context) ([]api.Alert, error) {
	m, err := a.d.Alerts(ctx)
	if err != nil {
		return nil, err
	}
	list, failed, err := m.Alerts(ctx)
	for _, f := range failed {
		if !f.Covered {
			f.Backend = ofAlerts + " of " + f.Backend
			a.out.Unknown = append(a.out.Unknown, f)
		}
	}
	alerts.Sort(list)
	return list, err
}

// pickAlert takes the worst alert of a name or fingerprint that began before
// now.
func pickAlert(list []api.Alert, name, service string, now time.Time) (api.WhySubject, bool) {
	for _, x := range list {
		if x.Name != name && !(len(name) >= 6 && strings.HasPrefix(x.Fingerprint, name)) || service != "" && ServiceOf(x.Labels) != service || x.Started.After(now) {
			continue
		}
		return api.WhySubject{
			Kind: "alert", Name: x.Name, Service: ServiceOf(x.Labels), Labels: x.Labels, State: x.State, Started: x.Started.UTC(), Runbook: x.Runbook,
			Namespace: x.Labels["namespace"],
		}, true
	}
	return api.WhySubject{}, false
}

// pickPast takes the last stretch in which an alert of the name fired.
func pickPast(list []api.Annotation, name, service string, now time.Time) (api.WhySubject, bool) {
	for _, s := range slices.Backward(list) {
		if s.Title != name || service != "" && ServiceOf(s.Labels) != service || s.Time.After(now) {
			continue
		}
		out := api.WhySubject{Kind: "alert", Name: name, Service: ServiceOf(s.Labels), Labels: s.Labels, State: "firing", Started: s.Time.UTC()}
		if s.End != nil && s.End.Before(now) {
			out.State = "resolved"
		}
		return out, true
	}
	return api.WhySubject{}, false
}

// serviceLabels are the labels by which systems name a workload, the most
// telling first.
var serviceLabels = []string{
	"service", "service_name", "destination_workload", "workload", "deployment", "statefulset", "daemonset", "app", "app_kubernetes_io_name", "job",
}

// ServiceOf gives the workload that labels name; "" for none.
func ServiceOf(labels map[string]string) string {
	for _, l := range serviceLabels {
		if v := labels[l]; v != "" {
			_, name, found := strings.Cut(v, "/")
			if found && l == "job" {
				return name // namespace/name
			}
			return v
		}
	}
	return ""
}

// rules are the alerting rules, where the backend has some.
func (a *analysis) rules(ctx context.Context) []api.AlertRule {
	source, ok := a.querier.(interface {
		Rules(ctx context.Context) ([]api.AlertRule, error)
	})
	if !ok {
		return nil
	}
	list, err := source.Rules(ctx)
	if err != nil && fail.CodeOf(err) != fail.NotFound {
		a.out.Warnings = append(a.out.Warnings, "the rules are not known: "+err.Error())
	}
	return list
}

// services are the names that metrics and engines know.
func (a *analysis) services(ctx context.Context) ([]string, error) {
	var out []string
	var failed error
	if a.querier != nil {
		for _, l := range serviceLabels {
			values, _, err := a.querier.LabelValues(ctx, l, metrics.Selection{From: a.now.Add(-lookBack), To: a.now, Limit: 5000})
			if err != nil {
				failed = err
				break
			}
			out = append(out, values...)
		}
	}
	if a.d.Clusters != nil {
		engines, err := a.d.Clusters(ctx)
		if err != nil {
			failed = err
		}
		for _, e := range engines {
			list, err := e.List(ctx, deployFilter(a.in.Namespace))
			if err != nil {
				failed = err
			}
			for _, w := range list {
				out = append(out, w.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), failed
}
