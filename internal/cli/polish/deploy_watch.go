package polish

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

func (c *deployCommand) watch(cmd *cobra.Command, in any) error {
	q := in.(*api.DeployWatchInput) //nolint:forcetypeassert // the declaration says so
	if err := c.namespace(cmd, &q.Namespace); err != nil {
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
	v, err := c.followRollout(x.ctx, x.cl, *q, lines)
	if err == nil {
		err = lines.Result(v, "")
		if err == nil {
			return judged(q.Name, v)
		}
		return err
	}
	return ended(lines, err)
}

// A followed rollout is asked for again when the way to the server is cut:
// so many times in a row, with so long between.
const (
	followTries = 5
	followAgain = time.Second
)

// followRollout shows what happens until the verdict, which people see with
// its why and programs get as the stream's result.
func (c *deployCommand) followRollout(ctx context.Context, cl *client.Client, q api.DeployWatchInput, lines *output.Stream) (api.DeployVerdict, error) {
	last, failed := "", 0
	for {
		v, heard, err := c.followOnce(ctx, cl, q, lines, &last)
		switch {
		case err == nil:
			return v, nil
		case ctx.Err() != nil && fail.CodeOf(fail.From(ctx.Err())) == fail.Timeout:
			message := fmt.Sprintf("%s was not decided in time", q.Name)
			if last != "" {
				message += ": " + term.SafeLine(last)
			}
			return v, fail.New(fail.Timeout, "%s", message).Hint("aictl deploy status %s", q.Name)
		case ctx.Err() != nil || fail.CodeOf(err) != fail.Unavailable || last == "":
			return v, err
		}
		if failed++; heard {
			failed = 1
		}
		if failed > followTries {
			return v, err
		}
		c.f.Say("the server does not answer, trying again: %s", err)
		wait := time.NewTimer(followAgain * time.Duration(failed))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

func (c *deployCommand) followOnce(ctx context.Context, cl *client.Client, q api.DeployWatchInput, lines *output.Stream, last *string) (v api.DeployVerdict, heard bool, err error) {
	for e, err := range api.DeployWatch.Each(ctx, cl, q) {
		if err != nil {
			return v, heard, err
		}
		heard = true
		if e.Type == "workload" {
			*last = e.Message
		}
		if e.Verdict == nil {
			if err := lines.Styled(e.Type, e, func(env output.Env) string { return followLine(env, e) }); err != nil {
				return v, heard, err
			}
			continue
		}
		v = *e.Verdict
		return v, true, c.sayVerdict(lines, e)
	}
	return v, heard, fail.New(fail.Unavailable, "the watch ended without a verdict").Hint("aictl deploy status %s", q.Name)
}

// sayVerdict shows a verdict to a person; programs get it as the result.
func (c *deployCommand) sayVerdict(lines *output.Stream, e api.DeployWatchEvent) error {
	p, err := c.f.Printer()
	if err != nil || !p.Human() {
		return err
	}
	return lines.Styled("verdict", e, func(env output.Env) string {
		var b strings.Builder
		b.WriteString(followLine(env, e) + "\n")
		env.Now = e.Time // the printer's clock was read when the watch began
		v := *e.Verdict
		if v.Outcome != api.DeployComplete {
			c.verdictLines(&b, env, v)
		}
		return strings.TrimSuffix(b.String(), "\n")
	})
}
