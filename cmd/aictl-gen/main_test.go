package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommittedFilesAreCurrent regenerates into another directory and compares.
func TestCommittedFilesAreCurrent(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, run(nil, root))
	n := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		name, err := filepath.Rel(root, path)
		require.NoError(t, err)
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err, "run: make generate")
		require.Equal(t, string(want), string(got), "%s is not current; run: make generate", name)
		return nil
	}))
	require.Greater(t, n, 20)
}

func TestUnknownKind(t *testing.T) {
	require.ErrorContains(t, run([]string{"poems"}, t.TempDir()), "poems")
}
