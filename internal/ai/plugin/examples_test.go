package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The services that come with the repository are read as anybody's.
func TestTheExamplesAreRead(t *testing.T) {
	files, err := filepath.Glob("../../../plugins/services/*/plugin.yaml")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, f := range files {
		body, err := os.ReadFile(f)
		require.NoError(t, err)
		m, err := Parse(f, body)
		require.NoError(t, err)
		require.NotEmpty(t, m.Description().Operations)
	}
}
