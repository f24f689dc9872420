package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// View implements tea.Model: a pure function of the app's state.
func (a *App) View() tea.View {
	v := tea.NewView(a.Frame())
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = "aictl " + term.SafeLine(a.contextNames())
	return v
}

// Frame is what the screen shows: exactly the height of the terminal, no line
// wider than it.
func (a *App) Frame() string {
	top, bottom := a.bars()
	body := max(a.height-len(top)-len(bottom), 0)
	lines := make([]string, 0, a.height)
	lines = append(lines, top...)
	if body > 0 {
		lines = append(lines, a.body(a.width, body)...)
	}
	for len(lines) < a.height-len(bottom) {
		lines = append(lines, "")
	}
	lines = append(lines, bottom...)
	return strings.Join(lines[:min(len(lines), a.height)], "\n")
}

// bars are the lines above and below the pane. A low terminal has fewer.
func (a *App) bars() (top, bottom []string) {
	switch {
	case a.height < 3:
		return nil, nil
	case a.height < 8:
		return []string{a.barLine()}, []string{a.footLine()}
	}
	return []string{a.barLine(), a.tabsLine()}, []string{a.footLine()}
}

// body is the pane with what lies over it.
func (a *App) body(width, height int) []string {
	lines := widget.Clip(a.current().View(width, height), width, height)
	for len(lines) < height {
		lines = append(lines, "")
	}
	for _, o := range a.over {
		lines = laid(lines, o.view(width, height), width)
	}
	return lines
}

// laid puts a box into the middle of the lines. The lines beside it stay.
func laid(lines, box []string, width int) []string {
	if len(box) == 0 {
		return lines
	}
	w := 0
	for _, l := range box {
		w = max(w, widget.Width(l))
	}
	left, first := max((width-w)/2, 0), max((len(lines)-len(box))/2, 0)
	for i, l := range box {
		if first+i >= len(lines) {
			break
		}
		under := lines[first+i]
		lines[first+i] = widget.Fit(ansi.Truncate(under, left, ""), left) + widget.Fit(l, w) + widget.From(under, left+w, width-left-w)
	}
	return lines
}

func (a *App) contextNames() string {
	names := make([]string, len(a.env.Contexts))
	for i, c := range a.env.Contexts {
		names[i] = c.Name
	}
	return strings.Join(names, ",")
}

func (a *App) protected() bool {
	for _, c := range a.env.Contexts {
		if c.Protected {
			return true
		}
	}
	return false
}

// barLine says where one is and which stretch of time is shown.
func (a *App) barLine() string {
	style := a.env.Theme.Bar
	left := " aictl " + term.SafeLine(a.contextNames())
	if a.protected() {
		style, left = a.env.Theme.Danger, " PROTECTED"+left
	}
	if a.env.ReadOnly {
		left += " [read-only]"
	}
	if ns := a.env.Namespace; ns != "" {
		left += " ns:" + term.SafeLine(ns)
	}
	if a.height < 8 || a.width < 60 {
		left += " · " + a.current().Info().Title
	}
	if a.env.ASCII {
		left = strings.ReplaceAll(left, " · ", " > ")
	}
	return style.Render(widget.Columns(left, a.windowText()+" ", a.width))
}

// windowText is the window of time in words: its length and whether it is
// live, or its bounds; then the cursor.
func (a *App) windowText() string {
	w, zone := a.env.Window, a.env.Zone
	dot := "◆"
	if a.env.ASCII {
		dot = "@"
	}
	text := "last " + pane.Short(w.Span) + " live"
	if !w.Live {
		text = a.env.Stretch() + " (" + pane.Short(w.Span) + ")"
	}
	if !w.Cursor.IsZero() {
		text += " " + dot + w.Cursor.In(zone).Format("15:04:05")
	}
	if n := len(w.Marks); n > 0 {
		text += fmt.Sprintf(" %d marked", n)
	}
	if w.Compare > 0 {
		text += " vs " + pane.Short(w.Compare) + " before"
	}
	if a.width >= 60 {
		text += "  " + a.env.Now.In(zone).Format("15:04:05")
	}
	return text
}

// tabsLine names the panes; the narrow form has the numbers and the front one.
func (a *App) tabsLine() string {
	if line, _ := a.tabs(false); widget.Width(line) <= a.width {
		return line
	}
	line, _ := a.tabs(true)
	return widget.Cut(line, a.width)
}

// tabs gives the line and where each tab ends in it.
func (a *App) tabs(short bool) (string, []int) {
	var b strings.Builder
	ends, at := make([]int, 0, len(a.panes)), 0
	for i, p := range a.panes {
		info := p.Info()
		name := info.Title
		if short && i != a.front {
			name = string([]rune(name)[:min(3, len([]rune(name)))])
		}
		text := " " + info.Key + " " + name + " "
		if i == a.front {
			text = "[" + info.Key + " " + name + "]"
		}
		at += widget.Width(text)
		ends = append(ends, at)
		if i == a.front {
			b.WriteString(a.env.Theme.Title.Render(text))
		} else {
			b.WriteString(a.env.Theme.Muted.Render(text))
		}
	}
	return b.String(), ends
}

// footLine is the filter while it is typed, a toast, or the keys.
func (a *App) footLine() string {
	th := a.env.Theme
	if a.filter != nil {
		return widget.Fit(a.filter.input.View(a.width), a.width)
	}
	if a.toast.text != "" {
		style, sign := th.Text, ""
		switch a.toast.level {
		case "ok":
			style, sign = th.OK, "ok: "
		case "warn":
			style, sign = th.Warn, "note: "
		case "bad":
			style, sign = th.Bad, "error: "
		}
		return widget.Fit(style.Render(widget.Cut(sign+a.toast.text, a.width)), a.width)
	}
	left := ""
	if f := a.filters[a.current().Info().Name]; f != "" {
		left = th.Match.Render("/"+widget.Cut(term.SafeLine(f), 30)) + "  "
	}
	return widget.Fit(left+a.hints(a.width-widget.Width(left)), a.width)
}

// hints are the keys worth knowing here, the pane's first.
func (a *App) hints(width int) string {
	th := a.env.Theme
	p := a.current()
	if p.Typing() {
		return th.Muted.Render(widget.Cut("typing: esc leaves the field, enter sends", width))
	}
	var b strings.Builder
	shown := func(act keymap.Action) string {
		return th.Accent.Render(keymap.Shown(a.env.Keys.Keys(act)[:1])) + " " + th.Muted.Render(act.Short) + "  "
	}
	last := "" // help is always offered: it has the rest
	for _, act := range a.actions() {
		if act.ID == "app.help" && len(a.env.Keys.Keys(act)) > 0 {
			last = shown(act)
		}
	}
	room := width - widget.Width(last)
	for _, act := range append(p.Actions(), a.actions()...) {
		if act.Quiet || act.Disabled != "" || act.ID == "app.help" || len(a.env.Keys.Keys(act)) == 0 {
			continue
		}
		text := shown(act)
		if room -= widget.Width(text); room < 0 {
			break
		}
		b.WriteString(text)
	}
	return b.String() + last
}
