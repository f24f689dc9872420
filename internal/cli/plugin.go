package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
)

const pluginPrefix = "aictl-"

// notPlugins are programs of our own that begin with the prefix.
var notPlugins = map[string]bool{"aictl-server": true, "aictl-gen": true}

// foundPlugin is one executable on PATH, with the reason why it is not used.
type foundPlugin struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Usable  bool   `json:"usable"`
	Warning string `json:"warning,omitempty"`
}

// runPlugin executes `aictl-foo` for `aictl foo …` when no built-in has that
// name. The plugin gets the arguments and an environment without our token.
func runPlugin(ctx context.Context, f *factory.Factory, root *cobra.Command, args []string) (code int, ran bool) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], "__") {
		return 0, false
	}
	for _, c := range root.Commands() {
		if c.Name() == args[0] || c.HasAlias(args[0]) {
			return 0, false // a plugin never shadows a built-in
		}
	}
	if args[0] == "help" || strings.ContainsAny(args[0], `/\`) {
		return 0, false
	}
	for _, p := range findPlugins(f, root) {
		if p.Name != args[0] {
			continue
		}
		if !p.Usable {
			return report(f, root, fail.New(fail.Refused, "the plugin %s is not run: %s", p.Path, p.Warning).
				Hint("aictl plugin list")), true
		}
		cmd := exec.CommandContext(ctx, p.Path, args[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f.IO.In, os.Stdout, os.Stderr
		cmd.Env = withoutSecrets(os.Environ())
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() >= 0 {
			return exit.ExitCode(), true
		}
		if err != nil {
			return report(f, root, fail.Wrap(fail.Failed, err, "running the plugin %s", p.Path)), true
		}
		return 0, true
	}
	return 0, false
}

func withoutSecrets(env []string) []string {
	out := env[:0:0]
	for _, kv := range env {
		if !strings.HasPrefix(kv, "AICTL_TOKEN=") {
			out = append(out, kv)
		}
	}
	return out
}

// findPlugins looks along PATH; the first of a name wins, as in a shell.
// Relative entries and directories that anybody can write are refused: what
// lies there may be somebody else's.
func findPlugins(f *factory.Factory, root *cobra.Command) []foundPlugin {
	builtin := map[string]bool{"help": true}
	for _, c := range root.Commands() {
		builtin[c.Name()] = true
	}
	seen := map[string]bool{}
	var out []foundPlugin
	for _, dir := range filepath.SplitList(f.Env("PATH")) {
		entries, err := os.ReadDir(dirOrDot(dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), pluginPrefix) || notPlugins[e.Name()] {
				continue
			}
			path := filepath.Join(dir, e.Name())
			info, err := os.Stat(path)
			if err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
				continue
			}
			p := foundPlugin{Name: strings.TrimPrefix(e.Name(), pluginPrefix), Path: path}
			switch {
			case builtin[p.Name]:
				p.Warning = "a built-in command has this name"
			case seen[p.Name]:
				p.Warning = "another of this name comes first on PATH"
			case !filepath.IsAbs(dir):
				p.Warning = "its entry in PATH is relative"
			case info.Mode().Perm()&0o002 != 0 || openDirectory(dir):
				p.Warning = "anybody can write it or its directory"
			default:
				p.Usable = true
			}
			seen[p.Name] = true
			out = append(out, p)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func dirOrDot(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

func openDirectory(dir string) bool {
	info, err := os.Stat(dirOrDot(dir))
	return err != nil || info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0
}

func newPlugin(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use: "plugin", Short: "Show the plugins on PATH",
		Long: "Show the plugins on PATH.\n\nAn executable aictl-foo on PATH is the command `aictl foo`. A plugin never shadows a\n" +
			"built-in command, gets no credentials from aictl's environment, and is refused from\n" +
			"relative or world-writable directories.",
	}
	requireSubcommand(cmd)
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List the plugins that aictl would run, and those that it would not",
		Example: "  # what is there\n  aictl plugin list\n\n  # names of the usable ones\n  aictl plugin list -o json --jq '.[] | select(.usable) | .name'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.Printer()
			if err != nil {
				return err
			}
			return output.List(p, output.View[foundPlugin]{
				Kind: "plugin", Name: func(x foundPlugin) string { return x.Name },
				Columns: []output.Column[foundPlugin]{
					{Header: "name", Value: func(x foundPlugin, _ output.Env) string { return x.Name }},
					{Header: "path", Value: func(x foundPlugin, _ output.Env) string { return x.Path }},
					{Header: "warning", Value: func(x foundPlugin, _ output.Env) string { return x.Warning }},
				},
			}, findPlugins(f, cmd.Root()))
		},
	})
	return cmd
}

// noArgs refuses arguments with the code for usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fail.New(fail.Usage, "%s takes no argument, and %q was given", cmd.CommandPath(), args[0]).
			Hint("%s --help", cmd.CommandPath())
	}
	return nil
}

// exactArgs wants the named arguments, no more and no less.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return fail.New(fail.Usage, "%s wants %s", cmd.CommandPath(), strings.Join(names, " ")).
			Hint("%s --help", cmd.CommandPath())
	}
}
