// Package respond binds the operations of the incident path: changes, why,
// timeline, incidents, gate, handoff, runbooks. As packages observe and
// operate it is apart from the other handlers because a context without a
// control plane has these too: the aictl binary links it.
//
// The handlers join what the domains say; the rules are in internal/incident,
// internal/changes and internal/slo.
package respond

import (
	"context"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/changes"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/incident"
	"github.com/aictl/aictl/internal/incident/runbook"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
)

// Deps are the systems that the handlers reach. A nil func is a system that
// the context does not have: what it would say is unknown, and said to be.
type Deps struct {
	Logs    func(ctx context.Context) (logs.Store, error)
	Metrics func(ctx context.Context) (metrics.Querier, error)
	Alerts  func(ctx context.Context) (alerts.Manager, error)
	// Clusters gives the engines of deployments.
	Clusters func(ctx context.Context) ([]deploy.Cluster, error)
	// Changes gives the sources of changes.
	Changes func(ctx context.Context) ([]changes.Source, error)
	// Secrets gives the stores of secrets; only ages and names are asked.
	Secrets func(ctx context.Context) (*secrets.Stores, error)
	// Incidents gives what keeps incidents.
	Incidents func(ctx context.Context) (incident.Store, error)
	// Runbooks are the documents that this context serves, by where they are from.
	Runbooks func(ctx context.Context) ([]runbook.Document, error)
	// Narrate asks the configured model; nil where there is none.
	Narrate func(ctx context.Context, prompt string) (string, error)
	// Redact masks secrets in what is kept; nil masks nothing.
	Redact func(string) string
	// Namespace is that of requests which name none; empty leaves it to the
	// engine.
	Namespace string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Bind gives the operations their handlers.
func Bind(r *op.Registry, d Deps) {
	if d.Now == nil {
		d.Now = time.Now
	}
	bindChanges(r, d)
	bindWhy(r, d)
	bindTimeline(r, d)
	bindIncidents(r, d)
	bindGate(r, d)
	bindHandoff(r, d)
	bindRunbooks(r, d)
}
