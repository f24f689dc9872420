//go:build e2e

package e2e

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aictl/aictl/test/testbed"
)

// TestMCP has the client that the protocol's authors publish on PyPI list and
// call the tools, over standard input and over HTTP.
func TestMCP(t *testing.T) {
	p := testbed.Up(t)
	root := testbed.Root(t)
	cmd := exec.CommandContext(t.Context(), testbed.Python(t), filepath.Join(root, "test", "e2e", "clients", "python", "mcp_client.py"), filepath.Join(p.Workspace, "bin", "aictl"))
	cmd.Env = slices.Concat(p.Env, []string{"AICTL_BASE_URL=" + p.URL + "/v1", "AICTL_API_KEY=" + p.Token})
	t.Log(testbed.Run(t, cmd))
}
