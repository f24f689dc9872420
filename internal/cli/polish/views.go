// Package polish is the hand-made ceiling over the generated commands: table
// columns, and the commands whose ergonomics a form cannot give (chat,
// predict, invoke). Commands are named by their declarations, so that a typo
// does not compile.
package polish

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// Views are the tables by operation id.
func Views() map[string]factory.View {
	views := map[string]factory.View{}
	list(views, api.ServicesList, output.View[api.Service]{
		Kind: "service", Name: func(s api.Service) string { return s.Name },
		Columns: []output.Column[api.Service]{
			col("name", func(s api.Service) string { return s.Name }),
			{Header: "state", Value: plain(func(s api.Service) string { return s.State }), Style: func(s api.Service, _ output.Env) term.Style { return stateStyle(s.State) }},
			col("ready", func(s api.Service) string { return fmt.Sprintf("%d/%d", s.Ready, s.Replicas) }),
			col("version", func(s api.Service) string { return s.Version }),
			col("kind", func(s api.Service) string { return s.Kind }),
			wide("operations", func(s api.Service) string { return strings.Join(s.Operations, ",") }),
			col("summary", func(s api.Service) string { return s.Summary }),
		},
	})
	list(views, api.ServicesHealth, output.View[api.ServiceHealth]{
		Kind: "service", Name: func(h api.ServiceHealth) string { return h.Name },
		Columns: []output.Column[api.ServiceHealth]{
			col("name", func(h api.ServiceHealth) string { return h.Name }),
			{Header: "state", Value: plain(func(h api.ServiceHealth) string { return h.State }), Style: func(h api.ServiceHealth, _ output.Env) term.Style { return stateStyle(h.State) }},
			num("requests", func(h api.ServiceHealth) string { return fmt.Sprint(h.Requests) }),
			num("errors", func(h api.ServiceHealth) string { return fmt.Sprint(h.Errors) }),
			num("error rate", func(h api.ServiceHealth) string { return output.Percent(h.ErrorRate) }),
			num("p50", func(h api.ServiceHealth) string { return millis(h.P50) }),
			num("p95", func(h api.ServiceHealth) string { return millis(h.P95) }),
			num("p99", func(h api.ServiceHealth) string { return millis(h.P99) }),
			num("in flight", func(h api.ServiceHealth) string { return fmt.Sprint(h.InFlight) }),
			{Header: "tokens in", Wide: true, Right: true, Value: plain(func(h api.ServiceHealth) string { return fmt.Sprint(h.TokensIn) })},
			{Header: "tokens out", Wide: true, Right: true, Value: plain(func(h api.ServiceHealth) string { return fmt.Sprint(h.TokensOut) })},
			col("window", func(h api.ServiceHealth) string { return output.Duration(time.Duration(h.Window)) }),
			wide("reason", func(h api.ServiceHealth) string { return h.Reason }),
		},
	})
	list(views, api.ProvidersList, output.View[api.Provider]{
		Kind: "provider", Name: func(p api.Provider) string { return p.Name },
		Columns: []output.Column[api.Provider]{
			col("name", func(p api.Provider) string { return p.Name }),
			col("kind", func(p api.Provider) string { return p.Kind }),
			{Header: "state", Value: plain(func(p api.Provider) string { return p.State }), Style: func(p api.Provider, _ output.Env) term.Style { return stateStyle(p.State) }},
			col("breaker", func(p api.Provider) string { return p.Breaker }),
			col("models", func(p api.Provider) string { return strings.Join(p.Models, ",") }),
			col("url", func(p api.Provider) string { return p.URL }),
		},
	})
	list(views, api.SessionsList, output.View[api.Session]{
		Kind: "session", Name: func(s api.Session) string { return s.Name },
		Columns: []output.Column[api.Session]{
			col("name", func(s api.Session) string { return s.Name }),
			num("messages", func(s api.Session) string { return fmt.Sprint(s.Messages) }),
			{Header: "updated", Value: func(s api.Session, e output.Env) string { return e.Ago(s.Updated) }},
			col("title", func(s api.Session) string { return s.Title }),
		},
	})
	list(views, api.AuditLog, output.View[api.AuditEntry]{
		Kind: "audit", Name: func(a api.AuditEntry) string { return fmt.Sprint(a.Index) },
		Columns: []output.Column[api.AuditEntry]{
			num("index", func(a api.AuditEntry) string { return fmt.Sprint(a.Index) }),
			{Header: "time", Value: func(a api.AuditEntry, e output.Env) string { return e.Time(a.Time) }},
			col("actor", func(a api.AuditEntry) string { return a.Actor }),
			col("operation", func(a api.AuditEntry) string { return a.Operation }),
			col("target", func(a api.AuditEntry) string { return a.Target }),
			col("phase", func(a api.AuditEntry) string { return a.Phase }),
			{Header: "outcome", Value: plain(func(a api.AuditEntry) string { return a.Outcome }), Style: func(a api.AuditEntry, _ output.Env) term.Style {
				if a.Outcome == "" || a.Outcome == "ok" {
					return term.OK
				}
				return term.Bad
			}},
			col("reason", func(a api.AuditEntry) string { return a.Reason }),
			wide("remote", func(a api.AuditEntry) string { return a.Remote }),
			wide("request", func(a api.AuditEntry) string { return a.Request }),
			wide("hash", func(a api.AuditEntry) string { return a.Hash }),
		},
	})
	list(views, api.AccountsList, output.View[api.Account]{
		Kind: "account", Name: func(a api.Account) string { return a.Name },
		Columns: []output.Column[api.Account]{
			col("name", func(a api.Account) string { return a.Name }),
			col("roles", func(a api.Account) string { return grants(a.Grants) }),
			num("tokens", func(a api.Account) string { return fmt.Sprint(a.Tokens) }),
			{Header: "created", Value: func(a api.Account, e output.Env) string { return e.Ago(a.Created) }},
		},
	})
	list(views, api.TokensList, tokenView())
	one(views, api.TokensRevoke, tokenView())
	list(views, api.PredictModels, output.View[api.PredictModel]{
		Kind: "model", Name: func(m api.PredictModel) string { return m.Name },
		Columns: []output.Column[api.PredictModel]{
			col("name", func(m api.PredictModel) string { return m.Name }),
			col("summary", func(m api.PredictModel) string { return m.Summary }),
			col("source", func(m api.PredictModel) string { return m.Source }),
		},
	})
	logViews(views)
	views[api.ProvidersTest.ID] = providerReports
	views[api.ServicesDescribe.ID] = serviceDetail
	views[api.SessionsShow.ID] = sessionDetail
	views[api.AuditVerify.ID] = auditVerdict
	views[api.AuthWhoami.ID] = whoami
	return views
}

