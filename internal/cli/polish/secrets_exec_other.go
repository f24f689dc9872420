//go:build !unix

package polish

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/aictl/aictl/internal/fail"
)

// replace runs the command and ends with its exit code: there is no exec here.
func replace(ctx context.Context, path string, args, env []string) error {
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		os.Exit(exit.ExitCode())
	}
	return fail.Wrap(fail.Failed, err, "running %s", args[0])
}
