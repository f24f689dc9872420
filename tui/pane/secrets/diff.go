package secrets

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// diff is a comparison of two secrets, or of two folders, by fingerprints.
type diff struct {
	context string
	in      api.SecretDiffInput
	out     api.SecretDiff
	err     error
	known   bool
	table   *widget.Table[api.SecretDifference]
}

// askWhat asks what is compared with what.
func (p *Pane) askWhat() tea.Cmd {
	r, ok := p.current()
	if !ok {
		return nil
	}
	return pane.Send(pane.Ask{
		Title: "Compare by fingerprint",
		Fields: []pane.Field{
			{Label: "Left", Initial: r.s.Ref, Required: true, Help: "STORE:PATH, or STORE:FOLDER/"},
			{Label: "Right", Required: true, Help: "as the left: a secret with a secret, a folder with a folder"},
		},
		Then: func(values []string) tea.Cmd {
			left, right := strings.TrimSpace(values[0]), strings.TrimSpace(values[1])
			// A folder on the right means the folder of the secret on the left.
			if strings.HasSuffix(right, "/") && !strings.HasSuffix(left, "/") {
				left = left[:strings.LastIndexAny(left, "/:")+1]
			}
			return p.compare(r.context, api.SecretDiffInput{Left: left, Right: right})
		},
	})
}

func (p *Pane) compare(context string, in api.SecretDiffInput) tea.Cmd {
	th := p.theme
	p.diff = &diff{context: context, in: in}
	p.diff.table = widget.NewTable(th, func(x *api.SecretDifference) string { return x.Name + "\x00" + x.Left + "\x00" + x.Right },
		widget.Column[api.SecretDifference]{Name: "state", Text: func(x *api.SecretDifference) string { return x.State }, Style: func(x *api.SecretDifference) theme.Style {
			switch x.State {
			case "equal":
				return th().OK
			case "unknown":
				return th().Warn
			}
			return th().Bad
		}},
		widget.Column[api.SecretDifference]{Name: "name", Min: 10, Max: 50, Text: func(x *api.SecretDifference) string { return x.Name }},
		widget.Column[api.SecretDifference]{Name: "left", Drop: 2, Text: func(x *api.SecretDifference) string { return print12(x.LeftPrint) }},
		widget.Column[api.SecretDifference]{Name: "right", Drop: 3, Text: func(x *api.SecretDifference) string { return print12(x.RightPrint) }},
		widget.Column[api.SecretDifference]{Name: "how it is known", Drop: 1, Grow: true, Min: 12, Text: func(x *api.SecretDifference) string { return x.Reason }},
	)
	p.diff.table.ASCII = p.env.ASCII
	cmd := p.askDiff()
	return tea.Batch(cmd, pane.Send(pane.Ran{Command: p.Command()}))
}

func (p *Pane) askDiff() tea.Cmd {
	return feed.Ask(p.env.Feeds, key(slotDiff), []feed.Context{p.env.Context(p.diff.context)}, api.SecretsDiff, p.diff.in)
}

func (d *diff) take(a feed.Answer) {
	if a.Canceled() {
		return
	}
	out, err := feed.One[api.SecretDiff](a)
	if d.err = err; err == nil {
		d.out, d.known = out, true
		d.table.Set(out.Secrets)
	}
}

// lines are the two sides and the verdict.
func (d *diff) lines(env *pane.Env, width int) []string {
	th := env.Theme
	title := th.Bold.Render(term.SafeLine(d.in.Left)) + " against " + th.Bold.Render(term.SafeLine(d.in.Right))
	verdict := ""
	switch {
	case !d.known:
	case d.out.Drift > 0:
		verdict = th.Bad.Render(fmt.Sprintf("%d of %d drift", d.out.Drift, len(d.out.Secrets)))
	case d.out.Unknown > 0:
		verdict = th.Warn.Render(fmt.Sprintf("of %d of %d nobody can tell", d.out.Unknown, len(d.out.Secrets)))
	default:
		verdict = th.OK.Render(fmt.Sprintf("all %d are equal", len(d.out.Secrets)))
	}
	out := []string{widget.Columns(title, verdict, width)}
	if d.err != nil {
		out = append(out, say.Err("the comparison", d.err).Line(th))
	}
	switch {
	case d.known:
		d.table.Empty = "There is nothing on either side."
	case d.err != nil:
		d.table.Empty = "Nothing is known."
	default:
		d.table.Empty = "comparing…"
	}
	return out
}
