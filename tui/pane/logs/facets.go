package logs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/where"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/widget"
)

// facetValues are so many values a field.
const facetValues = 8

// facets is the view of the fields beside the lines.
type facets struct {
	p      *Pane
	open   bool
	tree   *widget.Tree[facet]
	asking bool
	asked  bool
	failed []failure
}

// facet is a field, or one value of it.
type facet struct {
	field, value string
	count, of    int64
	leaf         bool
}

func (f *facets) make(p *Pane) {
	f.p = p
	f.tree = widget.NewTree(p.theme, f.label)
	f.tree.ASCII = p.env.ASCII
}

func (f *facets) ask() tea.Cmd {
	p := f.p
	in := api.LogFieldsInput{LogFilter: p.query.filter, Top: facetValues}
	in.From, in.To = p.env.Bounds()
	f.asking = true
	return feed.Ask(p.env.Feeds, p.key("fields"), p.env.Contexts, api.LogsFields, in)
}

// first are the fields that people look for, in this order and open; the others
// follow by how many entries have them.
var first = []string{
	"level", "log.level", "service", "service.name", "event.outcome", "http.response.status_code", "http.status",
	"error.code", "kubernetes.namespace",
}

// take keeps an answer. Where nothing came, the old fields stay.
func (f *facets) take(a feed.Answer) {
	f.asking, f.failed = false, nil
	type key struct{ field, value string }
	fields, values := map[string]int64{}, map[key]int64{}
	good := false
	for _, r := range a.Results {
		list, ok := r.Out.([]api.LogField)
		if r.Err != nil || !ok {
			if fail.CodeOf(r.Err) != fail.Canceled {
				f.failed = append(f.failed, failure{r.Context, r.Err})
			}
			continue
		}
		good = true
		for _, one := range list {
			fields[one.Name] += one.Count
			for _, v := range one.Values {
				values[key{one.Name, v.Value}] += v.Count
			}
		}
	}
	if !good {
		return
	}
	f.asked = true
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		i, j := slices.Index(first, a), slices.Index(first, b)
		if i < 0 {
			i = len(first)
		}
		if j < 0 {
			j = len(first)
		}
		return cmp.Or(cmp.Compare(i, j), cmp.Compare(fields[b], fields[a]), strings.Compare(a, b))
	})
	roots := make([]widget.Node[facet], len(names))
	at := map[string]int{}
	for i, n := range names {
		at[n] = i
		roots[i] = widget.Node[facet]{Key: n, Value: facet{field: n, count: fields[n]}, Closed: !slices.Contains(first, n)}
	}
	for k, n := range values {
		root := &roots[at[k.field]]
		root.Children = append(root.Children, widget.Node[facet]{
			Key: k.field + "\x00" + k.value, Value: facet{field: k.field, value: k.value, count: n, of: fields[k.field], leaf: true},
		})
	}
	for i := range roots {
		slices.SortFunc(roots[i].Children, func(a, b widget.Node[facet]) int {
			return cmp.Or(cmp.Compare(b.Value.count, a.Value.count), strings.Compare(a.Value.value, b.Value.value))
		})
		roots[i].Children = roots[i].Children[:min(len(roots[i].Children), facetValues)]
	}
	f.tree.Set(roots)
}

// label is a line of the tree.
func (f *facets) label(n *widget.Node[facet]) string {
	th := f.p.env.Theme
	v := n.Value
	if !v.leaf {
		return th.Accent.Render(term.SafeLine(v.field)) + " " + th.Muted.Render(short(v.count))
	}
	text := v.value
	if text == "" {
		text = `""`
	}
	share := int64(0)
	if v.of > 0 {
		share = 100 * v.count / v.of
	}
	head := pad(short(v.count), 6) + " " + pad(strconv.FormatInt(share, 10)+"%", 4) + " "
	sign := "  "
	if f.chosen(v) {
		sign = "> " // it is in the query
	}
	return th.Muted.Render(head) + sign + term.SafeLine(text)
}

// chosen reports whether the query asks for the value.
func (f *facets) chosen(v facet) bool {
	q := f.p.query.filter
	own, _ := where.Canonical(v.field)
	switch own { //nolint:exhaustive // the others are expressions
	case where.OwnService:
		return slices.Contains(q.Service, v.value)
	case where.OwnTrace:
		return q.Trace == v.value
	}
	return slices.Contains(strings.Split(q.Where, " && "), equals(v))
}

// equals is the expression for a value.
func equals(v facet) string { return v.field + " == " + literal(v.value) }

// literal is a value in an expression: numbers and booleans as they are.
func literal(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xXpPnN_") || s == "true" || s == "false" {
		return s
	}
	return where.Value{Kind: where.Text, Text: s}.String()
}

// choose filters by the value under the cursor, or takes that back.
func (f *facets) choose() tea.Cmd {
	n, ok := f.tree.Current()
	if !ok {
		return nil
	}
	v := n.Value
	if !v.leaf {
		f.tree.Toggle()
		return nil
	}
	q := f.p.query.filter
	on := !f.chosen(v)
	own, _ := where.Canonical(v.field)
	switch own { //nolint:exhaustive // the others are expressions
	case where.OwnService:
		q.Service = slices.DeleteFunc(slices.Clone(q.Service), func(s string) bool { return s == v.value })
		if on {
			q.Service = append(q.Service, v.value)
		}
	case where.OwnTrace:
		if q.Trace = ""; on {
			q.Trace = v.value
		}
	default:
		parts := slices.DeleteFunc(strings.Split(q.Where, " && "), func(s string) bool { return s == "" || s == equals(v) })
		if on {
			parts = append(parts, equals(v))
		}
		q.Where = strings.Join(parts, " && ")
	}
	read, err := parse(format(q))
	if err != nil {
		f.p.remarks = append(f.p.remarks, term.SafeLine(err.Error()))
		return nil
	}
	return f.p.ask(read)
}

// draw draws the view.
func (f *facets) draw(width, height int) []string {
	th := f.p.env.Theme
	head := th.Header.Render(widget.Fit("FIELDS", width))
	switch {
	case f.tree.Len() == 0 && len(f.failed) > 0:
		f.tree.Empty = "the fields of " + names(f.failed) + " are not known: " + f.failed[0].err.Error()
	case f.asking && !f.asked:
		f.tree.Empty = "asking for the fields…"
	default:
		f.tree.Empty = "no fields in this window"
	}
	out := []string{widget.Cut(head, width)}
	if height > 1 {
		out = append(out, strings.Split(f.tree.View(width, height-1), "\n")...)
	}
	return out
}
