package files_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident"
	"github.com/aictl/aictl/internal/incident/files"
	"github.com/aictl/aictl/internal/incident/incidenttest"
)

func TestConformance(t *testing.T) {
	incidenttest.Conformance(t, func(t *testing.T) incident.Store {
		s, err := files.Open(t.TempDir())
		require.NoError(t, err)
		return s
	})
}

func TestFilesArePrivateAndWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "incidents")
	s, err := files.Open(dir)
	require.NoError(t, err)
	in := api.Incident{ID: "inc-1", Serial: 1, Subjects: []api.IncidentSubject{{Name: "web"}}}
	require.NoError(t, s.SaveIncident(t.Context(), in, 0))
	info, err := os.Stat(filepath.Join(dir, "inc-1.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, id := range []string{"../x", "/etc/passwd", "", ".", "a/b", "A", "a\x00b"} {
		_, err := s.LoadIncident(t.Context(), id)
		require.Equal(t, fail.NotFound, fail.CodeOf(err), id)
		require.Error(t, s.SaveIncident(t.Context(), api.Incident{ID: id}, 0), id)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "inc-2.json"), []byte("{"), 0o600))
	_, err = s.ListIncidents(t.Context(), 10)
	require.ErrorContains(t, err, "inc-2", "a damaged file is told, not skipped")
}

// TestOneWriterWins: of writers of the same serial exactly one is acknowledged,
// also from several stores over the directory.
func TestOneWriterWins(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			s, err := files.Open(dir)
			if err == nil {
				err = s.SaveIncident(t.Context(), api.Incident{ID: "inc-1", Serial: 1, Title: "x", Subjects: []api.IncidentSubject{{Name: "web"}}}, 0)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.Equal(t, fail.Conflict, fail.CodeOf(err))
	}
	require.Equal(t, 1, won)
}
