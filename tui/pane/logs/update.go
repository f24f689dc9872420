package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// askAgain is how many seconds the counts of a live window stay; the lines
// that come are counted meanwhile.
const askAgain = 30

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	cmd := p.update(msg)
	if p.stale { // Escape went back to another query
		p.stale = false
		return tea.Batch(cmd, p.load())
	}
	return cmd
}

func (p *Pane) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Batch:
		return p.came(msg)
	case feed.Answer:
		return p.answer(msg)
	case pane.Tick:
		p.ticks++
		if p.ticks%askAgain == 0 && p.opened && p.env.Window.Live {
			return tea.Batch(p.work(), p.askHistogram())
		}
		return p.work()
	case tea.KeyPressMsg:
		if p.input == nil {
			return nil
		}
		if msg.String() == "enter" && !p.input.Accept() {
			return p.submit()
		}
		if msg.String() != "enter" {
			cmd := p.input.Update(msg)
			_, p.wrong = parse(p.input.Value())
			return cmd
		}
	case tea.PasteMsg:
		if p.input != nil {
			return p.input.Update(msg)
		}
	}
	return nil
}

func (p *Pane) answer(a feed.Answer) tea.Cmd {
	if a.Canceled() {
		return nil
	}
	switch a.Slot {
	case "search":
		return p.found(a)
	case "older":
		return p.foundOlder(a)
	case "scan":
		p.scans = false
		if s, err := feed.One[widget.LogScan](a); err == nil {
			p.view.Scanned(s)
		}
		return p.work()
	case "histogram":
		p.hist.take(a)
	case "fields":
		p.facets.take(a)
	case "patterns":
		p.patterns.take(a)
	case "diff":
		p.diff.take(a)
	case "save":
		return p.saved(a)
	}
	return nil
}

// scan starts the next piece of the filter's work, outside of the loop.
func (p *Pane) scan() tea.Cmd {
	if p.scans {
		return nil
	}
	work := p.view.Scan()
	if work == nil {
		return nil
	}
	p.scans = true
	return feed.Do(p.env.Feeds, p.key("scan"), p.env.First(), func(ctx context.Context, _ feed.Context) (any, error) {
		return work(ctx), nil
	})
}

// sides asks for what is shown beside the lines.
func (p *Pane) sides() tea.Cmd {
	cmds := []tea.Cmd{p.askHistogram()}
	if p.facets.open {
		cmds = append(cmds, p.facets.ask())
	}
	switch p.mode {
	case showPatterns:
		cmds = append(cmds, p.patterns.ask())
	case showDiff:
		cmds = append(cmds, p.diff.ask())
	case showLines:
	}
	return tea.Batch(cmds...)
}

// edit opens the query for typing.
func (p *Pane) edit() {
	p.input = widget.NewInput("query> ")
	p.input.Placeholder = "timeout level:warn service:cart where(http.status >= 500)"
	p.input.Theme = p.theme
	p.input.Completer = p.complete
	p.input.SetHistory(p.history())
	text := p.query.text
	if text != "" {
		text += " "
	}
	p.input.SetValue(text)
	p.input.CloseWords()
	p.input.Focus()
	p.wrong = nil
}

// history are the queries that led here, the newest last.
func (p *Pane) history() []string {
	var out []string
	for _, q := range p.before {
		if q.text != "" {
			out = append(out, q.text)
		}
	}
	return out
}

// complete gives the words that may stand at the end of head.
func (p *Pane) complete(head string) (int, []string) {
	from := strings.LastIndexByte(head, ' ') + 1
	last := head[from:]
	name, value, has := word{text: last}.part()
	if i := strings.IndexByte(last, ':'); name == "" && i > 0 && i == len(last)-1 {
		name, value, has = last[:i], "", true // level: alone is no part yet
	}
	if !has && from > 1 { // --level WORD
		before := head[strings.LastIndexByte(head[:from-1], ' ')+1 : from-1]
		if flag, is := strings.CutPrefix(before, "--"); is {
			name, value, has = flag, last, true
		}
	}
	if !has {
		var out []string
		for _, k := range keys {
			if strings.HasPrefix(last, "--") {
				out = append(out, "--"+k.name+"\t"+k.note)
			} else if last != "" {
				out = append(out, k.name+":\t"+k.note)
			}
		}
		return from, out
	}
	at := len(head) - len(value)
	switch name {
	case "level":
		return at, []string{"trace", "debug", "info", "warn", "error", "fatal"}
	case "service":
		if i := strings.LastIndexByte(value, ','); i >= 0 {
			at += i + 1
		}
		return at, p.view.Buf().Services()
	}
	return from, nil
}

