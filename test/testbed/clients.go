package testbed

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

// NodeClients installs test/e2e/clients/node from npm, once per content of its
// lock file, and returns the directory to run its scripts in. Scripts are
// copied there, so that Node.js finds the packages beside them.
func NodeClients(t testing.TB) string {
	t.Helper()
	source := filepath.Join(Root(t), "test", "e2e", "clients", "node")
	dir := installed(t, "node", filepath.Join(source, "package-lock.json"), func(dir string) {
		copyFile(t, filepath.Join(source, "package.json"), dir)
		copyFile(t, filepath.Join(source, "package-lock.json"), dir)
		cmd := exec.CommandContext(t.Context(), Find(t, "npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		cmd.Dir = dir
		Run(t, cmd)
	})
	scripts, err := filepath.Glob(filepath.Join(source, "*.mjs"))
	require.NoError(t, err)
	for _, script := range scripts {
		copyFile(t, script, dir)
	}
	return dir
}

// Python makes a virtual environment with test/e2e/clients/python's
// requirements from PyPI, once per content of that file, and returns its
// interpreter.
func Python(t testing.TB) string {
	t.Helper()
	requirements := filepath.Join(Root(t), "test", "e2e", "clients", "python", "requirements.txt")
	dir := installed(t, "python", requirements, func(dir string) {
		Run(t, exec.CommandContext(t.Context(), Find(t, "python3"), "-m", "venv", dir))
		Run(t, exec.CommandContext(t.Context(), filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", requirements))
	})
	return filepath.Join(dir, "bin", "python")
}

// installed runs install in a cache directory outside the repository that is
// named by the content of lock, unless it was done before. Two processes that
// ask at once wait for each other.
func installed(t testing.TB, name, lock string, install func(dir string)) string {
	t.Helper()
	content, err := os.ReadFile(lock)
	require.NoError(t, err)
	sum := sha256.Sum256(content)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "aictl-e2e", name+"-"+hex.EncodeToString(sum[:8]))
	require.NoError(t, os.MkdirAll(dir, 0o755))

	guard := flock.New(dir + ".lock")
	require.NoError(t, guard.Lock())
	defer func() { _ = guard.Unlock() }()
	done := filepath.Join(dir, ".done")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	install(dir)
	require.NoError(t, os.WriteFile(done, nil, 0o644))
	return dir
}

func copyFile(t testing.TB, from, dir string) {
	t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(from)), content, 0o644))
}

// Deno installs Deno from npm, once per content of its lock file, and gives the
// directory of the program.
func Deno(t testing.TB) string {
	t.Helper()
	source := filepath.Join(Root(t), "test", "e2e", "clients", "deno")
	dir := installed(t, "deno", filepath.Join(source, "package-lock.json"), func(dir string) {
		copyFile(t, filepath.Join(source, "package.json"), dir)
		copyFile(t, filepath.Join(source, "package-lock.json"), dir)
		cmd := exec.CommandContext(t.Context(), Find(t, "npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		cmd.Dir = dir
		Run(t, cmd)
	})
	found, err := filepath.Glob(filepath.Join(dir, "node_modules", "@deno", "*", "deno"))
	require.NoError(t, err)
	require.Len(t, found, 1, "npm has a Deno for this machine")
	return filepath.Dir(found[0])
}
