//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestPublishedClients runs clients that nobody here wrote, as they are on npm
// and PyPI, against one server with a model server behind it.
func TestPublishedClients(t *testing.T) {
	up := newUpstream(t)
	server := startServer(t, config{providers: []provider{{name: "main", url: up.URL}}})
	env := append(os.Environ(),
		"AICTL_BASE_URL="+server.url+"/v1",
		"AICTL_HOST="+strings.TrimPrefix(server.url, "http://"),
		"AICTL_API_KEY="+server.token,
		"AICTL_TOOL_MODEL=echo-model",
	)
	root := testbed.Root(t)

	t.Run("npm openai", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), testbed.Find(t, "node"), "openai.mjs")
		cmd.Dir = testbed.NodeClients(t)
		cmd.Env = slices.Concat(env, []string{"AICTL_MODEL=aictl-ops"})
		t.Log(testbed.Run(t, cmd))
	})
	python := func(t *testing.T, script, model string, stdin io.Reader) {
		cmd := exec.CommandContext(t.Context(), testbed.Python(t), filepath.Join(root, "test", "e2e", "clients", "python", script))
		cmd.Env = slices.Concat(env, []string{"AICTL_MODEL=" + model})
		cmd.Stdin = stdin
		t.Log(testbed.Run(t, cmd))
	}
	t.Run("PyPI openai", func(t *testing.T) { python(t, "openai_client.py", "aictl-ops", nil) })
	t.Run("PyPI tritonclient", func(t *testing.T) { python(t, "triton_client.py", "predict", nil) })
	t.Run("OpenAPI 3.1", func(t *testing.T) {
		python(t, "openapi_check.py", "", strings.NewReader(server.get(t, "/openapi.json")))
	})
	t.Run("promtool check metrics", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), testbed.Find(t, "promtool"), "check", "metrics")
		exposition := server.get(t, "/metrics")
		require.Contains(t, exposition, "# TYPE aictl_")
		cmd.Stdin = strings.NewReader(exposition)
		require.Empty(t, testbed.Run(t, cmd), "promtool's complaints")
	})
}

// get reads a path of the server with the admin's token.
func (s *server) get(t testing.TB, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s: %s", path, body)
	return string(body)
}
