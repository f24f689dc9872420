// Package services is the pane of the AI services: what runs and how it does,
// what each can do, and a form that calls it. What an operation answers is
// shown as it comes.
//
// In a window of the past the list is the services as the metrics had them.
// What a service can do is always that of now.
package services

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/tui/asked"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// name is the pane's word.
const name = "services"

// The slots of its questions.
const (
	slotList     = "list"
	slotHealth   = "health"
	slotDescribe = "describe"
	slotInvoke   = "invoke"
	slotThen     = "then"
)

// every is how often a live list is asked again.
const every = 5 * time.Second

// healEvery is how often a window of the past is asked for that nobody answered.
const healEvery = 30 * time.Second

// Pane is the pane of the services.
type Pane struct {
	env *pane.Env

	list   asked.Listing[row]
	health asked.Listing[figures]
	table  *widget.Table[row]
	// then is what the metrics say of a window of the past, a context, and
	// before shows it in place of the table.
	then   asked.Listing[signals]
	thenIn string // the window of then
	before *widget.Table[service]
	many   bool // the tables have a column for the context
	filter string
	// wanted is a service to open when it comes, of a subject.
	wanted  pane.Subject
	missing string // a wanted service that is not there
	top     int    // the first line of the table in the last frame, for clicks

	detail *detail // a service that was opened
	call   *call   // an operation of it that is filled in, or was called
}

// New makes the pane.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env}
	p.build()
	return p
}

var (
	_ pane.Pane    = (*Pane)(nil)
	_ pane.Clicker = (*Pane)(nil)
	_ pane.Keeper  = (*Pane)(nil)
)

// Info implements pane.Pane.
func (*Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Services", Key: "2"} }

func (p *Pane) theme() *theme.Theme { return p.env.Theme }

func key(slot string) feed.Key { return feed.Key{Pane: name, Slot: slot} }

// Open implements pane.Pane. A subject with a service opens its page where it
// is one of the services here.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	p.missing = ""
	p.fillThen()
	if s.Service != "" {
		p.close()
		if r, ok := p.find(s); ok {
			p.pick(r)
			return tea.Batch(p.ask(), p.open(r))
		}
		p.wanted = s
	}
	if p.list.Known() && !p.list.Due(p.env.Now, every) && (!p.inPast() || p.thenIn == p.env.Window.Flags()) {
		return nil
	}
	return p.ask()
}

// Refresh implements pane.Pane.
func (p *Pane) Refresh() tea.Cmd {
	cmds := []tea.Cmd{p.ask()}
	if p.detail != nil {
		cmds = append(cmds, p.describe())
	} else if p.call == nil {
		p.refilter() // another list may be in front
	}
	return tea.Batch(cmds...)
}

func (p *Pane) ask() tea.Cmd {
	if many := len(p.env.Contexts) > 1; many != p.many {
		p.many = many
		p.build()
	}
	p.list.Begin(p.env.Contexts, p.env.Now)
	p.health.Begin(p.env.Contexts, p.env.Now)
	if p.detail != nil && !asked.Among(p.env.Contexts, p.detail.context) {
		p.close()
	}
	p.fill()
	return tea.Batch(
		p.askThen(),
		feed.Ask(p.env.Feeds, key(slotList), p.env.Contexts, api.ServicesList, api.None{}),
		feed.Ask(p.env.Feeds, key(slotHealth), p.env.Contexts, api.ServicesHealth, api.ServiceFilter{}),
	)
}

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Answer:
		return p.answer(msg)
	case feed.Batch:
		if p.call != nil && msg.Slot == slotInvoke {
			p.call.batch(msg, p.env.Now)
		}
	case pane.Scrubbed:
		p.fillThen()
	case pane.Tick:
		return p.tick()
	case tea.KeyPressMsg, tea.PasteMsg:
		if p.Typing() && p.call.form.Update(msg) {
			return p.invoke()
		}
	}
	return nil
}

