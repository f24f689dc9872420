package alerts

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// detail is the page of one alert.
type detail struct {
	context string
	id      string // fingerprint or name, as it is asked for
	name    string
	out     *api.AlertDetail
	runbook *api.Runbook
	// past says that the page is of a window of the past, and labels are those
	// of the alert then; nil where only its name is known.
	past   bool
	labels map[string]string
	shown
	pager *widget.Pager
	// drawn is what the pager's lines were made for.
	drawn string
	// changes counts what the lines are made of.
	changes int
}

func (d *detail) rows() []row {
	if d.out == nil {
		return nil
	}
	return []row{{d.context, d.out.Alert}}
}

// openDetail shows the page of an alert and asks for it.
func (p *Pane) openDetail(context, id, name string, labels map[string]string) tea.Cmd {
	if context == "" {
		context = p.env.Primary().Name
	}
	p.detail = &detail{context: context, id: id, name: name, labels: labels, past: p.inPast(), pager: widget.NewPager()}
	if r, ok := p.alerts[context+"/"+id]; ok { // what the list knows is there at once
		p.detail.name, p.detail.labels = r.Name, r.Labels
		if !p.inPast() {
			p.detail.out = &api.AlertDetail{Alert: r.Alert}
		}
	}
	return p.askDetail()
}

func (p *Pane) closeDetail() {
	p.env.Feeds.Stop(p.slot("detail"))
	p.env.Feeds.Stop(p.slot("runbook"))
	p.detail = nil
}

func (p *Pane) askDetail() tea.Cmd {
	d := p.detail
	p.turn(d)
	d.asked, d.at = true, p.env.Now
	d.changes++
	in := []feed.Context{p.env.Context(d.context)}
	var cmds []tea.Cmd
	if d.past {
		cmds = append(cmds, p.askPast(d, in))
	} else {
		cmds = append(cmds, feed.Ask(p.env.Feeds, p.slot("detail"), in, api.AlertsShow, api.AlertShowInput{Alert: d.id, Since: op.Duration(p.env.Window.Span)}))
	}
	if d.runbook == nil && d.name != "" {
		cmds = append(cmds, feed.Ask(p.env.Feeds, p.slot("runbook"), in, api.RunbooksShow, api.RunbookInput{Name: d.name}))
	}
	return tea.Batch(cmds...)
}

func (p *Pane) detailAnswer(a feed.Answer) {
	d := p.detail
	if d == nil {
		return
	}
	d.changes++
	d.trouble = say.Contexts(a.Results)
	out, err := feed.One[api.AlertDetail](a)
	if err != nil { // what is there stays
		return
	}
	d.known, d.fresh, d.out = true, p.env.Now, &out
	d.trouble = append(d.trouble, say.Backends("", out.Failed)...)
}

// runbookAnswer takes the runbook; that there is none is no trouble.
func (p *Pane) runbookAnswer(a feed.Answer) {
	if p.detail == nil {
		return
	}
	if out, err := feed.One[api.Runbook](a); err == nil {
		p.detail.changes++
		p.detail.runbook = &out
	}
}

// detailView draws the page; its lines are made anew only when what they are
// made of has changed.
func (p *Pane) detailView(width, height int) string {
	d := p.detail
	made := fmt.Sprint(width, " ", height, " ", d.changes, " ", p.env.Theme.Name, " ", p.env.ASCII, " ", p.env.Now.Unix()/60, " ", p.env.Window.Cursor.Unix())
	if made != d.drawn {
		d.pager.SetLines(p.detailLines(width, height))
		d.drawn = made
	}
	return d.pager.View(width, height)
}

