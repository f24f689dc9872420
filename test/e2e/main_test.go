//go:build e2e

package e2e

import (
	"os"
	"testing"

	"github.com/aictl/aictl/test/testbed"
)

// TestMain ends what the tests share, the cluster for one.
func TestMain(m *testing.M) {
	code := m.Run()
	testbed.Shutdown()
	os.Exit(code)
}
