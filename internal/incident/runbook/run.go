package runbook

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Executed is what a command did.
type Executed struct {
	Exit   int
	Output []byte
}

// Runner runs the steps of a runbook, one after the other.
type Runner struct {
	// Exec runs one command of aictl's own and gives its exit code and output. An
	// error means that it could not be run, or was refused.
	Exec func(ctx context.Context, kind string, argv []string) (Executed, error)
	// Check refuses a command that a step may not be; it sees the arguments
	// before and after the variables were put in. Nil refuses none.
	Check func(kind string, words, argv []string) error
	// Redact masks secrets in the output; nil masks nothing.
	Redact func(string) string
	// Each is told of every result as it comes; nil tells nobody.
	Each func(api.RunbookResult)
	Now  func() time.Time
}

const (
	// defaultTimeout bounds a step that has none of its own.
	defaultTimeout = 2 * time.Minute
	// MaxOutput is how much of a step's output is kept.
	MaxOutput = 16 << 10
)

// Plan gives the arguments of every step, without running any.
func (r Runner) Plan(b api.Runbook, v Values) ([][]string, error) {
	out := make([][]string, len(b.Steps))
	for i, s := range b.Steps {
		words, err := Expand(s.Words, v)
		if err == nil && r.Check != nil {
			err = r.Check(s.Kind, s.Words, words)
		}
		if err != nil {
			return nil, fail.Wrap(fail.CodeOf(err), err, "step %d", s.Number).Hint("%s", fail.From(err).Next)
		}
		out[i] = words
	}
	return out, nil
}

// Run runs the steps. All of them are planned before the first one is run: what
// would be refused later changes nothing. The transcript is whole also when the
// run fails.
func (r Runner) Run(ctx context.Context, b api.Runbook, v Values) (api.RunbookRun, error) {
	run := api.RunbookRun{
		Runbook: b.Name, Source: b.Source, Alert: v.Alert, Labels: v.Labels, Started: r.Now().UTC(), Outcome: "done", Results: []api.RunbookResult{},
	}
	lines, err := r.Plan(b, v)
	for i := 0; err == nil && i < len(b.Steps); {
		s := b.Steps[i]
		x := r.step(ctx, s, lines[i])
		x.ID = "run-" + strconv.Itoa(len(run.Results)+1)
		run.Results = append(run.Results, x)
		if r.Each != nil {
			r.Each(x)
		}
		i++
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
			run.Outcome = "canceled"
		case x.OK || s.Failed == "next":
		case s.Failed == "stop":
			err = fail.New(fail.Failed, "step %d of %s did not do what it expects (%s): %s", s.Number, b.Name, s.Expect, x.Note)
		default:
			name := strings.TrimSpace(strings.TrimPrefix(s.Failed, "goto "))
			for i < len(b.Steps) && b.Steps[i].Name != name {
				i++
			}
		}
	}
	if err != nil && run.Outcome == "done" {
		run.Outcome = "failed"
	}
	run.Ended = r.Now().UTC()
	return run, err
}

func (r Runner) step(ctx context.Context, s api.RunbookStep, words []string) api.RunbookResult {
	x := api.RunbookResult{Step: s.Number, Kind: s.Kind, Argv: words, Command: argv.Line(append([]string{"aictl"}, words...)...), Started: r.Now().UTC()}
	limit := time.Duration(s.Timeout)
	if limit == 0 {
		limit = defaultTimeout
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done, err := r.Exec(within, s.Kind, words)
	x.Took, x.Exit = op.Duration(r.Now().Sub(x.Started)), done.Exit
	body := done.Output
	if len(body) > MaxOutput {
		body, x.Truncated = body[:MaxOutput], true
	}
	x.Output = strings.ToValidUTF8(string(body), "\uFFFD")
	if r.Redact != nil {
		x.Output, x.Command = r.Redact(x.Output), r.Redact(x.Command)
	}
	switch {
	case errors.Is(within.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		x.Note = "it took longer than " + limit.String()
	case err != nil:
		x.Note = err.Error()
	default:
		x.OK = expected(s.Expect, x.Exit, string(done.Output))
		if !x.OK {
			x.Note = "exit code " + strconv.Itoa(x.Exit)
		}
	}
	return x
}

// expected decides whether a step did what was expected of it.
func expected(expect string, exit int, output string) bool {
	if code, err := strconv.Atoi(expect); err == nil {
		return exit == code
	}
	switch expect {
	case "", "ok":
		return exit == 0
	case "any":
		return true
	}
	return exit == 0 && strings.Contains(output, strings.Trim(expect, `"`))
}
