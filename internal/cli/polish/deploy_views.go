package polish

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// shownDeployEvents is how many of the latest events a status shows.
const shownDeployEvents = 5

func (c *deployCommand) status(cmd *cobra.Command, in any) error {
	q := in.(*api.DeployStatusInput) //nolint:forcetypeassert // the declaration says so
	if err := c.namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	s, err := c.f.Settings()
	if err != nil || len(s.Targets) < 2 {
		return c.f.Run(cmd.Context(), api.DeployShow, q)
	}
	return c.statusOfAll(cmd.Context(), s.Targets, *q)
}

// statusOfAll asks every context: a page each, or one list. A failed rollout
// weighs more than a context that did not answer.
func (c *deployCommand) statusOfAll(ctx context.Context, targets []factory.Target, q api.DeployStatusInput) error {
	if err := op.Validate(&q); err != nil {
		return err
	}
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	ctx, cancel := c.f.Deadline(ctx, logsTimeout)
	defer cancel()
	answers, errs := make([]api.DeployStatus, len(targets)), make([]error, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			cl, err := c.f.Client(t)
			if err != nil {
				errs[i] = err
				return
			}
			defer cl.Close()
			one := q
			if !c.f.Flags.Set["namespace"] {
				one.Namespace = t.Namespace
			}
			answers[i], errs[i] = api.DeployShow.Call(ctx, cl, one)
			answers[i].Context = t.Name
		})
	}
	wg.Wait()
	var list []api.DeployStatus
	var failed []api.BackendFailure
	var worst error
	for i, t := range targets {
		if errs[i] != nil {
			e := fail.From(errs[i])
			failed = append(failed, api.BackendFailure{Backend: "context " + t.Name, Code: e.Code, Message: e.Error(), Next: e.Next})
			continue
		}
		list = append(list, answers[i])
		if v := statusError(answers[i]); v != nil && (worst == nil || fail.CodeOf(v) == fail.False) {
			worst = v
		}
	}
	if len(list) == 0 {
		return errs[0]
	}
	if !p.Human() {
		err = p.Print(list)
	}
	for i := range list {
		if err != nil || !p.Human() {
			break
		}
		gap := "\n"
		if i == 0 {
			gap = ""
		}
		if _, err = fmt.Fprintf(p.Out(), "%s%s\n", gap, p.Env().Styles.Muted("Context "+term.SafeLine(list[i].Context)+":")); err == nil {
			err = c.statusPage(p, list[i])
		}
	}
	if err != nil {
		return err
	}
	missing := partial(c.f, failed)
	if worst != nil {
		return worst
	}
	return missing
}

// statusError is the exit of a status.
func statusError(s api.DeployStatus) error {
	if s.Verdict.Code == "paused" { // seen, and no question of a rollout's outcome
		return nil
	}
	return judged(title(s.Workload), s.Verdict)
}

// judged is the error that a verdict deserves: 10 for a failure, 11 for what
// cannot be told.
func judged(what string, v api.DeployVerdict) error {
	switch v.Outcome {
	case api.DeployFailed:
		return fail.New(fail.False, "the rollout of %s has failed: %s", what, v.Code).Hint("%s", v.Next)
	case api.DeployInconclusive:
		return fail.New(fail.Inconclusive, "whether %s is rolled out cannot be told: %s", what, v.Code).Hint("%s", v.Next)
	}
	return nil
}

// showStatus shows one workload, and ends as its verdict demands.
func (c *deployCommand) showStatus(p *output.Printer, out any) error {
	s := out.(api.DeployStatus) //nolint:forcetypeassert // the declaration says so
	var err error
	if p.Human() {
		err = c.statusPage(p, s)
	} else {
		err = p.Print(s)
	}
	if err != nil {
		return err
	}
	return statusError(s)
}

