package alerts

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/say"
)

// pageLogs is how many log lines the page of an alert in a past window has, as
// many as that of the present.
const pageLogs = 20

// turn makes the page one of the window's time: what it says of the present is
// nothing that a past window may show, and the other way about.
func (p *Pane) turn(d *detail) {
	if d.past == p.inPast() {
		return
	}
	if d.past = p.inPast(); d.past && d.out != nil {
		d.labels = d.out.Labels
	}
	d.out, d.shown = nil, shown{}
	if r, ok := p.alerts[d.context+"/"+d.id]; ok && !d.past {
		d.out = &api.AlertDetail{Alert: r.Alert}
	}
}

// askPast asks for the page in a past window: the rule, what it measured, and
// the service's logs. When it fired is the list's.
func (p *Pane) askPast(d *detail, in []feed.Context) tea.Cmd {
	from, to := p.env.Bounds()
	name, labels := d.name, d.labels
	return feed.Do(p.env.Feeds, p.slot("detail"), in, func(ctx context.Context, c feed.Context) (any, error) {
		return pastPage(ctx, c.Caller, name, labels, from.UTC(), to.UTC()), nil
	})
}

// pastPage asks for each part by itself: one that is not known takes no other
// with it.
func pastPage(ctx context.Context, c op.Caller, name string, labels map[string]string, from, to time.Time) api.AlertDetail {
	out := api.AlertDetail{Alert: api.Alert{Name: name, Severity: labels["severity"], Service: labels["service"], Labels: labels}}
	warn := func(what string, err error) {
		if err != nil {
			out.Warnings = append(out.Warnings, what+" is not known: "+err.Error())
		}
	}
	rules, err := api.AlertsRules.Call(ctx, c, api.AlertRuleFilter{Name: name})
	warn("the rule", err)
	if len(rules) > 0 {
		out.Rule = &rules[0]
		measure, _, _ := alerts.Measured(out.Rule.Expr)
		values, err := api.MetricsRange.Call(ctx, c, api.MetricRangeInput{Query: measure, From: from, To: to})
		warn("its value", err)
		for _, s := range values.Series {
			if fits(s.Labels, labels) {
				out.Values = append(out.Values, s)
			}
		}
	}
	if out.Service != "" {
		found, err := api.LogsSearch.Call(ctx, c, api.LogSearchInput{LogFilter: api.LogFilter{Service: []string{out.Service}, Level: "warn", From: from, To: to}, Limit: pageLogs})
		warn("what its service logged", err)
		out.Logs = found.Entries
	}
	return out
}

// fits reports whether no label of a series is another one of the alert.
func fits(series, labels map[string]string) bool {
	for name, value := range series {
		if has, there := labels[name]; there && has != value {
			return false
		}
	}
	return true
}

// is reports whether an alert is the one of the page.
func (d *detail) is(a *api.Alert) bool {
	f := past.Fired{Name: d.name, Labels: d.labels}
	return f.Is(a)
}

// firedOf are the stretches of the window in which the page's alert fired.
func (p *Pane) firedOf(d *detail) []past.Fired {
	var out []past.Fired
	for _, f := range p.history[d.context] {
		// Either may have labels that the other lacks: one opened from the
		// present has those that are added on the way to the Alertmanager.
		a, page := f.Alert(""), api.Alert{Name: d.name, Labels: d.labels}
		if d.is(&a) || len(d.labels) > 0 && f.Is(&page) {
			out = append(out, f)
		}
	}
	return out
}

// pastLines are what is known of the alert in a past window, and what is not.
func (p *Pane) pastLines(page *say.Page, d *detail) {
	th := p.env.Theme
	list := p.firedOf(d)
	labels := d.labels
	if len(list) > 0 {
		labels = list[0].Labels
	}
	page.Text("", th.Bold, strings.TrimSpace(d.name+"  "+labels["severity"])+"  in "+p.env.Stretch())
	s := p.slots[viewFired]
	switch {
	case len(list) == 0 && !s.known && len(s.trouble) == 0:
		page.Line(th.Muted, "asking when it fired…")
	case len(list) == 0 && !s.known:
		page.Text("! ", th.Warn, "it is not known when it fired: not everybody answered")
	case len(list) == 0:
		page.Line(th.Muted, "it is not known to have fired in the window")
	}
	for i := range list {
		if i == mostParts {
			page.Line(th.Muted, fmt.Sprintf("and %d times more", len(list)-i))
			break
		}
		p.stretchLines(page, &list[i])
	}
	page.Field("Service", labels["service"])
	page.Field("Labels", say.Labels(labels, "alertname", "severity", "service"))
	page.Field("Now", p.stateNow(d.context, d.name, d.is))
}

// stretchLines are one time that it fired, and what was done about it.
func (p *Pane) stretchLines(page *say.Page, f *past.Fired) {
	at := ""
	if past.Scrubbed(p.env) && f.At(past.Moment(p.env)) {
		at = ", at the cursor too"
	}
	page.Field("Fired", f.Began(p.env)+" to "+f.Ended(p.env)+"  ("+say.Long(op.Duration(f.Lasted(p.env)))+at+")")
	page.Field("Taken by", f.TakenBy())
	page.Field("Silenced", f.Quiet(p.env, "silenced"))
	page.Field("Inhibited", f.Quiet(p.env, "inhibited"))
	for _, did := range f.Done {
		what := did.Kind
		if did.By != "" { // what the control plane saw happen has nobody
			what += " by " + did.By
		}
		page.Text("  "+past.Clock(p.env, did.Start)+" ", p.env.Theme.Text, strings.TrimSuffix(what+": "+did.Text, ": "))
	}
}

// pastMarks are the beginnings of the stretches, for the plot.
func (p *Pane) pastMarks(d *detail, from, to time.Time) []plot.Mark {
	var out []plot.Mark
	for _, f := range p.firedOf(d) {
		if !f.Earlier && f.From.After(from) && f.From.Before(to) {
			out = append(out, plot.Mark{Time: f.From, Text: "fires"})
		}
	}
	return out
}
