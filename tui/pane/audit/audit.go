// Package audit is the pane of the audit record: who changed what, when, why,
// and how it came out. A change is one row, of the record of its intent and
// that of its outcome. The chain behind the records can be verified from here.
package audit

import (
	"context"
	"encoding/json"
	"strconv"
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
const name = "audit"

// The slots of its questions.
const (
	slotLog    = "log"
	slotVerify = "verify"
)

const (
	// every is how often a live window is asked for what is new.
	every = 5 * time.Second
	// most is how many records of a context are asked for, and kept.
	most = 2000
)

// Pane is the pane of the audit.
type Pane struct {
	env *pane.Env

	log asked.Listing[struct{}] // who answered; the records are in books
	// books are the records of each context.
	books  map[string]*book
	filter api.AuditFilter // actor, operation and target
	expr   string          // of `/`
	table  *widget.Table[row]
	rows   []row // what the table has, before the filter
	many   bool  // the table has a column for the context
	top    int   // the first line of the table in the last frame, for clicks

	detail   *detail
	verdicts []verdict
	checking bool
}

// New makes the pane.
func New(env *pane.Env) *Pane {
	p := &Pane{env: env, books: map[string]*book{}}
	p.build()
	return p
}

var (
	_ pane.Pane    = (*Pane)(nil)
	_ pane.Clicker = (*Pane)(nil)
	_ pane.Keeper  = (*Pane)(nil)
)

// Info implements pane.Pane.
func (*Pane) Info() pane.Info { return pane.Info{Name: name, Title: "Audit", Key: "0"} }

func (p *Pane) theme() *theme.Theme { return p.env.Theme }

func key(slot string) feed.Key { return feed.Key{Pane: name, Slot: slot} }

// Open implements pane.Pane. A subject with a secret, an incident or a
// workload narrows the record to it.
func (p *Pane) Open(s pane.Subject) tea.Cmd {
	if target := targetOf(s); target != "" {
		p.detail = nil
		p.filter = api.AuditFilter{Target: target}
		return p.Refresh()
	}
	if !p.log.Known() {
		return p.Refresh()
	}
	return p.more()
}

// Refresh implements pane.Pane: the whole window is asked again.
func (p *Pane) Refresh() tea.Cmd {
	if many := len(p.env.Contexts) > 1; many != p.many {
		p.many = many
		p.build()
	}
	return p.ask(true)
}

// more asks for what came since the last record.
func (p *Pane) more() tea.Cmd { return p.ask(false) }

// page is what a context answered: all of the window, or what is new.
type page struct {
	entries []api.AuditEntry
	all     bool
}

func (p *Pane) ask(all bool) tea.Cmd {
	p.log.Begin(p.env.Contexts, p.env.Now)
	if p.detail != nil && !asked.Among(p.env.Contexts, p.detail.row.context) {
		p.detail = nil
	}
	p.fill()
	from, to := p.env.Bounds()
	in := p.filter
	in.Limit, in.From = most, from.UTC().Format(time.RFC3339Nano)
	if !p.env.Window.Live {
		in.To = to.UTC().Format(time.RFC3339Nano)
	}
	newest := map[string]string{} // a copy: the work runs beside the loop
	for context, b := range p.books {
		if last := b.last(); !all && last.After(from) {
			newest[context] = last.UTC().Format(time.RFC3339Nano)
		}
	}
	return feed.Do(p.env.Feeds, key(slotLog), p.env.Contexts, func(ctx context.Context, c feed.Context) (any, error) {
		in := in
		since, some := newest[c.Name]
		if some {
			in.From = since
		}
		entries, err := api.AuditLog.Call(ctx, c.Caller, in)
		return page{entries, !some}, err
	})
}

// Update implements pane.Pane.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case feed.Answer:
		switch msg.Slot {
		case slotLog:
			p.log.Take(msg, p.env.Now, func(context string, out any) []struct{} {
				p.took(context, out.(page)) //nolint:forcetypeassert // it is ours
				return nil
			})
			p.fill()
		case slotVerify:
			p.verified(msg)
		}
	case pane.Tick:
		if p.env.Window.Live && p.log.Due(msg.Now, every) {
			return p.more()
		}
	}
	return nil
}

// Typing implements pane.Pane.
func (*Pane) Typing() bool { return false }

// Escape implements pane.Pane: a record, the verdict, the filter by fields.
func (p *Pane) Escape() bool {
	switch {
	case p.detail != nil:
		p.detail = nil
		p.table.Filter(p.expr)
	case len(p.verdicts) > 0 || p.checking:
		p.env.Feeds.Stop(key(slotVerify))
		p.verdicts, p.checking = nil, false
	default:
		return false
	}
	return true
}

// Filter implements pane.Pane.
func (p *Pane) Filter(expr string) {
	p.expr = expr
	if p.detail != nil {
		p.detail.page.Find(expr)
		return
	}
	p.table.Filter(expr)
}

// Subject implements pane.Pane: what the record is about.
func (p *Pane) Subject() pane.Subject {
	if p.detail != nil {
		return subjectOf(p.detail.row)
	}
	if r, ok := p.table.Current(); ok {
		return subjectOf(*r)
	}
	return pane.Subject{}
}

// Command implements pane.Pane.
func (p *Pane) Command() string {
	line := "aictl audit log " + p.env.Window.Flags()
	var words []string
	for _, f := range []struct{ flag, value string }{
		{"--actor", p.filter.Actor}, {"--operation", p.filter.Operation}, {"--target", p.filter.Target},
	} {
		if f.value != "" {
			words = append(words, f.flag, f.value)
		}
	}
	return line + " " + argv.Line(append(words, "--limit", strconv.Itoa(most))...)
}

// kept is what the pane keeps between two sessions.
type kept struct {
	Table  any             `json:"table"`
	Filter api.AuditFilter `json:"filter"`
}

// Save implements pane.Keeper.
func (p *Pane) Save() any { return kept{p.table.Save(), p.filter} }

// Restore implements pane.Keeper.
func (p *Pane) Restore(raw []byte) {
	var k struct {
		Table  json.RawMessage `json:"table"`
		Filter api.AuditFilter `json:"filter"`
	}
	if json.Unmarshal(raw, &k) == nil {
		p.filter = api.AuditFilter{Actor: k.Filter.Actor, Operation: k.Filter.Operation, Target: k.Filter.Target}
		p.table.Restore(k.Table)
	}
}

// build makes the table, as the old one was ordered.
func (p *Pane) build() {
	p.table = asked.Remade(p.table, widget.NewTable(p.theme, (*row).key, p.columns()...))
	p.table.ASCII = p.env.ASCII
	p.table.Filter(p.expr)
	p.fill()
}
