// Package operate binds the operations that change what runs: deployments,
// secrets, rights. As package observe it is apart from the other handlers
// because a context without a control plane has these too: the aictl binary
// links it, and nothing of the AI services.
//
// Every change is a plan first, made from what is there, and names the version
// that it was made from: what is applied is what was shown, or nothing.
package operate

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
)

// Deps are the systems that the handlers reach. A nil func is a system that
// the context does not have; its operations answer Unavailable.
type Deps struct {
	// Clusters gives the engines of deployments, those that can be opened; it
	// fails when there are some and none can.
	Clusters func(ctx context.Context) ([]deploy.Cluster, error)
	// Apply brings in a manifest.
	Apply func(ctx context.Context, m deploy.Manifest) (deploy.Applied, error)
	// Paths compiles the JSONPath expressions of waits.
	Paths deploy.Paths
	// Metrics and Alerts are asked by waits and verifications.
	Metrics func(ctx context.Context) (metrics.Querier, error)
	Alerts  func(ctx context.Context) (alerts.Manager, error)
	// Secrets gives the stores of secrets.
	Secrets func(ctx context.Context) (*secrets.Stores, error)
	// MayReveal says whether the caller may see a value; nil shows none.
	MayReveal func(ctx context.Context) error
	// Permissions answers who may do what on the cluster.
	Permissions func(ctx context.Context) (Permissions, error)
	// ReadOnly says that nothing that could be taken for a change may be sent,
	// not even a dry run; nil is no.
	ReadOnly func() bool
	// Namespace is that of requests which name none; empty leaves it to the
	// engine (a kubeconfig's).
	Namespace string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Bind gives the operations their handlers.
func Bind(r *op.Registry, d Deps) {
	bindDeploy(r, d)
	bindSecrets(r, d)
	bindRBAC(r, d)
}

func (d Deps) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}
