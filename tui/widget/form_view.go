package widget

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// formLines is how many lines a field of several lines has at least.
const formLines = 3

// View draws the form: at most height lines of at most width columns, around
// the field in focus. What the field is for and what the keys do stand below,
// where there is room.
func (f *Form) View(width, height int) string {
	if width <= 0 || height <= 0 {
		return ""
	}
	th := f.th()
	foot := f.foot(th, width, height)
	room := max(height-len(foot), 1)
	lines, from, to := f.body(th, width, room)
	if len(lines) > room {
		top := min(max(from-room/3, 0), len(lines)-room)
		if to-top > room {
			top = min(to-room, from)
		}
		lines = lines[top : top+room]
	}
	for len(lines) < room && len(foot) > 0 {
		lines = append(lines, "")
	}
	lines = append(lines, foot...)
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, width, "")
	}
	return strings.Join(lines[:min(len(lines), height)], "\n")
}

// body draws the fields, and says where the one in focus begins and ends.
func (f *Form) body(th *theme.Theme, width, height int) (lines []string, from, to int) {
	switch {
	case f.raw != nil:
		out := f.raw.Lines(width, height)
		return out, 0, len(out)
	case len(f.shown) == 0:
		return []string{th.Muted.Render("it takes no input")}, 0, 1
	}
	label, most := f.labelWidth(width), f.share(height)
	for i, n := range f.shown {
		here := i == f.at && !n.object
		if here {
			from = len(lines)
		}
		lines = append(lines, f.member(th, n, here, label, width, most)...)
		if n.wrong != "" {
			lines = append(lines, th.Bad.Render(strings.Repeat(" ", min(label, width/3))+"! "+term.SafeLine(n.wrong)))
		}
		if here {
			to = len(lines)
		}
	}
	if names := extraNames(f.root); names != "" {
		lines = append(lines, th.Muted.Render("  and "+term.SafeLine(names)+", which the schema does not name (ctrl+r)"))
	}
	return lines, from, to
}

// share is how many lines a field of several lines has: what the others leave,
// in equal parts.
func (f *Form) share(height int) int {
	several := 0
	for _, n := range f.shown {
		if n.typed() && n.in.Multiline && n.in.Value() != "" {
			several++
		}
	}
	return max((height-len(f.shown)+several)/max(several, 1), formLines)
}

// member draws one field: a sign of the focus, the name, the value in at most
// so many lines.
func (f *Form) member(th *theme.Theme, n *formNode, here bool, label, width, most int) []string {
	sign, style := "  ", th.Text
	if here {
		sign, style = "> ", th.Accent
	}
	name := strings.Repeat("  ", n.depth) + term.SafeLine(n.name)
	if n.required {
		name += "*"
	}
	if n.object {
		return []string{"  " + th.Muted.Render(name+":")}
	}
	name = ansi.Truncate(name, label-3, "…")
	head := style.Render(sign + name + strings.Repeat(" ", max(label-2-ansi.StringWidth(name), 1)))
	room := max(width-label, 1)
	switch {
	case !n.typed():
		return []string{head + f.choice(th, n, here, room)}
	case !n.in.Multiline || n.in.Value() == "":
		return []string{head + n.in.View(room)}
	}
	out := n.in.Lines(room, most)
	if lines := strings.Count(n.in.Value(), "\n") + 1; lines > len(out) && !here {
		out[len(out)-1] = th.Muted.Render("… " + strconv.Itoa(lines-len(out)+1) + " lines more")
	}
	for i := range out {
		if i == 0 {
			out[i] = head + out[i]
			continue
		}
		out[i] = strings.Repeat(" ", label) + out[i]
	}
	return out
}

// choice draws the chosen value, and what else there is.
func (f *Form) choice(th *theme.Theme, n *formNode, here bool, room int) string {
	chosen := "none"
	if len(n.schema.standard) > 0 {
		chosen = n.hint()
	}
	style := th.Muted
	if n.chosen >= 0 {
		chosen, style = optionText(n.options[n.chosen]), th.Text
	}
	if !here {
		return style.Render(ansi.Truncate(term.SafeLine(chosen), room, "…"))
	}
	line := "< " + term.SafeLine(chosen) + " >"
	out := th.Accent.Render(ansi.Truncate(line, room, "…"))
	if rest := room - ansi.StringWidth(line) - 2; rest > 8 {
		out += "  " + th.Muted.Render(ansi.Truncate(term.SafeLine(optionTexts(n.options)), rest, "…"))
	}
	return out
}

func (f *Form) labelWidth(width int) int {
	w := 0
	for _, n := range f.shown {
		w = max(w, 2*n.depth+ansi.StringWidth(term.SafeLine(n.name))+1)
	}
	return max(min(w+4, width*2/5), 4)
}

// foot is what is wrong with the whole, what the field is for, and the keys.
func (f *Form) foot(th *theme.Theme, width, height int) []string {
	var out []string
	if f.wrong != "" && height > 1 {
		out = append(out, th.Bad.Render("! "+term.SafeLine(f.wrong)))
	}
	if about := f.about(); about != "" && height >= 8 {
		out = append(out, th.Muted.Render(ansi.Truncate(term.SafeLine(about), width, "…")))
	}
	if height < 4 {
		return out
	}
	keys := "enter " + f.Verb + "s   tab next   ctrl+r JSON"
	switch {
	case f.raw != nil && f.always:
		keys = "ctrl+s " + f.Verb + "s"
	case f.raw != nil:
		keys = "ctrl+s " + f.Verb + "s   ctrl+r fields"
	case len(f.shown) == 0:
		keys = "enter " + f.Verb + "s   ctrl+r JSON"
	case f.shown[f.at].typed() && f.shown[f.at].in.Multiline:
		keys = "ctrl+s " + f.Verb + "s   tab next   ctrl+r JSON"
	}
	return append(out, th.Muted.Render(keys))
}

// about says what the field in focus is for.
func (f *Form) about() string {
	if f.raw != nil {
		if f.root.holdsSecret() {
			return "secret members are not shown here; their fields keep them"
		}
		return f.root.schema.about
	}
	if len(f.shown) == 0 {
		return f.root.schema.about
	}
	n := f.shown[f.at]
	out := n.schema.about
	if out == "" {
		out = n.schema.title
	}
	if hint := n.hint(); hint != "" {
		if out != "" {
			out += " - "
		}
		out += hint
	}
	return out
}

func extraNames(n *formNode) string {
	var names []string
	for _, m := range n.extra {
		names = append(names, m.name)
	}
	for _, c := range n.children {
		if more := extraNames(c); more != "" {
			names = append(names, more)
		}
	}
	return strings.Join(names, ", ")
}
