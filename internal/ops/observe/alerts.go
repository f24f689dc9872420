package observe

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

// Bounds of what one question about alerts looks at.
const (
	minWatch     = time.Second
	shownHits    = 20
	staleWindow  = 7 * 24 * time.Hour
	detailLogs   = 20
	maxPreview   = 90 * 24 * time.Hour
	defaultPast  = 24 * time.Hour
	maxPastEntry = 5_000
)

func bindAlerts(r *op.Registry, d Deps) {
	op.BindQuery(r, api.AlertsList, func(ctx context.Context, in api.AlertFilter) (api.AlertList, error) {
		m, err := alerts.Parse(in.Matchers)
		if err != nil {
			return api.AlertList{}, err
		}
		list, failed, err := d.alerts(ctx)
		return api.AlertList{Alerts: alerts.Select(list, in, m), Failed: failed}, err
	})
	op.BindQuery(r, api.AlertsShow, func(ctx context.Context, in api.AlertShowInput) (api.AlertDetail, error) {
		return alertsShow(ctx, d, in)
	})
	op.BindStream(r, api.AlertsWatch, func(ctx context.Context, in api.AlertWatchInput) iter.Seq2[api.AlertEvent, error] {
		return alertsWatch(ctx, d, in)
	})
	op.BindQuery(r, api.AlertsRules, func(ctx context.Context, in api.AlertRuleFilter) ([]api.AlertRule, error) {
		list, err := d.rules(ctx)
		return slices.DeleteFunc(list, func(r api.AlertRule) bool {
			return in.Name != "" && r.Name != in.Name || in.State != "" && r.State != in.State
		}), err
	})
	op.BindQuery(r, api.AlertsHistory, func(ctx context.Context, in api.AlertHistoryInput) ([]api.AlertPast, error) {
		return alertsHistory(ctx, d, in)
	})
	op.BindQuery(r, api.AlertsPreview, func(ctx context.Context, in api.PreviewInput) (api.Preview, error) {
		return alertsPreview(ctx, d, in)
	})
	op.BindQuery(r, api.AlertsSilences, func(ctx context.Context, in api.SilenceFilter) (api.SilenceList, error) {
		return alertsSilences(ctx, d, in)
	})
	op.BindChange(r, api.AlertsSilence, func(ctx context.Context, in api.SilenceInput) (op.Planned[api.Silence], error) {
		return alertsSilence(ctx, d, in)
	})
	op.BindChange(r, api.AlertsUnsilence, func(ctx context.Context, in api.UnsilenceInput) (op.Planned[api.SilenceList], error) {
		return alertsUnsilence(ctx, d, in)
	})
	op.BindChange(r, api.AlertsAck, func(ctx context.Context, in api.AlertAckInput) (op.Planned[api.AlertAcks], error) {
		return alertsAck(ctx, d, in)
	})
}

// manager is the context's Alertmanagers.
func (d Deps) manager(ctx context.Context) (alerts.Manager, error) {
	if d.Alerts == nil {
		return nil, fail.New(fail.Unavailable, "this context has no Alertmanager").
			Hint("aictl up, or name one in the context: aictl context set NAME backends.alertmanager.url=URL")
	}
	return d.Alerts(ctx)
}

