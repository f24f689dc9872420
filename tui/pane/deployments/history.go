package deployments

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

const historySlot = "history"

// history is the screen of a workload's revisions.
type history struct {
	p     *Pane
	t     target
	table *widget.Table[api.DeployRevision]
	head  heading
	err   error
	known bool
}

func newHistory(p *Pane, t target) *history {
	h := &history{p: p, t: t}
	th := func() *theme.Theme { return p.env.Theme }
	type column = widget.Column[api.DeployRevision]
	h.table = widget.NewTable(th, func(r *api.DeployRevision) string { return r.Name },
		column{Name: "REV", Min: 3, Max: 24, Right: true, Text: func(r *api.DeployRevision) string { return r.Name }, Compare: func(a, b *api.DeployRevision) int { return byNumber(a.Name, b.Name) }},
		column{Name: "STATE", Min: 9, Max: 9, Text: h.state, Style: h.style},
		column{Name: "MADE", Min: 4, Max: 6, Right: true, Text: func(r *api.DeployRevision) string { return p.ago(r.Created) }, Compare: func(a, b *api.DeployRevision) int { return a.Created.Compare(b.Created) }},
		column{Name: "READY", Min: 5, Max: 6, Right: true, Drop: 2, Text: func(r *api.DeployRevision) string { return strconv.Itoa(r.Ready) }},
		column{Name: "BY", Min: 4, Max: 20, Drop: 3, Text: func(r *api.DeployRevision) string { return r.Actor }},
		column{Name: "CHANGES", Min: 14, Max: 60, Grow: true, Drop: 1, Text: revisionChanges},
		column{Name: "CAUSE", Min: 12, Max: 80, Grow: true, Drop: 4, Text: func(r *api.DeployRevision) string { return oneLine(r.Cause) }},
		column{Name: "IMAGE", Min: 12, Max: 60, Drop: 5, Text: func(r *api.DeployRevision) string { return shortImages(r.Images) }},
	)
	return h
}

func (h *history) state(r *api.DeployRevision) string {
	s := h.p.signs()
	switch {
	case r.Current:
		return s.busy + " current"
	case r.Good:
		return s.ok + " worked"
	}
	return s.old + " unknown"
}

func (h *history) style(r *api.DeployRevision) theme.Style {
	th := h.p.env.Theme
	switch {
	case r.Current:
		return th.Bold
	case r.Good:
		return th.OK
	}
	return th.Warn
}

// revisionChanges are a revision's differences in a few words: images in full,
// the others by their kinds.
func revisionChanges(r *api.DeployRevision) string {
	const most = 4
	var parts []string
	seen := map[string]bool{}
	for _, c := range r.Changes {
		text := c.Kind
		switch {
		case c.Kind == "image":
			text = shortImages([]string{c.New})
		case c.Name != "":
			text += " " + c.Name
		}
		if !seen[text] {
			seen[text] = true
			parts = append(parts, text)
		}
	}
	if n := len(parts) - most; n > 0 {
		parts = append(parts[:most], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, ", ")
}

func (*history) id() string { return "history" }

func (h *history) open() tea.Cmd { return h.refresh() }

func (h *history) refresh() tea.Cmd {
	return feed.Ask(h.p.env.Feeds, feed.Key{Pane: Name, Slot: historySlot}, []feed.Context{h.p.env.Context(h.t.context)}, api.DeployHistory, h.t.input())
}

func (h *history) update(msg tea.Msg) tea.Cmd {
	a, ok := msg.(feed.Answer)
	if !ok || a.Slot != historySlot || a.Canceled() {
		return nil
	}
	list, err := feed.One[[]api.DeployRevision](a)
	if h.err = err; err == nil {
		h.known = true
		h.head.at = h.p.env.Now
		h.table.Set(list)
	}
	return nil
}

func (h *history) act(id string) tea.Cmd {
	if id == "deployments.open" {
		if r, ok := h.table.Current(); ok {
			return h.p.push(newRevision(h.p, h.t, *r))
		}
		return nil
	}
	h.table.Act(id)
	return nil
}

// current is the revision under the cursor.
func (h *history) current() (*api.DeployRevision, bool) { return h.table.Current() }

// pair are the revisions that a diff is between: the two marked ones from old
// to new, or from what runs to the one under the cursor; both empty for what
// an undo would do.
func (h *history) pair() (from, to string) {
	if m := h.table.Marked(); len(m) >= 2 {
		a, b := m[0], m[1]
		if a.Created.After(b.Created) {
			a, b = b, a
		}
		return a.Name, b.Name
	}
	if r, ok := h.current(); ok && !r.Current {
		return "", r.Name
	}
	return "", ""
}

func (h *history) filter(expr string)     { h.table.Filter(expr) }
func (h *history) target() (target, bool) { return h.t, true }
func (h *history) command() string        { return h.p.line(h.t, "history") }
func (h *history) scroll(lines int)       { h.table.Scroll(lines) }
func (h *history) leave()                 { h.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: historySlot}) }

func (h *history) subject() pane.Subject {
	s := h.t.subject()
	if r, ok := h.current(); ok {
		s.At = r.Created
	}
	return s
}

func (h *history) view(width, height int) string {
	switch {
	case h.err != nil && !h.known:
		h.table.Empty = "Not known."
	case !h.known:
		h.table.Empty = "Asking…"
	default:
		h.table.Empty = "It has no history."
	}
	h.table.ASCII = h.p.env.ASCII
	head := h.head.lines(h.p, h.t, "history", h.err, width, height)
	body := h.table.View(width, height-len(head))
	return widget.Join(append(head, widget.Clip(body, width, height-len(head))...))
}

func (h *history) click(_, y int) tea.Cmd {
	was := ""
	if r, ok := h.current(); ok {
		was = r.Name
	}
	if y -= h.head.shown; y >= 0 && h.table.Click(y) {
		if r, ok := h.current(); ok && r.Name == was {
			return h.act("deployments.open")
		}
	}
	return nil
}

// heading are the lines above a detail: whose it is, and what did not answer.
type heading struct {
	at    time.Time
	shown int // lines, for the mouse
}

func (d *heading) lines(p *Pane, t target, what string, err error, width, height int) []string {
	d.shown = 0
	if height < 3 {
		return nil
	}
	th := p.env.Theme
	left := th.Title.Render(safe(t.name)) + th.Muted.Render(" "+p.signs().part+" ") + th.Bold.Render(safe(what))
	right := ""
	if !d.at.IsZero() {
		right = "as of " + p.agoWords(d.at)
	}
	out := []string{widget.Columns(left, th.Muted.Render(right), width)}
	if err != nil && height >= 4 {
		out = append(out, widget.Cut(p.failed(what, err), width))
	}
	for _, n := range p.change.notes(p) {
		if len(out) < height/2 {
			out = append(out, widget.Cut(n, width))
		}
	}
	d.shown = len(out)
	return out
}
