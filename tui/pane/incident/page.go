package incident

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// shown is what was asked for: whether it came, when, and what did not.
type shown struct {
	asked, known bool
	at           time.Time // it was asked
	fresh        time.Time // everybody answered
	trouble      []say.Trouble
}

// page is a text over the view, until esc.
type page struct {
	title string
	// slot is that of the question behind it, context who is asked, id what.
	slot, context, id string
	command           string
	subject           pane.Subject
	draw              func(*say.Page)
	ask               func() tea.Cmd // asks again; nil where nothing is asked
	// act and next are the commands that act on it and look closer.
	act, next string
	shown

	pager   *widget.Pager
	made    string // what the pager's lines were made for
	changes int
}

// push lays a page over the view.
func (p *Pane) push(f *page) {
	f.pager = widget.NewPager()
	p.pages = append(p.pages, f)
}

// view draws the page; its lines are made anew only when what they are made of
// has changed.
func (f *page) view(e *pane.Env, width, height int) string {
	made := fmt.Sprint(width, " ", f.changes, " ", e.Theme.Name, " ", e.Now.Unix()/60)
	if made != f.made {
		page := say.NewPage(e.Theme, width)
		for _, t := range f.trouble {
			page.Add(t.Line(e.Theme))
		}
		switch {
		case f.draw != nil:
			f.draw(page)
		case len(f.trouble) == 0:
			page.Line(e.Theme.Muted, "asking for "+f.title+"…")
		}
		if len(f.trouble) > 0 && !f.fresh.IsZero() {
			page.Line(e.Theme.Muted, "as of "+say.Clock(e, f.fresh))
		}
		f.pager.SetLines(page.Lines())
		f.made = made
	}
	return f.pager.View(width, height)
}
