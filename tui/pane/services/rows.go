package services

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// row is a service of a context, with its figures where they are known.
type row struct {
	context string
	s       api.Service
	h       *api.ServiceHealth
}

func (r *row) key() string { return r.context + "\x00" + r.s.Name }

// figures are a service's health as a context told it.
type figures struct {
	context string
	h       api.ServiceHealth
}

func rowsOf(context string, list []api.Service) []row {
	out := make([]row, len(list))
	for i, s := range list {
		out[i] = row{context: context, s: s}
	}
	return out
}

func figuresOf(context string, list []api.ServiceHealth) []figures {
	out := make([]figures, len(list))
	for i, h := range list {
		out[i] = figures{context, h}
	}
	return out
}

// fill joins the services and their figures.
func (p *Pane) fill() {
	rows := p.list.Rows()
	known := map[string]*api.ServiceHealth{}
	for _, f := range p.health.Rows() {
		known[(&row{context: f.context, s: api.Service{Name: f.h.Name}}).key()] = &f.h
	}
	for i := range rows {
		rows[i].h = known[rows[i].key()]
	}
	p.table.Set(rows)
	p.fillThen()
}

func (p *Pane) find(s pane.Subject) (row, bool) {
	for _, r := range p.list.Rows() {
		if r.s.Name == s.Service && (s.Context == "" || s.Context == r.context) {
			return r, true
		}
	}
	return row{}, false
}

// openWanted opens the service that a subject named, once it came.
func (p *Pane) openWanted() tea.Cmd {
	s := p.wanted
	if s.Service == "" || !p.list.Known() {
		return nil
	}
	p.wanted = pane.Subject{}
	r, ok := p.find(s)
	if !ok {
		p.missing = s.Service
		return nil
	}
	p.pick(r)
	return p.open(r)
}

// rate is calls a second.
func (r *row) rate() float64 {
	if r.h == nil || r.h.Window <= 0 {
		return -1
	}
	return float64(r.h.Requests) / time.Duration(r.h.Window).Seconds()
}

func perSecond(rate float64) string {
	switch {
	case rate < 0:
		return "-"
	case rate == 0:
		return "0"
	case rate < 10:
		return strconv.FormatFloat(rate, 'f', 2, 64)
	}
	return strconv.FormatFloat(rate, 'f', 0, 64)
}

func errorsOf(h *api.ServiceHealth) string {
	switch {
	case h == nil:
		return "-"
	case h.Errors == 0:
		return "0"
	}
	return fmt.Sprintf("%d (%s)", h.Errors, output.Percent(h.ErrorRate))
}

func millis(ms float64) string {
	if ms == 0 {
		return "-"
	}
	return output.Duration(time.Duration(ms * float64(time.Millisecond)))
}

func (r *row) figure(f func(h *api.ServiceHealth) float64) float64 {
	if r.h == nil {
		return -1
	}
	return f(r.h)
}

func p95(h *api.ServiceHealth) float64   { return h.P95 }
func share(h *api.ServiceHealth) float64 { return h.ErrorRate }

func (p *Pane) columns() []widget.Column[row] {
	cols := []widget.Column[row]{}
	if p.many {
		cols = append(cols, widget.Column[row]{Name: "context", Min: 6, Max: 20, Text: func(r *row) string { return r.context }})
	}
	plain := func(name string, drop int, text func(r *row) string) widget.Column[row] {
		return widget.Column[row]{Name: name, Drop: drop, Text: text}
	}
	number := func(name string, drop int, text func(r *row) string, value func(r *row) float64) widget.Column[row] {
		return widget.Column[row]{
			Name: name, Drop: drop, Right: true, Text: text,
			Compare: func(a, b *row) int { return cmp.Compare(value(a), value(b)) },
		}
	}
	failing := number("errors", 2, func(r *row) string { return errorsOf(r.h) }, func(r *row) float64 { return r.figure(share) })
	failing.Style = func(r *row) theme.Style {
		if r.h != nil && r.h.Errors > 0 {
			return p.env.Theme.Bad
		}
		return p.env.Theme.Text
	}
	version := plain("version", 5, func(r *row) string { return r.s.Version })
	version.Max = 16
	named := plain("name", 0, func(r *row) string { return r.s.Name })
	named.Min = 6
	return append(cols,
		named,
		widget.Column[row]{Name: "state", Text: func(r *row) string { return r.s.State }, Style: func(r *row) theme.Style { return p.env.Theme.Severity(r.s.State) }},
		plain("ready", 3, func(r *row) string { return fmt.Sprintf("%d/%d", r.s.Ready, r.s.Replicas) }),
		version,
		number("calls/s", 1, func(r *row) string { return perSecond(r.rate()) }, (*row).rate),
		failing,
		number("p95", 4, func(r *row) string {
			if r.h == nil {
				return "-"
			}
			return millis(r.h.P95)
		}, func(r *row) float64 { return r.figure(p95) }),
		number("operations", 6, func(r *row) string { return strconv.Itoa(len(r.s.Operations)) }, func(r *row) float64 { return float64(len(r.s.Operations)) }),
		plain("kind", 7, func(r *row) string { return r.s.Kind }),
		widget.Column[row]{Name: "about", Drop: 8, Grow: true, Min: 12, Text: func(r *row) string {
			if r.h != nil && r.h.Reason != "" {
				return r.h.Reason
			}
			return r.s.Summary
		}},
	)
}

// summary counts the states in a line: "3 services: 2 ready, 1 down".
func (p *Pane) summary() string {
	counts := map[string]int{}
	n := 0
	for _, r := range p.list.Rows() {
		counts[r.s.State]++
		n++
	}
	word := "services"
	if n == 1 {
		word = "service"
	}
	parts := []string{}
	for _, state := range []string{"down", "degraded", "ready"} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
			n -= counts[state]
		}
	}
	if n > 0 {
		parts = append(parts, fmt.Sprintf("%d in another state", n))
	}
	return strings.TrimSuffix(fmt.Sprintf("%d %s: %s", len(p.list.Rows()), word, strings.Join(parts, ", ")), ": ")
}
