package overview

import (
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/tui/pane"
)

// backendRows are the control planes and what is behind them, a row each, those
// that do not answer first.
func (p *Pane) backendRows() []*row {
	var out []*row
	for _, c := range p.env.Contexts {
		if r := p.controlPlane(c.Name); r != nil {
			out = append(out, r)
		}
		checks, _ := last[[]api.BackendCheck](p.backends, c.Name)
		rows := map[string]*row{}
		for _, b := range checks {
			r, ok := rows[b.Backend]
			if !ok {
				r = p.backend(c.Name, b.Backend)
				rows[b.Backend] = r
				out = append(out, r)
			}
			r.check(b)
		}
	}
	slices.SortStableFunc(out, func(a, b *row) int {
		switch {
		case a.upset == b.upset:
			return 0
		case a.upset:
			return -1
		}
		return 1
	})
	return out
}

func (p *Pane) backend(context, what string) *row {
	return &row{
		key: context + "/" + what, context: p.who(context), name: safe(what), word: "ok", sign: ok,
		subject: pane.Subject{Context: context, Text: what},
	}
}

// check adds one finding; what fails is what the row says.
func (r *row) check(b api.BackendCheck) {
	line := b.Check + ": " + b.Detail
	if !b.OK {
		line += " (" + string(b.Code) + ")"
	}
	r.lines = append(r.lines, safe(line))
	if b.Next != "" {
		r.lines = append(r.lines, "  next: "+safe(b.Next))
	}
	switch {
	case !b.OK && !r.upset:
		r.sign, r.word, r.upset = bad, safe(string(b.Code)), true
		r.note = safe(b.Detail)
		if b.Next != "" {
			r.note += " — next: " + safe(b.Next)
		}
	case r.note == "":
		r.note = strings.TrimSpace(safe(b.Detail))
	}
}

// controlPlane is the row of a context's server; nil before it said anything.
func (p *Pane) controlPlane(context string) *row {
	said, exists := p.status.parts[context]
	if !exists {
		return nil
	}
	r := p.backend(context, "control plane")
	st, known := said.out.(api.Status)
	switch {
	case p.direct(context):
		r.sign, r.word, r.note = quiet, "none", "the backends are asked directly"
	case said.err != nil:
		r.sign, r.word, r.upset = bad, string(fail.CodeOf(said.err)), true
		r.note = safe(said.err.Error())
		if next := hint(said.err); next != "" {
			r.note += " — next: " + next
		}
	case known && !st.Ready:
		r.sign, r.word, r.upset = warn, "not ready", true
		r.note = safe(strings.Join(st.Reasons, "; "))
	case known:
		r.word = "ready"
		r.note = safe(st.Version) + ", up " + output.Duration(time.Duration(st.Uptime)) + ", " + itoa(st.Services) + " services"
	}
	r.lines = []string{r.note}
	if known {
		r.lines = []string{
			"version: " + safe(st.Version), "started: " + st.Started.Format(time.RFC3339),
			"store: " + safe(st.Store), "limits: " + safe(st.Limits), "services: " + itoa(st.Services),
		}
		for _, reason := range st.Reasons {
			r.lines = append(r.lines, "not ready: "+safe(reason))
		}
	}
	return r
}
