//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/test/testbed"
)

// slowConsumer takes a second for each pod, so that a kill can be in the
// middle of its restart.
const slowConsumer = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  minReadySeconds: 1
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "aictl.invalid/web:1", env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]}]
`

// TestKilledInTheMiddleOfARotation kills a control plane with SIGKILL while it
// rotates a secret of AWS with a copy that the pods of a Deployment read and
// another one in AWS, at every place where something of it may be done and not
// be known; starts it again; and brings the rotation to its end.
func TestKilledInTheMiddleOfARotation(t *testing.T) {
	k := &killed{cluster: testbed.Kubernetes(t)}
	k.gate = newAWSGate(t, testbed.StartMoto(t), k.beforeRevoking)
	file := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(file, encode(map[string]any{
		"limits":   map[string]any{"rps": 0},
		"backends": map[string]any{"kubernetes": map[string]any{"kubeconfig": k.cluster.Kubeconfig}},
		"secrets":  map[string]any{"stores": []any{map[string]any{"kind": "aws", "region": "eu-central-1", "endpoint": k.gate.url}}},
	}), 0o600))
	p := testbed.UpWith(t, []string{
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_EC2_METADATA_DISABLED=true",
	}, "--server-config", file)
	k.person = &person{bin: filepath.Join(p.Workspace, "bin", "aictl"), env: p.Env}
	k.up, k.dataDir = []string{"up", "--listen", "127.0.0.1:0", "--server-config", file}, p.DataDir

	puts := func(id *string) func(awsCall) bool {
		return func(c awsCall) bool { return c.Action == "PutSecretValue" && c.ID == *id }
	}
	moves := func(c awsCall) bool { return c.Action == "UpdateSecretVersionStage" && c.ID == k.source && c.To != "" }
	movesCopy := func(c awsCall) bool { return c.Action == "UpdateSecretVersionStage" && c.ID == k.copied && c.To != "" }
	revokes := func(c awsCall) bool { return c.ID == k.source && c.From == k.old && c.revokes() }
	for _, tc := range []struct {
		name    string
		done    bool               // the call is done, and its answer never comes
		match   func(awsCall) bool // nil: while the consumers restart
		step    secrets.Step
		revoked bool // the old version is, when the server is killed
		end     secrets.Step
	}{
		{"before the new version is written", false, puts(&k.source), secrets.StepBegun, false, secrets.StepRestored},
		{"after the new version is written", true, puts(&k.source), secrets.StepBegun, false, secrets.StepRestored},
		{"before it is current", false, moves, secrets.StepPromoting, false, secrets.StepDone},
		{"after it is current", true, moves, secrets.StepPromoting, false, secrets.StepDone},
		{"between two copies", false, puts(&k.copied), secrets.StepPromoted, false, secrets.StepDone},
		{"after the last copy", true, movesCopy, secrets.StepPromoted, false, secrets.StepDone},
		{"while the consumers restart", false, nil, secrets.StepRestarted, false, secrets.StepDone},
		{"before the old version is revoked", false, revokes, secrets.StepRevoking, false, secrets.StepDone},
		{"after the old version is revoked", true, revokes, secrets.StepRevoking, true, secrets.StepDone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k.prepare(t)
			held := make(<-chan struct{})
			if tc.match != nil {
				held = k.gate.holdNext(tc.done, tc.match)
			}
			answer := k.rotate(t)
			if tc.match == nil {
				testbed.Eventually(t, time.Minute, "the consumers restart", func(context.Context) error {
					if open := k.open(t); open == nil || open.Step != string(secrets.StepRestarted) {
						return fmt.Errorf("%+v", open)
					}
					return nil
				})
			} else {
				select {
				case <-held:
				case err := <-answer:
					require.FailNow(t, "the rotation ended", "%v", err)
				case <-time.After(time.Minute):
					require.FailNow(t, "the call was never made")
				}
			}
			k.kill(t)
			require.Error(t, <-answer, "whoever asked is told")
			// What happens on a cluster meanwhile.
			k.cluster.Kubectl(t, "delete", "pod", "-n", k.namespace, strings.Fields(k.cluster.Kubectl(t, "get", "pods", "-n", k.namespace, "-o", "jsonpath={.items[*].metadata.name}"))[0])
			k.must(t, k.up...)

			open := k.open(t)
			require.NotNil(t, open)
			require.Equal(t, string(tc.step), open.Step)
			require.Equal(t, tc.revoked, k.oldIsRevoked(t), "the old version")
			k.isSaid(t, open.ID)
			out, errs, exit := k.run(t, "secrets", "rotate", open.Ref, "--resume", open.ID, "--yes", "-o", "json")
			if tc.end == secrets.StepDone {
				require.Zero(t, exit, "%s%s", out, errs)
			} else {
				require.NotZero(t, exit, "%s", out)
				require.Contains(t, errs, "restored everywhere")
			}
			k.ended(t, open.ID, tc.end)
			k.mu.Lock()
			gone := slices.Clone(k.revoking)
			k.mu.Unlock()
			if tc.end == secrets.StepDone {
				require.Equal(t, []string{k.old}, gone, "the old version is revoked once, and no other one is")
				return
			}
			require.NotContains(t, gone, k.old)
			require.NoError(t, <-k.rotate(t), "what was cut off is in no later one's way")
		})
	}
}
