package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
)

// shareFrom lets --from take a bundle on every command, also where it is the
// beginning of a window or a store: the value tells (factory.IsBundle).
func shareFrom(cmd *cobra.Command, f *factory.Factory) {
	for _, c := range cmd.Commands() {
		if own := c.Flags().Lookup("from"); own != nil {
			own.Value = f.FromFlagWith(own.Value)
			own.Usage += "; or a bundle (FILE.aictl)"
		}
		shareFrom(c, f)
	}
}

// liveOnly are the commands that look at or change this machine or a live
// system beside the operations: on a bundle they have nothing to answer.
var liveOnly = []string{
	"up", "down", "status", "doctor", "login", "logout", "record", "secrets run", "plugin install", "plugin remove", "plugin upgrade",
}

// refuseLive keeps such a command from passing the present off as recorded.
func refuseLive(f *factory.Factory, cmd *cobra.Command) error {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	if !f.Replaying() || !slices.Contains(liveOnly, path) {
		return nil
	}
	return fail.New(fail.Refused, "aictl %s works on live systems, and --from reads a bundle", path).
		Hint("leave --from (and AICTL_FROM) away")
}
