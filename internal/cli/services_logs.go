package cli

import (
	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// addServicesLogs is `aictl logs --service SERVICE` where one looks for it: it
// is the same operation with the same flags.
func addServicesLogs(root *cobra.Command, f *factory.Factory, run func(*cobra.Command, any) error, tune func(*factory.Factory, *cobra.Command)) {
	d := *api.LogsSearch
	d.Command = "services logs"
	d.Summary = "Search or follow the logs of a service"
	d.Doc = "The same as aictl logs --service SERVICE, with all its flags."
	d.Examples = []op.Example{
		{Command: "aictl services logs chat", Note: "the newest entries of the last hour"},
		{Command: "aictl services logs chat --level warn --since 2h -o json --jq '.[].message'", Note: "what went wrong, for a script"},
	}
	cmd := addOperation(root, f, &d, run)
	tune(f, cmd)
	text := cmd.Args
	cmd.Use = "logs SERVICE [TEXT...]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fail.New(fail.Usage, "SERVICE is missing: the service's name").Hint("aictl services list")
		}
		if err := cmd.Flags().Set("service", args[0]); err != nil {
			return err
		}
		return text(cmd, args[1:])
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f.Complete(completionContext(cmd), "services", nil, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}