// statusPage is the page of one workload: what, why, the next command, then the
// replicas and what happened.
func (c *deployCommand) statusPage(p *output.Printer, s api.DeployStatus) error {
	env := p.Env()
	var b strings.Builder
	st := env.Styles
	where := ""
	if s.Namespace != "" {
		where = " in " + term.SafeLine(s.Namespace)
	}
	fmt.Fprintf(&b, "%s%s  %s\n", st.Bold(term.SafeLine(title(s.Workload))), where, st.Apply(outcomeStyle(s.Verdict.Outcome), outcomeWords(s.Verdict)))
	fmt.Fprintf(&b, "%-10s %s\n", "Why:", term.SafeLine(s.Verdict.Message))
	c.verdictLines(&b, env, s.Verdict)
	line := func(head, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-10s %s\n", head+":", term.SafeLine(value))
		}
	}
	line("Replicas", fmt.Sprintf("%d of %d ready, %d updated, %d available", s.Ready, s.Desired, s.Updated, s.Available))
	revision := s.Revision
	if revision != "" && !s.Changed.IsZero() {
		revision += ", " + sinceThen(env, s.Changed)
	}
	if s.Cause != "" {
		revision += ": " + s.Cause
	}
	line("Revision", revision)
	line("Images", strings.Join(s.Images, ", "))
	if s.Canary != nil {
		line("Canary", fmt.Sprintf("revision %s gets %d %% of the calls; %s", s.Canary.Revision, s.Canary.Weight, s.Canary.Message))
	}
	if _, err := p.Out().Write([]byte(b.String())); err != nil {
		return err
	}
	if len(s.Replicas) > 0 {
		if _, err := fmt.Fprintln(p.Out()); err != nil {
			return err
		}
		if err := output.List(p, replicaView, s.Replicas); err != nil {
			return err
		}
	}
	if n := len(s.Events); n > 0 {
		if _, err := fmt.Fprintln(p.Out()); err != nil {
			return err
		}
		if err := output.List(p, deployEventView, s.Events[max(0, n-shownDeployEvents):]); err != nil {
			return err
		}
	}
	return nil
}

// sinceThen is when something happened; clocks differ a little.
func sinceThen(env output.Env, t time.Time) string {
	if t.After(env.Now) {
		return "just now"
	}
	return env.Ago(t) + " ago"
}

// verdictLines are a verdict's details and the next command, with the last
// lines of the container that crashed.
func (c *deployCommand) verdictLines(b *strings.Builder, env output.Env, v api.DeployVerdict) {
	line := func(head, value string) {
		if value != "" {
			fmt.Fprintf(b, "%-10s %s\n", head+":", value)
		}
	}
	if v.Replica != "" && v.Outcome != api.DeployProgressing {
		shows := term.SafeLine(v.Replica)
		if v.Affected > 1 {
			shows += fmt.Sprintf(", and %d more", v.Affected-1)
		}
		line("Replica", shows)
	}
	if e := v.Exit; e != nil {
		words := fmt.Sprintf("code %d", e.Code)
		for _, more := range []string{e.Signal, e.Reason} {
			if more != "" {
				words += ", " + more
			}
		}
		if !e.At.IsZero() {
			words += ", " + sinceThen(env, e.At)
		}
		line("Exit", term.SafeLine(words))
	}
	if v.Detail != "" && !strings.Contains(v.Message, strings.Join(strings.Fields(v.Detail), " ")) {
		line("Engine", term.SafeLine(v.Detail))
	}
	for _, n := range v.Notes {
		line("Note", term.SafeLine(n))
	}
	if len(v.Logs) > 0 {
		fmt.Fprintf(b, "%s\n", env.Styles.Muted(fmt.Sprintf("Last lines of %s:", term.SafeLine(v.Replica+"/"+v.Container))))
		for _, e := range v.Logs {
			for text := range strings.SplitSeq(strings.TrimRight(term.Safe(e.Message), "\n"), "\n") {
				fmt.Fprintf(b, "  %s\n", text)
			}
		}
	}
	if v.Next != "" {
		next := v.Next
		if c.f.AsPlugin() && strings.HasPrefix(next, "aictl ") { // what a person copies must be what they run
			next = "kubectl " + next
		}
		line("Next", env.Styles.Accent(term.SafeLine(next)))
	}
}

func outcomeWords(v api.DeployVerdict) string {
	if v.Code == v.Outcome {
		return v.Outcome
	}
	return v.Outcome + ": " + term.SafeLine(v.Code)
}

func outcomeStyle(outcome string) term.Style {
	switch outcome {
	case api.DeployComplete:
		return term.OK
	case api.DeployFailed:
		return term.Bad
	}
	return term.Warn
}

