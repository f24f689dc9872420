package term

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// StartPager sends Out through the pager that AICTL_PAGER or PAGER names, and
// returns what waits for it to end. Where Out is no terminal, no pager is set
// or it is cat, nothing is started and stop does nothing. The command is split
// at spaces; no shell reads it. Leaving the pager early is no error: later
// writes give ErrPipe.
func (t *IO) StartPager(ctx context.Context) (stop func() error, err error) {
	nothing := func() error { return nil }
	name := t.Getenv("AICTL_PAGER")
	if name == "" {
		name = t.Getenv("PAGER")
	}
	argv := strings.Fields(name)
	if !t.StdoutTTY || t.CI || len(argv) == 0 || argv[0] == "cat" {
		return nothing, nil
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the person's own pager
	cmd.Env = os.Environ()
	if t.Getenv("LESS") == "" {
		cmd.Env = append(cmd.Env, "LESS=FRX")
	}
	cmd.Stdout, cmd.Stderr = t.Out, t.Err
	if p, ok := t.Out.(*pipeWriter); ok {
		cmd.Stdout = p.w // hand the terminal itself over, not a copy through us
	}
	if p, ok := t.Err.(*pipeWriter); ok {
		cmd.Stderr = p.w
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nothing, fail.Wrap(fail.Internal, err, "connecting the pager")
	}
	if err := cmd.Start(); err != nil {
		return nothing, fail.Wrap(fail.Usage, err, "starting the pager %q", argv[0]).Hint("PAGER=less aictl …")
	}
	old := t.Out
	t.Out = &pagerWriter{NewPipeWriter(pipe)}
	return func() error {
		t.Out = old
		_ = pipe.Close() // the pager may have closed it already
		err := cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) { // its exit code is the person's own doing
			return nil
		}
		return err
	}, nil
}

// pagerWriter says ErrPipe also when the pipe was closed by us.
type pagerWriter struct{ io.Writer }

func (p *pagerWriter) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if err != nil && (errors.Is(err, os.ErrClosed) || IsPipe(err)) {
		err = ErrPipe
	}
	return n, err
}
