package polish

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/op"
)

type invokeCommand struct{ f *factory.Factory }

// run prints the answer's JSON; an answer has no columns, so a person sees it
// indented.
func (c *invokeCommand) run(cmd *cobra.Command, in any) error {
	if err := op.Validate(in); err != nil {
		return err
	}
	if on, err := cmd.Flags().GetBool("stream"); err == nil && on {
		return c.f.Run(cmd.Context(), api.ServicesStream, in)
	}
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	if p.Human() {
		if p, err = c.f.PrinterFor("json"); err != nil {
			return err
		}
	}
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := c.f.Deadline(cmd.Context(), 5*time.Minute)
	defer cancel()
	out, err := api.ServicesInvoke.Call(ctx, cl, *in.(*api.InvokeInput)) //nolint:forcetypeassert // the declaration says so
	if err != nil {
		return err
	}
	return p.Print(out)
}
