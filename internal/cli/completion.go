package cli

import (
	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
)

func newCompletion(f *factory.Factory) *cobra.Command {
	shells := map[string]func(*cobra.Command) error{
		"bash":       func(r *cobra.Command) error { return r.GenBashCompletionV2(f.IO.Out, true) },
		"zsh":        func(r *cobra.Command) error { return r.GenZshCompletion(f.IO.Out) },
		"fish":       func(r *cobra.Command) error { return r.GenFishCompletion(f.IO.Out, true) },
		"powershell": func(r *cobra.Command) error { return r.GenPowerShellCompletionWithDesc(f.IO.Out) },
	}
	names := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print the completion script of a shell",
		Long: "Print the completion script of a shell: bash, zsh, fish or powershell.\n\n" +
			"  bash:        source <(aictl completion bash)\n" +
			"  zsh:         aictl completion zsh > \"${fpath[1]}/_aictl\"\n" +
			"  fish:        aictl completion fish > ~/.config/fish/completions/aictl.fish\n" +
			"  powershell:  aictl completion powershell | Out-String | Invoke-Expression",
		Example:     "  # for this bash\n  aictl completion bash\n\n  # for fish, kept\n  aictl completion fish",
		ValidArgs:   names,
		Annotations: factory.MarkOffline(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || shells[args[0]] == nil {
				return fail.New(fail.Usage, "aictl completion wants one of bash, zsh, fish, powershell").
					Hint("aictl completion bash")
			}
			return shells[args[0]](cmd.Root())
		},
	}
}
