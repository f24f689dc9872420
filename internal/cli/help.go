package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
)

// topics are help pages that belong to no command.
func topics() map[string][2]string {
	var codes strings.Builder
	last := -1
	for _, e := range fail.Table() {
		number := "   "
		if e.Exit != last {
			number = fmt.Sprintf("%3d", e.Exit)
		}
		last = e.Exit
		fmt.Fprintf(&codes, "%s  %-13s %s\n", number, e.Code, e.Meaning)
	}
	return map[string][2]string{
		"exit-codes": {"Exit codes and error documents", "Every command ends with one of these. Several codes may share a number.\n\n" + codes.String() +
			"\nWith -o json the error is one JSON document on stderr:\n" +
			`  {"type":"aictl.error","code":"…","message":"…","cause":[…],"next":"…","exit":N}` + "\n"},
		"environment": {"Environment variables", `Each global flag has a variable; a flag beats it, and it beats the files.

  AICTL_CONTEXT, AICTL_CONFIG, AICTL_SERVER, AICTL_NAMESPACE, AICTL_OUTPUT,
  AICTL_TIMEOUT, AICTL_READ_ONLY, AICTL_DRY_RUN, AICTL_YES, AICTL_REASON,
  AICTL_KUBECONFIG, AICTL_AS, AICTL_AS_GROUP, AICTL_FROM,
  AICTL_QUIET, AICTL_VERBOSE, AICTL_NO_COLOR
  AICTL_TOKEN          the API token, where no context holds one

Also honoured: NO_COLOR, CLICOLOR_FORCE, TERM=dumb, PAGER, HTTPS_PROXY, CI,
ACCESSIBLE, XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_CACHE_HOME.
`},
		"formatting": {"Output formats and filters", `-o table            for people (the default); cut to the width of a terminal only
-o wide             more columns
-o json, yaml       the whole answer; fields are stable: aictl schema COMMAND
-o jsonl            a line an element; streams end with a "result" or "error" line
-o name             kind/name, a line each
-o csv              with a head; cells that a spreadsheet would run are quoted
-o raw              texts without quotes, a line each; of logs the messages
-o jsonpath=EXPR    as kubectl has it
-o go-template=T    a Go template over the JSON
--jq EXPR           a jq expression over the JSON

The format never changes what is fetched, and equal input gives equal bytes.
Off a terminal there is no colour, no spinner, no prompt and no truncation.
`},
		"config": {"Configuration files and contexts", `A context names a control plane, how to sign in, and how careful to be.

  aictl context list                 which there are
  aictl context set prod server=https://aictl.example.com protection=prod
  aictl login --context prod         give it a token, from a prompt or stdin
  aictl config view --show-origin    what holds now, and where it comes from

Precedence: flag, environment, project file .aictl.yaml, user file, default.
A project file may never attach credentials to a server that it names.
In a context with protection: prod a change wants the object's typed name and
a reason.
`},
	}
}

// addTopics lists the topics in the help. One that a command is named like is
// reached by `aictl help` alone: of two commands of one name cobra finds either.
func addTopics(root *cobra.Command) {
	taken := map[string]bool{}
	for _, c := range root.Commands() {
		taken[c.Name()] = true
	}
	for name, page := range topics() {
		if !taken[name] {
			root.AddCommand(&cobra.Command{Use: name, Short: page[0], Long: topicText(page), Hidden: false})
		}
	}
}

func topicText(page [2]string) string { return page[0] + "\n\n" + strings.TrimRight(page[1], "\n") }

// newHelp is cobra's help command with our errors.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND...]", Short: "Show help of a command or a topic",
		Annotations: factory.MarkOffline(),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			at, _, err := root.Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, c := range at.Commands() {
				out = append(out, c.Name()+"\t"+c.Short)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				if page, ok := topics()[args[0]]; ok {
					_, err := fmt.Fprintln(root.OutOrStdout(), topicText(page))
					return err
				}
			}
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fail.New(fail.Usage, "no help for %q", strings.Join(args, " ")).Hint("aictl help")
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}