var replicaView = output.View[api.DeployReplica]{
	Kind: "replica", Name: func(r api.DeployReplica) string { return r.Name },
	Columns: []output.Column[api.DeployReplica]{
		col("replica", func(r api.DeployReplica) string { return r.Name }),
		num("revision", func(r api.DeployReplica) string { return r.Revision }),
		{Header: "state", Value: plain(func(r api.DeployReplica) string { return r.State }), Style: func(r api.DeployReplica, _ output.Env) term.Style {
			return replicaStyle(r)
		}},
		num("restarts", func(r api.DeployReplica) string { return fmt.Sprint(r.Restarts) }),
		{Header: "age", Value: func(r api.DeployReplica, e output.Env) string { return e.Ago(r.Created) }},
		col("node", func(r api.DeployReplica) string { return r.Node }),
		wide("message", func(r api.DeployReplica) string { return r.Message }),
	},
}

func replicaStyle(r api.DeployReplica) term.Style {
	switch {
	case r.Ready:
		return term.OK
	case !r.Current, r.State == "Terminating", r.State == "gone":
		return term.Muted
	case r.State == "ContainerCreating", r.State == "PodInitializing", r.State == "Pending", r.State == "not ready":
		return term.Warn
	}
	return term.Bad
}

var deployEventView = output.View[api.DeployEvent]{
	Kind: "event", Name: func(e api.DeployEvent) string { return e.Object },
	Columns: []output.Column[api.DeployEvent]{
		{Header: "last", Value: func(e api.DeployEvent, env output.Env) string { return env.Ago(e.Time) }},
		num("count", func(e api.DeployEvent) string { return fmt.Sprint(max(e.Count, 1)) }),
		col("object", func(e api.DeployEvent) string { return e.Object }),
		col("reason", func(e api.DeployEvent) string { return e.Reason }),
		col("message", func(e api.DeployEvent) string { return strings.Join(strings.Fields(e.Message), " ") }),
	},
}

func showRevisions(p *output.Printer, out any) error {
	return output.List(p, output.View[api.DeployRevision]{
		Kind: "revision", Name: func(r api.DeployRevision) string { return r.Name },
		Columns: []output.Column[api.DeployRevision]{
			num("revision", func(r api.DeployRevision) string { return r.Name }),
			{Header: "state", Value: plain(revisionState), Style: func(r api.DeployRevision, _ output.Env) term.Style {
				switch {
				case r.Current:
					return term.Bold
				case !r.Good:
					return term.Warn
				}
				return term.Plain
			}},
			{Header: "made", Value: func(r api.DeployRevision, e output.Env) string { return e.Ago(r.Created) }},
			num("ready", func(r api.DeployRevision) string { return fmt.Sprint(r.Ready) }),
			col("by", func(r api.DeployRevision) string { return r.Actor }),
			col("cause", func(r api.DeployRevision) string { return r.Cause }),
			col("changes", revisionChanges),
			wide("images", func(r api.DeployRevision) string { return strings.Join(r.Images, ",") }),
		},
	}, out.([]api.DeployRevision)) //nolint:forcetypeassert // the declaration says so
}

func revisionState(r api.DeployRevision) string {
	switch {
	case r.Current:
		return "current"
	case r.Good:
		return "worked"
	}
	return "unknown"
}

// revisionChanges are a revision's differences in a few words: images in full,
// the others by their kinds.
func revisionChanges(r api.DeployRevision) string {
	var parts []string
	seen := map[string]bool{}
	for _, c := range r.Changes {
		text := c.Kind
		switch {
		case c.Kind == "image":
			text = c.New
		case c.Name != "":
			text += " " + c.Name
		}
		if !seen[text] {
			seen[text] = true
			parts = append(parts, text)
		}
	}
	const most = 4
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	return strings.Join(parts, ", ")
}

func (c *deployCommand) diff(cmd *cobra.Command, in any) error {
	q := in.(*api.DeployDiffInput) //nolint:forcetypeassert // the declaration says so
	if err := c.namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	differs := false
	show := c.f.Views[api.DeployCompare.ID]
	c.f.Views[api.DeployCompare.ID] = func(p *output.Printer, out any) error {
		differs = len(out.(api.DeployDiff).Changes) > 0 //nolint:forcetypeassert // the declaration says so
		return show(p, out)
	}
	if err := c.f.Run(cmd.Context(), api.DeployCompare, q); err != nil {
		return err
	}
	if on, err := cmd.Flags().GetBool("exit-code"); err == nil && on && differs {
		return fail.New(fail.False, "the revisions differ")
	}
	return nil
}

