package overview

import (
	"slices"

	"github.com/aictl/aictl/tui/pane"
)

// row is the one under the cursor; nil where there is none.
func (p *Pane) row() *row {
	rows := p.boxes[p.at.box].rows
	if p.at.index < len(rows) && rows[p.at.index].key == p.at.key {
		return rows[p.at.index]
	}
	return nil
}

// settle keeps the cursor on its row when the rows changed. Until the person
// moved it, it is on what is worst: the first alert that fires, or else the
// first service or rollout in trouble.
func (p *Pane) settle() {
	if !p.moved {
		p.worst()
		return
	}
	rows := p.boxes[p.at.box].rows
	if i := slices.IndexFunc(rows, func(r *row) bool { return r.key == p.at.key }); i >= 0 {
		p.at.index = i
		return
	}
	if len(rows) > 0 {
		p.set(p.at.box, min(p.at.index, len(rows)-1))
		return
	}
	p.worst()
}

func (p *Pane) worst() {
	for _, wanted := range []func(*row) bool{func(r *row) bool { return r.upset }, func(*row) bool { return true }} {
		for id := range p.boxes {
			if i := slices.IndexFunc(p.boxes[id].rows, wanted); i >= 0 {
				p.set(boxID(id), i)
				return
			}
		}
	}
	p.at = place{}
}

func (p *Pane) set(id boxID, index int) {
	p.at = place{box: id, key: p.boxes[id].rows[index].key, index: index}
}

// choose is set by a person.
func (p *Pane) choose(id boxID, index int) {
	p.moved = true
	p.set(id, index)
}

// move goes over the rows of all boxes.
func (p *Pane) move(by int) {
	id, i := p.at.box, p.at.index+by
	for {
		rows := p.boxes[id].rows
		if i >= 0 && i < len(rows) {
			p.choose(id, i)
			return
		}
		if by < 0 {
			id--
		} else {
			id++
		}
		if id < 0 || id >= boxCount {
			return
		}
		i = 0
		if by < 0 {
			i = len(p.boxes[id].rows) - 1
		}
	}
}

// jump goes to the first row of the next box that has any; back, it goes to the
// first of this box before that of the one before.
func (p *Pane) jump(by int) {
	if by < 0 && p.at.index > 0 && p.row() != nil {
		p.choose(p.at.box, 0)
		return
	}
	for id := p.at.box + boxID(by); id >= 0 && id < boxCount; id += boxID(by) {
		if len(p.boxes[id].rows) > 0 {
			p.choose(id, 0)
			return
		}
	}
}

func (p *Pane) end(bottom bool) {
	for n := range boxCount {
		id := n
		if bottom {
			id = boxCount - 1 - n
		}
		if rows := p.boxes[id].rows; len(rows) > 0 {
			i := 0
			if bottom {
				i = len(rows) - 1
			}
			p.choose(id, i)
			return
		}
	}
}

// seek puts the cursor on the row that a subject is about, where there is one.
func (p *Pane) seek(s pane.Subject) {
	for id := range p.boxes {
		for i, r := range p.boxes[id].rows {
			if s.Fingerprint != "" && r.subject.Fingerprint == s.Fingerprint ||
				s.Fingerprint == "" && s.Service != "" && boxID(id) == servicesBox && r.subject.Service == s.Service &&
					(s.Context == "" || s.Context == r.subject.Context) {
				p.choose(boxID(id), i)
				return
			}
		}
	}
}
