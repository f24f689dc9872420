// Package docs holds the test of the documentation: every command in README.md
// and docs/ that is said to run is run, in order, against one platform that
// the test starts, and pages that repeat a table of the code are held against
// it.
//
// In a block marked console, a line that begins with "$ " is a command; a
// backslash at its end continues it. "# exit N" at its end says that it must
// end with N instead of 0. Other lines are output for the reader's eye, which
// is not compared. Commands that cannot run here (they would install software,
// need another machine or end the platform) stand in blocks marked text.
package docs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

type command struct {
	file string
	line int
	text string
	exit int
}

var (
	fence    = regexp.MustCompile("^```(.*)$")
	wantExit = regexp.MustCompile(`\s+# exit (\d+)$`)
)

// commands are the console commands of a Markdown page, in order.
func commands(t testing.TB, path string) []command {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var out []command
	language, inside, continued := "", false, false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if m := fence.FindStringSubmatch(line); m != nil {
			if !inside {
				require.NotEmpty(t, m[1], "%s:%d: a block without a language", path, n)
			}
			inside, language, continued = !inside, m[1], false
			continue
		}
		if !inside || language != "console" {
			continue
		}
		text, is := strings.CutPrefix(line, "$ ")
		switch {
		case continued:
			out[len(out)-1].text += "\n" + line
		case is:
			out = append(out, command{file: path, line: n, text: text})
		default:
			continue
		}
		last := &out[len(out)-1]
		continued = strings.HasSuffix(last.text, `\`)
		if m := wantExit.FindStringSubmatch(last.text); m != nil {
			last.exit, err = strconv.Atoi(m[1])
			require.NoError(t, err)
			last.text = strings.TrimSuffix(last.text, m[0])
		}
	}
	require.NoError(t, lines.Err())
	require.False(t, inside, "%s: a block without an end", path)
	return out
}

func pages(t testing.TB) []string {
	t.Helper()
	root := testbed.Root(t)
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	return append([]string{filepath.Join(root, "README.md")}, found...)
}

// TestDocumentedCommandsRun runs them with `make up` first: the pages' own way.
func TestDocumentedCommandsRun(t *testing.T) {
	root := testbed.Root(t)
	platform := testbed.Up(t)
	total := 0
	for _, page := range pages(t) {
		name := strings.TrimPrefix(page, root+"/")
		for _, c := range commands(t, page) {
			total++
			t.Run(fmt.Sprintf("%s:%d", name, c.line), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, "bash", "-c", c.text)
				cmd.Dir = platform.Workspace
				cmd.Env = platform.Env
				out, err := cmd.CombinedOutput()
				got := 0
				if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
					got = ended.ExitCode()
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, c.exit, got, "$ %s\n%s", c.text, out)
				require.NotContains(t, string(out), "\x1b", "an escape sequence off a terminal")
			})
		}
	}
	require.Greater(t, total, 20, "the pages have lost their commands")
}

// TestExitCodePage holds docs/exit-codes.md against the table of the code.
func TestExitCodePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testbed.Root(t), "docs", "exit-codes.md"))
	require.NoError(t, err)
	for _, e := range fail.Table() {
		require.Contains(t, string(page), fmt.Sprintf("| %d | `%s` | %d | %s |\n", e.Exit, e.Code, e.Status, e.Meaning))
	}
}

// TestLinksResolve: a relative link leads to a file.
func TestLinksResolve(t *testing.T) {
	root := testbed.Root(t)
	adr, err := filepath.Glob(filepath.Join(root, "docs", "adr", "*.md"))
	require.NoError(t, err)
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	for _, page := range append(pages(t), adr...) {
		body, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(body), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(page), m[1]))
			require.NoError(t, err, "%s links to %s", page, m[1])
		}
	}
}
