//go:build e2e && node

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// onTheNode is a Deployment on the real node of a program that serves HTTP.
func onTheNode(image, arguments string) string {
	return strings.NewReplacer("IMAGE", image, "ARGS", arguments).Replace(`
apiVersion: v1
kind: Secret
metadata: {name: word}
stringData: {word: sesame}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {
  terminationGracePeriodSeconds: 1,
  containers: [{name: web, image: IMAGE, imagePullPolicy: Never, args: ARGS,
    env: [{name: WORD, valueFrom: {secretKeyRef: {name: word, key: word}}}],
    readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1},
    resources: {limits: {memory: 64Mi, cpu: 500m}}}]}}}
`)
}

func TestRealNodeRunsAnImageFromScratch(t *testing.T) {
	c := testbed.Kubernetes(t)
	n := c.RealNode(t)
	n.Image(t, "aictl.invalid/web:1", testbed.Program{Path: testbed.BuildStatic(t, "./test/testbed/kube/web"), Files: map[string][]byte{"/etc/motto": []byte("from scratch")}})
	ns := n.Namespace(t)
	start := time.Now()
	c.Apply(t, ns, onTheNode("aictl.invalid/web:1", "[serve]"))
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
	t.Logf("two replicas are ready after %s", time.Since(start).Round(time.Millisecond))

	pods := strings.Fields(c.Kubectl(t, "get", "pods", "-n", ns, "-o", `jsonpath={range .items[*]}{.metadata.name}={.status.podIP} {end}`))
	require.Len(t, pods, 2)
	name, ip, _ := strings.Cut(pods[0], "=")
	get := func(path string) string {
		res, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + ip + ":8080" + path)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(body)
	}
	require.Equal(t, "sesame", get("/env/WORD"), "a Secret is in the environment")
	require.Equal(t, "from scratch", get("/file/etc/motto"))
	require.Equal(t, "sesame", c.Kubectl(t, "get", "--raw", "/api/v1/namespaces/"+ns+"/pods/"+name+":8080/proxy/env/WORD"), "the API server's proxy reaches the pod")
	require.Contains(t, c.Kubectl(t, "logs", "-n", ns, name), "listening on :8080")
	require.Equal(t, "hello\n", c.Kubectl(t, "exec", "-n", ns, name, "--", "/web", "echo", "hello"))

	// A revision that crashes, and the way back.
	shows := func(pattern string) {
		testbed.Eventually(t, 40*time.Second, pattern, func(context.Context) error {
			out := c.Kubectl(t, "get", "pods", "-n", ns)
			if !regexp.MustCompile(pattern).MatchString(out) {
				return fmt.Errorf("got:\n%s", out)
			}
			return nil
		})
	}
	c.Apply(t, ns, onTheNode("aictl.invalid/web:1", "[crash, '3']"))
	shows(`CrashLoopBackOff`)
	bad := regexp.MustCompile(`(?m)^(\S+) .*(CrashLoopBackOff|Error)`).FindStringSubmatch(c.Kubectl(t, "get", "pods", "-n", ns))
	require.NotNil(t, bad)
	require.Equal(t, "3", c.Kubectl(t, "get", "pod", "-n", ns, bad[1], "-o", "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}"))
	require.Contains(t, c.Kubectl(t, "logs", "-n", ns, bad[1], "--previous"), "told to end with 3")
	c.Apply(t, ns, onTheNode("aictl.invalid/web:none", "[serve]"))
	shows(`ErrImageNeverPull`)
	c.Apply(t, ns, onTheNode("aictl.invalid/web:1", "[eat]"))
	testbed.Eventually(t, 40*time.Second, "out of memory", func(context.Context) error {
		if out := c.Kubectl(t, "get", "pods", "-n", ns, "-o", "jsonpath={.items[*].status.containerStatuses[0]}"); !strings.Contains(out, "OOMKilled") {
			return errors.New(out)
		}
		return nil
	})
	c.Apply(t, ns, onTheNode("aictl.invalid/web:1", "[serve]"))
	c.Kubectl(t, "rollout", "status", "-n", ns, "deployment/web", "--timeout=60s")
}
