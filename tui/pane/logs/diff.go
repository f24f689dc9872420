package logs

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// changes is the view of what is different from the window before: which
// patterns are new, surging or gone.
type changes struct {
	p      *Pane
	table  *widget.Table[change]
	asking bool
	err    error
	said   string
}

type change struct {
	api.LogChange
	kind string
}

func (v *changes) make(p *Pane) {
	v.p = p
	v.table = widget.NewTable(p.theme, func(r *change) string { return r.kind + r.ID },
		widget.Column[change]{Name: "CHANGE", Text: func(r *change) string { return r.kind }, Style: v.style, Compare: func(a, b *change) int { return cmp.Compare(rank(a.kind), rank(b.kind)) }},
		widget.Column[change]{Name: "NOW", Right: true, Text: func(r *change) string { return strconv.FormatInt(r.Count, 10) }, Compare: func(a, b *change) int { return cmp.Compare(a.Count, b.Count) }},
		widget.Column[change]{Name: "BEFORE", Right: true, Text: func(r *change) string { return strconv.FormatInt(r.Baseline, 10) }, Compare: func(a, b *change) int { return cmp.Compare(a.Baseline, b.Baseline) }},
		widget.Column[change]{Name: "LEVEL", Drop: 2, Text: func(r *change) string { return strings.ToUpper(worst(&r.LogPattern)) }, Style: func(r *change) theme.Style { return p.env.Theme.Severity(worst(&r.LogPattern)) }},
		widget.Column[change]{Name: "SERVICES", Max: 28, Drop: 3, Text: func(r *change) string { return services(&r.LogPattern) }, Style: func(*change) theme.Style { return p.env.Theme.Accent }},
		widget.Column[change]{Name: "PATTERN", Grow: true, Min: 20, Text: func(r *change) string { return r.Pattern }},
	)
	v.table.ASCII = p.env.ASCII
}

func rank(kind string) int { return strings.Index("new surging gone", kind) }

func (v *changes) style(r *change) theme.Style {
	th := v.p.env.Theme
	switch r.kind {
	case "new":
		return th.Added
	case "surging":
		return th.Warn
	}
	return th.Removed
}

// ask compares the window with the one before it, or with the one that the
// dashboard compares with. One context is asked: of several, counts would be
// of different windows where one has no logs.
func (v *changes) ask() tea.Cmd {
	p := v.p
	in := api.LogDiffInput{LogFilter: p.query.filter, Limit: 50}
	in.From, in.To = p.env.Bounds()
	if d := p.env.Window.Compare; d > 0 {
		in.BaseFrom, in.BaseTo = in.From.Add(-d), in.To.Add(-d)
	}
	v.asking = true
	return feed.Ask(p.env.Feeds, p.key("diff"), p.env.First(), api.LogsDiff, in)
}

// baseline are the flags that compare with what ask compares with.
func (v *changes) baseline() []string {
	d := v.p.env.Window.Compare
	if d <= 0 {
		return nil
	}
	from, to := v.p.env.Bounds()
	const layout = "2006-01-02T15:04:05Z"
	return []string{"--baseline", from.Add(-d).UTC().Format(layout) + ".." + to.Add(-d).UTC().Format(layout)}
}

func (v *changes) take(a feed.Answer) {
	out, err := feed.One[api.LogDiff](a)
	v.asking = false
	if fail.CodeOf(err) == fail.Canceled {
		return
	}
	if v.err = err; err != nil {
		return
	}
	var rows []change
	for _, part := range []struct {
		kind string
		list []api.LogChange
	}{{"new", out.New}, {"surging", out.Surging}, {"gone", out.Gone}} {
		for _, one := range part.list {
			rows = append(rows, change{one, part.kind})
		}
	}
	v.table.Set(rows)
	v.said = fmt.Sprintf("%d new, %d surging, %d gone, %d as before", len(out.New), len(out.Surging), len(out.Gone), out.Same)
	for _, w := range out.Warnings {
		v.said += "; " + w
	}
}

func (v *changes) draw(width, height int) []string {
	th, p := v.p.env.Theme, v.p
	said := v.said
	v.table.Empty = "nothing changed: no pattern is new, surging or gone"
	if v.asking {
		said = "comparing…"
		v.table.Empty = said
	}
	if v.err != nil {
		v.table.Empty = "what changed is not known: " + v.err.Error()
		said = term.SafeLine(v.err.Error())
	}
	title := "What changed against " + pane.Short(p.env.Window.Span) + " before"
	if d := p.env.Window.Compare; d > 0 {
		title = "What changed against " + pane.Short(d) + " ago"
	}
	if p.several() {
		title += ", in " + term.SafeLine(p.env.Primary().Name)
	}
	out := []string{}
	if height > 3 {
		out = append(out, widget.Columns(th.Title.Render(title), th.Muted.Render(said), width))
		height--
	}
	return append(out, strings.Split(v.table.View(width, height), "\n")...)
}
