package polish

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

func deployWaitFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().StringArray("until", nil, "what must hold; repeatable, all of them (default rollout=complete)")
	cmd.Flags().StringArray("fail-if", nil, "what must not hold; repeatable, none of them")
}

func undoFlags(f *factory.Factory, cmd *cobra.Command) {
	watchFlags(f, cmd)
	cmd.Flags().String("verify", "", "then watch this PromQL comparison, and say whether things have recovered")
	cmd.Flags().String("for", "5m", "with --verify, watch for this long")
}

// wait shows how the expressions change, until they are decided.
func (c *deployCommand) wait(cmd *cobra.Command, in any) error {
	q := in.(*api.DeployWaitInput) //nolint:forcetypeassert // the declaration says so
	if err := c.namespace(cmd, &q.Namespace); err != nil {
		return err
	}
	var err error
	if q.Until, err = cmd.Flags().GetStringArray("until"); err != nil {
		return err
	}
	if q.FailIf, err = cmd.Flags().GetStringArray("fail-if"); err != nil {
		return err
	}
	if err := op.Validate(q); err != nil {
		return err
	}
	x, err := follow(cmd, c.f)
	if err != nil {
		return err
	}
	defer x.close()
	lines := x.p.Stream()
	state := map[string]string{}
	verdict := api.DeployWaitEvent{}
	for e, err := range api.DeployWait.Each(x.ctx, x.cl, *q) {
		if err != nil {
			return ended(lines, waitedTooLong(x.ctx, err, q.Name, state))
		}
		if e.Type == "verdict" {
			verdict = e
			continue
		}
		state[e.Expr] = e.Expr + " is " + e.State
		if e.Message != "" {
			state[e.Expr] += " (" + e.Message + ")"
		}
		if err := lines.Styled(e.Type, e, func(env output.Env) string { return waitLine(env, e) }); err != nil {
			return err
		}
	}
	return c.closeWait(lines, verdict, "the wait for "+q.Name)
}

// ended writes a stream's failure as its last line.
func ended(lines *output.Stream, err error) error {
	if term.IsPipe(err) {
		return err
	}
	if werr := lines.Error(err); werr != nil {
		return werr
	}
	return err
}

// waitedTooLong names what was still open when --timeout came.
func waitedTooLong(ctx context.Context, err error, name string, state map[string]string) error {
	if ctx.Err() == nil || fail.CodeOf(fail.From(ctx.Err())) != fail.Timeout {
		return err
	}
	message := "the wait for " + name + " was not decided in time"
	for _, expr := range sortedKeys(state) {
		message += "; " + term.SafeLine(state[expr])
	}
	return fail.New(fail.Timeout, "%s", message).Hint("aictl deploy status %s", name)
}

// closeWait ends the stream with the verdict, and gives its exit code.
func (c *deployCommand) closeWait(lines *output.Stream, v api.DeployWaitEvent, what string) error {
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	if v.Type == "" {
		return ended(lines, fail.New(fail.Unavailable, "%s ended without a verdict", what))
	}
	if p.Human() {
		err = lines.Styled("verdict", v, func(env output.Env) string { return waitLine(env, v) })
	} else {
		err = lines.Result(waitResult{v.Time, v.State, v.Expr, v.Message}, "")
	}
	if err != nil {
		return err
	}
	switch v.State {
	case api.DeployFailed:
		return fail.New(fail.False, "%s has failed: %s", what, term.SafeLine(v.Message))
	case api.DeployInconclusive:
		return fail.New(fail.Inconclusive, "%s cannot be decided: %s", what, term.SafeLine(v.Message))
	}
	return nil
}

// waitResult is a verdict as the last line of a stream.
type waitResult struct {
	Time    time.Time `json:"time"`
	State   string    `json:"state"`
	Expr    string    `json:"expr,omitempty"`
	Message string    `json:"message,omitempty"`
}

func waitLine(env output.Env, e api.DeployWaitEvent) string {
	st := env.Styles
	style := map[string]term.Style{
		"true": term.OK, "unknown": term.Warn, api.DeployComplete: term.OK, api.DeployFailed: term.Bad, api.DeployInconclusive: term.Warn,
	}[e.State]
	line := st.Muted(e.Time.In(zoneOf(env)).Format("15:04:05")) + " " + st.Apply(style, fmt.Sprintf("%-*s", kindWidth, e.State)) + " "
	if e.Type == "verdict" {
		return line + term.SafeLine(e.Message)
	}
	line += term.SafeLine(e.Expr)
	if e.Message != "" {
		line += st.Muted(": " + term.SafeLine(e.Message))
	}
	return line
}

// verification reads --verify and --for; nil where there is none.
func verification(cmd *cobra.Command) (*api.DeployVerifyInput, error) {
	expr := text(cmd, "verify")
	if expr == "" {
		if cmd.Flags().Lookup("verify") != nil && cmd.Flags().Changed("for") {
			return nil, fail.New(fail.Usage, "--for is for --verify").Hint("--verify 'error_rate < 0.01' --for 5m")
		}
		return nil, nil //nolint:nilnil // no verification is a valid answer
	}
	d, err := when.Duration(text(cmd, "for"))
	if err != nil {
		return nil, err
	}
	in := &api.DeployVerifyInput{Expr: expr, For: op.Duration(d)}
	return in, op.Validate(in)
}

// verify watches a metric after a change.
func (c *deployCommand) verify(ctx context.Context, cl *client.Client, q api.DeployVerifyInput, lines *output.Stream) error {
	verdict := api.DeployWaitEvent{}
	for e, err := range api.DeployVerify.Each(ctx, cl, q) {
		if err != nil {
			return ended(lines, err)
		}
		if e.Type == "verdict" {
			verdict = e
			continue
		}
		if err := lines.Styled(e.Type, e, func(env output.Env) string { return waitLine(env, e) }); err != nil {
			return err
		}
	}
	return c.closeWait(lines, verdict, "the verification")
}
