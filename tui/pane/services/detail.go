package services

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// detail is a service that was opened: its operations, and a page about the
// one under the cursor.
type detail struct {
	context, name string
	known, busy   bool
	d             api.ServiceDetail
	err           error
	at, asked     time.Time
	operations    *widget.Table[api.ServiceOperation]
	raw           bool // schemas as JSON
	page          *widget.Pager
	drawn         string // what the page was drawn for
	top           int    // the first line of the operations in the last frame
}

// open asks what a service can do.
func (p *Pane) open(r row) tea.Cmd {
	th := p.theme
	d := &detail{context: r.context, name: r.s.Name, page: widget.NewPager()}
	d.operations = widget.NewTable(th, func(o *api.ServiceOperation) string { return o.Name },
		widget.Column[api.ServiceOperation]{Name: "operation", Min: 8, Text: func(o *api.ServiceOperation) string { return o.Name }},
		widget.Column[api.ServiceOperation]{Name: "answers", Drop: 1, Text: func(o *api.ServiceOperation) string {
			if o.Streams {
				return "as a stream"
			}
			return "at once"
		}, Style: func(*api.ServiceOperation) theme.Style { return th().Muted }},
		widget.Column[api.ServiceOperation]{Name: "about", Drop: 2, Grow: true, Min: 12, Text: func(o *api.ServiceOperation) string { return o.Summary }},
	)
	d.operations.ASCII = p.env.ASCII
	d.operations.Empty = "asking the service…"
	d.page.Match = th().Match
	p.detail = d
	return p.describe()
}

func (p *Pane) describe() tea.Cmd {
	d := p.detail
	d.busy, d.asked = true, p.env.Now
	return feed.Ask(p.env.Feeds, key(slotDescribe), []feed.Context{p.env.Context(d.context)}, api.ServicesDescribe, api.ServiceName{Name: d.name})
}

func (d *detail) take(a feed.Answer, now time.Time) {
	d.busy = false
	if a.Canceled() {
		return
	}
	got, err := feed.One[api.ServiceDetail](a)
	d.err = err
	if err != nil {
		d.operations.Empty = "its operations are not known"
		return
	}
	d.d, d.known, d.at = got, true, now
	d.operations.Empty = "it has no operations"
	d.operations.Set(got.Describes)
	d.drawn = ""
}

// lines are about the service: what it is, how it does.
func (d *detail) lines(env *pane.Env, width, height int) []string {
	th := env.Theme
	if !d.known {
		if d.err != nil {
			return []string{say.Err(d.name, d.err).Line(th)}
		}
		return []string{th.Bold.Render(term.SafeLine(d.name))}
	}
	s, h := d.d.Service, d.d.Health
	state := s.State
	if h.State != "" {
		state = h.State
	}
	if !env.Window.Live { // a window of the past changes nothing of what it can do now
		state = "now " + state
	}
	head := th.Bold.Render(term.SafeLine(s.Name)) + " " + term.SafeLine(s.Version) + th.Muted.Render(" "+term.SafeLine(s.Kind))
	if len(env.Contexts) > 1 {
		head += th.Muted.Render(" in " + term.SafeLine(d.context))
	}
	right := th.Severity(strings.TrimPrefix(state, "now ")).Render(term.SafeLine(state)) + fmt.Sprintf(" %d/%d", s.Ready, s.Replicas)
	out := []string{widget.Columns(head, right, width)}
	if d.err != nil {
		t := say.Err(d.name, d.err)
		t.What += "; what is shown is " + widget.Age(env.Now.Sub(d.at)) + " old"
		out = append(out, t.Line(th))
	}
	if height < 12 {
		return out
	}
	out = append(out, term.SafeLine(s.Summary))
	figures := ""
	if !env.Window.Live {
		figures = "now: "
	}
	figures += fmt.Sprintf("%d calls in %s, errors %s", h.Requests, output.Duration(time.Duration(h.Window)), errorsOf(&h))
	if h.Requests > 0 {
		figures += fmt.Sprintf("   p50 %s p95 %s p99 %s", millis(h.P50), millis(h.P95), millis(h.P99))
	}
	figures += fmt.Sprintf("   %d in flight, %d waiting", h.InFlight, h.Queued)
	if h.TokensIn+h.TokensOut > 0 {
		figures += fmt.Sprintf("   tokens %d in, %d out", h.TokensIn, h.TokensOut)
	}
	style := th.Muted
	if h.Errors > 0 {
		style = th.Warn
	}
	if out = append(out, style.Render(figures)); h.Reason != "" {
		out = append(out, th.Warn.Render(term.SafeLine(h.Reason)))
	}
	return out
}

