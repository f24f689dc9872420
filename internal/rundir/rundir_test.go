package rundir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func TestOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	_, running := Running(path)
	require.False(t, running)
	require.False(t, Held(path))

	d, err := Acquire(path)
	require.NoError(t, err)
	require.True(t, Held(path))
	_, running = Running(path)
	require.False(t, running, "held, but it has not said where it listens")
	require.NoError(t, d.Publish(State{URL: "http://127.0.0.1:1", PID: 42}))
	s, running := Running(path)
	require.True(t, running)
	require.Equal(t, 42, s.PID)

	_, err = Acquire(path)
	require.Equal(t, fail.Conflict, fail.CodeOf(err))
	require.ErrorContains(t, err, "pid 42")

	require.NoError(t, d.Release())
	require.False(t, Held(path))
	d, err = Acquire(path)
	require.NoError(t, err)
	require.NoError(t, d.Release())
}

func TestStaleStateIsNotBelieved(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.Chmod(path, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(path, stateFile), []byte(`{"url":"http://x","pid":1}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(path, lockFile), nil, 0o600))
	_, running := Running(path)
	require.False(t, running)
}

func TestRefusesOpenAndWrongDirectories(t *testing.T) {
	open := t.TempDir()
	require.NoError(t, os.Chmod(open, 0o755)) //nolint:gosec // that is the point
	_, err := Acquire(open)
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	require.Contains(t, fail.From(err).Next, "chmod 700")

	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Acquire(file)
	require.Error(t, err)
}
