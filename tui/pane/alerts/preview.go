package alerts

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// preview is the page between the question and the silence: what it would keep
// quiet now, and would have in the last days.
type preview struct {
	context            string
	matchers, duration string
	comment, until     string
	length             time.Duration
	out                *api.Preview
	trouble            []say.Trouble
	pager              *widget.Pager
	drawn              string
	changes            int
}

func newPreview(context string, v []string, length time.Duration) *preview {
	return &preview{context: context, matchers: v[0], duration: v[1], comment: v[2], until: v[3], length: length, pager: widget.NewPager()}
}

func (p *Pane) previewAnswer(a feed.Answer) tea.Cmd {
	v := p.preview
	if v == nil {
		return nil
	}
	v.changes++
	v.trouble = say.Contexts(a.Results)
	if out, err := feed.One[api.Preview](a); err == nil {
		v.out = &out
		v.trouble = say.Backends("", out.Failed)
	}
	words := []string{"alerts", "preview"}
	return pane.Send(pane.Ran{Command: p.command(v.context, append(words, v.matchers)...)})
}

// confirm goes on to the silence, whose plan the app shows.
func (p *Pane) confirm() tea.Cmd {
	v := p.preview
	if v.out == nil {
		return toast("what it would hit is not known yet")
	}
	if v.comment == "" {
		if why := alerts.NeedsReason(v.length, v.out.Now); why != "" {
			return tea.Batch(toast("say why in the comment: "+why), p.askSilence(v.matchers, v.duration, "", v.until))
		}
	}
	words := []string{"alerts", "silence", v.matchers, "--duration", v.duration}
	if v.comment != "" {
		words = append(words, "--comment", v.comment)
	}
	if v.until == "yes" {
		words = append(words, "--until-resolved")
	}
	return pane.Send(pane.Propose{
		Pane: name, Context: v.context, Change: api.AlertsSilence,
		In:      &api.SilenceInput{Matchers: v.matchers, Duration: op.Duration(v.length), Comment: v.comment, UntilResolved: v.until == "yes"},
		Command: p.command(v.context, words...),
	})
}

func (p *Pane) previewView(width, height int) string {
	v := p.preview
	if made := fmt.Sprint(width, " ", v.changes, " ", p.env.Theme.Name); made != v.drawn {
		v.pager.SetLines(p.previewLines(width))
		v.drawn = made
	}
	return v.pager.View(width, height)
}

func (p *Pane) previewLines(width int) []string {
	v, th := p.preview, p.env.Theme
	page := say.NewPage(th, width)
	page.Text("", th.Bold, "Silence "+v.matchers)
	page.Field("For", v.duration)
	page.Field("Comment", v.comment)
	if v.until == "yes" {
		page.Field("Ends", "when none of what it hits fires any more, and after "+v.duration+" at the latest")
	}
	page.Blank()
	for _, t := range v.trouble {
		page.Add(t.Line(th))
	}
	if v.out == nil {
		if len(v.trouble) == 0 {
			page.Line(th.Muted, "asking what it would keep quiet…")
		}
		return page.Lines()
	}
	page.Text("", th.Accent, "enter goes on to the plan; esc leaves it")
	if why := alerts.NeedsReason(v.length, v.out.Now); why != "" {
		style := th.Warn
		if v.comment != "" {
			style = th.Muted
		}
		page.Text("", style, "It needs a comment: "+why+".")
	}
	for _, w := range v.out.Warnings {
		page.Text("! ", th.Warn, w)
	}
	page.Head(fmt.Sprintf("Now: %d alerts", len(v.out.Now)))
	for i := range v.out.Now {
		a := &v.out.Now[i]
		page.Text("  ", th.Severity(a.Severity), fmt.Sprintf("%-9s %s  %s  %s", a.Severity, a.Name, stateWord(a), say.Labels(a.Labels, "alertname", "severity")))
	}
	page.Head(fmt.Sprintf("Since %s it would have kept quiet: %d alerts", say.Clock(p.env, v.out.Since), len(v.out.Past)))
	for _, a := range v.out.Past {
		page.Text("  ", th.Text, fmt.Sprintf("%s  %d times, %s in all, last %s ago  %s", a.Name, a.Times, say.Long(a.Fired), say.Ago(p.env, a.Last), say.Labels(a.Labels, "alertname")))
	}
	return page.Lines()
}
