package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui"
)

// inside runs command lines within the dashboard: the same tree, with its own
// streams. A change is not made but handed back, as the dashboard asks in its
// own way.
type inside struct{ f *factory.Factory }

// shellOnly are commands that need the terminal or outlive the line: they are
// run in a shell. "secrets run" and "runbook run" start programs.
var shellOnly = []string{
	"dashboard", "up", "down", "login", "logout", "mcp", "record", "completion", "plugin", "runbook run", "secrets run",
	"context set", "context delete", "context rename", "context use",
}

// errProposed ends a run whose change was handed back.
var errProposed = errors.New("the change goes through the dashboard's plan")

// maxInside bounds what one command of the palette may print, in bytes.
const maxInside = 4 << 20

// run executes a line. window are the flags of the dashboard's window, used
// where the command takes one and the line gives none.
func (i inside) run(ctx context.Context, words, contexts, window []string, width int) (tui.Outcome, error) {
	var out, errOut capped
	var o tui.Outcome
	f := i.f.Again(term.Captured(&out, &errOut, width, i.f.Env))
	f.Proposed = func(d op.UntypedChange, in any) error {
		o.Change, o.In = d, in
		return errProposed
	}
	root := NewRoot(f)
	cmd, rest, err := root.Find(words)
	if err != nil {
		return o, err
	}
	path := strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ")
	for _, p := range shellOnly {
		if path == p || strings.HasPrefix(path, p+" ") {
			return o, fail.New(fail.Usage, "aictl %s needs the terminal", path).Hint("run it in a shell: ctrl-z suspends the dashboard")
		}
	}
	args := append([]string{}, words...)
	if takesWindow(cmd, rest) {
		args = append(args, window...)
	}
	for flag, value := range map[string]string{"server": i.f.Flags.Server, "config": i.f.Flags.Config, "kubeconfig": i.f.Flags.Kubeconfig, "as": i.f.Flags.As, "from": i.f.Flags.From} {
		if value != "" && i.f.Flags.Set[flag] && !hasFlag(args, flag) {
			args = append(args, "--"+flag, value)
		}
	}
	if !hasFlag(args, "context") && !hasFlag(args, "server") {
		for _, c := range contexts {
			args = append(args, "--context", c)
		}
	}
	if i.f.Flags.ReadOnly {
		args = append(args, "--read-only")
	}
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	if errors.Is(err, errProposed) {
		return o, nil
	}
	o.Text = out.String()
	if o.Text == "" {
		o.Text = errOut.String()
	}
	// Exit 10 and 11 are answers: a gate that failed says why on stdout.
	if code := fail.CodeOf(err); err != nil && (code == fail.False || code == fail.Inconclusive || code == fail.Partial) && o.Text != "" {
		o.Text += "\n" + err.Error() + "\n"
		return o, nil
	}
	return o, f.Explain(err)
}

// takesWindow reports whether the command has --since and the line no window.
func takesWindow(cmd *cobra.Command, args []string) bool {
	return cmd.Flags().Lookup("since") != nil && cmd.Flags().Lookup("to") != nil && !hasFlag(args, "since") && !hasFlag(args, "from") && !hasFlag(args, "to")
}

func hasFlag(args []string, flag string) bool {
	for _, a := range args {
		if a == "--"+flag || strings.HasPrefix(a, "--"+flag+"=") {
			return true
		}
	}
	return false
}

// complete gives the words that may end a line, as the shell's completion has
// them.
func (i inside) complete(ctx context.Context, words []string) []string {
	var out, errOut capped
	root := NewRoot(i.f.Again(term.Captured(&out, &errOut, term.DefaultWidth, i.f.Env)))
	root.SetArgs(append([]string{cobra.ShellCompRequestCmd}, words...))
	if root.ExecuteContext(ctx) != nil {
		return nil
	}
	var list []string
	for line := range strings.SplitSeq(out.String(), "\n") {
		if line != "" && !strings.HasPrefix(line, ":") {
			list = append(list, line)
		}
	}
	return list
}

// capped is a buffer with an end; what comes after is dropped.
type capped struct{ bytes.Buffer }

func (c *capped) Write(b []byte) (int, error) {
	if room := maxInside - c.Len(); room > 0 {
		_, _ = c.Buffer.Write(b[:min(len(b), room)])
	}
	return len(b), nil
}