// submit asks with what was typed; what is wrong stays there to be mended.
func (p *Pane) submit() tea.Cmd {
	q, err := parse(p.input.Value())
	if p.wrong = err; err != nil {
		return nil
	}
	p.input = nil
	return p.ask(q)
}

// ask shows another query; esc comes back to the present one.
func (p *Pane) ask(q query) tea.Cmd {
	if q.text = format(q.filter); q.text == p.query.text {
		return nil
	}
	p.remember()
	p.query = q
	p.mode = showLines
	return tea.Batch(p.load(), p.ran())
}

// mostBefore bounds the queries to go back to.
const mostBefore = 32

func (p *Pane) remember() {
	if !p.opened {
		return
	}
	p.before = append(p.before, p.query)
	if len(p.before) > mostBefore {
		p.before = p.before[1:]
	}
}

func (p *Pane) ran() tea.Cmd { return pane.Send(pane.Ran{Command: p.Command()}) }

// Typing implements pane.Pane.
func (p *Pane) Typing() bool { return p.input != nil }

// Escape implements pane.Pane. A query that the present one was narrowed from
// comes back with the next Refresh or tick of the pane: Escape gives no
// command.
func (p *Pane) Escape() bool {
	switch {
	case p.input != nil:
		if !p.input.CloseWords() {
			p.input, p.wrong = nil, nil
		}
	case p.detail.open:
		p.detail.open = false
	case p.mode != showLines:
		p.mode = showLines
	case p.facets.open:
		p.facets.open = false
	case len(p.before) > 0:
		p.query = p.before[len(p.before)-1]
		p.before = p.before[:len(p.before)-1]
		p.stale, p.loading = true, true
	default:
		return false
	}
	return true
}

// kept is what stays between two sessions.
type kept struct {
	Query   string            `json:"query,omitempty"`
	Wrap    bool              `json:"wrap,omitempty"`
	Around  int               `json:"around,omitempty"`
	NoHist  bool              `json:"no_histogram,omitempty"`
	Columns widget.LogColumns `json:"columns"`
}

// Save implements pane.Keeper.
func (p *Pane) Save() any {
	return kept{Query: p.query.text, Wrap: p.view.Wrap, Around: p.around, NoHist: p.noHist, Columns: p.view.Columns}
}

// Restore implements pane.Keeper.
func (p *Pane) Restore(raw []byte) {
	var k kept
	if json.Unmarshal(raw, &k) != nil {
		return
	}
	if q, err := parse(k.Query); err == nil {
		p.query = query{format(q.filter), q.filter}
	}
	p.view.Wrap, p.noHist = k.Wrap, k.NoHist
	p.view.Columns = k.Columns
	if k.Around >= 0 && k.Around < len(contexts) {
		p.around = k.Around
		p.view.Context(contexts[p.around])
	}
}

// Subject implements pane.Pane.
func (p *Pane) Subject() pane.Subject {
	switch p.mode {
	case showPatterns:
		if row, ok := p.patterns.table.Current(); ok {
			return ofPattern(row)
		}
		return pane.Subject{}
	case showDiff:
		if row, ok := p.diff.table.Current(); ok {
			return ofPattern(&row.LogPattern)
		}
		return pane.Subject{}
	case showLines:
	}
	l, ok := p.view.Current()
	if !ok || l.Kind != widget.LogEntry {
		return pane.Subject{}
	}
	context := l.Origin
	if context == "" {
		context = p.env.Primary().Name
	}
	return pane.Subject{Context: context, Service: l.Service, Trace: l.Trace, Level: l.Level, At: l.Time}
}

// ofPattern is the loudest service of a pattern, where it was last.
func ofPattern(row *api.LogPattern) pane.Subject {
	return pane.Subject{Service: loudest(row.Services), Level: worst(row), At: row.Last}
}

// Command implements pane.Pane.
func (p *Pane) Command() string {
	window := strings.Fields(p.env.Window.Flags())
	f := p.query.filter
	contexts := func(words ...string) []string {
		if p.several() {
			for _, c := range p.env.Contexts {
				words = append(words, "--context", c.Name)
			}
		}
		return words
	}
	switch {
	case p.mode == showPatterns:
		return commandLine(contexts(append([]string{"patterns"}, window...)...), f)
	case p.mode == showDiff:
		return commandLine(append(append([]string{"diff"}, window...), p.diff.baseline()...), f)
	case p.facets.open:
		return commandLine(contexts(append([]string{"fields"}, window...)...), f)
	case p.source == fromTail && !p.several(): // one context at a time is followed on a command line
		return commandLine(append([]string{"-f"}, window...), f)
	}
	return commandLine(contexts(append(window, "--limit", fmt.Sprint(pageLines))...), f)
}
