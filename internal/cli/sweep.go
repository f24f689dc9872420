package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/bundle"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
	"github.com/aictl/aictl/tui"
)

// notSwept are the read operations that a sweep does not ask, and why. What is
// neither here nor askable by what is known (asks) is named in the bundle.
var notSwept = map[string]string{
	"logs.tail":         "a stream of what comes; record it by itself: aictl record -- logs -f",
	"alerts.watch":      "a stream of what comes; record it by itself: aictl record -- alerts watch",
	"deploy.watch":      "a stream of what comes; record it by itself: aictl record -- deploy watch NAME",
	"deploy.wait":       "it waits for what comes",
	"deploy.verify":     "it waits for what comes",
	"deploy.logs":       "the log store has them; record it by itself: aictl record -- deploy logs NAME",
	"sessions.show":     "conversations are their owners'",
	"audit.export":      "the audit log is asked by the window; the export is all of it",
	"accounts.list":     "who may sign in is not part of an incident",
	"tokens.list":       "who may sign in is not part of an incident",
	"alerts.preview":    "what a silence would hit depends on the silence",
	"secrets.get":       "a sweep asks for names and ages of secrets alone",
	"secrets.history":   "a sweep asks for names and ages of secrets alone",
	"secrets.diff":      "a sweep asks for names and ages of secrets alone",
	"secrets.prints":    "its question holds a key",
	"incident.evidence": "the incident and its report hold it",
	"incident.export":   "the incident and its report hold it",
	"gate.run":          "what it decides depends on the checks that are asked for",
	"wait.until":        "it waits for what comes",
	"rbac.check":        "what may be done is asked about one person and one thing",
	"rbac.who-can":      "what may be done is asked about one person and one thing",
}

// inventory is what a sweep asks about.
type inventory struct {
	since                                       string
	services, workloads, alerts, rules, queries []string
	incidents, runbooks                         []string
}

// asks are the command lines of operations that need to know about what; the
// words of the command itself are put before each.
var asks = map[string]func(inventory) [][]string{
	"services.describe": func(v inventory) [][]string { return each(v.services) },
	"deploy.status":     func(v inventory) [][]string { return each(v.workloads) },
	"deploy.history":    func(v inventory) [][]string { return each(v.workloads) },
	"deploy.diff":       func(v inventory) [][]string { return each(v.workloads) },
	"deploy.replicas":   func(inventory) [][]string { return [][]string{nil} }, // a stream that ends, without --watch
	"alerts.show":       func(v inventory) [][]string { return each(v.alerts) },
	"alerts.rules":      func(v inventory) [][]string { return append([][]string{nil}, each(v.rules)...) },
	"why.ask":           func(v inventory) [][]string { return each(slices.Concat(v.alerts, v.services)) },
	"metrics.query":     func(v inventory) [][]string { return each(v.queries) },
	"metrics.range":     windows(func(v inventory) []string { return v.queries }),
	"metrics.plot":      windows(func(v inventory) []string { return v.queries }),
	"logs.search": func(v inventory) [][]string {
		return [][]string{nil, {"--since", v.since, "--limit", "10000"}, {"--limit", "10000"}}
	},
	"alerts.list":     func(inventory) [][]string { return [][]string{nil, {"--state", "all"}} },
	"incident.show":   func(v inventory) [][]string { return each(v.incidents) },
	"incident.report": func(v inventory) [][]string { return each(v.incidents) },
	"runbook.show":    func(v inventory) [][]string { return each(v.runbooks) },
	"metrics.top":     func(inventory) [][]string { return [][]string{nil} },
}

func each(names []string) (out [][]string) {
	for _, n := range names {
		out = append(out, []string{"--", n})
	}
	return out
}

func windows(names func(inventory) []string) func(inventory) [][]string {
	return func(v inventory) (out [][]string) {
		for _, n := range names(v) {
			out = append(out, []string{"--", n}, []string{"--since", v.since, "--", n})
		}
		return out
	}
}

// lines are the questions of a sweep as command lines, and the operations that
// it does not ask, with the reason.
func lines(v inventory, has func(path []string, flag string) bool) (asked [][]string, left []bundle.Omitted) {
	for _, d := range api.All() {
		s := d.Describe()
		if s.Effect != op.Read {
			continue
		}
		path := s.CommandPath()
		switch build := asks[s.ID]; {
		case notSwept[s.ID] != "":
			left = append(left, bundle.Omitted{Operation: s.ID, Reason: notSwept[s.ID]})
		case path == nil:
			if !slices.ContainsFunc(hidden, func(q op.UntypedQuery) bool { return q.Describe().ID == s.ID }) {
				left = append(left, bundle.Omitted{Operation: s.ID, Reason: "the sweep does not know how to ask it"})
			}
		case build != nil:
			for _, args := range build(v) {
				asked = append(asked, slices.Concat(path, args))
			}
		case d.Shape() != op.ShapeQuery:
			left = append(left, bundle.Omitted{Operation: s.ID, Reason: "a stream of what comes"})
		case needs(d):
			left = append(left, bundle.Omitted{Operation: s.ID, Reason: "the sweep does not know what to ask it about"})
		default:
			asked = append(asked, path)
			if has(path, "since") {
				asked = append(asked, slices.Concat(path, []string{"--since", v.since}))
			}
		}
	}
	return asked, left
}

