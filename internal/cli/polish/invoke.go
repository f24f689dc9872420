package polish

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/when"
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

// auditLog turns the window of the command line into the filter's times.
func auditLog(f *factory.Factory, cmd *cobra.Command, in any) error {
	filter := in.(*api.AuditFilter) //nolint:forcetypeassert // the declaration says so
	since, from, to := text(cmd, "since"), text(cmd, "from"), text(cmd, "to")
	if since != "" && from != "" {
		return fail.New(fail.Usage, "--since and --from say the same; give one").Hint("aictl audit log --since 24h")
	}
	now := f.Now()
	for _, edge := range []struct {
		text string
		into *string
	}{{since, &filter.From}, {from, &filter.From}, {to, &filter.To}} {
		if edge.text == "" {
			continue
		}
		t, err := when.Parse(edge.text, now, time.Local)
		if err != nil {
			return err
		}
		*edge.into = t.UTC().Format(time.RFC3339)
	}
	return f.Run(cmd.Context(), api.AuditLog, filter)
}
