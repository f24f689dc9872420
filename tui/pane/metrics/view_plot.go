package metrics

import (
	"fmt"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/metrics/chart"
	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// cache holds the drawn curves of a plot: they change with the data, the size
// and the cursor, and not with every frame.
type cache struct {
	key   string
	lines []string
}

// cell draws one plot: its title and state, what went wrong, its curves.
func (p *Pane) cell(one *panel, width, height int, selected, alone bool) []string {
	th := p.env.Theme
	out := []string{p.title(one, width, selected)}
	if alone && one.spec.Title != "" && height >= 12 {
		out = append(out, th.Muted.Render(widget.Cut("  "+term.SafeLine(one.spec.Query), width)))
	}
	room := height - len(out)
	foot := ""
	if alone && height >= 12 {
		if foot = p.jumps(one); foot != "" {
			room--
		}
	}
	// With curves to show, what went wrong gets the least room that tells it.
	most := room
	if one.data != nil {
		most = min(max(room/4, 1), room-1)
	}
	trouble := p.trouble(one, width, most)
	out = append(out, trouble...)
	room -= len(trouble)
	switch {
	case room <= 0:
	case one.data != nil:
		out = append(out, p.curves(one, width, room)...)
	case len(one.failed) == 0:
		out = append(out, th.Muted.Render(widget.Cut("asking", width)))
	}
	if foot != "" {
		for len(out) < height-1 {
			out = append(out, "")
		}
		out = append(out, th.Muted.Render(widget.Cut(foot, width)))
	}
	return out[:min(len(out), height)]
}

// title is a plot's first line.
func (p *Pane) title(one *panel, width int, selected bool) string {
	th, state := p.env.Theme, p.state(one)
	name := term.SafeLine(one.spec.name())
	if selected {
		return th.Selected.Render(widget.Columns("> "+name, state, width))
	}
	style := th.Muted
	if len(one.failed) > 0 {
		style = th.Bad
	}
	return widget.Columns("  "+th.Bold.Render(name), style.Render(state), width)
}

// state says in a few words how far a plot can be trusted.
func (p *Pane) state(one *panel) string {
	age := p.env.Now.Sub(one.got)
	switch {
	case len(one.failed) > 0 && one.data == nil:
		return "! failed"
	case len(one.failed) > 0 && len(one.failed) == len(p.env.Contexts):
		return "! failed, " + widget.Age(age) + " old"
	case len(one.failed) > 0:
		return fmt.Sprintf("! %d of %d failed", len(one.failed), len(p.env.Contexts))
	case one.data == nil:
		return ""
	case p.env.Window.Live && age > 2*one.interval(p.env.Window.Span):
		return widget.Age(age) + " old"
	}
	return ""
}

// trouble says what failed and what to do, in at most so many lines: the place
// of a mistake first.
func (p *Pane) trouble(one *panel, width, most int) []string {
	th := p.env.Theme
	var out []string
	for _, r := range one.failed {
		text := r.Err.Error()
		if at, ok := metrics.Locate(one.spec.Query, text); ok && most >= 3 {
			caret := chart.Caret(one.spec.Query, at, width)
			out = append(out, widget.Cut(caret[0], width), th.Bad.Render(widget.Cut(caret[1], width)))
		}
		if len(p.env.Contexts) > 1 {
			text = r.Context + ": " + text
		}
		for _, l := range wrapped(text, width, max(most-len(out), 1)) {
			out = append(out, th.Bad.Render(l))
		}
		if next := fail.From(r.Err).Next; next != "" {
			out = append(out, th.Muted.Render(widget.Cut("next: "+term.SafeLine(next), width)))
		}
	}
	if one.data != nil {
		for _, n := range one.data.notes {
			out = append(out, th.Warn.Render(widget.Cut(term.SafeLine(n), width)))
		}
	}
	if most <= 0 {
		return nil
	}
	return out[:min(len(out), most)]
}

// wrapped breaks outside text into at most so many lines.
func wrapped(text string, width, most int) []string {
	if limit := 4 * width * most; len(text) > limit { // what is shown of a megabyte
		text = strings.ToValidUTF8(text[:limit], "")
	}
	lines := widget.Wrap(term.SafeLine(text), width)
	return lines[:min(len(lines), most)]
}

// jumps says which curve the keys that leave the pane go from.
func (p *Pane) jumps(one *panel) string {
	if one.data == nil || len(one.data.now.Series) < 2 {
		return ""
	}
	all := chart.Ordered(one.data.now.Series)
	at := min(one.series, len(all)-1)
	keys := "↑ ↓"
	if p.env.ASCII {
		keys = "up, down"
	}
	return fmt.Sprintf("jumps go from %s (%d of %d, %s for another)", chart.Names(all)[at], at+1, len(all), keys)
}

// curves draws what is known, as a chart or, where that has no room, as sparks.
func (p *Pane) curves(one *panel, width, height int) []string {
	w := p.env.Window
	key := fmt.Sprint(width, height, one.data.serial, w.Cursor.UnixNano(), w.Marks, p.env.Theme.Name, p.env.ASCII)
	if one.drawn.key == key {
		return one.drawn.lines
	}
	one.drawn = cache{key, p.draw(one, width, height)}
	return one.drawn.lines
}

func (p *Pane) draw(one *panel, width, height int) []string {
	d := one.data
	o := chart.Options{Unit: one.unit(), Zone: p.env.Zone}
	if d.before != nil {
		o.Before, o.Later, o.Ago = d.before, d.later, pane.Short(d.later)+" ago"
	}
	c := chart.Of(d.now, o)
	c.Title = ""
	c.Cursor = p.env.Window.Cursor
	for _, m := range p.env.Window.Marks {
		c.Marks = append(c.Marks, plot.Mark{Time: m, Text: "your mark"})
	}
	for i := range c.Series {
		if c.Series[i].Name == "{}" { // one curve without a label is the plot itself
			c.Series[i].Name = term.SafeLine(one.spec.name())
		}
	}
	if len(c.Series) == 0 {
		var out []string
		for _, l := range wrapped("(the expression gives no series in this window)", width, height) {
			out = append(out, p.env.Theme.Muted.Render(l))
		}
		return out
	}
	if width < 20 || height < 6 {
		return p.sparks(c, width, height)
	}
	return widget.Chart(p.env.Theme, c, width, height, p.env.ASCII)
}

// sparks are a line a curve: its last value, or the one at the cursor, and its
// shape.
func (p *Pane) sparks(c plot.Chart, width, height int) []string {
	out := make([]string, 0, height)
	for i, s := range c.Series {
		if len(out) == height {
			break
		}
		values := make([]float64, len(s.Points))
		for k, point := range s.Points {
			values[k] = point.Value
		}
		said := "-"
		at := c.Cursor
		if at.IsZero() {
			at = c.To
		}
		if point, ok := s.At(at); ok {
			said = c.Format(point.Value)
		}
		text := plot.Spark(values, max(min(width/3, 24), 1), p.env.ASCII)
		out = append(out, widget.Cut(said+" "+p.env.Theme.Curve(i).Render(text)+" "+s.Name, width))
	}
	return out
}

// view draws the ranking.
func (r *ranking) view(width, height int) []string {
	th := r.env.Theme
	var out []string
	add := func(text string) {
		if len(out) < height/2 {
			out = append(out, th.Bad.Render(widget.Cut(text, width)))
		}
	}
	for _, f := range r.failed {
		add("! " + failure(f, len(r.env.Contexts)))
	}
	for _, n := range r.notes {
		add(term.SafeLine(n))
	}
	if r.got.IsZero() && len(r.failed) == 0 {
		return append(out, th.Muted.Render(widget.Cut("asking", width)))
	}
	r.table.ASCII = r.env.ASCII
	return append(out, strings.Split(r.table.View(width, height-len(out)), "\n")...)
}

func failure(f feed.Result, contexts int) string {
	text := f.Err.Error()
	if contexts > 1 {
		text = f.Context + ": " + text
	}
	if next := fail.From(f.Err).Next; next != "" {
		text += " (next: " + next + ")"
	}
	return term.SafeLine(text)
}
