//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestTheInvariantsHaveTests: .ci/gotest forgives no failure of the tests that
// it names. One that was renamed would be forgiven without anybody noticing.
func TestTheInvariantsHaveTests(t *testing.T) {
	root := testbed.Root(t)
	script, err := os.ReadFile(filepath.Join(root, ".ci", "gotest"))
	require.NoError(t, err)
	_, list, found := strings.Cut(string(script), "\ninvariants=(\n")
	require.True(t, found)
	list, _, found = strings.Cut(list, "\n)\n")
	require.True(t, found)
	cmd := exec.CommandContext(t.Context(), "grep", "-rhoE", "--include=*_test.go", `^func Test[A-Za-z0-9_]+\(t `, root)
	tests := testbed.Run(t, cmd)
	named := 0
	for line := range strings.Lines(list) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for name := range strings.FieldsSeq(line) {
			pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.ReplaceAll(name, `\*`, "*")), `\*`, "[A-Za-z0-9_]*")
			is := regexp.MustCompile(`(?m)^func ` + pattern + `\(t $`)
			require.True(t, is.MatchString(tests), "no test is called %s", name)
			named++
		}
	}
	require.Greater(t, named, 10)
}
