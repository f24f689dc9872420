package chat

import (
	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

type listKind int

const (
	sessionsList listKind = iota
	modelsList
	evidenceList
)

// item is a line of a list.
type item struct {
	key, name, note, text string
	command               string // of evidence
	current               bool   // it is the one in use
}

// picker is a list that stands in the conversation's place until something is
// chosen of it.
type picker struct {
	kind    listKind
	table   *widget.Table[item]
	waiting bool
	err     *fail.Error
	chosen  bool // the one in use was selected once
}

func (p *Pane) newPicker(kind listKind) *picker {
	th := func() *theme.Theme { return p.env.Theme }
	heads := [][3]string{{"SESSION", "SIZE", "TITLE"}, {"MODEL", "PROVIDER", "STATE"}, {"EVIDENCE", "SEEN BY", ""}}[kind]
	cols := []widget.Column[item]{
		{Name: heads[0], Min: 12, Max: 48, Text: func(i *item) string {
			if i.current {
				return i.name + " (in use)"
			}
			return i.name
		}},
		{Name: heads[1], Min: 12, Max: 34, Drop: 2, Text: func(i *item) string { return i.note }},
		{Name: heads[2], Grow: true, Drop: 1, Text: func(i *item) string { return i.text }},
	}
	if kind == evidenceList {
		cols = cols[:2]
		cols[1].Text, cols[1].Max, cols[1].Grow, cols[1].Drop = func(i *item) string { return i.command }, 0, true, 0
	}
	l := &picker{kind: kind, table: widget.NewTable(th, func(i *item) string { return i.key }, cols...)}
	l.table.ASCII = p.env.ASCII
	l.table.Empty = [...]string{"no session is kept yet", "no provider is configured", "the answers name no evidence"}[kind]
	return l
}

func (l *picker) set(items []item) {
	l.table.Set(items)
	for _, i := range items {
		if i.current && !l.chosen {
			l.chosen = l.table.Select(i.key)
		}
	}
}

func (l *picker) failed(err error) {
	l.waiting, l.err = false, nil
	if err != nil {
		l.err = fail.From(err)
	}
}

func (l *picker) title() string {
	return [...]string{"Sessions", "Models", "Evidence"}[l.kind]
}

func (l *picker) command() string {
	switch l.kind {
	case sessionsList:
		return "aictl sessions list"
	case modelsList:
		return "aictl providers list"
	default:
		if one, ok := l.table.Current(); ok && one.command != "" {
			return term.SafeLine(one.command)
		}
		return "aictl chat"
	}
}

// pick does what the row under the cursor is for.
func (p *Pane) pick() tea.Cmd {
	one, ok := p.picker.table.Current()
	if !ok {
		return nil
	}
	switch p.picker.kind {
	case sessionsList:
		key := one.key
		return p.join(key)
	case modelsList:
		p.model, p.picker = one.key, nil
		return nil
	default:
		to, s, ok := destination(one.command)
		if !ok {
			return p.copyItem()
		}
		s.Context = p.env.Primary().Name
		return pane.Send(pane.Goto{Pane: to, Subject: s})
	}
}

// copyItem copies the evidence's command, or a name.
func (p *Pane) copyItem() tea.Cmd {
	one, ok := p.picker.table.Current()
	if !ok {
		return nil
	}
	text := one.command
	if text == "" {
		text = one.name
	}
	return pane.Send(pane.Copy{Text: term.SafeLine(text)})
}
