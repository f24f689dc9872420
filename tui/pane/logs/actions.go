package logs

import (
	"encoding/json"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// contexts are the steps of the lines around each match.
var contexts = []int{0, 3, 10, widget.AllLines}

// Actions implements pane.Pane.
func (p *Pane) Actions() []keymap.Action {
	open := keymap.Action{ID: "logs.open", Keys: []string{"enter"}, Short: "detail", Help: "All of the line: its document, and stack traces as lines"}
	switch {
	case p.mode != showLines:
		open.Short, open.Help = "filter", "Show the lines of the pattern"
	case p.facets.open && !p.detail.open:
		open.Short, open.Help = "filter", "Show the lines with this value, or again those with any"
	}
	l, on := p.view.Current()
	line := func(disabled bool, why string) string {
		switch {
		case p.mode != showLines || !on || l.Kind != widget.LogEntry:
			return "there is no line under the cursor"
		case disabled:
			return why
		}
		return ""
	}
	when := func(ok bool, why string) string {
		if ok {
			return ""
		}
		return why
	}
	return []keymap.Action{
		open,
		{ID: "logs.query", Keys: []string{"i", "f"}, Short: "query", Help: "Type what to ask the stores for: words, level:warn, service:NAME, where(…), grep:RE, or the flags of aictl logs"},
		{ID: "logs.trace", Keys: []string{"t"}, Short: "trace", Help: "Follow the trace of the line through all services", Disabled: line(l.Trace == "", "the line has no trace")},
		{ID: "logs.next-error", Keys: []string{"e"}, Short: "next error", Help: "To the next error, or gap, among the lines that are shown"},
		{ID: "logs.previous-error", Keys: []string{"E"}, Short: "error before", Help: "To the error before", Quiet: true},
		{ID: "logs.next-match", Keys: []string{"n"}, Short: "next match", Help: "To the next line that the filter or the query's words match", Quiet: true},
		{ID: "logs.previous-match", Keys: []string{"N"}, Short: "match before", Help: "To the match before", Quiet: true},
		{ID: "logs.next-mark", Keys: []string{"b"}, Short: "next mark", Help: "To the next line that is marked (space marks)", Quiet: true},
		{ID: "logs.previous-mark", Keys: []string{"B"}, Short: "mark before", Help: "To the marked line before", Quiet: true},
		{ID: "logs.around", Keys: []string{"c"}, Short: "context", Help: "Lines around each match of the filter: 0, 3, 10, all with the matches marked", Disabled: when(p.expr != "", "nothing is filtered: / filters")},
		{ID: "logs.patterns", Keys: []string{"p"}, Short: "patterns", Help: "The templates that the messages share, with their counts; enter shows a template's lines"},
		{ID: "logs.fields", Keys: []string{"a"}, Short: "fields", Help: "The fields of the lines with their commonest values; enter filters by a value"},
		{ID: "logs.diff", Keys: []string{"x"}, Short: "what changed", Help: "The patterns that are new, surging or gone against the window before, or yesterday's where the windows are compared"},
		{ID: "logs.follow", Keys: []string{"F"}, Short: "follow", Help: "Stick to what comes, or stay here", Quiet: true},
		{ID: "logs.wrap", Keys: []string{"z"}, Short: "wrap", Help: "Whole messages, in several lines where they are long", Quiet: true},
		{ID: "logs.columns", Keys: []string{"C"}, Short: "columns", Help: "Choose the columns: time, level, service and any field", Quiet: true},
		{ID: "logs.histogram", Keys: []string{"h"}, Short: "histogram", Help: "The counts over time, above the lines, on or off", Quiet: true},
		{ID: "logs.copy", Keys: []string{"y"}, Short: "copy", Help: "Copy the line as JSON", Quiet: true, Disabled: line(false, "")},
		{ID: "logs.save", Keys: []string{"o"}, Short: "save", Help: "Save the lines that are shown, or the marked ones, to a file of JSON lines", Disabled: when(p.view.Len() > 0, "there are no lines")},
		{ID: "logs.clear", Keys: []string{"u"}, Short: "clear query", Help: "Show all lines again", Quiet: true, Disabled: when(p.query.text != "", "there is no query")},
		{ID: "logs.unmark", Keys: []string{"U"}, Short: "clear marks", Help: "Take all marks away", Quiet: true, Disabled: when(p.view.Marked() > 0, "nothing is marked")},
	}
}

// Act implements pane.Pane.
func (p *Pane) Act(id string) tea.Cmd {
	switch id {
	case "logs.open":
		return p.open()
	case "logs.query":
		p.edit()
	case "logs.trace":
		if l, ok := p.view.Current(); ok && l.Trace != "" {
			return p.ask(query{filter: api.LogFilter{Trace: l.Trace}})
		}
	case "logs.next-error":
		return p.jump(widget.JumpError, 1, "there is no error below")
	case "logs.previous-error":
		return p.jump(widget.JumpError, -1, "there is no error above")
	case "logs.next-match":
		return p.jump(widget.JumpMatch, 1, "there is no match below")
	case "logs.previous-match":
		return p.jump(widget.JumpMatch, -1, "there is no match above")
	case "logs.next-mark":
		return p.jump(widget.JumpMark, 1, "there is no mark below")
	case "logs.previous-mark":
		return p.jump(widget.JumpMark, -1, "there is no mark above")
	case "logs.around":
		p.around = (p.around + 1) % len(contexts)
		p.view.Context(contexts[p.around])
	case "logs.patterns":
		return p.turn(showPatterns)
	case "logs.diff":
		return p.turn(showDiff)
	case "logs.fields":
		p.detail.open, p.mode = false, showLines
		if p.facets.open = !p.facets.open; p.facets.open {
			return tea.Batch(p.facets.ask(), p.ran())
		}
	case "logs.follow":
		return p.toggleFollow()
	case "logs.wrap":
		p.view.Wrap = !p.view.Wrap
	case "logs.columns":
		return p.chooseColumns()
	case "logs.histogram":
		if p.noHist = !p.noHist; !p.noHist {
			return p.askHistogram()
		}
	case "logs.copy":
		return p.copyLine()
	case "logs.save":
		return p.askSave()
	case "logs.clear":
		return p.ask(query{})
	case "logs.unmark":
		p.view.ClearMarks()
	default:
		p.list(id)
		return p.work()
	}
	return nil
}

// list does a list action in what has the focus.
func (p *Pane) list(id string) {
	switch {
	case p.detail.open && (id == "list.left" || id == "list.right"):
		step := "list.up"
		if id == "list.right" {
			step = "list.down"
		}
		p.view.Act(step)
		p.view.Pause()
		p.detail.width = 0
	case p.detail.open:
		p.detail.pager.Act(id)
	case p.mode == showPatterns:
		p.patterns.table.Act(id)
	case p.mode == showDiff:
		p.diff.table.Act(id)
	case p.facets.open:
		p.facets.tree.Act(id)
	default:
		p.view.Act(id)
	}
}

// turn shows another body, or the lines again.
func (p *Pane) turn(to mode) tea.Cmd {
	p.detail.open = false
	if p.mode == to {
		p.mode = showLines
		return nil
	}
	p.mode = to
	return tea.Batch(p.sides(), p.ran())
}

func (p *Pane) jump(to widget.JumpTo, step int, none string) tea.Cmd {
	if p.mode != showLines {
		return nil
	}
	if !p.view.Jump(to, step) {
		return pane.Send(pane.Toast{Text: none})
	}
	p.detail.width = 0
	return p.work()
}

func (p *Pane) toggleFollow() tea.Cmd {
	if p.source != fromTail { // back to now
		w := p.env.Window
		w.Live, w.Cursor = true, time.Time{}
		return pane.Send(pane.SetWindow{Window: w})
	}
	if p.view.Following() {
		p.view.Pause()
	} else {
		p.view.ToBottom()
	}
	return nil
}

// open shows what is under the cursor.
func (p *Pane) open() tea.Cmd {
	switch {
	case p.detail.open:
		p.detail.open = false
	case p.mode == showPatterns:
		if row, ok := p.patterns.table.Current(); ok {
			return p.byPattern(row.Pattern)
		}
	case p.mode == showDiff:
		if row, ok := p.diff.table.Current(); ok {
			return p.byPattern(row.Pattern)
		}
	case p.facets.open:
		return p.facets.choose()
	default:
		p.detail.show(p)
	}
	return nil
}

func (p *Pane) copyLine() tea.Cmd {
	l, ok := p.view.Current()
	if !ok {
		return nil
	}
	text, err := json.Marshal(entryOf(&l))
	if err != nil {
		return pane.Send(pane.Toast{Text: "the line's document is no JSON: " + err.Error(), Level: "bad"})
	}
	return pane.Send(pane.Copy{Text: string(text)})
}

func (p *Pane) chooseColumns() tea.Cmd {
	names := []string{}
	c := p.view.Columns
	for _, own := range []struct {
		name string
		no   bool
	}{{"time", c.NoTime}, {"level", c.NoLevel}, {"service", c.NoService}} {
		if !own.no {
			names = append(names, own.name)
		}
	}
	names = append(names, c.Fields...)
	return pane.Send(pane.Ask{
		Title: "Columns before the message",
		Fields: []pane.Field{{
			Label: "columns", Initial: strings.Join(names, ", "),
			Help: "time, level, service, trace, and any field: http.status, user, duration",
		}},
		Then: func(values []string) tea.Cmd {
			p.setColumns(strings.FieldsFunc(values[0], func(r rune) bool { return r == ',' || r == ' ' }))
			return nil
		},
	})
}

func (p *Pane) setColumns(names []string) {
	c := widget.LogColumns{NoTime: true, NoLevel: true, NoService: true, Origin: p.several()}
	for _, name := range names {
		switch name {
		case "time":
			c.NoTime = false
		case "level":
			c.NoLevel = false
		case "service":
			c.NoService = false
		case "message":
		default:
			c.Fields = append(c.Fields, name)
		}
	}
	p.view.SetColumns(c)
}
