package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/term"
)

type versionInfo struct {
	Client factory.Version `json:"client"`
	Server string          `json:"server,omitempty" jsonschema:"the control plane's version, with --remote"`
}

func newVersion(f *factory.Factory) *cobra.Command {
	var server bool
	cmd := &cobra.Command{
		Use: "version", Short: "Show the version of aictl, and of the server on request",
		Long:    "Show the version of aictl. With --remote the control plane of the context is asked for its own.",
		Example: "  # of this program\n  aictl version\n\n  # of the control plane too, for a script\n  aictl version --remote -o json --jq .server",
		Args:    noArgs,
		// A version must be had even where the configuration is broken.
		Annotations: factory.MarkOffline(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.PrinterFor(f.Flags.Output)
			if err != nil {
				return err
			}
			v := versionInfo{Client: f.Version}
			if server {
				c, _, err := f.One()
				if err != nil {
					return err
				}
				defer c.Close()
				ctx, cancel := f.Deadline(cmd.Context(), 0)
				defer cancel()
				st, err := api.PlatformStatus.Call(ctx, c, api.None{})
				if err != nil {
					return err
				}
				v.Server = st.Version
			}
			if !p.Human() {
				return p.Print(v)
			}
			_, err = fmt.Fprintf(p.Out(), "aictl %s (%s, %s, %s/%s)\n", v.Client.Version, v.Client.Commit, v.Client.Go, v.Client.OS, v.Client.Arch)
			if err == nil && v.Server != "" {
				_, err = fmt.Fprintf(p.Out(), "server %s\n", term.SafeLine(v.Server))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&server, "remote", false, "ask the control plane too")
	return cmd
}
