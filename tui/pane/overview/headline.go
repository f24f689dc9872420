package overview

import (
	"fmt"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/widget"
)

// headline is the line that a person reads first, in width columns where that
// can be. It says that nothing fires only where every context's alerts were
// answered.
func (p *Pane) headline(width int) (string, sign) {
	if p.inPast() {
		return p.pastHeadline()
	}
	firing, silent := p.firing, p.silent()
	switch {
	case len(firing) > 0:
		return p.alarm(firing, silent, width), bad
	case len(silent) > 0:
		return "it is not known what fires: " + strings.Join(silent, "; "), unsure
	case !p.alerts.said(p.env.Contexts):
		return "asking what fires…", unsure
	}
	text := "nothing fires"
	if p.hushed > 0 {
		text += fmt.Sprintf(" (%d kept quiet)", p.hushed)
	}
	if trouble := p.trouble(); trouble != "" {
		return text + ", but " + trouble, warn
	}
	if b := p.boxes[servicesBox]; b.sign == ok {
		text += ", " + b.summary[:strings.IndexByte(b.summary+" ", ' ')] + " services are ready"
	}
	return text, ok
}

// silent says who did not say what fires.
func (p *Pane) silent() []string {
	var out []string
	for _, f := range p.boxes[alertsBox].problems {
		out = append(out, f.line())
	}
	return out
}

func (p *Pane) alarm(firing []*row, silent []string, width int) string {
	worst := firing[0]
	text := "1 alert firing: "
	if len(firing) > 1 {
		text = fmt.Sprintf("%d alerts firing, the worst: ", len(firing))
	}
	text += worst.name
	if worst.where != "" {
		text += " " + worst.where
	}
	details := []string{worst.word, widget.Age(p.env.Now.Sub(worst.at))}
	if worst.context != "" {
		details = append(details, "in "+worst.context)
	}
	text += " (" + strings.Join(details, ", ") + ")"
	if p.at.box == alertsBox && p.at.key == worst.key {
		const long, brief = " — press w for why", " — w: why"
		if widget.Width(text)+widget.Width(long) <= width {
			text += long
		} else {
			text += brief
		}
	}
	if len(silent) > 0 {
		text += "; not all is known: " + strings.Join(silent, "; ")
	}
	return text
}

// trouble is what else is wrong, in a few words; empty where nothing is.
func (p *Pane) trouble() string {
	var out []string
	for _, id := range []boxID{servicesBox, rolloutsBox} {
		for _, r := range p.upset(id) {
			text := r.name + " is " + r.word
			if r.word == "failed" {
				text = r.name + " has failed"
			}
			if r.context != "" {
				text += " in " + r.context
			}
			if r.note != "" && id == servicesBox {
				text += " (" + r.note + ")"
			}
			out = append(out, text)
		}
	}
	for _, r := range p.upset(backendsBox) {
		text := r.name + " does not answer"
		if r.word == "not ready" {
			text = r.name + " is not ready"
		}
		if r.context != "" {
			text += " in " + r.context
		}
		out = append(out, text)
	}
	const most = 3
	if n := len(out) - most; n > 0 {
		out = append(out[:most], fmt.Sprintf("%d more", n))
	}
	return strings.Join(out, "; ")
}

func (p *Pane) upset(id boxID) []*row {
	var out []*row
	for _, r := range p.boxes[id].rows {
		if r.upset {
			out = append(out, r)
		}
	}
	return out
}

// unreachable is why nothing at all can be shown: every context failed in
// everything, and there is no data of before. Nil where something is known, or
// may be soon.
func (p *Pane) unreachable() *fail.Error {
	var first error
	for _, s := range p.sources {
		if s.rests() {
			continue
		}
		for _, c := range p.env.Contexts {
			one, said := s.parts[c.Name]
			if !said || one.err == nil || one.out != nil {
				return nil
			}
			if first == nil {
				first = one.err
			}
		}
	}
	return fail.From(first)
}

// page is the whole pane where nothing can be shown.
func (p *Pane) page(e *fail.Error, width, height int) string {
	th := p.env.Theme
	var names []string
	for _, c := range p.env.Contexts {
		names = append(names, safe(c.Name))
	}
	var lines []string
	for _, l := range widget.Wrap(p.signText(bad)+" the platform cannot be reached: "+strings.Join(names, ", "), width) {
		lines = append(lines, th.Bad.Render(l))
	}
	if height > 8 {
		lines = append(lines, "")
	}
	lines = append(lines, widget.Wrap(string(e.Code)+": "+safe(e.Error()), width)...)
	if e.Next != "" {
		for _, l := range widget.Wrap("next: "+safe(e.Next), width) {
			lines = append(lines, th.Accent.Render(l))
		}
	}
	if height > 8 {
		lines = append(lines, "")
	}
	for _, l := range widget.Wrap(fmt.Sprintf("It is asked again by itself, every %s; r asks now.", widget.Age(alertsEvery)), width) {
		lines = append(lines, th.Muted.Render(l))
	}
	return widget.Join(widget.Clip(widget.Join(lines), width, height))
}
