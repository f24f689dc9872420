package alerts

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/when"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// command writes a command line; the context is named where there are several.
func (p *Pane) command(context string, words ...string) string {
	if p.many && context != "" {
		words = append(words, "--context", context)
	}
	return argv.Line(append([]string{"aictl"}, words...)...)
}

func toast(text string) tea.Cmd { return pane.Send(pane.Toast{Text: text, Level: "warn"}) }

// proposeNext sends the first change of the queue; the one after it follows
// when this one is made.
func (p *Pane) proposeNext() tea.Cmd {
	if len(p.queue) == 0 {
		return nil
	}
	next := p.queue[0]
	p.queue = p.queue[1:]
	return pane.Send(next)
}

// ack takes the picked alerts over.
func (p *Pane) ack() tea.Cmd {
	picked := p.picked()
	if len(picked) == 0 {
		return toast("there is no alert under the cursor")
	}
	title := "Take over " + picked[0].Name
	if len(picked) > 1 {
		title = fmt.Sprintf("Take over %d alerts", len(picked))
	}
	return pane.Send(pane.Ask{
		Title: title,
		Fields: []pane.Field{
			{Label: "comment", Help: "what you are doing about it"},
			{Label: "for", Initial: "24h", Help: "give it back after this long at most", Required: true},
		},
		Then: func(values []string) tea.Cmd {
			length, err := when.Duration(values[1])
			if err != nil {
				return toast(err.Error())
			}
			p.queue = nil
			for _, part := range p.covers(picked) {
				in := &api.AlertAckInput{Matchers: part.matchers, Comment: values[0], For: op.Duration(length)}
				words := append([]string{"alerts", "ack"}, part.words...)
				if values[0] != "" {
					words = append(words, "--comment", values[0])
				}
				if values[1] != "24h" {
					words = append(words, "--for", values[1])
				}
				p.queue = append(p.queue, pane.Propose{Pane: name, Context: part.context, Change: api.AlertsAck, In: in, Command: p.command(part.context, words...)})
			}
			return p.proposeNext()
		},
	})
}

// part is alerts of one context that one line of matchers picks.
type part struct {
	context, matchers string
	words             []string
}

// covers parts alerts so that each part's matchers pick its alerts and none
// beside them, in as few parts as are easily found.
func (p *Pane) covers(picked []row) []part {
	byContext := map[string][]row{}
	var order []string
	for _, r := range picked {
		if byContext[r.Context] == nil {
			order = append(order, r.Context)
		}
		byContext[r.Context] = append(byContext[r.Context], r)
	}
	var out []part
	for _, c := range order {
		out = append(out, p.cover(c, byContext[c])...)
	}
	return out
}

func (p *Pane) cover(context string, list []row) []part {
	if len(list) == 1 {
		return []part{{context, list[0].Fingerprint, []string{list[0].Fingerprint}}}
	}
	names := common(list, true)
	for i := 1; i <= len(names); i++ { // as few labels as pick them exactly
		words := matchersOf(list, names[:i])
		text := strings.Join(words, " ")
		if p.hits(context, text) == len(list) {
			return []part{{context, text, words}}
		}
	}
	for _, label := range []string{"alertname", "service"} {
		if groups := split(list, label); len(groups) > 1 {
			var out []part
			for _, g := range groups {
				out = append(out, p.cover(context, g)...)
			}
			return out
		}
	}
	out := make([]part, 0, len(list))
	for _, r := range list {
		out = append(out, p.cover(context, []row{r})...)
	}
	return out
}

// hits is how many alerts of a context the matchers pick. That the picked ones
// are among them is how matchersOf makes them.
func (p *Pane) hits(context, matchers string) int {
	m, err := alerts.Parse(matchers)
	if err != nil {
		return -1
	}
	n := 0
	for _, r := range p.alerts {
		if r.Context == context && m.Hit(r.Labels) {
			n++
		}
	}
	return n
}

// common are the labels that all have, the telling ones first; with any their
// values may differ, otherwise they are the same.
func common(list []row, anyValue bool) []string {
	var out []string
	for label, value := range list[0].Labels {
		if !slices.ContainsFunc(list, func(r row) bool { v, ok := r.Labels[label]; return !ok || !anyValue && v != value }) {
			out = append(out, label)
		}
	}
	rank := func(label string) int { return slices.Index([]string{"service", "alertname"}, label) }
	slices.SortFunc(out, func(a, b string) int {
		if ra, rb := rank(a), rank(b); ra != rb {
			return rb - ra
		}
		return strings.Compare(a, b)
	})
	return out
}

