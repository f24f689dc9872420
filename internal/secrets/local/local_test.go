package local_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/local"
	"github.com/aictl/aictl/internal/secrets/secretstest"
)

func open(t *testing.T, dir string) *local.State {
	t.Helper()
	s, err := local.Open(dir)
	require.NoError(t, err)
	return s
}

func TestConformance(t *testing.T) {
	secretstest.StateConformance(t, func(t *testing.T) (secretstest.State, secretstest.State) {
		dir := filepath.Join(t.TempDir(), "state")
		return open(t, dir), open(t, dir)
	})
}

func TestATornLineIsDropped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	entry := func(v string) secrets.Entry {
		return secrets.Entry{Ref: "github:a/b/C", Version: v, At: time.Unix(1, 0)}
	}
	require.NoError(t, s.Record(t.Context(), entry("1")))
	path := filepath.Join(dir, "ledger.jsonl")
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := 1; cut < len(body); cut += 7 {
		require.NoError(t, os.WriteFile(path, append(append([]byte{}, body...), body[:cut]...), 0o600))
		require.NoError(t, s.Record(t.Context(), entry("2")))
		got, err := s.Entries(t.Context(), "github:a/b/C", 10)
		require.NoError(t, err)
		require.Equal(t, "2", got[0].Version)
		require.Equal(t, "1", got[len(got)-1].Version)
	}
}

func TestFilesAreNarrow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	key, err := s.Key(t.Context())
	require.NoError(t, err)
	require.Len(t, key, 64)
	again, err := open(t, dir).Key(t.Context())
	require.NoError(t, err)
	require.Equal(t, key, again)
	require.NoError(t, s.Record(t.Context(), secrets.Entry{Ref: "x:y", At: time.Unix(1, 0)}))
	require.NoError(t, s.Begin(t.Context(), &secrets.Rotation{ID: "../../evil", Ref: secrets.Ref{Store: "vault", Path: "a"}}))
	require.NoError(t, filepath.WalkDir(filepath.Dir(dir), func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		if info, err := d.Info(); path != filepath.Dir(dir) {
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o077, path)
		}
		return nil
	}))
	require.NoError(t, os.Chmod(filepath.Join(dir, "fingerprint.key"), 0o644)) //nolint:gosec // too wide, on purpose
	_, err = s.Key(t.Context())
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // too wide, on purpose
	_, err = local.Open(dir)
	require.Equal(t, fail.Refused, fail.CodeOf(err))
}
