package direct

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/backends"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/deploy/kubepath"
	"github.com/aictl/aictl/internal/ops/operate"
)

// operated are the systems that can be changed from a context without a
// control plane: the cluster of the person's kubeconfig.
func operated(set *backends.Set, b *config.Backends) operate.Deps {
	d := operate.Deps{Paths: kubepath.Compile, Metrics: set.Metrics(), Alerts: set.Alerts(), Now: time.Now}
	open := set.Cluster()
	if open == nil {
		return d
	}
	d.Namespace = b.Kubernetes.Namespace
	d.ReadOnly = func() bool { return b.Kubernetes.ReadOnly }
	d.Clusters = func(ctx context.Context) ([]deploy.Cluster, error) {
		c, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return []deploy.Cluster{c}, nil
	}
	d.Permissions = func(ctx context.Context) (operate.Permissions, error) { return open(ctx) }
	return d
}