// alerts gives the alerts with who has them.
func (d Deps) alerts(ctx context.Context) ([]api.Alert, []api.BackendFailure, error) {
	m, err := d.manager(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, failed, err := m.Alerts(ctx)
	if err != nil {
		return nil, failed, err
	}
	if slices.ContainsFunc(list, func(a api.Alert) bool { return len(a.SilencedBy) > 0 }) {
		// Who has an alert is worth knowing, not worth failing for.
		if silences, _, err := m.Silences(ctx); err == nil {
			alerts.Acknowledge(list, silences, d.now())
		}
	}
	return list, failed, nil
}

func (d Deps) rules(ctx context.Context) ([]api.AlertRule, error) {
	q, err := d.querier(ctx)
	if err != nil {
		return nil, err
	}
	source, ok := q.(interface {
		Rules(ctx context.Context) ([]api.AlertRule, error)
	})
	if !ok {
		return nil, fail.New(fail.Unavailable, "this context's metrics backend has no rules")
	}
	return source.Rules(ctx)
}

// past gives what fired in a window, from the series ALERTS.
func (d Deps) past(ctx context.Context, from time.Time) ([]api.Annotation, error) {
	q, err := d.querier(ctx)
	if err != nil {
		return nil, err
	}
	return metrics.Alerts(ctx, q, from, d.now())
}

func alertsWatch(ctx context.Context, d Deps, in api.AlertWatchInput) iter.Seq2[api.AlertEvent, error] {
	return func(yield func(api.AlertEvent, error) bool) {
		m, err := alerts.Parse(in.Matchers)
		if err == nil && time.Duration(in.Interval) < minWatch {
			err = fail.New(fail.Usage, "--interval %s is below %s", time.Duration(in.Interval), minWatch).Hint("--interval 5s")
		}
		var manager alerts.Manager
		if err == nil {
			manager, err = d.manager(ctx)
		}
		if err != nil {
			yield(api.AlertEvent{}, err)
			return
		}
		filter := in.AlertFilter
		if filter.State == "firing" { // what is silenced meanwhile is a change, no resolution
			filter.State = "all"
		}
		pick := func(list []api.Alert) []api.Alert { return alerts.Select(list, filter, m) }
		for e, err := range alerts.Watch(ctx, manager, time.Duration(in.Interval), d.now, pick) {
			if !yield(e, err) {
				return
			}
		}
	}
}

func alertsShow(ctx context.Context, d Deps, in api.AlertShowInput) (api.AlertDetail, error) {
	out := api.AlertDetail{Values: []api.MetricSeries{}, Logs: []api.LogEntry{}, Others: []api.Alert{}, Warnings: []string{}}
	list, failed, err := d.alerts(ctx)
	if err != nil {
		return out, err
	}
	out.Failed = failed
	alerts.Sort(list)
	found := false
	for _, a := range list {
		switch {
		case a.Fingerprint != in.Alert && a.Name != in.Alert:
		case !found:
			out.Alert, found = a, true
		default:
			out.Others = append(out.Others, a)
		}
	}
	warn := func(what string, err error) {
		if err != nil {
			out.Warnings = append(out.Warnings, what+": "+err.Error())
		}
	}
	rules, err := d.rules(ctx)
	warn("the rule is not known", err)
	for _, r := range rules {
		if r.Name == out.Name || !found && r.Name == in.Alert {
			out.Rule = &r
			break
		}
	}
	if !found {
		if out.Rule == nil {
			return out, fail.New(fail.NotFound, "no alert %q is known, and no rule of that name", in.Alert).Hint("aictl alerts list --state all, or aictl alerts rules")
		}
		out.Alert = api.Alert{
			Name: out.Rule.Name, State: out.Rule.State, Severity: out.Rule.Severity, Labels: out.Rule.Labels, Annotations: out.Rule.Annotations,
			Summary: out.Rule.Annotations["summary"], Runbook: out.Rule.Annotations["runbook_url"], Service: out.Rule.Labels["service"],
		}
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
	}
	if out.Rule != nil {
		warn("its value is not known", alertValues(ctx, d, &out, time.Duration(in.Since)))
	}
	if found && out.Service != "" && d.Logs != nil {
		q := api.LogFilter{Service: []string{out.Service}, Level: "warn", From: d.now().Add(-time.Duration(in.Since)), To: d.now()}
		answer, err := logsSearch(ctx, d, api.LogSearchInput{LogFilter: q, Limit: detailLogs})
		warn("the logs are not known", err)
		if err == nil {
			out.Logs = answer.Entries
		}
	}
	return out, nil
}

// alertValues measures the alert's expression over the window: the series that
// have the alert's labels.
func alertValues(ctx context.Context, d Deps, out *api.AlertDetail, since time.Duration) error {
	q, err := d.querier(ctx)
	if err != nil {
		return err
	}
	measure, _, _ := alerts.Measured(out.Rule.Expr)
	w, err := metrics.NewWindow(d.now().Add(-since), d.now(), 0, d.now())
	if err != nil {
		return err
	}
	r, err := q.Range(ctx, measure, w)
	if err != nil {
		return err
	}
	for _, s := range r.Series {
		fits := true
		for name, value := range s.Labels {
			if has, there := out.Labels[name]; there && has != value {
				fits = false
			}
		}
		if fits {
			out.Values = append(out.Values, s)
		}
	}
	if len(out.Values) == 1 && len(out.Values[0].Samples) > 0 {
		last := out.Values[0].Samples[len(out.Values[0].Samples)-1]
		if last.Time.After(d.now().Add(-2*w.Step - time.Minute)) {
			out.Current = &last.Value
		}
	}
	return nil
}

func alertsPreview(ctx context.Context, d Deps, in api.PreviewInput) (api.Preview, error) {
	since := time.Duration(in.Since)
	if since <= 0 || since > maxPreview {
		return api.Preview{}, fail.New(fail.Usage, "--since %s is not between nothing and %d days", since, int(maxPreview.Hours()/24)).Hint("--since 7d")
	}
	m, err := alerts.Parse(in.Matchers)
	if err != nil {
		return api.Preview{}, err
	}
	if err := alerts.CheckSilence(m, time.Minute); err != nil {
		return api.Preview{}, err
	}
	list, failed, err := d.alerts(ctx)
	if err != nil {
		return api.Preview{}, err
	}
	from := d.now().Add(-since)
	out := api.Preview{Matchers: m.String(), Now: hits(list, m), Past: []api.PreviewPast{}, Since: from.UTC(), Failed: failed, Warnings: []string{}}
	stretches, err := d.past(ctx, from)
	if err != nil {
		out.Warnings = append(out.Warnings, "the past is not known: "+err.Error())
	}
	out.Past = alerts.Past(stretches, m, d.now())
	return out, nil
}

// hits are the alerts that a silence with the matchers keeps quiet.
func hits(list []api.Alert, m alerts.Matchers) []api.Alert {
	return alerts.Select(list, api.AlertFilter{State: "all"}, m)
}

func alertsHistory(ctx context.Context, d Deps, in api.AlertHistoryInput) ([]api.AlertPast, error) {
	m, err := alerts.Parse(in.Matchers)
	if err != nil {
		return nil, err
	}
	from, to := in.From, in.To
	if to.IsZero() {
		to = d.now()
	}
	if from.IsZero() {
		from = to.Add(-defaultPast)
	}
	if !from.Before(to) {
		return nil, fail.New(fail.Usage, "the window ends before it begins").Hint("--from must be before --to")
	}
	q, err := d.querier(ctx)
	if err != nil {
		return nil, err
	}
	stretches, err := metrics.Alerts(ctx, q, from, to)
	if err != nil {
		return nil, err
	}
	out := append(alerts.Stretches(stretches, m), recorded(ctx, d, m, from, to)...)
	slices.SortStableFunc(out, func(a, b api.AlertPast) int { return a.Start.Compare(b.Start) })
	if out == nil {
		out = []api.AlertPast{}
	}
	return out, nil
}

// recorded reads what was done about alerts from the control plane's record in
// the logs. Where there is none (a direct context on somebody else's logs) it
// gives nothing.
func recorded(ctx context.Context, d Deps, m alerts.Matchers, from, to time.Time) []api.AlertPast {
	if d.Logs == nil {
		return nil
	}
	answer, err := logsSearch(ctx, d, api.LogSearchInput{
		LogFilter: api.LogFilter{Where: fmt.Sprintf("event.dataset == %q", alerts.Dataset), From: from, To: to}, Limit: maxPastEntry,
	})
	if err != nil {
		return nil
	}
	var out []api.AlertPast
	for _, e := range answer.Entries {
		if p, ok := alerts.FromRecord(e); ok && concerns(p, m) {
			out = append(out, p)
		}
	}
	return out
}

// concerns reports whether what was done was done about an alert that the
// matchers hit; a silence may hit several.
func concerns(p api.AlertPast, m alerts.Matchers) bool {
	if m.Hit(p.Labels) {
		return true
	}
	labels := maps.Clone(p.Labels)
	return slices.ContainsFunc(strings.Fields(p.Name), func(name string) bool {
		labels["alertname"] = name
		return m.Hit(labels)
	})
}

func alertsSilences(ctx context.Context, d Deps, in api.SilenceFilter) (api.SilenceList, error) {
	m, err := alerts.Parse(in.Matchers)
	if err != nil {
		return api.SilenceList{}, err
	}
	all, failed, err := silences(ctx, d)
	if err != nil {
		return api.SilenceList{}, err
	}
	out := api.SilenceList{Silences: []api.Silence{}, Failed: failed}
	labels := map[string]string{}
	for _, one := range m {
		name, value, isRegexp, isEqual := alerts.Wire(one)
		if isRegexp || !isEqual {
			return api.SilenceList{}, fail.New(fail.Usage, "%s is no label of an alert", one).Hint("aictl alerts silences service=chat")
		}
		labels[name] = value
	}
	for _, s := range all {
		if s.State == alerts.Expired && !in.Expired || in.Stale && s.Stale == "" || len(m) > 0 && !s.matchers.Hit(labels) {
			continue
		}
		out.Silences = append(out.Silences, s.Silence)
	}
	return out, nil
}

type silence struct {
	api.Silence
	matchers alerts.Matchers
}

// silences gives every silence with what it hits now, those that hold first,
// the next to end first.
func silences(ctx context.Context, d Deps) ([]silence, []api.BackendFailure, error) {
	manager, err := d.manager(ctx)
	if err != nil {
		return nil, nil, err
	}
	list, failed, err := manager.Silences(ctx)
	if err != nil {
		return nil, failed, err
	}
	active, missing, err := manager.Alerts(ctx)
	if err != nil {
		return nil, failed, err
	}
	now := d.now()
	past, err := d.past(ctx, now.Add(-staleWindow))
	if err != nil {
		past = nil // then what is stale is judged by the present alone
	}
	out := make([]silence, 0, len(list))
	for _, s := range list {
		one := silence{shown(s, len(hits(active, s.Matchers)), now), s.Matchers}
		if !alerts.Blind(missing) { // what nobody could tell us of may be kept quiet
			one.Stale = alerts.Stale(s, one.Hits, past, now)
		}
		out = append(out, one)
	}
	rank := map[string]int{alerts.Active: 0, alerts.Pending: 1, alerts.Expired: 2}
	slices.SortStableFunc(out, func(a, b silence) int {
		if c := rank[a.State] - rank[b.State]; c != 0 {
			return c
		}
		if a.State == alerts.Expired {
			return b.Ends.Compare(a.Ends)
		}
		return a.Ends.Compare(b.Ends)
	})
	return out, failed, nil
}

func shown(s alerts.Silence, n int, now time.Time) api.Silence {
	return api.Silence{
		ID: s.ID, State: s.State(now), Matchers: s.Matchers.String(), By: s.By, Comment: s.Comment,
		Starts: s.Starts.UTC(), Ends: s.Ends.UTC(), Ack: alerts.IsAck(s.Comment), Hits: n,
	}
}

func alertsSilence(ctx context.Context, d Deps, in api.SilenceInput) (op.Planned[api.Silence], error) {
	none := op.Planned[api.Silence]{}
	m, err := alerts.Parse(in.Matchers)
	if err != nil {
		return none, err
	}
	now := d.now()
	length := time.Duration(in.Duration)
	if !in.Until.IsZero() {
		length = in.Until.Sub(now)
	}
	if err := alerts.CheckSilence(m, length); err != nil {
		return none, err
	}
	manager, err := d.manager(ctx)
	if err != nil {
		return none, err
	}
	list, failed, err := manager.Alerts(ctx)
	if err != nil {
		return none, err
	}
	hit := hits(list, m)
	comment := strings.TrimSpace(in.Comment)
	if why := alerts.NeedsReason(length, hit); why != "" && comment == "" {
		return none, fail.New(fail.Refused, "this silence needs a reason: %s", why).Hint("repeat with --comment 'why'")
	}
	if comment == "" {
		comment = "made with aictl"
	}
	if _, marked := alerts.ManagedUntil(comment); marked {
		return none, fail.New(fail.Usage, "the comment ends with the mark of what the control plane renews and ends").Hint("--until-resolved, or aictl alerts ack")
	}
	// A plan says nothing that changes while it is read, or it is stale at once.
	span := "for " + length.Round(time.Second).String()
	if !in.Until.IsZero() {
		span = "until " + in.Until.UTC().Format(time.RFC3339)
	}
	if in.UntilResolved {
		if len(hit) == 0 {
			return none, fail.New(fail.Usage, "nothing fires that %s would hit, so it cannot end when that resolves", m).Hint("give --duration alone")
		}
		if !d.Keeps {
			return none, fail.New(fail.Unavailable, "nobody would end it: --until-resolved needs a control plane").Hint("give --duration alone")
		}
		span = "until what it hits has resolved, and " + span + " at most"
	}
	plan := op.Plan{Target: m.String(), Summary: fmt.Sprintf("Keep %s quiet %s", m, span), Steps: []op.Step{
		{Action: "create", Object: "silence " + m.String(), Detail: comment},
	}}
	plan.Steps = append(append(plan.Steps, hitSteps("silence", hit)...), unknownSteps(failed)...)
	return op.Planned[api.Silence]{Plan: plan, Apply: func(ctx context.Context) (api.Silence, error) {
		start := d.now()
		s := alerts.Silence{Matchers: m, By: d.caller(ctx), Comment: comment, Starts: start, Ends: start.Add(length)}
		if !in.Until.IsZero() {
			s.Ends = in.Until
		}
		if in.UntilResolved {
			s.Comment = alerts.Managed(comment, s.Ends)
		}
		id, err := manager.Set(ctx, s)
		s.ID = id
		if id != "" { // some cluster has it
			d.record(ctx, "silence", s, hit)
		}
		return shown(s, len(hit), start), err
	}}, nil
}

func hitSteps(action string, hit []api.Alert) []op.Step {
	var out []op.Step
	for i, a := range hit {
		if i == shownHits {
			return append(out, op.Step{Action: action, Object: fmt.Sprintf("and %d more alerts", len(hit)-i)})
		}
		out = append(out, op.Step{Action: action, Object: "alert " + a.Name, Detail: strings.TrimSpace(a.Severity + " " + a.Summary)})
	}
	if len(out) == 0 {
		out = []op.Step{{Action: action, Object: "no alert", Detail: "nothing fires that it hits"}}
	}
	return out
}

// unknownSteps say where alerts may be that nobody could tell us of.
func unknownSteps(failed []api.BackendFailure) []op.Step {
	var out []op.Step
	for _, f := range failed {
		if !f.Covered {
			out = append(out, op.Step{Action: "unknown", Object: "alerts of " + f.Backend, Detail: "it did not answer"})
		}
	}
	return out
}

func alertsUnsilence(ctx context.Context, d Deps, in api.UnsilenceInput) (op.Planned[api.SilenceList], error) {
	none := op.Planned[api.SilenceList]{}
	ids := strings.Fields(strings.ReplaceAll(in.IDs, ",", " "))
	if (len(ids) == 0) == !in.Stale {
		return none, fail.New(fail.Usage, "name silences, or sweep with --stale").Hint("aictl alerts silences")
	}
	all, _, err := silences(ctx, d)
	if err != nil {
		return none, err
	}
	var chosen []silence
	for _, id := range ids {
		var fits []silence
		for _, s := range all {
			if s.State != alerts.Expired && strings.HasPrefix(s.ID, id) {
				fits = append(fits, s)
			}
		}
		switch len(fits) {
		case 1:
			if !slices.ContainsFunc(chosen, func(s silence) bool { return s.ID == fits[0].ID }) {
				chosen = append(chosen, fits[0])
			}
		case 0:
			return none, fail.New(fail.NotFound, "no silence that holds has the id %.60q", id).Hint("aictl alerts silences")
		default:
			return none, fail.New(fail.Usage, "%d silences begin with %q", len(fits), id).Hint("aictl alerts silences -o name")
		}
	}
	for _, s := range all {
		if in.Stale && s.Stale != "" {
			chosen = append(chosen, s)
		}
	}
	plan := op.Plan{Target: strings.Join(ids, " "), Summary: fmt.Sprintf("End %d silences", len(chosen)), Steps: []op.Step{}}
	if in.Stale {
		plan.Target = "stale silences"
	}
	for _, s := range chosen {
		detail := fmt.Sprintf("%s, by %s, hits %d", s.Matchers, s.By, s.Hits)
		if s.Stale != "" {
			detail = fmt.Sprintf("%s, by %s: %s", s.Matchers, s.By, s.Stale)
		}
		plan.Steps = append(plan.Steps, op.Step{Action: "end", Object: "silence " + s.ID, Detail: detail})
	}
	return op.Planned[api.SilenceList]{Plan: plan, Apply: func(ctx context.Context) (api.SilenceList, error) {
		out := api.SilenceList{Silences: []api.Silence{}, Failed: []api.BackendFailure{}}
		manager, err := d.manager(ctx)
		if err != nil {
			return out, err
		}
		for _, s := range chosen {
			if err := manager.Expire(ctx, s.ID); err != nil && fail.CodeOf(err) != fail.NotFound {
				return out, err
			}
			d.record(ctx, "unsilence", alerts.Silence{ID: s.ID, Matchers: s.matchers, By: d.caller(ctx), Comment: s.Comment}, nil)
			s.State, s.Ends = alerts.Expired, d.now().UTC()
			out.Silences = append(out.Silences, s.Silence)
		}
		return out, nil
	}}, nil
}

func alertsAck(ctx context.Context, d Deps, in api.AlertAckInput) (op.Planned[api.AlertAcks], error) {
	none := op.Planned[api.AlertAcks]{}
	m, err := alerts.Parse(in.Matchers)
	if err != nil {
		return none, err
	}
	if in.For <= 0 || time.Duration(in.For) > 7*24*time.Hour {
		return none, fail.New(fail.Usage, "--for %s is not between nothing and a week", time.Duration(in.For)).Hint("--for 8h")
	}
	manager, err := d.manager(ctx)
	if err != nil {
		return none, err
	}
	list, _, err := manager.Alerts(ctx)
	if err != nil {
		return none, err
	}
	held, _, err := manager.Silences(ctx)
	if err != nil {
		return none, err
	}
	alerts.Acknowledge(list, held, d.now())
	hit := hits(list, m)
	if len(hit) == 0 {
		return none, fail.New(fail.NotFound, "no alert fires that %s names", m).Hint("aictl alerts list")
	}
	plan := op.Plan{Target: m.String(), Summary: fmt.Sprintf("Take %d alerts over", len(hit))}
	for _, a := range hit {
		detail := strings.TrimSpace(a.Severity + " " + a.Summary)
		if a.Ack != nil {
			detail = strings.TrimSpace(detail + fmt.Sprintf(" (%s has it)", a.Ack.By))
		}
		plan.Steps = append(plan.Steps, op.Step{Action: "ack", Object: "alert " + a.Name, Detail: detail})
	}
	return op.Planned[api.AlertAcks]{Plan: plan, Apply: func(ctx context.Context) (api.AlertAcks, error) {
		out := api.AlertAcks{Acks: []api.AlertAck{}, Renewed: d.Keeps}
		var partly error
		now := d.now()
		for _, a := range hit {
			s := alerts.Silence{
				Matchers: alerts.Exactly(a.Labels), By: d.caller(ctx), Starts: now, Ends: now.Add(min(alerts.AckFor, time.Duration(in.For))),
				Comment: alerts.AckComment(in.Comment, now.Add(time.Duration(in.For))),
			}
			// The person's own acknowledgement is renewed, not made a second time.
			for _, old := range held {
				if old.State(now) == alerts.Active && alerts.IsAck(old.Comment) && old.By == s.By && old.Matchers.String() == s.Matchers.String() {
					s.ID, s.Starts = old.ID, old.Starts
				}
			}
			id, err := manager.Set(ctx, s)
			if id == "" {
				return out, err
			}
			if err != nil && partly == nil { // some cluster has it
				partly = err
			}
			s.ID = id
			d.record(ctx, "ack", s, []api.Alert{a})
			out.Acks = append(out.Acks, api.AlertAck{By: s.By, Comment: in.Comment, Until: s.Ends.UTC(), Silence: id})
		}
		return out, partly
	}}, nil
}

// caller is who asks.
func (Deps) caller(ctx context.Context) string {
	id, _ := op.IdentityFrom(ctx)
	return id.Subject
}

// record writes what was done about alerts into the control plane's record.
func (d Deps) record(ctx context.Context, action string, s alerts.Silence, hit []api.Alert) {
	if d.Record != nil {
		alerts.Record(ctx, d.Record, action, s, hit)
	}
}
