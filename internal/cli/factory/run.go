package factory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// queryTimeout bounds a question when --timeout doesn't; an answer that takes
// longer helps nobody at a prompt.
const queryTimeout = 30 * time.Second

// Run executes a declared operation with its input and prints the answer.
func (f *Factory) Run(ctx context.Context, d op.Declaration, in any) error {
	if err := op.Validate(in); err != nil { // before any work is done
		return err
	}
	switch d := d.(type) {
	case op.UntypedQuery:
		return f.query(ctx, d, in)
	case op.UntypedStream:
		return f.stream(ctx, d, in)
	case op.UntypedChange:
		return f.change(ctx, d, in)
	}
	return fail.New(fail.Internal, "%s has no shape", d.Describe().ID)
}

func (f *Factory) query(ctx context.Context, q op.UntypedQuery, in any) error {
	p, err := f.Printer()
	if err != nil {
		return err
	}
	s, err := f.Settings()
	if err != nil {
		return err
	}
	fallback := queryTimeout
	if q.Describe().Effect == op.Invoke {
		fallback = 5 * time.Minute
	}
	ctx, cancel := f.Deadline(ctx, fallback)
	defer cancel()
	if len(s.Targets) > 1 {
		return f.fanOut(ctx, p, q, in, s.Targets)
	}
	c, _, err := f.One()
	if err != nil {
		return err
	}
	defer c.Close()
	out, err := q.CallAny(ctx, c, in)
	if err != nil {
		return err
	}
	return f.Show(p, q, out)
}

// Show prints an answer through the operation's view, if it has one.
func (f *Factory) Show(p *output.Printer, d op.Declaration, out any) error {
	if view := f.Views[d.Describe().ID]; view != nil {
		return view(p, out)
	}
	return p.Print(out)
}

// fanOut asks every context at once. The answers are one list whose elements
// name their context; failures are named on stderr. Some failures make the
// result partial, nothing but failures the first failure.
func (f *Factory) fanOut(ctx context.Context, p *output.Printer, q op.UntypedQuery, in any, targets []Target) error {
	outs, errs := make([]any, len(targets)), make([]error, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			c, err := f.Client(t)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.Close()
			outs[i], errs[i] = q.CallAny(ctx, c, in)
		})
	}
	wg.Wait()
	rows, failed := []any{}, []string{}
	var first error
	for i, t := range targets {
		if errs[i] != nil {
			failed = append(failed, t.Name)
			if first == nil {
				first = errs[i]
			}
			f.Say("context %s: %s", t.Name, term.SafeLine(errs[i].Error()))
			continue
		}
		tagged, err := tag(outs[i], t.Name)
		if err != nil {
			return err
		}
		rows = append(rows, tagged...)
	}
	if len(failed) == len(targets) {
		return first
	}
	if err := p.Print(rows); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fail.New(fail.Partial, "%d of %d contexts did not answer: %s", len(failed), len(targets), strings.Join(failed, ", ")).
			Hint("aictl doctor --context %s", failed[0])
	}
	return nil
}

// tag turns an answer into a list whose objects name their context.
func tag(out any, name string) ([]any, error) {
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, err
	}
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	for i, item := range items {
		if m, ok := item.(map[string]any); ok {
			m["context"] = name
		} else {
			items[i] = map[string]any{"context": name, "value": item}
		}
	}
	return items, nil
}

func (f *Factory) stream(ctx context.Context, d op.UntypedStream, in any) error {
	p, err := f.Printer()
	if err != nil {
		return err
	}
	c, _, err := f.One()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := f.Deadline(ctx, 0)
	defer cancel()
	lines, n := p.Stream(), 0
	for item, err := range d.EachAny(ctx, c, in) {
		if err != nil {
			if werr := lines.Error(err); werr != nil {
				return werr
			}
			return err
		}
		n++
		if err := lines.Item("item", item, ""); err != nil {
			return err
		}
	}
	return lines.Result(map[string]int{"count": n}, "")
}

// change shows the plan, asks, and applies that plan and nothing else.
func (f *Factory) change(ctx context.Context, d op.UntypedChange, in any) error {
	p, err := f.Printer()
	if err != nil {
		return err
	}
	out, applied, err := f.Mutate(ctx, d, in)
	if err != nil {
		return err
	}
	if !applied { // a dry run: out is the plan
		return f.ShowPlan(p, out.(op.Plan)) //nolint:forcetypeassert // Mutate's promise
	}
	return f.Show(p, d, out)
}

