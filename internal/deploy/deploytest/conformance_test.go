package deploytest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/deployfake"
	"github.com/aictl/aictl/internal/deploy/deploytest"
)

// prompt is the engine in memory with replicas that are ready at once.
type prompt struct{ *deployfake.Cluster }

func (p prompt) Change(ctx context.Context, r deploy.Ref, c deploy.Change) (*deploy.Snapshot, error) {
	s, err := p.Cluster.Change(ctx, r, c)
	if err == nil && !c.Dry && !c.Delete {
		p.Settle(r)
	}
	return s, err
}

func TestTheEngineInMemoryConforms(t *testing.T) {
	for _, kind := range []string{deploy.Deployment, deploy.StatefulSet, deploy.DaemonSet} {
		t.Run(kind, func(t *testing.T) {
			deploytest.Conformance(t, func(*testing.T) deploytest.Target { return inMemory(kind) })
		})
	}
}

func inMemory(kind string) deploytest.Target {
	c := deployfake.New("kubernetes", nil)
	ref := func(name string) deploy.Ref { return deploy.Ref{Kind: kind, Namespace: "shop", Name: name} }
	image := func(name string, version int) string { return fmt.Sprintf("%s:%d", name, version) }
	x := deploytest.Target{
		Cluster: prompt{c}, Namespace: "shop", Kind: kind, Image: image, Pauses: kind == deploy.Deployment,
		Make: func(_ *testing.T, name string, replicas int) {
			c.Has(ref(name), replicas, deploy.Template{Containers: []deploy.Container{{Name: "main", Image: image(name, 1)}}})
		},
		Says: func(_ *testing.T, name, replica string, lines ...string) {
			for _, l := range lines {
				c.Says(ref(name), replica, "main", false, l)
			}
		},
	}
	if kind == deploy.DaemonSet {
		x.Resize = func(_ *testing.T, name string, replicas int) { c.Place(ref(name), replicas) }
	}
	return x
}
