// Package cli is the command tree: generated from the declarations of
// internal/api, with hand-made commands where a person's needs differ from a
// form's. It speaks to the platform through operations only.
//
// Building the tree does no I/O: `aictl --help` and completion start at once.
package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/cli/polish"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
)

// NewRoot builds the tree for a factory.
func NewRoot(f *factory.Factory) *cobra.Command {
	root := &cobra.Command{
		Use:   "aictl",
		Short: "Operate an AI platform from the terminal",
		Long: "Operate an AI platform from the terminal: its services, models, logs, metrics, alerts,\n" +
			"deployments and secrets, through one grammar: aictl <noun> <verb> [name] [flags].",
		Example: "  # start the platform on this machine\n  aictl up\n\n" +
			"  # ask it something\n  aictl chat \"what is running?\"\n\n" +
			"  # forecast a series\n  aictl predict forecast series.csv",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
		SuggestionsMinimumDistance: 2,
	}
	requireSubcommand(root)
	root.SetIn(f.IO.In)
	root.SetOut(f.IO.Out)
	root.SetErr(f.IO.Err)
	root.SetFlagErrorFunc(flagError)
	globalFlags(root, f)

	f.Views = polish.Views()
	runs := polish.Runs(f)
	for _, d := range api.All() {
		s := d.Describe()
		if s.CommandPath() == nil {
			continue
		}
		cmd := addOperation(root, f, d, runs[s.ID])
		if tune := polish.Flags[s.ID]; tune != nil {
			tune(f, cmd)
		}
	}
	group(root, "secrets").AddCommand(polish.NewSecretsRun(f))
	group(root, "runbook").AddCommand(newRunbookRun(f))
	addServicesLogs(root, f, runs[api.LogsSearch.ID], polish.Flags[api.LogsSearch.ID])
	root.AddCommand(
		newUp(f), newDown(f), newStatus(f), newDoctor(f),
		newContext(f), newConfig(f), newLogin(f), newLogout(f),
		newDashboard(f), newMCP(f), newCompletion(f), newVersion(f), newSchema(f, root), newCommands(f, root), newPlugin(f), newRecord(f),
	)
	shareFrom(root, f)
	addTopics(root)
	root.SetHelpCommand(newHelp(root))
	order(root)
	return root
}

// order puts commands into the groups of the help page.
func order(root *cobra.Command) {
	groups := []struct {
		id, title string
		names     []string
	}{
		{"start", "Start here:", []string{"up", "down", "status", "doctor", "dashboard"}},
		{"ai", "AI services:", []string{"chat", "predict", "services", "invoke", "providers", "sessions"}},
		{"observe", "Observe:", []string{"logs", "metrics", "alerts"}},
		{"respond", "Respond:", []string{"why", "changes", "timeline", "incident", "handoff", "runbook", "gate", "wait", "record"}},
		{"operate", "Operate:", []string{"deploy", "secrets", "rbac"}},
		{"admin", "Administration:", []string{"accounts", "tokens", "audit", "whoami", "login", "logout"}},
		{"tool", "The tool itself:", []string{"mcp", "context", "config", "completion", "plugin", "commands", "schema", "version", "help"}},
	}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, name := range g.names {
			for _, c := range root.Commands() {
				if c.Name() == name {
					c.GroupID = g.id
				}
			}
		}
	}
	root.SetHelpCommandGroupID("tool")
}