func (p *Pane) detailLines(width, height int) []string {
	d, th := p.detail, p.env.Theme
	page := say.NewPage(th, width)
	for _, t := range d.trouble {
		page.Add(t.Line(th))
	}
	if d.past {
		p.pastLines(page, d)
	}
	if d.out == nil {
		if len(d.trouble) == 0 {
			page.Line(th.Muted, "asking about "+d.name+"…")
		}
		return page.Lines()
	}
	out := d.out
	if !d.past {
		p.headLines(page, &out.Alert)
	}
	if r := out.Rule; r != nil {
		expr := strings.Join(strings.Fields(r.Expr), " ")
		if r.For > 0 {
			expr += "  for " + say.Long(r.For)
		}
		page.Field("Expression", expr)
		page.Field("Rule error", r.Error)
	}
	if out.Current != nil {
		page.Field("Value", strconv.FormatFloat(float64(*out.Current), 'g', 6, 64))
	}
	if c, ok := p.plotOf(out); ok {
		page.Blank()
		page.Add(widget.Chart(th, c, width, min(max(height/2, 8), 16), p.env.ASCII)...)
	}
	p.runbookLines(page)
	if len(out.Logs) > 0 {
		page.Head("Warnings and errors of " + out.Service)
		for _, e := range out.Logs {
			page.Text(th.Muted.Render(say.Clock(p.env, e.Time))+" ", th.Severity(e.Level), e.Level+" "+e.Message)
		}
	}
	if len(out.Others) > 0 {
		page.Head("Other alerts of the name")
		for _, o := range out.Others {
			page.Text("  ", th.Severity(o.State), fmt.Sprintf("%s %s  %s  for %s", o.State, o.Severity, say.Labels(o.Labels, "alertname", "severity"), say.Ago(p.env, o.Started)))
		}
	}
	for _, w := range out.Warnings {
		page.Text("! ", th.Warn, w)
	}
	if !d.known && len(d.trouble) == 0 {
		page.Blank()
		page.Line(th.Muted, "asking for its values, its logs and its runbook…")
	}
	if len(d.trouble) > 0 && !d.fresh.IsZero() {
		page.Line(th.Muted, "the rest is as of "+say.Clock(p.env, d.fresh))
	}
	return page.Lines()
}

// headLines are what the alert itself says.
func (p *Pane) headLines(page *say.Page, a *api.Alert) {
	th := p.env.Theme
	page.Text("", th.Bold, strings.TrimSpace(a.Name+"  "+a.Severity+"  "+stateWord(a)))
	page.Text("", th.Text, a.Summary)
	if text := a.Annotations["description"]; text != a.Summary {
		page.Field("Description", text)
	}
	if !a.Started.IsZero() {
		page.Field("Since", say.Clock(p.env, a.Started)+"  ("+say.Ago(p.env, a.Started)+")")
	}
	page.Field("Service", a.Service)
	page.Field("Labels", say.Labels(a.Labels, "alertname", "severity", "service"))
	page.Field("Runbook", a.Runbook)
	switch {
	case a.Ack != nil:
		page.Field("Taken by", strings.TrimSuffix(fmt.Sprintf("%s until %s: %s", a.Ack.By, say.Clock(p.env, a.Ack.Until), a.Ack.Comment), ": "))
	case len(a.SilencedBy) > 0:
		page.Field("Silenced by", strings.Join(a.SilencedBy, " "))
	}
	page.Field("Inhibited by", strings.Join(a.InhibitedBy, " "))
}

// runbookLines are the steps of the runbook, where there is one.
func (p *Pane) runbookLines(page *say.Page) {
	r := p.detail.runbook
	if r == nil {
		return
	}
	th := p.env.Theme
	page.Head(fmt.Sprintf("Runbook: %s (%d steps; o opens it)", r.Title, len(r.Steps)))
	for _, s := range r.Steps {
		page.Text(fmt.Sprintf("  %d. ", s.Number), th.Accent, s.Line)
	}
}

// plotOf is the expression over the window, with its limit.
func (p *Pane) plotOf(out *api.AlertDetail) (plot.Chart, bool) {
	from, to, ok := say.Span(out.Values)
	if !ok || out.Rule == nil {
		return plot.Chart{}, false
	}
	measure, limit, known := alerts.Measured(strings.Join(strings.Fields(out.Rule.Expr), " "))
	c := plot.Chart{Title: say.Line(measure), From: from, To: to, Zone: p.env.Zone, Series: say.Curves(out.Values)}
	if known {
		c.Thresholds = []float64{limit}
	}
	if p.detail.past {
		c.Marks = append(c.Marks, p.pastMarks(p.detail, from, to)...)
	}
	if out.Started.After(from) && out.Started.Before(to) {
		c.Marks = append(c.Marks, plot.Mark{Time: out.Started, Text: "fires"})
	}
	if at := p.env.Window.Cursor; at.After(from) && at.Before(to) {
		c.Marks = append(c.Marks, plot.Mark{Time: at, Text: "cursor"})
	}
	return c, true
}

// detailSubject is what the page is about, with what the alert measures.
func (d *detail) subject() pane.Subject {
	if d.out == nil {
		return pane.Subject{Context: d.context, Alert: d.name, Service: d.labels["service"], Labels: d.labels}
	}
	r := row{d.context, d.out.Alert}
	s := subjectOf(&r)
	if d.out.Rule != nil {
		s.Query, _, _ = alerts.Measured(d.out.Rule.Expr)
	}
	return s
}
