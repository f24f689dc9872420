package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// palette is `:`: a command line with completion over the panes, the
// dashboard's own commands, all operations, and resources.
type palette struct {
	a     *App
	input *widget.Input
	asked string // the line that words were asked for last
}

// verb is one of the dashboard's own commands.
type verb struct{ name, args, help string }

var verbs = []verb{
	{"window", "6h", "Show so much time; all panes follow"},
	{"at", "10:30", "Put the time cursor there (any time expression)"},
	{"context", "NAME...", "Ask these contexts"},
	{"namespace", "NAME", "Show this namespace; * is all"},
	{"skin", "NAME", "Change the colours"},
	{"log", "save FILE", "Write the session's commands as a script"},
	{"why", "NAME", "Why is an alert or a service broken"},
	{"help", "", "What every key does"},
	{"quit", "", "Leave the dashboard"},
}

// kinds are the resources that can be named KIND/NAME, and the panes that show
// them.
var kinds = []struct{ kind, complete, pane string }{
	{"service", "services", "services"},
	{"deployment", "deployments", "deployments"},
	{"alert", "alerts", "alerts"},
	{"session", "sessions", "chat"},
}

// wordsMsg brings the words of a line that was typed.
type wordsMsg struct {
	line  string
	from  int
	words []string
}

// lineMsg is a line that was entered.
type lineMsg struct{ line string }

func (a *App) openPalette(line string) tea.Cmd {
	p := &palette{a: a, input: widget.NewInput(":")}
	p.input.Theme = a.themeNow
	p.input.SetHistory(a.keep.state.History)
	p.input.SetValue(line)
	p.input.Focus()
	a.push(p)
	return p.complete()
}

func (p *palette) key(_ *App, msg tea.Msg) (tea.Cmd, bool) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "esc":
			if p.input.CloseWords() {
				return nil, false
			}
			return nil, true
		case "enter":
			line := strings.TrimSpace(p.input.Value())
			if line == "" {
				return nil, true
			}
			p.a.keep.remember(line)
			return pane.Send(lineMsg{line}), true
		case "backspace":
			if p.input.Value() == "" {
				return nil, true
			}
		}
	}
	cmd := p.input.Update(msg)
	return tea.Batch(cmd, p.complete()), false
}

// completeWithin bounds the wait for live words: later ones are not shown.
const completeWithin = 400 * time.Millisecond

// complete asks for the words that may stand at the cursor: ours at once, the
// server's when they come.
func (p *palette) complete() tea.Cmd {
	line := p.input.Head()
	if line == p.asked {
		return nil
	}
	p.asked = line
	from := strings.LastIndexAny(line, " \t") + 1
	own := p.own(line, from)
	p.input.SetWords(from, own)
	words, kind := p.a.opts.Words, p.kind(line[from:])
	if words == nil && kind == nil {
		return nil
	}
	prefix := strings.Fields(line[:from])
	last := line[from:]
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), completeWithin)
		defer cancel()
		more := own
		if kind != nil {
			more = append(more, kind(ctx)...)
		}
		if words != nil {
			for _, w := range words(ctx, append(prefix, last)) {
				if !slices.Contains(more, w) {
					more = append(more, term.SafeLine(strings.ReplaceAll(w, "\t", "\x00")))
				}
			}
		}
		for i := range more {
			more[i] = strings.ReplaceAll(more[i], "\x00", "\t")
		}
		return wordsMsg{line, from, more}
	}
}

func (p *palette) words(msg wordsMsg) {
	if msg.line == p.input.Head() {
		p.input.SetWords(msg.from, msg.words)
	}
}

// kind gives the names of a resource whose kind was typed.
func (p *palette) kind(word string) func(context.Context) []string {
	kind, prefix, ok := strings.Cut(word, "/")
	complete := p.a.opts.Complete
	if !ok || complete == nil {
		return nil
	}
	for _, k := range kinds {
		if k.kind == kind {
			return func(ctx context.Context) []string {
				var out []string
				for _, w := range complete(ctx, k.complete, []string{""}, prefix) {
					out = append(out, kind+"/"+w)
				}
				return out
			}
		}
	}
	return nil
}

