package deployments

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// listColumns are the columns that are there only where they say something.
type listColumns struct{ contexts, namespaces, engines bool }

// arrange gives the table the columns that the rows need.
func (l *list) arrange(rows []row) {
	want := listColumns{contexts: len(l.p.env.Contexts) > 1, namespaces: l.p.all()}
	for i := range rows {
		want.contexts = want.contexts || rows[i].Context != rows[0].Context && rows[i].Context != "" && rows[0].Context != ""
		want.namespaces = want.namespaces || rows[i].Namespace != rows[0].Namespace
		want.engines = want.engines || rows[i].Engine != rows[0].Engine
	}
	if want == l.columns {
		return
	}
	l.columns = want
	cursor, at := "", false
	if r, ok := l.table.Current(); ok {
		cursor, at = r.key(), true
	}
	var marks []string
	for _, r := range l.table.Marked() {
		marks = append(marks, r.key())
	}
	old, err := json.Marshal(l.table.Save())
	l.table = l.makeTable()
	if err == nil {
		l.table.Restore(old)
	}
	l.table.Set(rows)
	for _, k := range marks {
		if l.table.Select(k) {
			l.table.Act("list.mark")
		}
	}
	l.table.Filter(l.expr)
	if at {
		l.table.Select(cursor)
	}
}

func (l *list) makeTable() *widget.Table[row] {
	p := l.p
	th := func() *theme.Theme { return p.env.Theme }
	type column = widget.Column[row]
	columns := []column{{
		Name: "STATE", Min: 10, Max: 15,
		Text: func(r *row) string {
			if !r.stale.IsZero() {
				return p.signs().old + " was " + r.State
			}
			return p.state(&r.Workload)
		},
		Style: func(r *row) theme.Style {
			if !r.stale.IsZero() {
				return th().Muted
			}
			return th().Severity(r.State)
		},
		Compare: func(a, b *row) int { return stateRank(a.State) - stateRank(b.State) },
	}}
	if l.columns.contexts {
		columns = append(columns, column{Name: "CONTEXT", Min: 7, Max: 20, Drop: 4, Text: func(r *row) string {
			if len(p.env.Contexts) > 1 || r.Context == "" {
				return r.asked
			}
			return r.Context
		}})
	}
	if l.columns.namespaces {
		columns = append(columns, column{Name: "NAMESPACE", Min: 9, Max: 24, Drop: 5, Text: func(r *row) string { return r.Namespace }})
	}
	columns = append(columns,
		column{Name: "NAME", Min: 20, Max: 48, Text: l.name},
		column{
			Name: "READY", Min: 5, Max: 9, Right: true, Drop: 1,
			Text: func(r *row) string { return strconv.Itoa(r.Ready) + "/" + strconv.Itoa(r.Desired) },
			Style: func(r *row) theme.Style {
				if r.Ready < r.Desired {
					return th().Warn
				}
				return theme.Style{}
			},
			Compare: func(a, b *row) int {
				return cmp.Or(cmp.Compare(a.Ready-a.Desired, b.Ready-b.Desired), cmp.Compare(a.Desired, b.Desired))
			},
		},
		column{Name: "UPDATED", Min: 7, Max: 7, Right: true, Drop: 8, Text: func(r *row) string { return strconv.Itoa(r.Updated) }, Compare: func(a, b *row) int { return cmp.Compare(a.Updated, b.Updated) }},
		column{Name: "REV", Min: 3, Max: 8, Right: true, Drop: 3, Text: func(r *row) string { return r.Revision }, Compare: func(a, b *row) int { return byNumber(a.Revision, b.Revision) }},
		column{Name: "CHANGED", Min: 7, Max: 7, Right: true, Drop: 2, Text: func(r *row) string { return p.ago(r.Changed) }, Compare: func(a, b *row) int { return a.Changed.Compare(b.Changed) }},
		column{Name: "IMAGE", Min: 14, Max: 44, Grow: true, Drop: 7, Text: func(r *row) string { return shortImages(r.Images) }},
		column{Name: "CAUSE", Min: 16, Max: 60, Grow: true, Drop: 6, Text: func(r *row) string { return oneLine(r.Cause) }},
		column{Name: "AGE", Min: 4, Max: 6, Right: true, Drop: 9, Text: func(r *row) string { return p.ago(r.Created) }, Compare: func(a, b *row) int { return a.Created.Compare(b.Created) }},
	)
	if l.columns.engines {
		columns = append(columns, column{Name: "ENGINE", Min: 10, Max: 10, Drop: 10, Text: func(r *row) string { return r.Engine }})
	}
	return widget.NewTable(th, func(r *row) string { return r.key() }, columns...)
}

// name is the workload's; where it is narrow without its kind, which would be
// all that is seen of it.
func (l *list) name(r *row) string {
	if l.narrow {
		return r.Name
	}
	return title(&r.Workload)
}

// byNumber orders revisions, which mostly are numbers.
func byNumber(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// shortImages leaves out where images come from: the name and the tag tell
// revisions apart.
func shortImages(images []string) string {
	out := make([]string, len(images))
	for i, image := range images {
		out[i] = image[strings.LastIndexByte(image, '/')+1:]
	}
	return strings.Join(out, ",")
}

func (l *list) view(width, height int) string {
	l.narrow = width < 40
	head := l.head(width, height)
	l.shown = len(head)
	l.table.ASCII, l.table.Empty = l.p.env.ASCII, l.nothing()
	table := l.table.View(width, height-len(head))
	return widget.Join(append(head, widget.Clip(table, width, height-len(head))...))
}

// click selects a row; a second click opens it.
func (l *list) click(_, y int) tea.Cmd {
	y -= l.shown
	was, _ := l.table.Current()
	key := ""
	if was != nil {
		key = was.key()
	}
	if y < 0 || !l.table.Click(y) {
		return nil
	}
	if now, ok := l.table.Current(); ok && now.key() == key {
		return l.act("deployments.open")
	}
	return nil
}
