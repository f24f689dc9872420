package secrets

import (
	"context"
	"time"
)

// Consumer is a workload that uses a secret.
type Consumer struct {
	// Cluster tells the engines apart where there are several.
	Cluster   string `json:"cluster,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
}

// String is the consumer as people name it: shop/Deployment/web.
func (c Consumer) String() string {
	s := c.Kind + "/" + c.Name
	if c.Namespace != "" {
		s = c.Namespace + "/" + s
	}
	if c.Cluster != "" {
		s = c.Cluster + ":" + s
	}
	return s
}

// Use is a reference of a workload to a secret.
type Use struct {
	Ref      Ref
	Consumer Consumer
}

// Proof says how the replicas of a consumer stand to a moment. A replica that
// ended for good is in none of the lists; one that is ending still is.
type Proof struct {
	// Fresh are ready and were created after the moment.
	Fresh []string
	// Waiting were created after it, and are not ready yet.
	Waiting []string
	// Stale were created before it, or nobody knows when.
	Stale []string
	// Failed says that the rollout will not succeed, and why; empty otherwise.
	Failed string
	// Observed says that the engine has seen the last change that was asked of
	// the workload: without it the rest proves nothing.
	Observed bool
}

// Holds reports whether every replica is fresh.
func (p Proof) Holds() bool {
	return p.Observed && p.Failed == "" && len(p.Stale) == 0 && len(p.Waiting) == 0
}

// Consumers are the workloads of the engines that can be reached.
// Implementations are safe for concurrent use.
type Consumers interface {
	// Find gives what refers to any of the references. An engine that does not
	// answer is an error: an unknown consumer would be left behind.
	Find(ctx context.Context, refs []Ref) ([]Use, error)
	// Now is the engine's time, for a later Proof.
	Now(ctx context.Context, c Consumer) (time.Time, error)
	// Restart replaces every replica; it returns the engine's time from just
	// before. It does not wait. A second one does no harm.
	Restart(ctx context.Context, c Consumer, cause string) (time.Time, error)
	// Proof looks at the replicas. A workload that is gone has none.
	Proof(ctx context.Context, c Consumer, since time.Time) (Proof, error)
}

// Gate judges an expression (PromQL): whether it holds, and what it came to in
// one line. An error is no answer.
type Gate func(ctx context.Context, expr string) (ok bool, detail string, err error)
