// Package secrets is the pane of the secrets of every store: how old they are,
// who uses them, what is overdue, and the changes to them.
//
// Values are masked. One is shown only after the person confirmed that, for
// half a minute of the page's own secret, and it is in no command, no log and
// no copy; the pane then forgets it.
package secrets

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
const name = "secrets"

// The slots of its questions.
const (
	slotList      = "list"
	slotConsumers = "consumers"
	slotRotations = "rotations"
	slotHistory   = "history"
	slotPast      = "past"
	slotReveal    = "reveal"
	slotDiff      = "diff"
)

// How often what is live is asked again. Consumers are asked of every engine:
// only when the person looks.
const (
	listEvery     = 30 * time.Second
	rotationEvery = 2 * time.Second
)

// Pane is the pane of the secrets.
type Pane struct {
	env *pane.Env

	list      asked.Listing[row]
	consumers asked.Listing[row]
	rotations asked.Listing[rotation] // those that are open
	// failed are the stores that did not answer, a context each.
	failed  map[string][]api.BackendFailure
	table   *widget.Table[row]
	many    bool // the table has a column for the context
	overdue bool // only what is overdue
	filter  string
	wanted  pane.Subject
	top     int // the first line of the table in the last frame, for clicks

	detail *detail
	diff   *diff
	// watch is a rotation that was proposed: its journal is asked often.
	watch watch
}

// New makes the pane.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env, failed: map[string][]api.BackendFailure{}}
	p.build()
	return p
}

var (
	_ pane.Pane    = (*Pane)(nil)
	_ pane.Clicker = (*Pane)(nil)
	_ pane.Keeper  = (*Pane)(nil)
)

// Info implements pane.Pane.
func (*Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Secrets", Key: "7"} }

func (p *Pane) theme() *theme.Theme { return p.env.Theme }

func key(slot string) feed.Key { return feed.Key{Pane: name, Slot: slot} }

// Open implements pane.Pane. A subject with a secret opens its page. A value
// that was shown is masked again.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	p.mask()
	if s.Secret != "" {
		p.close()
		if p.list.Known() {
			return tea.Batch(p.ask(), p.openRef(s))
		}
		p.wanted = s
	}
	if p.list.Known() && !p.list.Due(p.env.Now, listEvery) {
		return nil
	}
	return tea.Batch(p.ask(), p.askConsumers())
}

// Refresh implements pane.Pane.
func (p *Pane) Refresh() tea.Cmd {
	cmds := []tea.Cmd{p.ask(), p.askConsumers()}
	if p.detail != nil {
		cmds = append(cmds, p.askDetail())
	}
	if p.diff != nil {
		cmds = append(cmds, p.askDiff())
	}
	return tea.Batch(cmds...)
}

func (p *Pane) ask() tea.Cmd {
	if many := len(p.env.Contexts) > 1; many != p.many {
		p.many = many
		p.build()
	}
	p.list.Begin(p.env.Contexts, p.env.Now)
	if p.detail != nil && !asked.Among(p.env.Contexts, p.detail.context) || p.diff != nil && !asked.Among(p.env.Contexts, p.diff.context) {
		p.close()
	}
	p.fill()
	return tea.Batch(
		feed.Ask(p.env.Feeds, key(slotList), p.env.Contexts, api.SecretsList, api.SecretFilter{}),
		p.askRotations(),
	)
}

func (p *Pane) askConsumers() tea.Cmd {
	p.consumers.Begin(p.env.Contexts, p.env.Now)
	return feed.Ask(p.env.Feeds, key(slotConsumers), p.env.Contexts, api.SecretsList, api.SecretFilter{Consumers: true})
}

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Answer:
		return p.answer(msg)
	case pane.Tick:
		return p.tick(msg.Now)
	case pane.Changed:
		p.watch = watch{}
		return p.Refresh()
	}
	return nil
}

