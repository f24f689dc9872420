package polish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// serviceDetail shows a service as a person reads it: what it is, what it can
// do with an example each, how it is doing.
func serviceDetail(p *output.Printer, out any) error {
	d := out.(api.ServiceDetail) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(d)
	}
	st := p.Env().Styles
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s)\n%s\n\n", st.Bold(term.SafeLine(d.Name)), term.SafeLine(d.Version), d.Kind, term.SafeLine(d.Summary))
	fmt.Fprintf(&b, "State:     %s, %d of %d replicas ready\n", st.Apply(stateStyle(d.State), d.State), d.Ready, d.Replicas)
	h := d.Health
	fmt.Fprintf(&b, "Requests:  %d in %s, %d errors (%s)\n", h.Requests, output.Duration(time.Duration(h.Window)), h.Errors, output.Percent(h.ErrorRate))
	if h.Requests > 0 {
		fmt.Fprintf(&b, "Latency:   p50 %s, p95 %s, p99 %s\n", millis(h.P50), millis(h.P95), millis(h.P99))
	}
	b.WriteString("\nOperations:\n")
	for _, o := range d.Describes {
		marks := ""
		if o.Streams {
			marks = st.Muted(" (streams)")
		}
		fmt.Fprintf(&b, "  %s%s\n    %s\n", st.Bold(term.SafeLine(o.Name)), marks, term.SafeLine(o.Summary))
		if len(o.Examples) > 0 {
			var compact bytes.Buffer
			if json.Compact(&compact, o.Examples[0]) == nil && compact.Len() < 400 {
				fmt.Fprintf(&b, "    %s\n", st.Muted(fmt.Sprintf("aictl invoke %s %s -d '%s'", term.SafeLine(d.Name), term.SafeLine(o.Name), term.SafeLine(compact.String()))))
			}
		}
	}
	if len(h.Recent) > 0 {
		b.WriteString("\nRecent errors:\n")
		for _, e := range h.Recent {
			fmt.Fprintf(&b, "  %s %s %s: %s\n", p.Env().Time(e.Time), term.SafeLine(e.Operation), term.SafeLine(e.Code), term.SafeLine(e.Message))
		}
	}
	_, err := p.Out().Write([]byte(b.String()))
	return err
}

func sessionDetail(p *output.Printer, out any) error {
	d := out.(api.SessionDetail) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(d)
	}
	st := p.Env().Styles
	var b strings.Builder
	for _, m := range d.History {
		fmt.Fprintf(&b, "%s\n%s\n\n", st.Accent(term.SafeLine(m.Role)+":"), term.Safe(m.Content))
	}
	_, err := p.Out().Write([]byte(b.String()))
	return err
}

func whoami(p *output.Printer, out any) error {
	return output.One(p, output.View[api.Whoami]{
		Kind: "account", Name: func(w api.Whoami) string { return w.Subject },
		Columns: []output.Column[api.Whoami]{
			col("account", func(w api.Whoami) string { return w.Subject }),
			col("roles", func(w api.Whoami) string { return grants(w.Grants) }),
			col("token", func(w api.Whoami) string { return w.TokenID }),
			col("server", func(w api.Whoami) string { return w.Server }),
		},
	}, out.(api.Whoami)) //nolint:forcetypeassert // the declaration says so
}

// providerReports shows a line a check; an upstream that cannot answer at all
// is a failed condition.
func providerReports(p *output.Printer, out any) error {
	reports := out.([]api.ProviderReport) //nolint:forcetypeassert // the declaration says so
	type row struct {
		api.ProviderCheck
		provider, model string
	}
	var rows []row
	var bad []string
	for _, r := range reports {
		for _, c := range r.Checks {
			rows = append(rows, row{c, r.Name, r.Model})
		}
		if !r.OK {
			bad = append(bad, r.Name)
		}
	}
	err := output.ListDoc(p, output.View[row]{
		Kind: "check", Name: func(r row) string { return r.provider + "/" + r.Check },
		Columns: []output.Column[row]{
			col("provider", func(r row) string { return r.provider }),
			col("model", func(r row) string { return r.model }),
			col("check", func(r row) string { return r.Check }),
			{Header: "result", Value: plain(func(r row) string { return r.Result }), Style: func(r row, _ output.Env) term.Style {
				return map[string]term.Style{"ok": term.OK, "no": term.Bad}[r.Result]
			}},
			{Header: "time", Right: true, Value: plain(func(r row) string { return output.Duration(time.Duration(r.Duration)) })},
			col("detail", func(r row) string { return r.Detail }),
		},
	}, reports, rows)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return fail.New(fail.False, "not usable: %s", strings.Join(bad, ", ")).Hint("aictl providers list")
	}
	return nil
}
