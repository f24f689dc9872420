package overview

import tea "charm.land/bubbletea/v2"

// Click implements pane.Clicker.
func (p *Pane) Click(x, y int) tea.Cmd {
	for _, h := range p.hits {
		if h.y != y || x < h.x || x >= h.to || h.index >= len(p.boxes[h.box].rows) {
			continue
		}
		if p.at.box == h.box && p.at.index == h.index && p.moved {
			return p.open()
		}
		p.choose(h.box, h.index)
	}
	return nil
}

// Scroll implements pane.Clicker.
func (p *Pane) Scroll(lines int) {
	for ; lines > 0; lines-- {
		p.move(1)
	}
	for ; lines < 0; lines++ {
		p.move(-1)
	}
}
