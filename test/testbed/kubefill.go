package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	podsPerNode       = 130
	podsPerDeployment = 20
	fillNamespaces    = 10
)

// Fill makes the cluster a large one: at least that many pods, all ready, by
// Deployments of 20 replicas in ten namespaces, on nodes of 130 pods each. It
// gives the namespaces. The pods stay as long as the cluster: deleting them
// would disturb the tests that follow for longer than their presence does.
func (c *Cluster) Fill(t testing.TB, pods int) (namespaces []string) {
	t.Helper()
	start := time.Now()
	var b strings.Builder
	for i := range (pods + podsPerNode - 1) / podsPerNode {
		b.WriteString(node(fmt.Sprintf("fill-%d", i), "aictl.test/fill: \"yes\"", "{taints: [{key: aictl.test/fill, effect: NoSchedule}]}"))
	}
	for i := range fillNamespaces {
		namespaces = append(namespaces, fmt.Sprintf("fill-%d", i))
		fmt.Fprintf(&b, "---\n{apiVersion: v1, kind: Namespace, metadata: {name: fill-%d}}\n", i)
	}
	c.Apply(t, "default", b.String())
	deployments := (pods + podsPerDeployment - 1) / podsPerDeployment
	for i := range deployments {
		name := fmt.Sprintf("svc-%03d", i)
		labels := map[string]any{"app": name, "team": fmt.Sprintf("team-%d", i%7)}
		body, err := json.Marshal(map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "labels": labels},
			"spec": map[string]any{
				"replicas": podsPerDeployment, "selector": map[string]any{"matchLabels": map[string]any{"app": name}},
				"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{
					"automountServiceAccountToken": false,
					"nodeName":                     fmt.Sprintf("fill-%d", i*podsPerDeployment/podsPerNode), // a third of the work is the scheduler's
					"containers":                   []any{map[string]any{"name": "main", "image": "aictl.invalid/" + name + ":1"}},
				}},
			},
		})
		require.NoError(t, err)
		_, err = c.Do(t.Context(), http.MethodPost, "/apis/apps/v1/namespaces/"+namespaces[i%fillNamespaces]+"/deployments", "", body)
		if err != nil && !strings.Contains(err.Error(), "AlreadyExists") { // of an earlier filling
			require.NoError(t, err)
		}
	}
	Eventually(t, 10*time.Minute, "every pod is ready", func(ctx context.Context) error {
		select { // a look costs as much as many pods
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
		body, err := c.Do(ctx, http.MethodGet, "/apis/apps/v1/deployments?labelSelector=team", "", nil)
		if err != nil {
			return err
		}
		var list struct {
			Items []struct {
				Status struct {
					Ready int `json:"readyReplicas"`
				} `json:"status"`
			} `json:"items"`
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		have := 0
		for _, one := range list.Items {
			have += one.Status.Ready
		}
		if have < deployments*podsPerDeployment {
			return fmt.Errorf("%d of %d are ready", have, deployments*podsPerDeployment)
		}
		return nil
	})
	t.Logf("%d pods in %d deployments are ready after %s", deployments*podsPerDeployment, deployments, time.Since(start).Round(time.Second))
	return namespaces
}
