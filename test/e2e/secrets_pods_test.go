//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// podValues knows with which value of a Secret each pod of a namespace began:
// the one that the Secret had at the cluster's revision that made the pod. A
// kubelet reads it a moment later, and finds this value or a newer one.
type podValues struct {
	cluster   *testbed.Cluster
	namespace string

	mu     sync.Mutex        // guards the rest
	began  map[string]uint64 // by UID
	values []revision        // in their order
}

type revision struct {
	at    uint64
	value string
}

type watched struct {
	Type   string
	Object struct {
		Metadata struct {
			Name, UID, ResourceVersion string
			DeletionTimestamp          *time.Time
		}
		Data   map[string]string
		Status struct{ Phase string }
	}
}

// watchPods begins before there is a pod to know of; the Secret db is there,
// with the value under password.
func watchPods(t *testing.T, c *testbed.Cluster, ns string) *podValues {
	t.Helper()
	p := &podValues{cluster: c, namespace: ns, began: map[string]uint64{}}
	// What comes after a list that has the marker is told with the revision
	// that made it.
	c.Apply(t, ns, `{apiVersion: v1, kind: Pod, metadata: {name: marker}, spec: {schedulerName: nobody, containers: [{name: none, image: "aictl.invalid/none:1"}]}}`)
	p.watch(t, "pods", func(e watched, at uint64) {
		if _, known := p.began[e.Object.Metadata.UID]; !known {
			p.began[e.Object.Metadata.UID] = at
		}
	})
	p.watch(t, "secrets", func(e watched, at uint64) {
		value, err := base64.StdEncoding.DecodeString(e.Object.Data["password"])
		if err == nil && e.Object.Metadata.Name == "db" && e.Type != "DELETED" {
			p.values = append(p.values, revision{at, string(value)})
		}
	})
	testbed.Eventually(t, 20*time.Second, "the watches run", func(context.Context) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.began) == 0 || len(p.values) == 0 {
			return fmt.Errorf("%d pods, %d values", len(p.began), len(p.values))
		}
		return nil
	})
	c.Kubectl(t, "delete", "pod", "marker", "-n", ns, "--grace-period=0", "--force")
	return p
}

func (p *podValues) watch(t *testing.T, resource string, each func(e watched, at uint64)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, p.cluster.KubectlPath(), "--kubeconfig", p.cluster.Kubeconfig, "get", resource, "-n", p.namespace, "--watch", "--output-watch-events", "-o", "json")
	cmd.Env = append(os.Environ(), "HOME="+p.cluster.Dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var done sync.WaitGroup
	done.Go(func() {
		for lines := json.NewDecoder(out); ; {
			var e watched
			err := lines.Decode(&e)
			if err == nil {
				var at uint64
				if at, err = strconv.ParseUint(e.Object.Metadata.ResourceVersion, 10, 64); err == nil {
					p.mu.Lock()
					each(e, at)
					p.mu.Unlock()
					continue
				}
			}
			if ctx.Err() == nil {
				t.Errorf("watching %s: %v", resource, err)
			}
			return
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
		_ = cmd.Wait() // it was killed
	})
}

// alive gives the value of each pod that has not ended.
func (p *podValues) alive(t *testing.T) (map[string]string, error) {
	t.Helper()
	text, err := p.cluster.TryKubectl(t, "get", "pods,secrets", "-n", p.namespace, "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // until the watches have come as far
		clear(out)
		behind := ""
		for _, raw := range list.Items {
			var o struct{ Kind string }
			var e watched
			if err := errors.Join(json.Unmarshal(raw, &o), json.Unmarshal(raw, &e.Object)); err != nil {
				return nil, err
			}
			at, err := strconv.ParseUint(e.Object.Metadata.ResourceVersion, 10, 64)
			if err != nil {
				return nil, err
			}
			switch {
			case o.Kind == "Secret" && e.Object.Metadata.Name == "db" && !p.knows(at):
				behind = "the Secret's revision " + e.Object.Metadata.ResourceVersion
			case o.Kind == "Pod" && e.Object.Status.Phase != "Succeeded" && e.Object.Status.Phase != "Failed":
				value, known := p.of(e.Object.Metadata.UID)
				if !known {
					behind = "the pod " + e.Object.Metadata.Name
				}
				out[e.Object.Metadata.Name] = value
			}
		}
		if behind == "" {
			return out, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the watches do not tell of %s", behind)
		}
	}
}

func (p *podValues) knows(at uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.values, func(r revision) bool { return r.at == at })
}

// of gives the value with which a pod began.
func (p *podValues) of(uid string) (value string, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	began, known := p.began[uid]
	for _, r := range p.values {
		if r.at < began {
			value = r.value
		}
	}
	return value, known
}