// showDiff marks what comes with +, what goes with - and what changes with ~.
func (c *deployCommand) showDiff(p *output.Printer, out any) error {
	d := out.(api.DeployDiff) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return p.Print(d)
	}
	env := p.Env()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", env.Styles.Bold(term.SafeLine(fmt.Sprintf("%s: revision %s → %s", title(d.Workload), d.From, d.To))))
	for _, one := range d.Changes {
		diffLines(&b, env, one)
	}
	if len(d.Changes) == 0 {
		b.WriteString("  both have the same template\n")
	}
	section := func(head string, list []api.DeployAround) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s\n", env.Styles.Muted(head))
		for _, a := range list {
			text := a.Object + ": " + a.Message
			if !a.Changed.IsZero() {
				text += " (" + sinceThen(env, a.Changed)
				if a.By != "" {
					text += " by " + a.By
				}
				text += ")"
			}
			style := term.Warn
			if a.Kind == "missing" {
				style = term.Bad
			}
			fmt.Fprintf(&b, "  %s\n", env.Styles.Apply(style, "! "+term.SafeLine(text)))
		}
	}
	section(fmt.Sprintf("Changed since revision %s, and not by going back:", term.SafeLine(d.To)), d.Since)
	section("What will happen beside it:", d.Effects)
	_, err := p.Out().Write([]byte(b.String()))
	return err
}

func diffLines(b *strings.Builder, env output.Env, c api.DeployChange) {
	head := c.Kind
	if c.Name != "" {
		head += " " + c.Name
	}
	if c.Where != "" {
		head = c.Where + " " + head
	}
	write := func(mark string, style term.Style, value string) {
		text := mark + " " + head
		if value != "" {
			text += ": " + value
		}
		fmt.Fprintf(b, "  %s\n", env.Styles.Apply(style, term.SafeLine(text)))
	}
	hidden := func(v string) string {
		if strings.HasPrefix(v, "value ") { // a fingerprint says nothing to a person
			return "(a value)"
		}
		return v
	}
	old, now := hidden(c.Old), hidden(c.New)
	switch {
	case c.Action == "added":
		write("+", term.OK, now)
	case c.Action == "removed":
		write("-", term.Bad, old)
	case old == now:
		write("~", term.Warn, "another value")
	default:
		write("-", term.Bad, old)
		write("+", term.OK, now)
	}
}

// kindWidth keeps the columns of a followed rollout apart.
const kindWidth = 9

// followLine is one event of a followed rollout.
func followLine(env output.Env, e api.DeployWatchEvent) string {
	st := env.Styles
	head := st.Muted(e.Time.In(zoneOf(env)).Format("15:04:05")) + " "
	kind := func(style term.Style, word string) string {
		return head + st.Apply(style, fmt.Sprintf("%-*s", kindWidth, word)) + " "
	}
	switch {
	case e.Type == "verdict" && e.Verdict != nil:
		return kind(outcomeStyle(e.Verdict.Outcome), e.Verdict.Outcome) + term.SafeLine(e.Verdict.Message)
	case e.Replica != nil:
		r := e.Replica
		text := fmt.Sprintf("%s %s", term.SafeLine(r.Name), st.Apply(replicaStyle(*r), term.SafeLine(r.State)))
		if r.Revision != "" {
			text += st.Muted(" revision " + term.SafeLine(r.Revision))
		}
		if r.Restarts > 0 {
			text += fmt.Sprintf(" restarts %d", r.Restarts)
		}
		return kind(term.Plain, e.Type) + text
	case e.Event != nil:
		text := fmt.Sprintf("%s %s: %s", e.Event.Object, e.Event.Reason, strings.Join(strings.Fields(e.Event.Message), " "))
		return kind(term.Warn, e.Type) + term.SafeLine(text)
	case e.Type == "notice":
		return kind(term.Warn, e.Type) + term.SafeLine(e.Message)
	}
	return kind(term.Plain, e.Type) + term.SafeLine(e.Message)
}

func zoneOf(env output.Env) *time.Location {
	if env.Zone == nil {
		return time.UTC
	}
	return env.Zone
}
