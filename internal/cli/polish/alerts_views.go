package polish

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/term"
)

var alertView = output.View[api.Alert]{
	Kind: "alert", Name: func(a api.Alert) string { return a.Name },
	Columns: []output.Column[api.Alert]{
		{Header: "severity", Value: plain(func(a api.Alert) string { return a.Severity }), Style: func(a api.Alert, _ output.Env) term.Style { return severityStyle(a.Severity) }},
		col("name", func(a api.Alert) string { return a.Name }),
		{Header: "state", Value: plain(alertState), Style: func(a api.Alert, _ output.Env) term.Style {
			if a.State == "firing" {
				return severityStyle(a.Severity)
			}
			return term.Muted
		}},
		{Header: "since", Value: func(a api.Alert, e output.Env) string { return e.Ago(a.Started) }},
		col("service", func(a api.Alert) string { return a.Service }),
		col("summary", func(a api.Alert) string { return a.Summary }),
		wide("labels", func(a api.Alert) string { return alertLabels(a.Labels) }),
		wide("fingerprint", func(a api.Alert) string { return a.Fingerprint }),
	},
}

// alertState says who has an alert that is quiet because somebody took it.
func alertState(a api.Alert) string {
	if a.Ack != nil {
		return "ack by " + a.Ack.By
	}
	return a.State
}

// alertLabels are the labels that no column has.
func alertLabels(set map[string]string) string {
	var parts []string
	for k, v := range set {
		if k != "alertname" && k != "severity" && k != "service" {
			parts = append(parts, k+"="+v)
		}
	}
	sort.Strings(parts)
	return strings.Join(parts, " ")
}

func (c *alertsCommand) showList(p *output.Printer, out any) error {
	l := out.(api.AlertList) //nolint:forcetypeassert // the declaration says so
	if err := output.List(p, alertView, l.Alerts); err != nil {
		return err
	}
	if p.Human() && len(l.Alerts) == 0 && len(l.Failed) == 0 {
		c.f.Say("Nothing fires.")
	}
	return partial(c.f, l.Failed)
}

func (c *alertsCommand) showDetail(p *output.Printer, out any) error {
	d := out.(api.AlertDetail) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		if err := p.Print(d); err != nil {
			return err
		}
		return partial(c.f, d.Failed)
	}
	st, env := p.Env().Styles, p.Env()
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s\n", st.Bold(term.SafeLine(d.Name)), st.Apply(severityStyle(d.Severity), term.SafeLine(d.Severity)), term.SafeLine(alertState(d.Alert)))
	line := func(head, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", head+":", term.SafeLine(value))
		}
	}
	line("Summary", d.Summary)
	line("Description", without(d.Annotations["description"], d.Summary))
	if !d.Started.IsZero() {
		line("Since", fmt.Sprintf("%s (%s)", env.Time(d.Started), env.Ago(d.Started)))
	}
	line("Labels", labelWords(d.Labels))
	line("Runbook", d.Runbook)
	if d.Ack != nil {
		line("Taken by", fmt.Sprintf("%s until %s: %s", d.Ack.By, env.Time(d.Ack.Until), d.Ack.Comment))
	} else if len(d.SilencedBy) > 0 {
		line("Silenced by", strings.Join(d.SilencedBy, " "))
	}
	if len(d.InhibitedBy) > 0 {
		line("Inhibited", "by "+strings.Join(d.InhibitedBy, " "))
	}
	if d.Rule != nil {
		line("Expression", d.Rule.Expr)
		if d.Rule.For > 0 {
			line("For", output.Duration(time.Duration(d.Rule.For)))
		}
		if d.Rule.Error != "" {
			line("Rule error", d.Rule.Error)
		}
	}
	if d.Current != nil {
		line("Value", fmt.Sprintf("%.6g", float64(*d.Current)))
	}
	for _, o := range d.Others {
		line("Also", fmt.Sprintf("%s %s", o.State, labelWords(o.Labels)))
	}
	if _, err := p.Out().Write([]byte(b.String())); err != nil {
		return err
	}
	if err := c.drawValues(p, d); err != nil {
		return err
	}
	if len(d.Logs) > 0 {
		if _, err := fmt.Fprintf(p.Out(), "\n%s\n", st.Muted("Warnings and errors of "+term.SafeLine(d.Service)+":")); err != nil {
			return err
		}
		for _, e := range d.Logs {
			if _, err := fmt.Fprintf(p.Out(), "%s %s %s\n", env.Time(e.Time), term.SafeLine(e.Level), term.SafeLine(e.Message)); err != nil {
				return err
			}
		}
	}
	for _, w := range d.Warnings {
		c.f.Say("%s", w)
	}
	return partial(c.f, d.Failed)
}

