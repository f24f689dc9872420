package runtime_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deploytest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	deploytest.Conformance(t, func(t *testing.T) deploytest.Target {
		b := start(t, nil)
		bring := func(t *testing.T, name string, replicas, version int) {
			t.Helper()
			m := b.manifest(fmt.Sprintf("scale: {min: %d, max: %d}", replicas, replicas))
			m.Name, m.Version = name, fmt.Sprintf("%d.0", version)
			_, err := b.rt.Deploy(t.Context(), m, b.dir, runtime.DeployOptions{})
			require.NoError(t, err)
		}
		return deploytest.Target{
			Cluster: b.rt, Namespace: "default", Kind: deploy.Service, Pauses: true, Shares: true,
			Make:  func(t *testing.T, name string, replicas int) { t.Helper(); bring(t, name, replicas, 1) },
			Image: func(_ string, version int) string { return fmt.Sprintf("%d.0", version) },
			Roll:  func(t *testing.T, name string, version int) { t.Helper(); bring(t, name, 1, version) },
			Says: func(t *testing.T, name, _ string, lines ...string) {
				t.Helper()
				in, err := json.Marshal(map[string]any{"lines": lines})
				require.NoError(t, err)
				reply, err := b.gw.Do(t.Context(), ai.Call{Service: name, Operation: "print", Input: in})
				require.NoError(t, err)
				reply.Discard()
			},
		}
	})
}
