package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// contextInfo is one context as the list shows it.
type contextInfo struct {
	config.Context
	Current bool `json:"current"`
}

var contextView = output.View[contextInfo]{
	Kind: "context", Name: func(c contextInfo) string { return c.Name },
	Columns: []output.Column[contextInfo]{
		{Header: "current", Value: func(c contextInfo, _ output.Env) string { return mark(c.Current) }},
		{Header: "name", Value: func(c contextInfo, _ output.Env) string { return c.Name }},
		{Header: "server", Value: func(c contextInfo, _ output.Env) string { return c.Server }},
		{Header: "signed in", Value: func(c contextInfo, _ output.Env) string { return yesNo(c.Token != "") }},
		{
			Header: "protection", Value: func(c contextInfo, _ output.Env) string { return c.Protection },
			Style: func(contextInfo, output.Env) term.Style { return term.Warn },
		},
		{Header: "read-only", Wide: true, Value: func(c contextInfo, _ output.Env) string { return yesNo(c.ReadOnly) }},
		{Header: "namespace", Wide: true, Value: func(c contextInfo, _ output.Env) string { return c.Namespace }},
	},
}

func mark(on bool) string {
	if on {
		return "*"
	}
	return ""
}

func yesNo(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

func newContext(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use: "context", Short: "Manage the contexts: control planes and how to reach them",
		Long: "Manage the contexts. A context names a control plane, the token for it, and how careful to be.",
	}
	requireSubcommand(cmd)
	names := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return f.ContextNames(), cobra.ShellCompDirectiveNoFileComp
	}
	sub := func(use, short, example string, names completion, args cobra.PositionalArgs, run func(*cobra.Command, *config.Config, []string) error) {
		cmd.AddCommand(&cobra.Command{
			Use: use, Short: short, Long: short + ".", Example: example, Args: args, ValidArgsFunction: names,
			RunE: func(cmd *cobra.Command, args []string) error {
				c, err := f.Config()
				if err != nil {
					return err
				}
				return run(cmd, c, args)
			},
		})
	}
	sub("list", "List the contexts", "  # all of them\n  aictl context list\n\n  # names for a script\n  aictl context list -o name",
		nil, noArgs, func(_ *cobra.Command, c *config.Config, _ []string) error {
			p, err := f.Printer()
			if err != nil {
				return err
			}
			list := []contextInfo{}
			for _, one := range c.List() {
				list = append(list, contextInfo{one, one.Name == c.Current()})
			}
			return output.List(p, contextView, list)
		})
	sub("show NAME", "Show a context, with the token masked", "  # one context\n  aictl context show local\n\n  # its server\n  aictl context show local -o json --jq .server",
		names, exactArgs("NAME"), func(_ *cobra.Command, c *config.Config, args []string) error {
			one, err := c.Show(args[0])
			if err != nil {
				return err
			}
			p, err := f.Printer()
			if err != nil {
				return err
			}
			if p.Human() {
				return output.One(p, contextView, contextInfo{one, one.Name == c.Current()})
			}
			return p.Print(one)
		})
	sub("use NAME", "Make a context the current one", "  # from now on\n  aictl context use local\n\n  # and say nothing of it\n  aictl context use local --quiet",
		names, exactArgs("NAME"), func(cmd *cobra.Command, c *config.Config, args []string) error {
			if err := c.Use(cmd.Context(), args[0]); err != nil {
				return err
			}
			f.Say("The current context is %s.", args[0])
			return nil
		})
	sub("set NAME KEY=VALUE...", "Set keys of a context, making it where it is new",
		"  # a new one\n  aictl context set staging server=https://aictl.example.com\n\n  # careful from now on\n  aictl context set staging protection=prod timeout=20s",
		names, nil, func(cmd *cobra.Command, c *config.Config, args []string) error {
			if len(args) < 2 {
				return fail.New(fail.Usage, "aictl context set wants a name and KEY=VALUE; keys: %s", strings.Join(config.Keys(), ", ")).
					Hint("aictl context set staging server=https://HOST:PORT")
			}
			var pairs [][2]string
			for _, a := range args[1:] {
				k, v, ok := strings.Cut(a, "=")
				if !ok {
					return fail.New(fail.Usage, "%q is not KEY=VALUE", a).Hint("aictl context set %s server=https://HOST:PORT", args[0])
				}
				pairs = append(pairs, [2]string{k, v})
			}
			return c.Set(cmd.Context(), args[0], pairs)
		})
	sub("delete NAME", "Delete a context and its token", "  # after a question\n  aictl context delete staging\n\n  # without one\n  aictl context delete staging --yes",
		names, exactArgs("NAME"), func(cmd *cobra.Command, c *config.Config, args []string) error {
			if _, err := c.Show(args[0]); err != nil {
				return err
			}
			if err := confirm(f, fmt.Sprintf("Delete the context %s and its token?", args[0])); err != nil {
				return err
			}
			return c.Delete(cmd.Context(), args[0])
		})
	sub("rename OLD NEW", "Rename a context", "  # it stays current if it was\n  aictl context rename staging stage\n\n  # and back\n  aictl context rename stage staging",
		names, exactArgs("OLD", "NEW"), func(cmd *cobra.Command, c *config.Config, args []string) error {
			return c.Rename(cmd.Context(), args[0], args[1])
		})
	return cmd
}