// Mutate takes a change through dry run, confirmation and apply. When applied
// is false, nothing was done and out is the op.Plan.
func (f *Factory) Mutate(ctx context.Context, d op.UntypedChange, in any) (out any, applied bool, err error) {
	s, err := f.Settings()
	if err != nil {
		return nil, false, err
	}
	spec := d.Describe()
	if f.Proposed != nil {
		return nil, false, f.Proposed(d, in)
	}
	if s.DryRun == "client" {
		return op.Plan{
			Operation: spec.ID, Summary: spec.Summary, Effect: spec.Effect,
			Steps: []op.Step{{Action: "send", Object: spec.Route, Detail: "the server would be asked; nothing was sent"}},
		}, false, nil
	}
	// Without a terminal and without --yes: no question can be answered, so
	// refuse before anything is sent.
	if s.DryRun == "" && !s.Yes && !f.IO.Interactive() {
		return nil, false, fail.New(fail.Usage, "%s changes something, and there is no terminal to confirm it on", spec.ID).
			Hint("look first with --dry-run=server, then repeat with --yes")
	}
	c, target, err := f.One()
	if err != nil {
		return nil, false, err
	}
	defer c.Close()
	if target.ReadOnly && s.DryRun == "" {
		return nil, false, fail.New(fail.Refused, "read-only: %s was not sent", spec.ID).
			Hint("aictl config view --show-origin shows where read-only is set")
	}
	planCtx, cancel := f.Deadline(ctx, queryTimeout)
	plan, err := d.PlanAny(planCtx, c, in)
	cancel()
	if err != nil || s.DryRun != "" {
		return plan, false, err
	}
	opts := op.ApplyOptions{Digest: plan.Digest, Reason: s.Reason}
	if err := f.confirm(target, plan, &opts, s.Yes); err != nil {
		return nil, false, err
	}
	applyCtx, cancel := f.Deadline(ctx, queryTimeout)
	defer cancel()
	out, err = d.ApplyAny(applyCtx, c, in, opts)
	return out, true, err
}

// confirm asks as the context's protection demands. A protected context wants
// the typed name and a reason, with --yes too: the name is then the argument
// that the person has typed, but a reason must be given.
func (f *Factory) confirm(t Target, plan op.Plan, opts *op.ApplyOptions, yes bool) error {
	protected := t.Protection == "prod"
	if yes {
		if protected && opts.Reason == "" {
			return fail.New(fail.Refused, "context %s is protected: a change needs a reason", t.Name).
				Hint("repeat with --reason 'why'")
		}
		opts.Confirm = plan.Target
		return nil
	}
	for _, line := range planLines(plan) {
		_, _ = fmt.Fprintln(f.IO.Err, line)
	}
	if !protected {
		ok, err := f.IO.Confirm(fmt.Sprintf("Apply this to %s?", t.Name))
		if err != nil {
			return err
		}
		if !ok {
			return fail.New(fail.Canceled, "nothing was changed")
		}
		return nil
	}
	if err := f.IO.ConfirmName(fmt.Sprintf("Context %s is protected. To apply this", t.Name), plan.Target); err != nil {
		return err
	}
	opts.Confirm = plan.Target
	if opts.Reason == "" {
		reason, err := f.IO.Ask("Reason: ")
		if err != nil {
			return err
		}
		if opts.Reason = strings.TrimSpace(reason); opts.Reason == "" {
			return fail.New(fail.Canceled, "no reason given; nothing was changed")
		}
	}
	return nil
}

// ShowPlan prints what a change would do.
func (f *Factory) ShowPlan(p *output.Printer, plan op.Plan) error {
	if !p.Human() {
		return p.Print(plan)
	}
	for _, line := range planLines(plan) {
		if _, err := fmt.Fprintln(p.Out(), line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(p.Out(), "Dry run: nothing was changed.")
	return err
}

func planLines(plan op.Plan) []string {
	lines := []string{term.SafeLine(plan.Summary)}
	for _, s := range plan.Steps {
		line := "  " + s.Action + " " + s.Object
		if s.Detail != "" {
			line += ": " + s.Detail
		}
		lines = append(lines, "  "+term.SafeLine(line[2:]))
	}
	for _, n := range plan.Notes {
		lines = append(lines, "Note: "+term.SafeLine(n))
	}
	return lines
}

// Say writes one line of conversation to stderr, unless --quiet.
func (f *Factory) Say(format string, args ...any) {
	if s, err := f.Settings(); err == nil && s.Quiet {
		return
	}
	_, _ = fmt.Fprintln(f.IO.Err, term.Safe(fmt.Sprintf(format, args...)))
}
