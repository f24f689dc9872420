// Package observe binds the operations over logs, metrics and alerts. It is
// apart from the other handlers because a context without a control plane has
// these too: the aictl binary links it, and nothing of the AI services.
package observe

import (
	"context"
	"log/slog"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

// Deps are the systems that the handlers reach. A nil func is a system that
// the context does not have; its operations answer Unavailable.
type Deps struct {
	// Backends checks what the context names.
	Backends func(ctx context.Context) []api.BackendCheck
	// Logs gives the log store.
	Logs func(ctx context.Context) (logs.Store, error)
	// Metrics gives the metrics backend.
	Metrics func(ctx context.Context) (metrics.Querier, error)
	// Alerts gives the Alertmanagers.
	Alerts func(ctx context.Context) (alerts.Manager, error)
	// Keeps says that somebody renews acknowledgements and ends silences whose
	// alerts have resolved: the control plane's keeper.
	Keeps bool
	// Record is where what was done about alerts is written; nil is nowhere.
	Record *slog.Logger
	// Annotations gives what happened in a window besides alerts: deployments
	// and silences.
	Annotations func(ctx context.Context, from, to time.Time) ([]api.Annotation, error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Bind gives the operations their handlers.
func Bind(r *op.Registry, d Deps) {
	bindLogs(r, d)
	bindMetrics(r, d)
	bindAlerts(r, d)
	op.BindQuery(r, api.BackendsCheck, func(ctx context.Context, _ api.None) ([]api.BackendCheck, error) {
		if d.Backends == nil {
			return []api.BackendCheck{}, nil
		}
		return d.Backends(ctx), nil
	})
}
