package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/keymap"
	"github.com/aictl/aictl/tui/pane"
)

// App is the only tea.Model. It owns the window of time, the contexts, the
// stack of panes, the overlays, the command log and what is kept between runs;
// the panes own what they show.
type App struct {
	opts Options
	env  *pane.Env

	panes []pane.Pane // in the order of the bar
	front int
	stack []visit // where esc goes back to
	// behind are panes that missed a change of the window or the contexts.
	behind map[string]bool
	seen   map[string]bool
	// filters are the expressions of `/`, a pane each.
	filters map[string]string

	width, height int
	over          []overlay
	filter        *filterLine // while `/` is being typed
	toast         toast
	log           commandLog
	keep          keeper
	applied       int // changes so far: a slot of its own for each
	err           error
}

// visit is a place to go back to.
type visit struct{ front int }

// New makes the app; it does no I/O. The panes are those of the manual, in its
// order.
func New(o Options, panes func(*pane.Env) []pane.Pane) (*App, error) {
	o = o.withDefaults()
	th, err := o.theme()
	if err != nil {
		return nil, err
	}
	a := &App{
		opts: o, behind: map[string]bool{}, seen: map[string]bool{}, filters: map[string]string{},
		width: 80, height: 24,
		env: &pane.Env{
			Feeds: o.Feeds, Theme: th, Contexts: o.Contexts, Now: o.Now(), Zone: o.Zone,
			Window:    pane.Window{Span: o.Span, Live: true},
			Namespace: o.Namespace, ReadOnly: o.ReadOnly, ASCII: o.ASCII,
			Settings: o.Settings.pane(),
		},
	}
	if !o.End.IsZero() {
		a.env.Window.Live, a.env.Window.End = false, o.End
	}
	a.panes = panes(a.env)
	if a.env.Keys, err = keymap.New(o.Settings.Keys, a.everyAction()); err != nil {
		return nil, err
	}
	a.keep = keeper{path: o.StateFile}
	a.restore(o.State)
	if o.Pane != "" {
		i, err := a.find(o.Pane)
		if err != nil {
			return nil, err
		}
		a.front = i
	}
	return a, nil
}

// Init implements tea.Model.
func (a *App) Init() tea.Cmd {
	if a.opts.Notice != "" {
		a.say("", a.opts.Notice)
	}
	return tea.Batch(tick(a.opts.Now), a.show(pane.Subject{}, ""))
}

// tickMsg is the app's clock; no one else reads one.
type tickMsg struct{ now time.Time }

func tick(now func() time.Time) tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{now()} })
}

// Update implements tea.Model.
func (a *App) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		a.width, a.height = max(msg.Width, 1), max(msg.Height, 1)
	case tickMsg:
		a.env.Now = msg.now
		a.toast.expire(msg.now)
		return a, tea.Batch(tick(a.opts.Now), a.current().Update(pane.Tick{Now: msg.now}), a.save(false))
	case tea.KeyPressMsg:
		return a, a.key(msg)
	case tea.PasteMsg:
		return a, a.paste(msg)
	case tea.MouseMsg:
		return a, a.mouse(msg)
	case tea.ResumeMsg:
		a.env.Now = a.opts.Now()
		return a, a.current().Refresh()
	case feed.Answer:
		return a, a.answer(msg)
	case feed.Batch:
		if !a.env.Feeds.Current(msg.Key, msg.Gen) {
			return a, nil
		}
		return a, tea.Batch(a.pane(msg.Pane).Update(msg), feed.Next(msg))
	default:
		return a, a.said(msg)
	}
	return a, nil
}

// said handles the messages that panes and overlays send.
func (a *App) said(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case pane.Goto:
		return a.visit(msg.Pane, msg.Subject, "")
	case pane.Toast:
		a.say(msg.Level, msg.Text)
	case pane.Copy:
		return a.copy(msg.Text)
	case pane.SetWindow:
		return a.setWindow(msg.Window)
	case pane.Ran:
		a.log.add(a.env.Now, "", msg.Command)
	case pane.Propose:
		return a.propose(msg)
	case pane.Ask:
		a.push(newAsk(a.env, msg))
	case pane.Show:
		a.push(newPage(a.env, msg.Title, msg.Lines))
	case contextsMsg:
		return a.setContexts(msg)
	case savedMsg:
		a.keep.saved(msg)
	case wordsMsg:
		if p, ok := a.top().(*palette); ok {
			p.words(msg)
		}
	case lineMsg:
		return a.command(msg.line)
	case nil:
	default:
		return a.current().Update(msg)
	}
	return nil
}

// answer gives an answer to whom it is for.
func (a *App) answer(msg feed.Answer) tea.Cmd {
	if !a.env.Feeds.Current(msg.Key, msg.Gen) {
		return nil
	}
	if msg.Pane == appSlot {
		return a.ownAnswer(msg)
	}
	return a.pane(msg.Pane).Update(msg)
}

func (a *App) current() pane.Pane { return a.panes[a.front] }

// pane finds a pane by its name; the front one where there is none, which
// ignores what is not its own.
func (a *App) pane(name string) pane.Pane {
	for _, p := range a.panes {
		if p.Info().Name == name {
			return p
		}
	}
	return a.current()
}

// say shows a line for a few seconds.
func (a *App) say(level, text string) {
	a.toast = toast{level: level, text: term.SafeLine(text), until: a.env.Now.Add(toastFor)}
}

// sayErr shows an error with what to do next.
func (a *App) sayErr(err error) {
	text := err.Error()
	if next := hintOf(err); next != "" {
		text += " (" + next + ")"
	}
	a.say("bad", text)
}

func (a *App) copy(text string) tea.Cmd {
	shown, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if rest != "" {
		shown += " …"
	}
	a.say("ok", "copied: "+shown)
	return tea.SetClipboard(text)
}

// Err is why the app ended, where that was a fault.
func (a *App) Err() error { return a.err }

// words splits a command line as a person types it into the palette: blanks
// part words, quotes keep them together.
func words(line string) []string {
	var out []string
	var b strings.Builder
	quote, open := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			b.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t':
			if b.Len() > 0 || open {
				out = append(out, b.String())
			}
			b.Reset()
			open = false
		default:
			b.WriteRune(r)
		}
	}
	if b.Len() > 0 || open {
		out = append(out, b.String())
	}
	return out
}
