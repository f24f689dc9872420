package secrets

import (
	"encoding/json"

	"github.com/aictl/aictl/tui/asked"
	"github.com/aictl/aictl/tui/widget"
)

// kept is what the pane keeps between two sessions.
type kept struct {
	Table   any  `json:"table"`
	Overdue bool `json:"overdue,omitempty"`
}

// Save implements pane.Keeper.
func (p *Pane) Save() any { return kept{p.table.Save(), p.overdue} }

// Restore implements pane.Keeper.
func (p *Pane) Restore(raw []byte) {
	var k struct {
		Table   json.RawMessage `json:"table"`
		Overdue bool            `json:"overdue"`
	}
	if json.Unmarshal(raw, &k) == nil {
		p.overdue = k.Overdue
		p.table.Restore(k.Table)
		p.fill()
	}
}

// build makes the table, as the old one was ordered.
func (p *Pane) build() {
	p.table = asked.Remade(p.table, widget.NewTable(p.theme, (*row).key, p.columns()...))
	p.table.ASCII = p.env.ASCII
	p.table.Filter(p.filter)
	p.fill()
}