// hidden are operations without a command that a sweep asks by themselves.
var hidden = []op.UntypedQuery{api.PlatformStatus, api.BackendsCheck}

// needs reports whether an operation cannot be asked without saying what about.
func needs(d op.Declaration) bool {
	return slices.ContainsFunc(op.Fields(d.InputType()), func(f op.Field) bool { return f.Required })
}

// sweep asks everything, one question after the other; failures are kept as
// failures.
func sweep(ctx context.Context, f *factory.Factory, r *bundle.Recorder, o recordOptions, global []string) (from, to time.Time, err error) {
	span, err := when.Duration(o.since)
	if err != nil || span <= 0 {
		return from, to, fail.New(fail.Usage, "--since %q is no length of time", o.since).Hint("aictl record --out FILE --since 1h")
	}
	s, err := f.Settings()
	if err != nil {
		return from, to, err
	}
	to = r.Now()
	from = to.Add(-span)
	quiet := *f.IO
	quiet.In, quiet.Out, quiet.Err = strings.NewReader(""), io.Discard, io.Discard
	quiet.StdinTTY, quiet.StdoutTTY, quiet.StderrTTY = false, false, false
	v := inventory{since: o.since, services: o.service, alerts: o.alert}
	inner := f.Recorded(&quiet, r)
	if _, err := inner.Settings(); err != nil {
		return from, to, err
	}
	for _, t := range s.Targets {
		if err := takeStock(ctx, inner, t, &v); err != nil {
			return from, to, err
		}
	}
	root := NewRoot(f.Recorded(&quiet, r))
	asked, left := lines(v, func(path []string, flag string) bool {
		c, _, err := root.Find(path)
		return err == nil && c.Flags().Lookup(flag) != nil
	})
	for _, service := range o.service {
		asked = append(asked, []string{"logs", "--service", service, "--since", o.since, "--limit", "10000"}, []string{"changes", service, "--since", o.since})
	}
	for i, args := range asked {
		if ctx.Err() != nil {
			return from, to, fail.New(fail.Canceled, "cancelled; nothing was written")
		}
		f.Say("[%d/%d] aictl %s", i+1, len(asked), term.SafeLine(strings.Join(args, " ")))
		line := slices.Concat(global, []string{"--output=json", "--jq="}, args)
		if err := runRecorded(ctx, f.Recorded(&quiet, r), line); err != nil && fail.CodeOf(err) != fail.False {
			f.Say("  %s", term.SafeLine(err.Error()))
		}
	}
	f.Say("The dashboard's own questions")
	if err := visit(ctx, f.Recorded(&quiet, r), span); err != nil {
		f.Say("  %s", term.SafeLine(err.Error()))
	}
	for _, l := range left {
		r.Omit(l.Operation, l.Reason)
	}
	return from, to, ctx.Err()
}

// visit asks what the dashboard's panes ask, with the window of the recording.
func visit(ctx context.Context, f *factory.Factory, span time.Duration) error {
	o, err := dashboardOptions(f)
	if err != nil {
		return err
	}
	o.Span, o.State, o.StateFile = span, tui.State{}, ""
	return tui.Visit(ctx, o)
}

// takeStock asks one context what there is to ask about. A question that fails
// is in the bundle as a failure.
func takeStock(ctx context.Context, f *factory.Factory, t factory.Target, v *inventory) error {
	c, err := f.Client(t)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := f.Deadline(ctx, sweepTimeout)
	defer cancel()
	add := func(list *[]string, name string) {
		if name != "" && !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	for _, q := range hidden {
		_, _ = q.CallAny(ctx, c, q.NewInput()) // kept, whatever came
	}
	if all, err := api.ServicesList.Call(ctx, c, api.None{}); err == nil {
		for _, s := range all {
			add(&v.services, s.Name)
		}
	}
	if all, err := api.DeployList.Call(ctx, c, api.WorkloadFilter{Namespace: t.Namespace}); err == nil {
		for _, w := range all.Workloads {
			add(&v.workloads, w.Name)
		}
	}
	if all, err := api.AlertsList.Call(ctx, c, api.AlertFilter{}); err == nil {
		for _, a := range all.Alerts {
			add(&v.alerts, a.Name)
		}
	}
	if all, err := api.AlertsRules.Call(ctx, c, api.AlertRuleFilter{}); err == nil {
		for _, rule := range all {
			add(&v.rules, rule.Name)
			add(&v.queries, rule.Expr)
		}
	}
	if all, err := api.IncidentsList.Call(ctx, c, api.IncidentFilter{}); err == nil {
		for _, one := range all {
			add(&v.incidents, one.ID)
		}
	}
	if all, err := api.RunbooksList.Call(ctx, c, api.RunbookFilter{}); err == nil {
		for _, one := range all {
			add(&v.runbooks, one.Name)
		}
	}
	add(&v.queries, "up")
	return nil
}
