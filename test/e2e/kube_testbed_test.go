//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

const pause = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "aictl.invalid/web:1"}]
`

func TestKubernetesIsReal(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	c.Apply(t, ns, pause)
	start := time.Now()
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	t.Logf("three replicas are ready after %s", time.Since(start).Round(time.Millisecond))
	require.Contains(t, c.Kubectl(t, "version"), testbed.KubeVersion)
	var total int64
	for _, bytes := range c.Memory() {
		total += bytes
	}
	t.Logf("the cluster takes %d MiB: %v", total>>20, c.Memory())

	can := func(verb, what string) bool {
		out, _ := c.TryKubectl(t, "--context=oncall", "auth", "can-i", verb, what, "-n", ns)
		return strings.HasPrefix(out, "yes")
	}
	require.True(t, can("list", "pods"))
	require.False(t, can("get", "secrets"))
	require.False(t, can("patch", "deployments"))
	c.Bind(t, ns)
	testbed.Eventually(t, 5*time.Second, "the binding counts", func(context.Context) error {
		if can("patch", "deployments") {
			return nil
		}
		return errors.New("oncall may not patch yet")
	})
	_, err := c.TryKubectl(t, "--context=nobody", "get", "pods", "-n", ns)
	require.ErrorContains(t, err, "Forbidden")
}

// seen is what kubectl, which knows nothing of plays, shows of a fixture: a
// pattern of its description, or of its list of pods.
var seen = map[string]string{
	"image-not-found":  `Reason: +(ErrImagePull|ImagePullBackOff)`,
	"image-name-wrong": `Reason: +InvalidImageName`,
	"crash":            `(?s)Reason: +CrashLoopBackOff.*Last State: +Terminated.*Reason: +Error.*Exit Code: +1\n.*Restart Count: +1\n`,
	"memory":           `(?s)Reason: +CrashLoopBackOff.*Reason: +OOMKilled.*Exit Code: +137\n`,
	"signal":           `(?s)Reason: +CrashLoopBackOff.*Exit Code: +139\n`,
	"init-crash":       `web-\S+ +0/1 +Init:CrashLoopBackOff +1`,
	"not-ready":        `Warning Unhealthy x[345]: Readiness probe failed: HTTP probe failed with statuscode: 503`,
	"not-alive":        `(?s)Reason: +CrashLoopBackOff.*Container web failed liveness probe, will be restarted`,
	"config-missing":   `Reason: +CreateContainerConfigError`,
	"secret-missing":   `(?s)Reason: +ContainerCreating.*FailedMount.*secret "web-keys" not found`,
	"no-cpu":           `(?s)FailedScheduling.*Insufficient cpu`,
	"no-label":         `(?s)FailedScheduling.*didn't match Pod's node affinity/selector`,
	"tainted":          `(?s)FailedScheduling.*had untolerated taint`,
	"quota":            `(?s)ReplicaFailure +True +FailedCreate.*exceeded quota: one-pod`,
	"admission":        `(?s)ReplicaFailure +True +FailedCreate.*ValidatingAdmissionPolicy .* denied request: only tag 1 is signed`,
	"no-progress":      `Progressing +False +ProgressDeadlineExceeded`,
	// Transients, while they look bad.
	"pull-again":    `Reason: +ErrImagePull`,
	"one-restart":   `Restart Count: +1`,
	"slow-ready":    `Unhealthy`,
	"config-late":   `Reason: +CreateContainerConfigError`,
	"mount-late":    `FailedMount`,
	"ready-and-not": `Unhealthy`,
	"node-blinks":   `NodeNotReady`,
	"node-late":     `FailedScheduling`,
}

func TestKubernetesFixtures(t *testing.T) {
	c := testbed.Kubernetes(t)
	require.Len(t, seen, len(testbed.Failures)+len(testbed.Transients))
	looks := func(t *testing.T, ns, fixture string) {
		testbed.Eventually(t, 20*time.Second, fixture+" shows", func(context.Context) error {
			out := c.Kubectl(t, "describe", "deployments,pods", "-n", ns) + c.Kubectl(t, "get", "pods", "-n", ns) + c.Kubectl(t, "get", "events", "-n", ns, "-o", `jsonpath={range .items[*]}{.type} {.reason} x{.count}: {.message}{"\n"}{end}`)
			if !regexp.MustCompile(seen[fixture]).MatchString(out) {
				return fmt.Errorf("no %s in:\n%s", seen[fixture], out)
			}
			return nil
		})
	}
	for name, f := range testbed.Failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := c.Namespace(t)
			at := testbed.Await(t, c.Break(t, ns, "web", name), 30*time.Second)
			t.Logf("%s at %s: %s", f.Class, at.Format(time.TimeOnly), f.Decisive)
			looks(t, ns, name)
			require.Regexp(t, `web +1/1`, c.Kubectl(t, "get", "deployments", "-n", ns), "the good revision still serves")
		})
	}
	for name, f := range testbed.Transients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, f.Class)
			ns := c.Namespace(t)
			decided := c.Break(t, ns, "web", name)
			looks(t, ns, name)
			c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
			require.Equal(t, "aictl.invalid/web:2", c.Kubectl(t, "get", "pods", "-n", ns, "--field-selector=status.phase=Running", "-o", "jsonpath={.items[*].spec.containers[0].image}"))
			select {
			case <-decided:
				t.Error("a decisive step in a rollout that succeeds")
			default:
			}
		})
	}
}

func TestKubernetesServesLogs(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	testbed.Await(t, c.Break(t, ns, "web", "crash"), 30*time.Second)
	bad := strings.TrimSpace(c.Kubectl(t, "get", "pods", "-n", ns, "-o", `jsonpath={.items[?(@.spec.containers[0].image=="aictl.invalid/web:2")].metadata.name}`))
	require.NotEmpty(t, bad)
	for _, args := range [][]string{{}, {"--previous"}} {
		require.Equal(t, "starting\nfatal: cannot reach db:5432\n", c.Kubectl(t, append([]string{"logs", "-n", ns, bad}, args...)...))
	}
	good := strings.TrimSpace(c.Kubectl(t, "get", "pods", "-n", ns, "-o", `jsonpath={.items[?(@.spec.containers[0].image=="aictl.invalid/web:1")].metadata.name}`))
	require.Equal(t, "ready\n", c.Kubectl(t, "logs", "-n", ns, good))
	c.Logs(t, ns, good, "web", 0, "one", "two")
	testbed.Eventually(t, 5*time.Second, "its own log", func(context.Context) error {
		if out := c.Kubectl(t, "logs", "-n", ns, good, "--tail=1"); out != "two\n" {
			return fmt.Errorf("got %q", out)
		}
		return nil
	})
}
