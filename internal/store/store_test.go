package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/store/storetest"
)

func TestMain(m *testing.M) {
	// database/sql opens connections in a goroutine that its Close ends, later.
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storetest.Conformance(t, func(t *testing.T) string { return filepath.Join(t.TempDir(), "aictl.db") })
	})
	if dsn := os.Getenv("AICTL_TEST_POSTGRES"); dsn != "" { // the end-to-end tests set it
		t.Run("postgres", func(t *testing.T) {
			storetest.Conformance(t, func(t *testing.T) string { return storetest.Postgres(t, dsn) })
		})
	}
}
