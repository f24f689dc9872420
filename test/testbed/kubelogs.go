package testbed

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// logsKind is kwok's kind for what a pod's containers have written, from
// sigs.k8s.io/kwok v0.8.0 without the descriptions.
//
//go:embed kube/logs.yaml
var logsKind string

// podLog is the log of a container: a file a run, as a kubelet keeps them.
type podLog struct {
	run   int
	known bool
}

// write appends lines to a run's file in the form of the container runtime
// interface. A new run makes the one before the previous log.
func (l *podLog) write(ctx context.Context, c *Cluster, namespace, pod, container string, run int, lines []string) error {
	dir := filepath.Join(c.Dir, "logs", namespace, pod)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := func(run int) string { return filepath.Join(dir, fmt.Sprintf("%s.%d.log", container, run)) }
	f, err := os.OpenFile(file(run), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "%s stdout F %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z"), line)
	}
	_, err = f.WriteString(b.String())
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil || l.known && l.run == run {
		return err
	}
	l.known, l.run = true, run
	one := map[string]any{"containers": []string{container}, "logsFile": file(run)}
	if run > 0 {
		one["previousLogsFile"] = file(run - 1)
	}
	return c.logsOf(ctx, namespace, pod, one)
}

// logsOf tells kwok where a container's files are; what it knows of the pod's
// other containers stays.
func (c *Cluster) logsOf(ctx context.Context, namespace, pod string, one map[string]any) error {
	c.telling.Lock()
	defer c.telling.Unlock()
	path := "/apis/kwok.x-k8s.io/v1alpha1/namespaces/" + namespace + "/logs"
	body, err := c.Do(ctx, http.MethodGet, path+"/"+pod, "", nil)
	if err != nil {
		body, _ = json.Marshal(map[string]any{
			"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs", "metadata": map[string]any{"name": pod, "namespace": namespace},
			"spec": map[string]any{"logs": []any{one}},
		})
		_, err = c.Do(ctx, http.MethodPost, path, "", body)
		return err
	}
	var have struct {
		Spec struct {
			Logs []map[string]any `json:"logs"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &have); err != nil {
		return err
	}
	all := []any{one}
	for _, other := range have.Spec.Logs {
		if fmt.Sprint(other["containers"]) != fmt.Sprint(one["containers"]) {
			all = append(all, other)
		}
	}
	body, _ = json.Marshal(map[string]any{"spec": map[string]any{"logs": all}})
	_, err = c.Do(ctx, http.MethodPatch, path+"/"+pod, "application/merge-patch+json", body)
	return err
}

// Logs writes lines to the log of a container of a pod that kwok plays: run 0
// is its first, a higher one makes the one before the previous log. Pods
// without lines of their own have the one line of the cluster's default log.
func (c *Cluster) Logs(t testing.TB, namespace, pod, container string, run int, lines ...string) {
	t.Helper()
	var l podLog
	require.NoError(t, l.write(t.Context(), c, namespace, pod, container, run, lines))
}

// defaultLog is what pods without a log of their own have written.
func (c *Cluster) defaultLog() (config string, err error) {
	file := filepath.Join(c.Dir, "default.log")
	line := time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z") + " stdout F ready\n"
	return fmt.Sprintf(`
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {name: default}
spec: {logs: [{logsFile: %q, previousLogsFile: %[1]q, follow: true}]}
`, file), os.WriteFile(file, []byte(line), 0o644)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}