// drawValues plots what the alert measures, with its limit.
func (c *alertsCommand) drawValues(p *output.Printer, d api.AlertDetail) error {
	if d.Rule == nil || len(d.Values) == 0 || !c.f.IO.StdoutTTY {
		return nil
	}
	measure, limit, known := alerts.Measured(d.Rule.Expr)
	var from, to time.Time
	step := time.Duration(0)
	for _, s := range d.Values {
		for i, v := range s.Samples {
			if from.IsZero() || v.Time.Before(from) {
				from = v.Time
			}
			if v.Time.After(to) {
				to = v.Time
			}
			if i > 0 {
				if gap := v.Time.Sub(s.Samples[i-1].Time); step == 0 || gap < step {
					step = gap
				}
			}
		}
	}
	if step == 0 {
		return nil
	}
	r := api.MetricPlot{MetricRange: api.MetricRange{Query: measure, From: from, To: to, Step: op.Duration(step), Series: d.Values}}
	if known {
		r.Thresholds = []api.Number{api.Number(limit)}
	}
	if !d.Started.IsZero() && d.Started.After(from) {
		r.Annotations = []api.Annotation{{Kind: "alert", Time: d.Started, Title: d.Name}}
	}
	if _, err := fmt.Fprintln(p.Out()); err != nil {
		return err
	}
	size := plot.Options{Width: min(c.f.IO.Width, plotWidth), Height: plotHeight, ASCII: c.f.IO.ASCIIOnly()}
	return (&metricsCommand{c.f}).draw(p.Out(), r, size, nil)
}

func without(s, other string) string {
	if s == other {
		return ""
	}
	return s
}

func labelWords(set map[string]string) string {
	parts := make([]string, 0, len(set))
	for k, v := range set {
		parts = append(parts, k+"="+v)
	}
	sort.Strings(parts)
	return strings.Join(parts, " ")
}

func (c *alertsCommand) showAcks(p *output.Printer, out any) error {
	a := out.(api.AlertAcks) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(a)
	}
	for _, one := range a.Acks {
		if _, err := fmt.Fprintf(p.Out(), "Taken by %s until %s (silence %s).\n", term.SafeLine(one.By), p.Env().Time(one.Until), term.SafeLine(one.Silence)); err != nil {
			return err
		}
	}
	if a.Renewed {
		c.f.Say("The control plane renews it while the alerts fire, and ends it when they resolve.")
	} else {
		c.f.Say("Nobody renews it: ack again before it lapses, or stay with --hold.")
	}
	return nil
}

var silenceView = output.View[api.Silence]{
	Kind: "silence", Name: func(s api.Silence) string { return s.ID },
	Columns: []output.Column[api.Silence]{
		col("id", func(s api.Silence) string { return s.ID }),
		{Header: "state", Value: plain(func(s api.Silence) string { return s.State }), Style: func(s api.Silence, _ output.Env) term.Style {
			if s.State != alerts.Active {
				return term.Muted
			}
			return term.Plain
		}},
		col("matchers", func(s api.Silence) string { return s.Matchers }),
		num("hits", func(s api.Silence) string { return fmt.Sprint(s.Hits) }),
		{Header: "ends", Value: func(s api.Silence, e output.Env) string { return e.Time(s.Ends) }},
		col("by", func(s api.Silence) string { return s.By }),
		col("comment", func(s api.Silence) string { return s.Comment }),
		wide("stale", func(s api.Silence) string { return s.Stale }),
		{Header: "starts", Wide: true, Value: func(s api.Silence, e output.Env) string { return e.Time(s.Starts) }},
	},
}

func (c *alertsCommand) showSilences(p *output.Printer, out any) error {
	l := out.(api.SilenceList) //nolint:forcetypeassert // the declaration says so
	if err := output.List(p, silenceView, l.Silences); err != nil {
		return err
	}
	return partial(c.f, l.Failed)
}