// confirm asks before a local change; without a terminal and without --yes it
// is a usage error at once.
func confirm(f *factory.Factory, question string) error {
	s, err := f.Settings()
	if err != nil || s.Yes {
		return err
	}
	ok, err := f.IO.Confirm(question)
	if err == nil && !ok {
		err = fail.New(fail.Canceled, "nothing was changed")
	}
	return err
}

// configPaths are the files that count.
type configPaths struct {
	User    string `json:"user"`
	Project string `json:"project"`
}

// configValidity is the verdict of `aictl config validate`.
type configValidity struct {
	OK       bool     `json:"ok"`
	Files    []string `json:"files"`
	Contexts int      `json:"contexts"`
}

func newConfig(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Show and check the configuration",
		Long: "Show and check the configuration: `aictl help config` tells how the files work together.",
	}
	requireSubcommand(cmd)
	var origins bool
	view := &cobra.Command{
		Use: "view", Short: "Show what holds now, and with --show-origin where it comes from",
		Example: "  # what holds\n  aictl config view\n\n  # and why\n  aictl config view --show-origin",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := f.Printer()
			if err != nil {
				return err
			}
			s, err := f.Settings()
			if err != nil {
				return err
			}
			v := output.View[config.Row]{
				Kind: "setting", Name: func(r config.Row) string { return r.Name },
				Columns: []output.Column[config.Row]{
					{Header: "name", Value: func(r config.Row, _ output.Env) string { return r.Name }},
					{Header: "value", Value: func(r config.Row, _ output.Env) string { return r.Value }},
					{Header: "origin", Wide: !origins, Value: func(r config.Row, _ output.Env) string { return string(r.Origin) }},
				},
			}
			return output.List(p, v, s.All.Rows())
		},
	}
	view.Flags().BoolVar(&origins, "show-origin", false, "name the flag, variable or file and line of each value")
	cmd.AddCommand(view)
	cmd.AddCommand(&cobra.Command{
		Use: "path", Short: "Show which files count",
		Example: "  # both files\n  aictl config path\n\n  # the user's\n  aictl config path -o json --jq .user",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := f.Printer()
			if err != nil {
				return err
			}
			c, err := f.Config()
			if err != nil {
				return err
			}
			return p.Print(configPaths{c.Path(), c.ProjectPath()})
		},
	})
	cmd.AddCommand(&cobra.Command{
		Use: "validate", Short: "Check the configuration files strictly",
		Example: "  # silent when all is well\n  aictl config validate\n\n  # for a script\n  aictl config validate -o json --jq .ok",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := f.Printer() // reading them is checking them
			if err != nil {
				return err
			}
			c, err := f.Config()
			if err != nil {
				return err
			}
			v := configValidity{OK: true, Files: []string{}, Contexts: len(c.List())}
			for _, path := range []string{c.Path(), c.ProjectPath()} {
				if path != "" {
					v.Files = append(v.Files, path)
				}
			}
			return p.Print(v)
		},
	})
	return cmd
}