func (p *Pane) answer(a feed.Answer) tea.Cmd {
	switch a.Slot {
	case slotList:
		p.list.Take(a, p.env.Now, func(context string, out any) []row {
			l := out.(api.SecretList) //nolint:forcetypeassert // the declaration says so
			p.failed[context] = l.Failed
			return rowsOf(context, l)
		})
		p.fill()
		if s := p.wanted; s.Secret != "" && p.list.Known() {
			p.wanted = pane.Subject{}
			return p.openRef(s)
		}
	case slotConsumers:
		p.consumers.Take(a, p.env.Now, func(context string, out any) []row {
			return rowsOf(context, out.(api.SecretList)) //nolint:forcetypeassert // the declaration says so
		})
		p.fill()
	case slotRotations:
		return p.tookRotations(a)
	case slotHistory, slotPast, slotReveal:
		if p.detail != nil {
			p.detail.take(a, p.env.Now)
		}
	case slotDiff:
		if p.diff != nil {
			p.diff.take(a)
		}
	}
	return nil
}

func (p *Pane) tick(now time.Time) tea.Cmd {
	p.detail.expire(now)
	if !p.env.Window.Live {
		return nil
	}
	var cmds []tea.Cmd
	if p.list.Due(now, listEvery) {
		cmds = append(cmds, p.ask())
	} else if p.rotating(now) && p.rotations.Due(now, rotationEvery) {
		cmds = append(cmds, p.askRotations())
	}
	return tea.Batch(cmds...)
}

// Typing implements pane.Pane.
func (*Pane) Typing() bool { return false }

// Escape implements pane.Pane: a comparison, a value that is shown, the page
// of a secret, the overdue ones alone.
func (p *Pane) Escape() bool {
	switch {
	case p.diff != nil:
		p.env.Feeds.Stop(key(slotDiff))
		p.diff = nil
	case p.detail != nil && p.detail.shown != nil:
		p.mask()
	case p.detail != nil:
		p.close()
	case p.overdue:
		p.overdue = false
		p.fill()
	default:
		return false
	}
	p.refilter()
	return true
}

func (p *Pane) close() {
	for _, slot := range []string{slotHistory, slotPast, slotReveal, slotDiff} {
		p.env.Feeds.Stop(key(slot))
	}
	p.detail, p.diff = nil, nil
}

// Filter implements pane.Pane.
func (p *Pane) Filter(expr string) {
	p.filter = expr
	p.refilter()
}

func (p *Pane) refilter() {
	switch {
	case p.diff != nil:
		p.diff.table.Filter(p.filter)
	case p.detail != nil:
		p.detail.page.Find(p.filter)
	default:
		p.table.Filter(p.filter)
	}
}

// Subject implements pane.Pane: the secret, and the first of its consumers.
func (p *Pane) Subject() pane.Subject {
	r, ok := p.current()
	if !ok {
		return pane.Subject{}
	}
	s := pane.Subject{Context: r.context, Secret: r.s.Ref}
	if len(r.consumers) > 0 {
		s.Namespace, s.Workload = workload(r.consumers[0])
	}
	return s
}

// current is the secret of the page, or of the row under the cursor.
func (p *Pane) current() (row, bool) {
	if p.detail != nil {
		return p.detail.row, true
	}
	if r, ok := p.table.Current(); ok {
		return *r, true
	}
	return row{}, false
}

// Command implements pane.Pane. No value is ever part of one.
func (p *Pane) Command() string {
	switch {
	case p.diff != nil:
		return argv.Line(append([]string{"aictl", "secrets", "diff", p.diff.in.Left, p.diff.in.Right}, asked.Flags(p.env.Contexts, p.diff.context)...)...)
	case p.detail != nil:
		return argv.Line(append([]string{"aictl", "secrets", "history", p.detail.ref}, asked.Flags(p.env.Contexts, p.detail.context)...)...)
	case p.overdue:
		return "aictl secrets list --consumers --overdue"
	}
	return "aictl secrets list --consumers"
}
