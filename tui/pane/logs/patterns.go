package logs

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// patterns is the view of the templates that messages share.
type patterns struct {
	p      *Pane
	table  *widget.Table[api.LogPattern]
	rows   []api.LogPattern
	asking bool
	failed []failure
	said   string // what was looked at
}

func (v *patterns) make(p *Pane) {
	v.p = p
	v.table = widget.NewTable(p.theme, func(r *api.LogPattern) string { return r.ID },
		widget.Column[api.LogPattern]{Name: "COUNT", Right: true, Text: func(r *api.LogPattern) string { return strconv.FormatInt(r.Count, 10) }, Compare: func(a, b *api.LogPattern) int { return cmp.Compare(a.Count, b.Count) }},
		widget.Column[api.LogPattern]{Name: "LEVEL", Drop: 2, Text: func(r *api.LogPattern) string { return strings.ToUpper(worst(r)) }, Style: func(r *api.LogPattern) theme.Style { return p.env.Theme.Severity(worst(r)) }},
		widget.Column[api.LogPattern]{Name: "SERVICES", Max: 28, Drop: 3, Text: services, Style: func(*api.LogPattern) theme.Style { return p.env.Theme.Accent }},
		widget.Column[api.LogPattern]{Name: "LAST", Drop: 4, Text: func(r *api.LogPattern) string { return p.clock(r.Last) }, Style: func(*api.LogPattern) theme.Style { return p.env.Theme.Muted }, Compare: func(a, b *api.LogPattern) int { return a.Last.Compare(b.Last) }},
		widget.Column[api.LogPattern]{Name: "PATTERN", Grow: true, Min: 20, Text: func(r *api.LogPattern) string { return r.Pattern }},
	)
	v.table.ASCII = p.env.ASCII
}

func (v *patterns) ask() tea.Cmd {
	p := v.p
	in := api.LogPatternsInput{LogFilter: p.query.filter, Limit: 200}
	in.From, in.To = p.env.Bounds()
	v.asking = true
	return feed.Ask(p.env.Feeds, p.key("patterns"), p.env.Contexts, api.LogsPatterns, in)
}

// take brings the contexts' patterns together: equal templates have equal ids
// everywhere.
func (v *patterns) take(a feed.Answer) {
	v.asking, v.failed = false, nil
	all := map[string]api.LogPattern{}
	var entries, looked int64
	more, sampled, good := 0, false, false
	for _, r := range a.Results {
		out, ok := r.Out.(api.LogPatterns)
		if r.Err != nil || !ok {
			if fail.CodeOf(r.Err) != fail.Canceled {
				v.failed = append(v.failed, failure{r.Context, r.Err})
			}
			continue
		}
		good = true
		entries, looked, more, sampled = entries+out.Sample.Entries, looked+out.Sample.Looked, more+out.More, sampled || out.Sample.Sampled
		for _, one := range out.Patterns {
			all[one.ID] = together(all[one.ID], one)
		}
	}
	if !good {
		return
	}
	v.rows = slices.SortedFunc(maps.Values(all), func(a, b api.LogPattern) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pattern, b.Pattern))
	})
	v.table.Set(v.rows)
	v.said = count(entries, "entry", "entries")
	if sampled {
		v.said = fmt.Sprintf("an even sample of %d of %s", looked, v.said)
	}
	v.said = count(int64(len(v.rows)), "pattern", "patterns") + " in " + v.said
	if more > 0 {
		v.said += fmt.Sprintf("; %d rarer ones are left out", more)
	}
}

func together(a, b api.LogPattern) api.LogPattern {
	if a.ID == "" {
		return b
	}
	out := a
	out.Count += b.Count
	if b.First.Before(out.First) {
		out.First = b.First
	}
	if b.Last.After(out.Last) {
		out.Last = b.Last
	}
	out.Levels, out.Services = sums(a.Levels, b.Levels), sums(a.Services, b.Services)
	return out
}

func sums(a, b map[string]int64) map[string]int64 {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]int64{}
	}
	for k, n := range b {
		out[k] += n
	}
	return out
}

// worst is the worst level that a pattern was logged with.
func worst(r *api.LogPattern) string {
	best, word := logs.Level(-1), ""
	for _, w := range slices.Sorted(maps.Keys(r.Levels)) {
		if l := logs.ParseLevel(w); l > best {
			best, word = l, w
		}
	}
	return word
}

// services names those that log a pattern, the most talkative first.
func services(r *api.LogPattern) string {
	names := byCount(r.Services)
	if len(names) > 3 {
		names = append(names[:3:3], fmt.Sprintf("+%d", len(names)-3))
	}
	return strings.Join(names, ",")
}

func byCount(n map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
}

func loudest(n map[string]int64) string {
	if names := byCount(n); len(names) > 0 {
		return names[0]
	}
	return ""
}

// byPattern asks for the lines of a template, within the present query.
func (p *Pane) byPattern(pattern string) tea.Cmd {
	q := p.query.filter
	q.Grep = grepOf(pattern)
	read, err := parse(format(q))
	if err != nil {
		return nil // a template of several thousand bytes: no expression is so long
	}
	return p.ask(read)
}

// grepOf is a regular expression for what a template stands for. Its words are
// apart by one blank, whatever they were apart by in the messages.
func grepOf(pattern string) string {
	words := strings.Fields(pattern)
	for i, w := range words {
		parts := strings.Split(w, "<*>")
		for j := range parts {
			parts[j] = regexp.QuoteMeta(parts[j])
		}
		words[i] = strings.Join(parts, ".*")
	}
	return strings.Join(words, `\s+`)
}

func (v *patterns) draw(width, height int) []string {
	th := v.p.env.Theme
	v.table.Empty = "no patterns in this window"
	said := v.said
	switch {
	case v.asking:
		said = "looking for the patterns…"
		v.table.Empty = said
	case len(v.failed) > 0 && len(v.rows) == 0:
		v.table.Empty = "the patterns of " + names(v.failed) + " are not known: " + v.failed[0].err.Error()
	}
	if len(v.failed) > 0 {
		said = strings.TrimPrefix(said+"; "+names(v.failed)+" did not answer", "; ")
	}
	out := []string{}
	if height > 3 {
		out = append(out, widget.Columns(th.Title.Render("Patterns"), th.Muted.Render(said), width))
		height--
	}
	return append(out, strings.Split(v.table.View(width, height), "\n")...)
}