func tokenView() output.View[api.Token] {
	when := func(t *time.Time, e output.Env) string {
		if t == nil {
			return ""
		}
		return e.Ago(*t)
	}
	return output.View[api.Token]{
		Kind: "token", Name: func(t api.Token) string { return t.ID },
		Columns: []output.Column[api.Token]{
			col("id", func(t api.Token) string { return t.ID }),
			col("account", func(t api.Token) string { return t.Account }),
			{Header: "created", Value: func(t api.Token, e output.Env) string { return e.Ago(t.Created) }},
			{Header: "expires", Value: func(t api.Token, e output.Env) string {
				if t.Expires == nil {
					return "never"
				}
				return e.Time(*t.Expires)
			}},
			{Header: "last used", Value: func(t api.Token, e output.Env) string { return when(t.LastUsed, e) }},
			{Header: "revoked", Value: func(t api.Token, e output.Env) string { return when(t.Revoked, e) }},
			col("note", func(t api.Token) string { return t.Note }),
		},
	}
}

func list[In, T any](views map[string]factory.View, q *op.Query[In, []T], v output.View[T]) {
	views[q.ID] = func(p *output.Printer, out any) error {
		return output.List(p, v, out.([]T)) //nolint:forcetypeassert // the declaration says so
	}
}

func one[In, T any](views map[string]factory.View, c *op.Change[In, T], v output.View[T]) {
	views[c.ID] = func(p *output.Printer, out any) error {
		return output.One(p, v, out.(T)) //nolint:forcetypeassert // the declaration says so
	}
}

func plain[T any](f func(T) string) func(T, output.Env) string {
	return func(v T, _ output.Env) string { return f(v) }
}

func col[T any](header string, f func(T) string) output.Column[T] {
	return output.Column[T]{Header: header, Value: plain(f)}
}

func wide[T any](header string, f func(T) string) output.Column[T] {
	return output.Column[T]{Header: header, Wide: true, Value: plain(f)}
}

func num[T any](header string, f func(T) string) output.Column[T] {
	return output.Column[T]{Header: header, Right: true, Value: plain(f)}
}

func millis(ms float64) string {
	if ms == 0 {
		return ""
	}
	return output.Duration(time.Duration(ms * float64(time.Millisecond)))
}

func stateStyle(state string) term.Style {
	switch state {
	case "ready":
		return term.OK
	case "down":
		return term.Bad
	}
	return term.Warn
}

func grants(list []op.Grant) string {
	parts := make([]string, len(list))
	for i, g := range list {
		parts[i] = g.Role
		if g.Namespace != "*" {
			parts[i] += "@" + g.Namespace
		}
	}
	return strings.Join(parts, ",")
}
