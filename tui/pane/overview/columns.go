package overview

import (
	"strings"

	"github.com/aictl/aictl/internal/plot"
	"github.com/aictl/aictl/tui/past"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// column is a part of the rows of a box.
type column struct {
	head  string
	text  func(*row) string
	style func(*row) theme.Style
	most  int // at most so wide; 0 takes the room that is left
	right bool
	drop  int // vanishes the earlier where it is narrow; 0 stays
}

func (p *Pane) columns(id boxID, rows []*row, width int) []column {
	th := p.env.Theme
	of := func(s theme.Style) func(*row) theme.Style { return func(*row) theme.Style { return s } }
	state := func(r *row) theme.Style { return p.signStyle(r.sign) }
	mark := column{text: func(r *row) string { return p.signText(r.sign) }, style: state, most: 1}
	word := column{text: func(r *row) string { return r.word }, style: state, most: 11}
	title := column{text: func(r *row) string { return r.name }, style: of(th.Bold), most: 32}
	where := column{text: func(r *row) string { return r.where }, style: of(th.Text), most: 22, drop: 2}
	age := column{text: func(r *row) string { return p.age(r.at) }, style: of(th.Muted), most: 5, right: true, drop: 1}
	context := column{text: func(r *row) string { return r.context }, style: of(th.Info), most: 16, drop: 3}
	note := column{text: func(r *row) string { return r.note }, style: of(th.Muted)}
	switch id {
	case alertsBox:
		if p.inPast() { // how long ago is of now; the note has when
			where.drop, note.style = 0, of(th.Text)
			return []column{mark, word, title, where, context, note}
		}
		age.drop, where.drop = 0, 0
		note.style = of(th.Text)
		return []column{mark, word, title, where, context, age, note}
	case rolloutsBox:
		return []column{mark, word, title, where, context, age, note}
	case changesBox:
		if p.inPast() {
			age.text, age.most, age.right = func(r *row) string { return past.Clock(p.env, r.at) }, 15, false
		}
		age.drop, word.style, title.most, note.style = 0, of(th.Info), 26, of(th.Text)
		note.text = func(r *row) string {
			if r.previousToAlert > 0 {
				return widget.Age(r.previousToAlert) + " before the alert: " + r.note
			}
			return r.note
		}
		note.style = func(r *row) theme.Style {
			if r.previousToAlert > 0 {
				return th.Warn
			}
			return th.Text
		}
		return []column{age, word, title, context, note}
	case servicesBox:
		return p.serviceColumns([]column{mark, title, word, context}, note, rows, width)
	default:
		return []column{mark, title, word, context, note}
	}
}

// signalNames head the columns of the signals.
var signalNames = [len(signals)]string{"rate", "errors", "p95"}

const (
	valueWidth = 7
	leastSpark = 5
	mostSpark  = 28
	leastNote  = 24
)

// serviceColumns adds the signals, each with a line of its shape where there is
// room, and then the reason of what is not ready.
func (p *Pane) serviceColumns(cols []column, note column, rows []*row, width int) []column {
	th := p.env.Theme
	used, notes, traffic := 2, false, false
	for _, c := range cols {
		if w := natural(c, rows); w > 0 {
			used += w + 1
		}
	}
	for _, r := range rows {
		notes, traffic = notes || r.note != "", traffic || r.red != nil
	}
	if !traffic {
		return append(cols, note)
	}
	room := func(reserved int) int { return min((width-used-reserved)/len(signals)-valueWidth-3, mostSpark) }
	spark := room(leastNote + 1)
	if spark < leastSpark {
		// Shapes tell more than the reason, which is the share of errors mostly.
		spark = room(0)
		notes = notes && spark < leastSpark
	}
	for i := range signals {
		value := column{
			head: signalNames[i], most: valueWidth, right: true, drop: 1,
			text: func(r *row) string {
				if r.red == nil {
					return "-"
				}
				return shown(i, r.red.last(i))
			},
			style: func(r *row) theme.Style {
				if i == 1 && r.red != nil && r.red.last(i) > 0 {
					return th.Warn
				}
				return th.Text
			},
		}
		cols = append(cols, value)
		if spark < leastSpark {
			continue
		}
		cols = append(cols, column{
			most: spark, drop: 2, style: func(*row) theme.Style { return th.Curve(i) },
			text: func(r *row) string {
				line := ""
				if r.red != nil {
					line = plot.Spark(r.red.values[i], spark, p.env.ASCII)
				}
				return line + strings.Repeat(" ", max(spark-widget.Width(line), 0))
			},
		})
	}
	if notes {
		cols = append(cols, note)
	}
	return cols
}

// sampled bounds how many rows decide about the widths of the columns.
const sampled = 300
