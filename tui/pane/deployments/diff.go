package deployments

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

const diffSlot = "diff"

// diff is the screen of what going to another revision changes, what it does
// not bring back, and what happens beside it.
type diff struct {
	p        *Pane
	t        target
	from, to string // as asked: empty is what runs, and what an undo chooses
	out      *api.DeployDiff
	err      error
	head     heading
	pager    *widget.Pager
	drawn    drawn
}

// drawn says what a page was made for.
type drawn struct {
	width int
	theme string
	of    any
}

func newDiff(p *Pane, t target, from, to string) *diff {
	return &diff{p: p, t: t, from: from, to: to, pager: widget.NewPager()}
}

func (*diff) id() string { return "diff" }

func (d *diff) open() tea.Cmd { return d.refresh() }

func (d *diff) refresh() tea.Cmd {
	in := api.DeployDiffInput{WorkloadName: d.t.input(), From: d.from, ToRevision: d.to}
	return feed.Ask(d.p.env.Feeds, feed.Key{Pane: Name, Slot: diffSlot}, []feed.Context{d.p.env.Context(d.t.context)}, api.DeployCompare, in)
}

func (d *diff) update(msg tea.Msg) tea.Cmd {
	a, ok := msg.(feed.Answer)
	if !ok || a.Slot != diffSlot || a.Canceled() {
		return nil
	}
	out, err := feed.One[api.DeployDiff](a)
	if d.err = err; err == nil {
		d.out, d.head.at = &out, d.p.env.Now
	}
	return nil
}

// undoes is the revision that an undo from here goes to; false where the diff
// does not begin at what runs.
func (d *diff) undoes() (string, bool) {
	if d.from != "" {
		return "", false
	}
	if d.out != nil {
		return d.out.To, true
	}
	return d.to, true
}

func (d *diff) act(id string) tea.Cmd {
	d.pager.Act(id)
	return nil
}

func (d *diff) filter(expr string)     { d.pager.Find(expr) }
func (d *diff) target() (target, bool) { return d.t, true }
func (d *diff) subject() pane.Subject  { return d.t.subject() }
func (d *diff) scroll(lines int)       { d.pager.Scroll(lines) }
func (d *diff) leave()                 { d.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: diffSlot}) }

func (d *diff) command() string {
	var flags []string
	if d.from != "" {
		flags = append(flags, "--from-revision", d.from)
	}
	if d.to != "" {
		flags = append(flags, "--to-revision", d.to)
	}
	return d.p.line(d.t, "diff", flags...)
}

func (d *diff) view(width, height int) string {
	what := "diff"
	if d.out != nil {
		what = "revision " + d.out.From + " " + d.p.signs().to + " " + d.out.To
	}
	head := d.head.lines(d.p, d.t, what, d.err, width, height)
	if now := (drawn{width, d.p.env.Theme.Name, d.out}); d.drawn != now || d.out == nil {
		d.drawn = now
		d.pager.SetLines(d.lines(width))
	}
	d.pager.Match = d.p.env.Theme.Match
	body := d.pager.View(width, height-len(head))
	return widget.Join(append(head, widget.Clip(body, width, height-len(head))...))
}

func (d *diff) lines(width int) []string {
	th := d.p.env.Theme
	switch {
	case d.out == nil && d.err != nil:
		return []string{th.Muted.Render("Not known.")}
	case d.out == nil:
		return []string{th.Muted.Render("Asking…")}
	}
	var out []string
	if len(d.out.Changes) == 0 {
		out = append(out, "Both have the same template.")
	}
	out = append(out, changeLines(th, d.out.Changes)...)
	out = append(out, d.around("Changed since revision "+d.out.To+", and not by going back:", d.out.Since, width)...)
	return append(out, d.around("What will happen beside it:", d.out.Effects, width)...)
}

// around is a section about what is not in the template.
func (d *diff) around(head string, list []api.DeployAround, width int) []string {
	if len(list) == 0 {
		return nil
	}
	th := d.p.env.Theme
	out := []string{"", th.Header.Render(widget.Cut(safe(head), width))}
	for _, a := range list {
		text := a.Object + ": " + a.Message
		if !a.Changed.IsZero() {
			text += " (" + d.p.agoWords(a.Changed)
			if a.By != "" {
				text += " by " + a.By
			}
			text += ")"
		}
		style := th.Warn
		if a.Kind == "missing" {
			style = th.Bad
		}
		for i, l := range widget.Wrap(style.Render(safe(text)), max(width-2, 1)) {
			mark := "  "
			if i == 0 {
				mark = style.Render("! ")
			}
			out = append(out, mark+l)
		}
	}
	return out
}

// changeLines are the differences of a template, marked + - ~.
func changeLines(th *theme.Theme, changes []api.DeployChange) []string {
	var lines []widget.DiffLine
	add := func(kind rune, head, value string) {
		if value != "" {
			head += ": " + value
		}
		lines = append(lines, widget.DiffLine{Kind: kind, Text: oneLine(head)})
	}
	for _, c := range changes {
		head := c.Kind
		if c.Name != "" {
			head += " " + c.Name
		}
		if c.Where != "" {
			head = c.Where + " " + head
		}
		old, now := hidden(c.Old), hidden(c.New)
		switch {
		case c.Action == "added":
			add('+', head, now)
		case c.Action == "removed":
			add('-', head, old)
		case old == now:
			add('~', head, "another value")
		default:
			add('-', head, old)
			add('+', head, now)
		}
	}
	return widget.Diff(th, lines)
}

// hidden stands for a value's fingerprint, which says nothing to a person.
func hidden(v string) string {
	if strings.HasPrefix(v, "value ") {
		return "(a value)"
	}
	return v
}