// draw makes the page about the operation under the cursor, where it is not
// drawn already.
func (d *detail) draw(env *pane.Env, width int, filter string) {
	o, ok := d.operations.Current()
	id := fmt.Sprint(width, d.raw, ok, env.Theme.Name)
	if ok {
		id += o.Name
	}
	if id == d.drawn {
		return
	}
	d.drawn = id
	p := say.NewPage(env.Theme, width)
	if ok {
		d.about(p, env, o)
	}
	if d.known {
		d.running(p, env)
	}
	d.page.SetLines(p.Lines())
	d.page.Find(filter)
}

func (d *detail) about(p *say.Page, env *pane.Env, o *api.ServiceOperation) {
	th := env.Theme
	p.Text("", th.Bold, o.Summary)
	p.Head("Input")
	d.schema(p, env, o.Input)
	p.Head("Answer")
	d.schema(p, env, o.Output)
	for i, e := range o.Examples {
		if i == 0 {
			p.Head("Examples")
		}
		var b bytes.Buffer
		if json.Compact(&b, e) == nil {
			p.Text("  ", th.Accent, invocation(d.name, o.Name, false, b.Bytes()))
		}
	}
	if o.Idempotent {
		p.Blank()
		p.Text("", th.Muted, "Calling it twice does no more than calling it once.")
	}
}

// schema is a line a member, or the JSON of it.
func (d *detail) schema(p *say.Page, env *pane.Env, schema json.RawMessage) {
	th := env.Theme
	members := widget.Describe(schema)
	if d.raw || len(members) == 0 {
		if len(schema) == 0 {
			p.Text("  ", th.Muted, "not said")
			return
		}
		for _, l := range pretty(th, schema) {
			p.Add("  " + l)
		}
		return
	}
	wide := 0
	for _, m := range members {
		wide = max(wide, widget.Width(term.SafeLine(m.Name))+2*m.Depth+1)
	}
	wide = min(wide, 24)
	for _, m := range members {
		name := strings.Repeat("  ", m.Depth) + term.SafeLine(m.Name)
		if m.Required {
			name += "*"
		}
		line := "  " + th.Info.Render(widget.Fit(name, wide)) + " " + term.SafeLine(m.Type)
		if m.About != "" {
			line += th.Muted.Render("  " + term.SafeLine(m.About))
		}
		p.Add(line)
	}
}

// running is where it runs, and what went wrong of late.
func (d *detail) running(p *say.Page, env *pane.Env) {
	th := env.Theme
	for i, t := range d.d.Health.Targets {
		if i == 0 {
			p.Head("Replicas")
		}
		line := "  " + term.SafeLine(t.Name) + " " + th.Severity(t.State).Render(term.SafeLine(t.State)) +
			th.Muted.Render(fmt.Sprintf("  %s  breaker %s  %d outstanding", term.SafeLine(t.Revision), term.SafeLine(t.Breaker), t.Outstanding))
		p.Add(line)
	}
	for i, e := range d.d.Health.Recent {
		if i == 0 {
			p.Head("Recent errors")
		}
		p.Text("  ", th.Text, say.Clock(env, e.Time)+"  "+e.Operation+"  "+e.Code+": "+e.Message)
	}
}

// invocation is the command line of a call; an input of no members is none.
func invocation(service, operation string, stream bool, data []byte, more ...string) string {
	words := []string{"aictl", "invoke", service, operation}
	if stream {
		words = append(words, "--stream")
	}
	if len(data) > 0 && string(data) != "{}" {
		words = append(words, "-d", string(data))
	}
	return argv.Line(append(words, more...)...)
}
