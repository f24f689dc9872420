package testbed

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// StartMoto starts moto's server, which answers as AWS does, and gives its
// URL. It is installed from PyPI once, outside the repository.
func StartMoto(t testing.TB) string {
	t.Helper()
	requirements := filepath.Join(Root(t), "test", "e2e", "clients", "moto", "requirements.txt")
	dir := installed(t, "moto", requirements, func(dir string) {
		Run(t, exec.CommandContext(t.Context(), Find(t, "python3"), "-m", "venv", dir))
		Run(t, exec.CommandContext(t.Context(), filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", requirements))
	})
	port := FreePort(t)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	p := Start(t, "moto", exec.Command(filepath.Join(dir, "bin", "moto_server"), "-H", "127.0.0.1", "-p", fmt.Sprint(port))) //nolint:noctx // it outlives the call; the test's cleanup stops it
	Eventually(t, time.Minute, "moto answers", func(ctx context.Context) error {
		if err := p.Exited(); err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/moto-api/data.json", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
	return url
}

// ResetMoto forgets everything that moto keeps.
func ResetMoto(t testing.TB, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/moto-api/reset", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}
