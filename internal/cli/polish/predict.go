package polish

import (
	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/output"
)

type predictCommand struct{ f *factory.Factory }

func predictFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("time-col", "", "name or number of the time column; found where absent")
	cmd.Flags().String("value-col", "", "name or number of the value column; found where absent")
}

func (c *predictCommand) forecast(cmd *cobra.Command, in any) error { return nil }
func (c *predictCommand) anomaly(cmd *cobra.Command, in any) error  { return nil }

func forecastView(p *output.Printer, out any) error { return p.Print(out) }
func anomalyView(p *output.Printer, out any) error  { return p.Print(out) }