func (p *Pane) answer(a feed.Answer) tea.Cmd {
	switch a.Slot {
	case slotList:
		p.list.Take(a, p.env.Now, func(context string, out any) []row {
			return rowsOf(context, out.([]api.Service)) //nolint:forcetypeassert // the declaration says so
		})
		p.fill()
		return p.openWanted()
	case slotHealth:
		p.health.Take(a, p.env.Now, func(context string, out any) []figures {
			return figuresOf(context, out.([]api.ServiceHealth)) //nolint:forcetypeassert // the declaration says so
		})
		p.fill()
	case slotThen:
		p.thenAnswer(a)
	case slotDescribe:
		if p.detail != nil {
			p.detail.take(a, p.env.Now)
		}
	case slotInvoke:
		if p.call != nil {
			p.call.answer(a, p.env.Now)
		}
	}
	return nil
}

// tick asks again while the window is live. What is being filled in is left
// alone.
func (p *Pane) tick() tea.Cmd {
	switch {
	case p.call != nil:
		return nil
	case p.inPast(): // the past does not change, but who keeps it may answer now
		if p.detail == nil && len(p.then.Troubles(p.env.Now)) > 0 && p.then.Due(p.env.Now, healEvery) {
			return p.askThen()
		}
		return nil
	case p.detail != nil && !p.detail.busy && p.env.Now.Sub(p.detail.asked) >= every:
		return p.describe()
	case p.detail == nil && p.list.Due(p.env.Now, every):
		return p.ask()
	}
	return nil
}

// Typing implements pane.Pane.
func (p *Pane) Typing() bool { return p.call != nil && p.call.run == nil }

// Escape implements pane.Pane: an answer, the form, the service's page.
func (p *Pane) Escape() bool {
	switch {
	case p.call != nil && p.call.run != nil:
		p.env.Feeds.Stop(key(slotInvoke))
		p.call.run = nil
	case p.call != nil:
		p.call = nil
	case p.detail != nil:
		p.close()
	default:
		return false
	}
	p.refilter()
	return true
}

func (p *Pane) close() {
	p.env.Feeds.Stop(key(slotDescribe))
	p.env.Feeds.Stop(key(slotInvoke))
	p.detail, p.call = nil, nil
}

// Filter implements pane.Pane: the rows of a list, the matches of a page.
func (p *Pane) Filter(expr string) {
	p.filter = expr
	p.refilter()
}

func (p *Pane) refilter() {
	switch {
	case p.call != nil && p.call.run != nil:
		p.call.run.page.Find(p.filter)
	case p.detail != nil:
		p.detail.page.Find(p.filter)
	default:
		p.front().Filter(p.filter)
	}
}

// Subject implements pane.Pane.
func (p *Pane) Subject() pane.Subject {
	if p.detail != nil {
		return pane.Subject{Context: p.detail.context, Service: p.detail.name}
	}
	if p.inPast() {
		return p.subjectThen()
	}
	if r, ok := p.table.Current(); ok {
		return pane.Subject{Context: r.context, Service: r.s.Name}
	}
	return pane.Subject{}
}

// Command implements pane.Pane.
func (p *Pane) Command() string {
	switch {
	case p.call != nil:
		return p.call.command(p.env)
	case p.detail != nil:
		return argv.Line(append([]string{"aictl", "services", "describe", p.detail.name}, asked.Flags(p.env.Contexts, p.detail.context)...)...)
	}
	if p.inPast() {
		return p.commandThen()
	}
	return "aictl services list"
}

// Save implements pane.Keeper.
func (p *Pane) Save() any { return p.table.Save() }

// Restore implements pane.Keeper.
func (p *Pane) Restore(raw []byte) { p.table.Restore(raw) }

// build makes the table, as the old one was ordered.
func (p *Pane) build() {
	p.table = asked.Remade(p.table, widget.NewTable(p.theme, (*row).key, p.columns()...))
	p.table.ASCII = p.env.ASCII
	p.table.Filter(p.filter)
	p.buildThen()
	p.fill()
}