// matchersOf are a matcher a label: equal to the value, or to one of them.
func matchersOf(list []row, labels []string) []string {
	out := make([]string, 0, len(labels))
	for _, label := range labels {
		var values []string
		for _, r := range list {
			if v := r.Labels[label]; !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) == 1 {
			out = append(out, label+"="+strconv.Quote(values[0]))
			continue
		}
		slices.Sort(values)
		for i, v := range values {
			values[i] = regexp.QuoteMeta(v)
		}
		out = append(out, label+"=~"+strconv.Quote(strings.Join(values, "|")))
	}
	return out
}

func split(list []row, label string) [][]row {
	at := map[string]int{}
	var out [][]row
	for _, r := range list {
		v := r.Labels[label]
		n, known := at[v]
		if !known {
			n = len(out)
			at[v] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], r)
	}
	return out
}

// unsilence ends the marked silences, or the one under the cursor.
func (p *Pane) unsilence() tea.Cmd {
	var ids []string
	context := ""
	add := func(s *silence) bool {
		if context == "" {
			context = s.Context
		}
		if s.Context == context && s.State != "expired" {
			ids = append(ids, s.ID)
		}
		return true
	}
	for _, s := range p.silences.Marked() {
		add(s)
	}
	if s, ok := p.silences.Current(); ok && len(ids) == 0 {
		add(s)
	}
	if len(ids) == 0 {
		return toast("there is no silence under the cursor that holds")
	}
	return pane.Send(pane.Propose{
		Pane: name, Context: context, Change: api.AlertsUnsilence, In: &api.UnsilenceInput{IDs: strings.Join(ids, " ")},
		Command: p.command(context, append([]string{"alerts", "unsilence"}, ids...)...),
	})
}

// sweep ends every silence that keeps nothing quiet.
func (p *Pane) sweep() tea.Cmd {
	context := p.env.Primary().Name
	if s, ok := p.silences.Current(); ok {
		context = s.Context
	}
	return pane.Send(pane.Propose{
		Pane: name, Context: context, Change: api.AlertsUnsilence, In: &api.UnsilenceInput{Stale: true},
		Command: p.command(context, "alerts", "unsilence", "--stale"),
	})
}

// askSilence asks what to keep quiet, for how long and why.
func (p *Pane) askSilence(matchers, length, comment, until string) tea.Cmd {
	picked := p.picked()
	context := p.env.Primary().Name
	if len(picked) > 0 {
		context = picked[0].Context
		if slices.ContainsFunc(picked, func(r row) bool { return r.Context != context }) {
			return toast("the marked alerts are of several contexts: silence those of one at a time")
		}
		if matchers == "" {
			labels := common(picked, false)
			for _, label := range []string{"service", "alertname"} { // one of several values is still telling
				if !slices.Contains(labels, label) && slices.Contains(common(picked, true), label) {
					labels = slices.Insert(labels, 0, label)
				}
			}
			matchers = strings.Join(matchersOf(picked, labels), " ")
		}
	}
	return pane.Send(pane.Ask{
		Title: "Silence: first a look at what it would keep quiet",
		Fields: []pane.Field{
			{Label: "matchers", Initial: matchers, Help: `all must hold: alertname="X" service=~"a|b"`, Required: true},
			{Label: "duration", Initial: length, Help: "30m, 2h, 1d", Required: true},
			{Label: "comment", Initial: comment, Help: "why; needed for more than a day, for many alerts and for critical ones"},
			{Label: "until resolved", Initial: until, Help: "end when none of what it hits fires any more", Enum: []string{"no", "yes"}},
		},
		Then: func(v []string) tea.Cmd { return p.look(context, v) },
	})
}

// look asks what the silence would hit.
func (p *Pane) look(context string, v []string) tea.Cmd {
	length, err := when.Duration(v[1])
	if err != nil {
		return toast(err.Error())
	}
	m, err := alerts.Parse(v[0])
	if err == nil {
		err = alerts.CheckSilence(m, length)
	}
	if err != nil {
		return toast(err.Error())
	}
	p.preview = newPreview(context, v, length)
	return feed.Ask(p.env.Feeds, p.slot("preview"), []feed.Context{p.env.Context(context)}, api.AlertsPreview, api.PreviewInput{Matchers: v[0]})
}
