//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// TestConformance runs the conformance suites of the store and of the limits
// against the real PostgreSQL and Redis: the same tests that `make test` runs
// against their embedded twins.
func TestConformance(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-buildvcs=false", "-count=1", "-v", "./internal/store/...", "./internal/limit/...")
	cmd.Dir = testbed.Root(t)
	cmd.Env = append(os.Environ(), "AICTL_TEST_POSTGRES="+testbed.Postgres(t), "AICTL_TEST_REDIS="+testbed.Redis(t))
	out := testbed.Run(t, cmd)
	require.NotContains(t, out, "--- SKIP")
	for _, system := range []string{"postgres", "redis"} {
		ran := regexp.MustCompile(`(?mi)^\s*--- PASS: \S*`+system).FindAllString(out, -1)
		require.NotEmpty(t, ran, "no suite ran against %s:\n%s", system, out)
		t.Logf("%d tests against %s", len(ran), system)
	}
}
