package polish

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

func deployLogsFlags(f *factory.Factory, cmd *cobra.Command) {
	allNamespacesFlag(f, cmd)
	windowFlags(f, cmd)
	cmd.Flags().StringSlice("columns", nil, "show these columns: time, level, service, message, trace, source, or any field")
}

// logs shows the lines of workloads as `aictl logs` shows entries.
func (c *deployCommand) logs(cmd *cobra.Command, in any) error {
	q := in.(*api.DeployLogsInput) //nolint:forcetypeassert // the declaration says so
	if err := c.namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	window := api.LogFilter{Level: q.Level}
	if err := logWindow(c.f, cmd, &window); err != nil {
		return err
	}
	q.Level, q.From, q.To = window.Level, window.From, window.To
	if !q.From.IsZero() && !cmd.Flags().Changed("tail") { // a window says how much, not a number
		q.Tail = linesOfWindow
	}
	if err := op.Validate(q); err != nil {
		return err
	}
	columns, err := cmd.Flags().GetStringSlice("columns")
	if err != nil {
		return err
	}
	if !q.Follow {
		return c.allLines(cmd.Context(), q, columns)
	}
	if !q.To.IsZero() {
		return fail.New(fail.Usage, "what is followed has no end: --to does not go with -f").Hint("leave -f out")
	}
	if !cmd.Flags().Changed("tail") && q.From.IsZero() {
		q.Tail = followLast
	}
	return c.followLines(cmd.Context(), *q, columns)
}

// linesOfWindow is how many lines of each container a window shows at most.
const linesOfWindow = 100_000

// allLines asks every context, and shows one list.
func (c *deployCommand) allLines(ctx context.Context, q *api.DeployLogsInput, columns []string) error {
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	l := &logsCommand{c.f}
	answers, err := l.answers(ctx, func(ctx context.Context, cl op.Caller) (api.LogAnswer, error) { return linesOf(ctx, cl, *q) })
	if err != nil {
		return err
	}
	entries, partial := l.merge(answers)
	if partial != nil && fail.CodeOf(partial) != fail.Partial {
		return partial
	}
	if p.Human() {
		for i := range entries {
			entries[i].Service = entries[i].Source
		}
	}
	if err := l.show(p, &api.LogSearchInput{LogFilter: api.LogFilter{Grep: q.Grep}}, entries, columns, len(answers) > 1); err != nil {
		return err
	}
	for _, a := range answers {
		for _, w := range a.Warnings {
			c.f.Say("%s", term.SafeLine(w))
		}
	}
	if p.Human() && len(entries) == 0 && partial == nil {
		c.f.Say("No lines.")
	}
	return partial
}

// linesOf reads the lines of one context; what could not be read is a warning.
func linesOf(ctx context.Context, cl op.Caller, q api.DeployLogsInput) (api.LogAnswer, error) {
	var out api.LogAnswer
	for e, err := range api.DeployLogs.Each(ctx, cl, q) {
		if err != nil {
			return out, err
		}
		switch {
		case e.Entry != nil:
			out.Entries = append(out.Entries, *e.Entry)
		case e.Gap != nil:
			out.Warnings = append(out.Warnings, "lines are missing: "+e.Gap.Reason)
		case e.Notice != nil:
			out.Warnings = append(out.Warnings, e.Notice.Message)
		}
	}
	return out, nil
}

// followLines shows what comes, over a cut connection too: it is then taken up
// at the last line, and what was shown is not shown again.
func (c *deployCommand) followLines(ctx context.Context, q api.DeployLogsInput, columns []string) error {
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(ctx, 0)
	defer cancel()
	t := &follower{c: &logsCommand{c.f}, p: p, stream: p.Stream(), lines: newLogLines(p, c.f.Now), shown: logs.NewSeen(24*time.Hour, recentIDs)}
	t.lines.columns, t.lines.match = columns, searched(api.LogFilter{Grep: q.Grep})
	for failed := 0; ; {
		before := t.count
		err = t.lineEvents(ctx, cl, &q)
		if t.count > before {
			failed = 0
		}
		if failed++; err == nil || ctx.Err() != nil || fail.CodeOf(err) != fail.Unavailable || t.count == 0 || failed > followTries {
			break
		}
		t.notice("reconnecting", "the server does not answer, trying again: "+err.Error())
		wait := time.NewTimer(followAgain * time.Duration(failed))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
	if err == nil {
		return t.stream.Result(map[string]int64{"count": t.count}, "")
	}
	if term.IsPipe(err) {
		return err
	}
	if werr := t.stream.Error(err); werr != nil {
		return werr
	}
	return err
}

func (t *follower) lineEvents(ctx context.Context, cl op.Caller, q *api.DeployLogsInput) error {
	for e, err := range api.DeployLogs.Each(ctx, cl, *q) {
		if err != nil {
			return err
		}
		if e.Entry != nil {
			if e.Entry.ID != "" {
				if fresh, _ := t.shown.Add(e.Entry.ID, t.c.f.Now()); !fresh {
					continue
				}
			}
			t.count++
			if e.Entry.Time.After(q.From) {
				q.From, q.Tail = e.Entry.Time, linesOfWindow // where a cut one is taken up
			}
			if t.p.Human() {
				e.Entry.Service = e.Entry.Source
			}
		}
		if err := t.write(e); err != nil {
			return writing{err}
		}
	}
	return nil
}
