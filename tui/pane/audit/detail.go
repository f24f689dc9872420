package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// detail is one change with all that its records say.
type detail struct {
	row   row
	page  *widget.Pager
	drawn string // the width, the skin and the state that it was drawn for
}

func (p *Pane) open(r row) {
	p.detail = &detail{row: r, page: widget.NewPager()}
	p.detail.page.Match = p.env.Theme.Match
}

// refreshed is the change as the book has it now: its outcome may have come.
func (p *Pane) refreshed() {
	if r, ok := p.table.Get(p.detail.row.key()); ok {
		p.detail.row = *r
	}
}

func (p *Pane) draw(width int) {
	d := p.detail
	p.refreshed()
	result := d.row.result(p.env.Now)
	id := fmt.Sprint(width, p.env.Theme.Name, result)
	if d.drawn == id {
		return
	}
	d.drawn = id
	th, e := p.env.Theme, d.row.first
	page := say.NewPage(th, width)
	page.Field("Operation", e.Operation)
	page.Field("Target", e.Target)
	page.Field("Outcome", result)
	page.Field("Who", e.Actor)
	page.Field("From", e.Remote)
	page.Field("Reason", e.Reason)
	page.Field("Time", say.Clock(p.env, e.Time))
	if d.row.outcome != nil && d.row.outcome.Index != e.Index {
		page.Field("Took", widget.Age(d.row.outcome.Time.Sub(e.Time)))
	}
	if len(p.env.Contexts) > 1 {
		page.Field("Context", d.row.context)
	}
	page.Field("Request", e.Request)
	p.record(page, e)
	if d.row.outcome != nil && d.row.outcome.Index != e.Index {
		p.record(page, *d.row.outcome)
	}
	d.page.SetLines(page.Lines())
	d.page.Find(p.expr)
}

// record is one link of the chain.
func (p *Pane) record(page *say.Page, e api.AuditEntry) {
	phase := e.Phase
	if phase == "" {
		phase = "unreadable"
	}
	page.Head("Record " + strconv.FormatInt(e.Index, 10) + ", " + phase)
	page.Field("Time", e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"))
	page.Field("Outcome", e.Outcome)
	page.Field("Before", e.Prev)
	page.Field("Hash", e.Hash)
	if len(e.Details) == 0 {
		return
	}
	var b bytes.Buffer
	if json.Indent(&b, e.Details, "", "  ") != nil {
		b.Reset()
		b.Write(e.Details)
	}
	page.Text("", p.env.Theme.Muted, "Details")
	for line := range strings.SplitSeq(b.String(), "\n") {
		page.Text("  ", p.env.Theme.Text, line)
	}
}

// verdict is what a context says of its chain.
type verdict struct {
	context string
	report  api.AuditReport
	err     error
	at      string
}

func (p *Pane) verify() tea.Cmd {
	p.checking, p.verdicts = true, nil
	return tea.Batch(
		feed.Ask(p.env.Feeds, key(slotVerify), p.env.Contexts, api.AuditVerify, api.None{}),
		pane.Send(pane.Ran{Command: "aictl audit verify"}),
	)
}

func (p *Pane) verified(a feed.Answer) {
	p.checking = false
	if a.Canceled() {
		return
	}
	p.verdicts = nil
	for _, r := range a.Results {
		v := verdict{context: r.Context, err: r.Err, at: say.Clock(p.env, p.env.Now)}
		if report, ok := r.Out.(api.AuditReport); ok {
			v.report = report
		}
		p.verdicts = append(p.verdicts, v)
	}
}

// verdictLines are a line for each context. Only a report that says so is a
// whole chain.
func (p *Pane) verdictLines() []string {
	th := p.env.Theme
	if p.checking {
		return []string{th.Info.Render("verifying the chain…")}
	}
	out := make([]string, 0, len(p.verdicts))
	for _, v := range p.verdicts {
		of := ""
		if len(p.env.Contexts) > 1 {
			of = term.SafeLine(v.context) + ": "
		}
		switch {
		case v.err != nil && fail.CodeOf(v.err) == fail.False:
			out = append(out, th.Bad.Render(of+"BROKEN: "+term.SafeLine(v.err.Error())))
		case v.err != nil:
			t := say.Err(v.context, v.err)
			t.What = "not verified: " + t.What
			out = append(out, t.Line(th))
		case v.report.OK:
			out = append(out, th.OK.Render(of+"the audit is whole")+
				fmt.Sprintf(": %d records at %s, head %s", v.report.Records, v.at, term.SafeLine(v.report.Head)))
		default:
			at := "the chain"
			if v.report.BrokenAt != nil {
				at = fmt.Sprintf("record %d", *v.report.BrokenAt)
			}
			out = append(out, th.Bad.Render(of+"BROKEN at "+at)+": "+term.SafeLine(v.report.Why)+
				th.Muted.Render("  → compare with a back-up: aictl audit export"))
		}
	}
	return out
}
