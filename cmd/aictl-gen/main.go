// Command aictl-gen writes what is derived from the command tree and the
// operations and committed beside them: completions/, the man pages,
// docs/keys.md, docs/reference with the OpenAPI document. CI runs it and fails on a
// difference.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/platform"
	"github.com/aictl/aictl/internal/term"
)

func main() {
	if err := run(os.Args[1:], "."); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run generates the named kinds under root.
func run(kinds []string, root string) error {
	if len(kinds) == 0 {
		kinds = []string{"completions", "docs"}
	}
	for _, k := range kinds {
		var err error
		switch k {
		case "completions":
			err = completions(filepath.Join(root, "completions"))
		case "docs":
			err = documents(filepath.Join(root, "docs"))
		default:
			err = fail.New(fail.Usage, "there is no kind %q; there are completions and docs", k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tree builds the command tree without a terminal and without an environment:
// what is generated must not depend on who generates it.
func tree() *cobra.Command {
	io, _, _, _ := term.Test()
	return cli.NewRoot(factory.New(io, func(string) string { return "" }))
}

func completions(dir string) error {
	root := tree()
	for name, generate := range map[string]func(*bytes.Buffer) error{
		"aictl.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_aictl":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"aictl.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
		"aictl.ps1":  func(b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) },
	} {
		var b bytes.Buffer
		if err := generate(&b); err != nil {
			return err
		}
		if err := write(filepath.Join(dir, name), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func documents(dir string) error {
	root := tree()
	// The date of a man page is when its form last changed, not when it was
	// generated.
	date := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	man := filepath.Join(dir, "man")
	if err := os.MkdirAll(man, 0o755); err != nil {
		return err
	}
	header := &doc.GenManHeader{Title: "AICTL", Section: "1", Source: "aictl", Manual: "aictl", Date: &date}
	root.DisableAutoGenTag = true
	if err := doc.GenManTree(root, header, man); err != nil {
		return err
	}
	if err := reference(filepath.Join(dir, "reference"), root); err != nil {
		return err
	}
	if err := keys(filepath.Join(dir, "keys.md")); err != nil {
		return err
	}
	openapi, err := platform.Describe()
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, openapi, "", "  "); err != nil {
		return err
	}
	pretty.WriteByte('\n')
	return write(filepath.Join(dir, "reference", "openapi.json"), pretty.Bytes())
}

// reference writes a page a noun.
func reference(dir string, root *cobra.Command) error {
	var index strings.Builder
	index.WriteString("# Commands\n\nGenerated from the command tree; `aictl commands -o json` gives the same to programs.\n\n| command | what it does |\n|---|---|\n")
	for _, c := range root.Commands() {
		if c.Hidden || c.IsAdditionalHelpTopicCommand() || c.Name() == "help" {
			continue
		}
		fmt.Fprintf(&index, "| [%s](%s.md) | %s |\n", c.CommandPath(), c.Name(), c.Short)
		var b strings.Builder
		page(&b, c)
		if err := write(filepath.Join(dir, c.Name()+".md"), []byte(b.String())); err != nil {
			return err
		}
	}
	return write(filepath.Join(dir, "README.md"), []byte(index.String()))
}

func page(b *strings.Builder, top *cobra.Command) {
	leaves := []*cobra.Command{top}
	fmt.Fprintf(b, "# %s\n\n%s.\n", top.CommandPath(), strings.TrimSuffix(top.Short, "."))
	if top.HasSubCommands() {
		leaves = cli.Leaves(top)
		if cli.Describe(top).Operation != "" { // a command that has others below it
			leaves = append([]*cobra.Command{top}, leaves...)
		}
	}
	for _, c := range leaves {
		info := cli.Describe(c)
		fmt.Fprintf(b, "\n## %s\n\n%s\n\n```text\n%s\n```\n", c.CommandPath(), strings.TrimSpace(longOf(c)), info.Usage)
		if len(info.Flags) > 0 {
			b.WriteString("\n| flag | what it is | default |\n|---|---|---|\n")
			for _, f := range info.Flags {
				name := "`--" + f.Name + "`"
				if f.Short != "" {
					name += ", `-" + f.Short + "`"
				}
				fmt.Fprintf(b, "| %s | %s | %s |\n", name, cell(f.Usage), cell(f.Default))
			}
		}
		if len(info.Examples) > 0 {
			fmt.Fprintf(b, "\n```text\n%s\n```\n", strings.Join(info.Examples, "\n"))
		}
		codes := make([]string, len(info.Exit))
		for i, e := range info.Exit {
			codes[i] = fmt.Sprintf("%d (%s)", e.Exit, e.Code)
		}
		fmt.Fprintf(b, "\nExit codes: %s.\n", strings.Join(codes, ", "))
	}
}

func longOf(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return c.Short + "."
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// write replaces a file only where its content changes.
func write(path string, body []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, body) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, body, 0o644) //nolint:gosec // committed files are for everybody
}
