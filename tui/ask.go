package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// ask asks the person for lines of text before something is done.
type ask struct {
	env    *pane.Env
	q      pane.Ask
	inputs []*widget.Input
	at     int
	wrong  string
}

func newAsk(env *pane.Env, q pane.Ask) *ask {
	a := &ask{env: env, q: q}
	for _, f := range q.Fields {
		in := widget.NewInput("")
		in.Secret = f.Secret
		in.SetValue(f.Initial)
		a.inputs = append(a.inputs, in)
	}
	if len(a.inputs) > 0 {
		a.inputs[0].Focus()
	}
	return a
}

func (o *ask) key(_ *App, msg tea.Msg) (tea.Cmd, bool) {
	k, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return o.inputs[o.at].Update(msg), false
	}
	switch k.String() {
	case "esc":
		return nil, true
	case "tab", "down":
		o.move(1)
	case "shift+tab", "up":
		o.move(-1)
	case "left", "right":
		if enum := o.q.Fields[o.at].Enum; len(enum) > 0 {
			o.choose(enum, k.String() == "right")
			return nil, false
		}
		return o.inputs[o.at].Update(msg), false
	case "enter":
		if o.at < len(o.inputs)-1 {
			o.move(1)
			return nil, false
		}
		values := make([]string, len(o.inputs))
		for i, in := range o.inputs {
			values[i] = in.Value()
			if f := o.q.Fields[i]; f.Required && values[i] == "" {
				o.wrong = f.Label + " is needed"
				o.move(i - o.at)
				return nil, false
			} else if len(f.Enum) > 0 && values[i] != "" && !slices.Contains(f.Enum, values[i]) {
				o.wrong = f.Label + " is none of those offered"
				o.move(i - o.at)
				return nil, false
			}
		}
		return o.q.Then(values), true
	default:
		o.wrong = ""
		return o.inputs[o.at].Update(msg), false
	}
	return nil, false
}

func (o *ask) move(by int) {
	o.inputs[o.at].Blur()
	o.at = (o.at + by + len(o.inputs)) % len(o.inputs)
	o.inputs[o.at].Focus()
}

func (o *ask) choose(enum []string, next bool) {
	i := slices.Index(enum, o.inputs[o.at].Value())
	if next {
		i++
	} else {
		i += len(enum) - 1
	}
	o.inputs[o.at].SetValue(enum[max(i, 0)%len(enum)])
}

func (o *ask) view(width, height int) []string {
	width = min(width, 76)
	foot := "enter goes on · esc cancels"
	if len(o.inputs) > 1 {
		foot = "enter goes on · tab next field · esc cancels"
	}
	return frameBox(o.env, term.SafeLine(o.q.Title), foot, width, min(height, o.lines()+3), o.body)
}

func (o *ask) lines() int {
	n := 1
	for _, f := range o.q.Fields {
		n += 2
		if f.Help != "" || len(f.Enum) > 0 {
			n++
		}
	}
	return n
}

func (o *ask) body(width, _ int) string {
	th, out := o.env.Theme, []string{}
	for i, f := range o.q.Fields {
		label := "  " + f.Label
		if i == o.at {
			label = th.Accent.Render("> " + f.Label)
		}
		out = append(out, label, "  "+o.inputs[i].View(width-2))
		switch {
		case len(f.Enum) > 0:
			out = append(out, th.Muted.Render(widget.Cut("  left/right: "+joined(f.Enum), width)))
		case f.Help != "":
			out = append(out, th.Muted.Render(widget.Cut("  "+f.Help, width)))
		}
	}
	if o.wrong != "" {
		out = append(out, th.Bad.Render(o.wrong))
	}
	return widget.Join(out)
}