// own are the words that need no server.
func (p *palette) own(line string, from int) []string {
	var out []string
	last := line[from:]
	add := func(word, doc string) {
		if strings.HasPrefix(word, last) && word != last {
			out = append(out, word+"\t"+doc)
		}
	}
	before := strings.Fields(line[:from])
	if len(before) == 0 {
		for _, pn := range p.a.panes {
			add(pn.Info().Name, "the pane "+pn.Info().Title)
		}
		for _, v := range verbs {
			add(v.name, strings.TrimSpace(v.args+"  "+v.help))
		}
		for _, k := range kinds {
			add(k.kind+"/", "a "+k.kind+" by its name")
		}
		return out
	}
	switch before[0] {
	case "context":
		for _, name := range p.a.opts.All {
			add(name, "")
		}
	case "skin":
		for _, name := range theme.Names() {
			add(name, "")
		}
	case "log":
		add("save", "FILE")
	}
	return out
}

func (p *palette) view(width, height int) []string {
	return frameBox(p.a.env, "Command", "tab completes · ↑↓ history, or the words · enter runs · esc closes", min(width, 100), min(height, 16),
		func(w, h int) string {
			return widget.Join(append([]string{p.input.View(w)}, p.input.Popup(w, max(h-1, 0))...))
		})
}

// command runs a line of the palette.
func (a *App) command(line string) tea.Cmd {
	line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), ":"), "aictl ")
	args := words(line)
	if len(args) == 0 {
		return nil
	}
	if cmd, ok := a.verb(args); ok {
		return cmd
	}
	if kind, name, ok := strings.Cut(args[0], "/"); ok && len(args) == 1 {
		for _, k := range kinds {
			if k.kind == kind {
				return a.visit(k.pane, subjectOf(kind, name), ":")
			}
		}
	}
	if len(args) == 1 {
		for _, p := range a.panes {
			if p.Info().Name == args[0] {
				return a.visit(args[0], pane.Subject{}, ":")
			}
		}
	}
	return a.operation(args)
}

func subjectOf(kind, name string) pane.Subject {
	switch kind {
	case "alert":
		return pane.Subject{Alert: name}
	case "session":
		return pane.Subject{Session: name}
	case "deployment":
		return pane.Subject{Workload: name, Service: name[strings.LastIndexByte(name, '/')+1:]}
	}
	return pane.Subject{Service: name}
}

// verb runs one of the dashboard's own commands; false where it is none.
func (a *App) verb(args []string) (tea.Cmd, bool) {
	rest := args[1:]
	arg := strings.Join(rest, " ")
	switch args[0] {
	case "quit", "q", "exit":
		return a.quit(), true
	case "help":
		a.push(newPage(a.env, "Help", a.helpLines()))
	case "window":
		return a.windowCommand(arg), true
	case "at":
		return a.atCommand(arg), true
	case "context", "contexts", "ctx":
		if len(rest) == 0 {
			a.push(newContexts(a))
			return nil, true
		}
		return a.choose(rest), true
	case "namespace", "ns":
		a.env.Namespace = arg
		return a.everywhere(), true
	case "skin":
		a.skin(arg)
	case "log":
		if len(rest) == 2 && rest[0] == "save" {
			return a.saveLog(rest[1]), true
		}
		a.push(newPage(a.env, "Command log", a.log.lines(a.env)))
	case "why":
		if len(rest) != 1 {
			return nil, false
		}
		return a.visit("incident", pane.Subject{Alert: rest[0], Text: "name"}, ":"), true
	default:
		return nil, false
	}
	return nil, true
}

// themeNow is the theme as it is, for widgets that outlive a change of skin.
func (a *App) themeNow() *theme.Theme { return a.env.Theme }

func (a *App) skin(name string) {
	th, err := theme.New(name)
	if err != nil {
		a.sayErr(err)
		return
	}
	*a.env.Theme = *th
	a.say("ok", fmt.Sprintf("skin %s", th.Name))
}