func globalFlags(root *cobra.Command, f *factory.Factory) {
	p := root.PersistentFlags()
	g := &f.Flags
	p.StringSliceVar(&g.Contexts, "context", nil, "context to use; repeatable, with * and ? (reads fan out)")
	p.StringVar(&g.Config, "config", "", "configuration file")
	p.StringVar(&g.Server, "server", "", "URL of the control plane, in place of the context's")
	p.StringVarP(&g.Namespace, "namespace", "n", "", "namespace")
	p.StringVarP(&g.Output, "output", "o", "", "table|wide|json|yaml|jsonl|name|csv|raw|jsonpath=…|go-template=…")
	p.Var(f.FromFlag(), "from", "answer from this bundle (FILE.aictl) in place of a platform; see aictl record")
	p.StringVar(&g.JQ, "jq", "", "filter the JSON result with a jq expression")
	p.StringVar(&g.Timeout, "timeout", "", "give up after this long (30s, 5m)")
	p.BoolVar(&g.ReadOnly, "read-only", false, "refuse every change before it leaves this process")
	p.StringVar(&g.DryRun, "dry-run", "", "client|server: show what a change would do")
	p.BoolVarP(&g.Yes, "yes", "y", false, "don't ask for confirmation")
	p.StringVar(&g.Reason, "reason", "", "why, for the audit record")
	p.BoolVarP(&g.Quiet, "quiet", "q", false, "no messages on stderr but errors")
	p.BoolVarP(&g.Verbose, "verbose", "v", false, "show HTTP requests (without credentials) on stderr")
	p.BoolVar(&g.NoColor, "no-color", false, "no colour")
	p.StringVar(&g.Kubeconfig, "kubeconfig", "", "reach the cluster of this kubeconfig directly; --context then names its contexts")
	p.StringVar(&g.As, "as", "", "impersonate this user on a cluster that is reached directly")
	p.StringSliceVar(&g.AsGroups, "as-group", nil, "impersonate this group; repeatable")
	fixed := func(values ...string) completion {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for name, c := range map[string]completion{
		"output": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			kinds := output.Kinds()
			for _, k := range polish.Formats(cmd) {
				kinds = append(kinds, string(k))
			}
			return kinds, cobra.ShellCompDirectiveNoFileComp
		},
		"dry-run": fixed("client", "server"),
		"context": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return f.ContextNames(), cobra.ShellCompDirectiveNoFileComp
		},
		"server": cobra.NoFileCompletions, "namespace": cobra.NoFileCompletions, "jq": cobra.NoFileCompletions,
		"timeout": cobra.NoFileCompletions, "reason": cobra.NoFileCompletions,
		"as": cobra.NoFileCompletions, "as-group": cobra.NoFileCompletions,
	} {
		_ = root.RegisterFlagCompletionFunc(name, c) // fails on a duplicate only
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd {
			return nil // the flags of the command in hand are read later (given)
		}
		given(f, cmd)
		if err := refuseLive(f, cmd); err != nil {
			return err
		}
		if f.Offline(cmd.Annotations) {
			return nil
		}
		f.Extra = polish.Formats(cmd)
		s, err := f.Settings()
		if err != nil {
			return err
		}
		if s.NoColor {
			f.IO.DisableColor()
		}
		f.Notice()
		_, err = f.Printer() // a wrong -o or --jq is known before any work
		return err
	}
}

// given notes which flags are on the command line.
func given(f *factory.Factory, cmd *cobra.Command) {
	f.Flags.Set = map[string]bool{}
	cmd.Flags().Visit(func(fl *pflag.Flag) { f.Flags.Set[fl.Name] = true })
}

// flagError explains a wrong flag and names the nearest one.
func flagError(cmd *cobra.Command, err error) error {
	var ours *fail.Error
	if asFail(err, &ours) && ours.Next != "" {
		return ours
	}
	e := fail.New(fail.Usage, "%s", trimFlagError(err))
	if near := nearestFlag(cmd, err); near != "" {
		return e.Hint("did you mean --%s? See %s --help", near, cmd.CommandPath())
	}
	return e.Hint("%s --help", cmd.CommandPath())
}

// declarationOf gives the declaration behind a command; nil for hand-made
// ones.
func declarationOf(cmd *cobra.Command) op.Declaration {
	for _, d := range api.All() {
		if d.Describe().ID == cmd.Annotations[annotationOperation] {
			return d
		}
	}
	return nil
}
