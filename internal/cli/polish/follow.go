package polish

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/output"
)

// following is what a command that shows a stream needs: where to print, whom
// to ask, and until when (--timeout, or for as long as it lasts).
type following struct {
	p      *output.Printer
	cl     *client.Client
	ctx    context.Context //nolint:containedctx // of one command's run
	cancel context.CancelFunc
}

// follow opens it; close ends it.
func follow(cmd *cobra.Command, f *factory.Factory) (following, error) {
	p, err := f.Printer()
	if err != nil {
		return following{}, err
	}
	cl, _, err := f.One()
	if err != nil {
		return following{}, err
	}
	ctx, cancel := f.Deadline(cmd.Context(), 0)
	return following{p: p, cl: cl, ctx: ctx, cancel: cancel}, nil
}

func (x following) close() {
	x.cancel()
	x.cl.Close()
}