func (*alertsCommand) showSilence(p *output.Printer, out any) error {
	return output.One(p, silenceView, out.(api.Silence)) //nolint:forcetypeassert // the declaration says so
}

func showPast(p *output.Printer, out any) error {
	return output.List(p, output.View[api.AlertPast]{
		Kind: "alert", Name: func(a api.AlertPast) string { return a.Name },
		Columns: []output.Column[api.AlertPast]{
			{Header: "start", Value: func(a api.AlertPast, e output.Env) string { return e.Time(a.Start) }},
			col("what", func(a api.AlertPast) string { return a.Kind }),
			col("name", func(a api.AlertPast) string { return a.Name }),
			{Header: "lasted", Right: true, Value: plain(func(a api.AlertPast) string {
				switch {
				case a.Kind != "firing":
					return ""
				case a.End == nil:
					return "still"
				}
				return output.Duration(time.Duration(a.Duration))
			})},
			col("by", func(a api.AlertPast) string { return a.By }),
			col("detail", func(a api.AlertPast) string { return a.Text }),
			wide("source", func(a api.AlertPast) string { return a.Source }),
		},
	}, out.([]api.AlertPast)) //nolint:forcetypeassert // the declaration says so
}

func showRules(p *output.Printer, out any) error {
	return output.List(p, output.View[api.AlertRule]{
		Kind: "rule", Name: func(r api.AlertRule) string { return r.Name },
		Columns: []output.Column[api.AlertRule]{
			col("name", func(r api.AlertRule) string { return r.Name }),
			{Header: "state", Value: plain(func(r api.AlertRule) string { return r.State }), Style: func(r api.AlertRule, _ output.Env) term.Style {
				return map[string]term.Style{"firing": term.Bad, "pending": term.Warn}[r.State]
			}},
			{Header: "health", Value: plain(func(r api.AlertRule) string { return r.Health }), Style: func(r api.AlertRule, _ output.Env) term.Style {
				return map[string]term.Style{"err": term.Bad}[r.Health]
			}},
			col("severity", func(r api.AlertRule) string { return r.Severity }),
			{Header: "for", Right: true, Value: plain(func(r api.AlertRule) string {
				if r.For == 0 {
					return ""
				}
				return output.Duration(time.Duration(r.For))
			})},
			num("firing", func(r api.AlertRule) string { return fmt.Sprint(r.Firing) }),
			col("group", func(r api.AlertRule) string { return r.Group }),
			wide("error", func(r api.AlertRule) string { return r.Error }),
			wide("expression", func(r api.AlertRule) string { return strings.Join(strings.Fields(r.Expr), " ") }),
		},
	}, out.([]api.AlertRule)) //nolint:forcetypeassert // the declaration says so
}

func (c *alertsCommand) showPreview(p *output.Printer, out any) error {
	v := out.(api.Preview) //nolint:forcetypeassert // the declaration says so
	for _, w := range v.Warnings {
		c.f.Say("%s", w)
	}
	if !p.Human() {
		if err := p.Print(v); err != nil {
			return err
		}
		return partial(c.f, v.Failed)
	}
	st := p.Env().Styles
	if _, err := fmt.Fprintf(p.Out(), "%s\n", st.Bold(fmt.Sprintf("Now: %d alerts", len(v.Now)))); err != nil {
		return err
	}
	if len(v.Now) > 0 {
		if err := output.List(p, alertView, v.Now); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(p.Out(), "%s\n", st.Bold(fmt.Sprintf("Since %s: %d alerts", p.Env().Time(v.Since), len(v.Past)))); err != nil {
		return err
	}
	if len(v.Past) > 0 {
		if err := output.List(p, output.View[api.PreviewPast]{
			Kind: "alert", Name: func(a api.PreviewPast) string { return a.Name },
			Columns: []output.Column[api.PreviewPast]{
				col("name", func(a api.PreviewPast) string { return a.Name }),
				num("times", func(a api.PreviewPast) string { return fmt.Sprint(a.Times) }),
				num("fired", func(a api.PreviewPast) string { return output.Duration(time.Duration(a.Fired)) }),
				{Header: "last", Value: func(a api.PreviewPast, e output.Env) string { return e.Ago(a.Last) }},
				col("labels", func(a api.PreviewPast) string { return alertLabels(a.Labels) }),
			},
		}, v.Past); err != nil {
			return err
		}
	}
	return partial(c.f, v.Failed)
}
