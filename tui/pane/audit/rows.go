package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// patience is how long a change without an outcome is taken to be running.
const patience = time.Minute

// result says how it came out. An intent without an outcome is no success: it
// runs, or whoever did it was cut off.
func (r *row) result(now time.Time) string {
	switch {
	case r.outcome != nil:
		if r.outcome.Outcome == "" {
			return "?"
		}
		return r.outcome.Outcome
	case r.first.Outcome != "":
		return r.first.Outcome
	case now.Sub(r.first.Time) < patience:
		return "running"
	}
	return "no outcome"
}

func (r *row) style(th *theme.Theme, now time.Time) theme.Style {
	switch r.result(now) {
	case "ok":
		return th.OK
	case "running":
		return th.Info
	case "no outcome", "?":
		return th.Warn
	}
	return th.Bad
}

func (p *Pane) columns() []widget.Column[row] {
	cols := []widget.Column[row]{{
		Name: "time", Drop: 2, Text: func(r *row) string { return say.Clock(p.env, r.first.Time) },
		Compare: func(a, b *row) int { return a.first.Time.Compare(b.first.Time) },
	}}
	if p.many {
		cols = append(cols, widget.Column[row]{Name: "context", Min: 6, Max: 20, Text: func(r *row) string { return r.context }})
	}
	return append(cols,
		widget.Column[row]{Name: "who", Drop: 3, Min: 5, Max: 20, Text: func(r *row) string { return r.first.Actor }},
		widget.Column[row]{Name: "operation", Min: 8, Max: 24, Text: func(r *row) string { return r.first.Operation }},
		widget.Column[row]{Name: "target", Drop: 4, Min: 8, Max: 60, Text: func(r *row) string { return r.first.Target }},
		widget.Column[row]{
			Name:  "outcome",
			Text:  func(r *row) string { return r.result(p.env.Now) },
			Style: func(r *row) theme.Style { return r.style(p.env.Theme, p.env.Now) },
		},
		widget.Column[row]{Name: "reason", Drop: 5, Min: 8, Grow: true, Text: func(r *row) string { return r.first.Reason }},
		widget.Column[row]{Name: "from", Drop: 6, Max: 24, Text: func(r *row) string { return r.first.Remote }},
	)
}

// subjectOf reads what a record is about from its target, which each family of
// operations writes in its own way.
func subjectOf(r row) pane.Subject {
	s := pane.Subject{Context: r.context, At: r.first.Time}
	family, _, _ := strings.Cut(r.first.Operation, ".")
	target := r.first.Target
	if target == "" {
		return s
	}
	var details struct {
		Namespace string `json:"namespace"`
	}
	_ = json.Unmarshal(r.first.Details, &details) // where there are any
	switch family {
	case "secrets":
		if !strings.Contains(target, ":") {
			target = "vault:" + target
		}
		s.Secret = target
	case "deploy":
		s.Namespace = details.Namespace
		if strings.Contains(target, "/") {
			s.Workload = target
		} else {
			s.Service = target
		}
	case "incident":
		if r.first.Operation != "incident.open" { // whose target is a title
			s.Incident = target
		}
		s.Text = target
	case "sessions", "chat":
		s.Session = target
	default:
		s.Text = target
	}
	return s
}

// targetOf is the target that records about a subject have.
func targetOf(s pane.Subject) string {
	switch {
	case s.Secret != "":
		return s.Secret
	case s.Incident != "":
		return s.Incident
	case s.Workload != "":
		return s.Workload[strings.LastIndexByte(s.Workload, '/')+1:]
	}
	return s.Service
}

// summary counts in a line, and names the filter.
func (p *Pane) summary() string {
	n, bad := len(p.rows), 0
	for i := range p.rows {
		switch p.rows[i].result(p.env.Now) {
		case "ok", "running":
		default:
			bad++
		}
	}
	word := "changes"
	if n == 1 {
		word = "change"
	}
	out := fmt.Sprintf("%d %s", n, word)
	if bad > 0 {
		out += fmt.Sprintf(", %d without success", bad)
	}
	var by []string
	for _, f := range []struct{ word, value string }{
		{"of", p.filter.Actor}, {"by", p.filter.Operation}, {"about", p.filter.Target},
	} {
		if f.value != "" {
			by = append(by, f.word+" "+f.value)
		}
	}
	if len(by) > 0 {
		out += " " + strings.Join(by, " ")
	}
	return out
}
