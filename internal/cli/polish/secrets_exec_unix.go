//go:build unix

package polish

import (
	"context"
	"syscall"

	"github.com/aictl/aictl/internal/fail"
)

// replace puts the command into this process's place: nobody stands between it
// and its signals, and no memory of ours is left.
func replace(_ context.Context, path string, args, env []string) error {
	err := syscall.Exec(path, args, env) //nolint:gosec // the person names the command
	return fail.Wrap(fail.Failed, err, "running %s", args[0])
}
