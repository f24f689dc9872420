// Package chat is the pane of the assistant: questions, answers as they come,
// the evidence behind them one key away, and the conversations that the control
// plane keeps.
//
// Nothing that a model writes is run or followed by itself. Its text is made
// safe before it is styled, whatever parts it comes in; a command that it names
// is shown, opened as a pane or copied by a person.
package chat

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

const name = "chat"

var (
	answerKey   = feed.Key{Pane: name, Slot: "answer"}
	sessionKey  = feed.Key{Pane: name, Slot: "session"}
	sessionsKey = feed.Key{Pane: name, Slot: "sessions"}
	modelsKey   = feed.Key{Pane: name, Slot: "models"}
)

// Pane implements pane.Pane, pane.Keeper and pane.Clicker.
type Pane struct {
	env     *pane.Env
	context string // whose control plane the conversation is with

	session string // kept by the control plane under this name; empty keeps it here
	model   string // empty is the default
	turns   []*turn
	loading bool        // the session's messages are on their way
	trouble *fail.Error // why they did not come
	wants   bool        // the session's messages were not asked for yet

	prompt  *widget.Input
	prefill string // what a subject put into the prompt
	page    *widget.Pager
	follow  bool // the page stays at its end while an answer comes
	picker  *picker

	drawn drawn
}

// New makes the pane. It asks nothing before Open.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env, page: widget.NewPager(), follow: true}
	p.prompt = widget.NewInput("> ")
	p.prompt.Multiline = true
	p.prompt.Theme = func() *theme.Theme { return p.env.Theme }
	return p
}

// Info implements pane.Pane.
func (p *Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Chat", Key: "9"} }

// Open implements pane.Pane. A subject prefills a question about it; one with a
// session opens that.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	cmd := p.moved()
	switch {
	case s.Session != "" && (s.Session != p.session || p.wants):
		return tea.Batch(cmd, p.join(s.Session))
	case !s.Zero():
		p.picker = nil
		if q := question(s); q != "" && (p.prompt.Value() == "" || p.prompt.Value() == p.prefill) {
			p.prompt.SetValue(q)
			p.prefill = q
		}
		p.prompt.Focus()
	}
	if p.wants {
		return tea.Batch(cmd, p.join(p.session))
	}
	return cmd
}

// moved begins anew when the context is another one: what was said with one
// control plane is not told to the next.
func (p *Pane) moved() tea.Cmd {
	now := p.env.Primary().Name
	before := p.context
	p.context = now
	if before == "" || before == now {
		return nil
	}
	p.stop()
	p.forget()
	p.model, p.picker = "", nil
	return pane.Send(pane.Toast{Text: "a new conversation, with " + now})
}

// Refresh implements pane.Pane. An answer that is coming goes on.
func (p *Pane) Refresh() tea.Cmd {
	cmd := p.moved()
	switch {
	case p.picker != nil:
		return tea.Batch(cmd, p.list(p.picker.kind))
	case p.trouble != nil && p.session != "":
		return tea.Batch(cmd, p.join(p.session))
	}
	return cmd
}

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Batch:
		if msg.Key == answerKey {
			p.receive(msg)
		}
	case feed.Answer:
		p.answered(msg)
	case pane.Changed:
		if p.picker != nil && p.picker.kind == sessionsList {
			return p.list(sessionsList)
		}
	case tea.PasteMsg:
		return p.prompt.Update(msg)
	case tea.KeyPressMsg:
		return p.key(msg)
	}
	return nil
}

// key takes a key while the person types.
func (p *Pane) key(msg tea.KeyPressMsg) tea.Cmd {
	if a, ok := p.env.Keys.Find(msg.String(), p.typingActions()); ok {
		return p.Act(a.ID)
	}
	switch msg.String() {
	case "pgup":
		p.scroll("list.pageup")
	case "pgdown":
		p.scroll("list.pagedown")
	default:
		return p.prompt.Update(msg)
	}
	return nil
}

// Typing implements pane.Pane.
func (p *Pane) Typing() bool { return p.prompt.Focused() && p.picker == nil }

// Escape implements pane.Pane: it leaves a list, then the prompt. What is
// written there stays.
func (p *Pane) Escape() bool {
	switch {
	case p.picker != nil:
		p.picker = nil
	case p.prompt.Focused():
		p.prompt.Blur()
	default:
		return false
	}
	return true
}

// Filter implements pane.Pane: a list shows what matches, a conversation goes to
// it.
func (p *Pane) Filter(expr string) {
	if p.picker != nil {
		p.picker.table.Filter(expr)
		return
	}
	p.page.Find(expr)
	if expr != "" {
		p.follow = p.page.AtBottom()
	}
}

// Subject implements pane.Pane: what the evidence under the cursor shows, or
// the conversation.
func (p *Pane) Subject() pane.Subject {
	if p.picker != nil {
		if one, ok := p.picker.table.Current(); ok && p.picker.kind == evidenceList {
			if _, s, ok := destination(one.command); ok {
				s.Context = p.context
				return s
			}
		}
	}
	return pane.Subject{Context: p.env.Primary().Name, Session: p.session}
}

// Command implements pane.Pane.
func (p *Pane) Command() string {
	switch {
	case p.picker != nil:
		return p.picker.command()
	case len(p.turns) > 0 && p.turns[len(p.turns)-1].question != "":
		return p.commandOf(p.turns[len(p.turns)-1].question)
	case p.session != "":
		return argv.Line("aictl", "sessions", "show", p.session)
	}
	return "aictl chat"
}

// commandOf is the command line that asks the same.
func (p *Pane) commandOf(question string) string {
	words := []string{"aictl", "chat"}
	if p.session != "" {
		words = append(words, "--session", p.session)
	}
	if p.model != "" {
		words = append(words, "--model", p.model)
	}
	if strings.HasPrefix(question, "-") {
		words = append(words, "--")
	}
	return argv.Line(append(words, strings.Join(strings.Fields(question), " "))...)
}

// Click implements pane.Clicker: in a list it selects, in the lowest lines it
// begins to type.
func (p *Pane) Click(_, y int) tea.Cmd {
	switch {
	case p.picker != nil:
		if p.picker.table.Click(y - p.drawn.listTop) {
			return p.pick()
		}
	case y >= p.drawn.promptTop:
		p.prompt.Focus()
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	if p.picker != nil {
		p.picker.table.Scroll(lines)
		return
	}
	p.page.Scroll(lines)
	p.follow = p.page.AtBottom()
}
