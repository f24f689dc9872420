//go:build e2e

package testbed_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

func TestSystemsStart(t *testing.T) {
	url := testbed.Postgres(t)
	require.NotEqual(t, url, testbed.Database(t, url, "another"))
	require.Contains(t, testbed.Redis(t), "redis://127.0.0.1:")
}

func TestClientsInstall(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), testbed.Find(t, "node"), "-e", "import('openai').then(m => console.log(typeof m.default))")
	cmd.Dir = testbed.NodeClients(t)
	require.Equal(t, "function\n", testbed.Run(t, cmd))
	out := testbed.Run(t, exec.CommandContext(t.Context(), testbed.Python(t), "-c", "import openai, tritonclient.http, openapi_spec_validator; print('ok')"))
	require.Equal(t, "ok\n", out)
}
