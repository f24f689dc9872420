// Package ops binds the declarations of internal/api to the domain: a file a
// noun, short handlers without policy. What they need they are given as small
// interfaces; who may call them is decided in op's dispatch.
package ops

import (
	"context"
	"iter"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/observe"
)

// Deps are what the handlers reach. All of them are required.
type Deps struct {
	Version  string
	Gateway  Gateway
	Sessions chat.Sessions
	Chat     ChatConfig
	Accounts Accounts
	Audit    Audit
	Provider Providers
	Status   func(ctx context.Context) api.Status
	Now      func() time.Time
	// Redact masks secrets in what a model is told of the platform; nil masks
	// nothing.
	Redact func(string) string
	// Observe are the systems of logs, metrics and alerts.
	Observe observe.Deps
}

// Gateway is the path of every service call, and what it knows of services.
type Gateway interface {
	Do(ctx context.Context, call ai.Call) (*ai.Reply, error)
	Services() []ai.Description
	// Health gives the state of one service in the last minutes; false where
	// there is none of the name.
	Health(name string) (api.ServiceHealth, bool)
	// Kind is builtin, process, remote or kubernetes.
	Kind(name string) string
}

// ChatConfig resolves model names.
type ChatConfig interface {
	// Window is how many tokens of history a request may carry.
	Window() int64
	// Builtin reports whether the built-in assistant answers for the name.
	Builtin(model string) bool
}

// Accounts keep identities.
type Accounts interface {
	List(ctx context.Context) ([]api.Account, error)
	Get(ctx context.Context, name string) (api.Account, error)
	Create(ctx context.Context, name string, g op.Grant) (api.Account, error)
	Grant(ctx context.Context, name string, g op.Grant) (api.Account, error)
	Delete(ctx context.Context, name string) error
	Tokens(ctx context.Context, account string) ([]api.Token, error)
	Token(ctx context.Context, id string) (api.Token, error)
	CreateToken(ctx context.Context, account, note string, ttl time.Duration) (api.NewToken, error)
	RevokeToken(ctx context.Context, id string) (api.Token, error)
}

// Audit is the record of what was done.
type Audit interface {
	List(ctx context.Context, f api.AuditFilter) ([]api.AuditEntry, error)
	Verify(ctx context.Context) (api.AuditReport, error)
	Each(ctx context.Context) iter.Seq2[api.AuditEntry, error]
}

// Providers are the model upstreams.
type Providers interface {
	List(ctx context.Context) ([]api.Provider, error)
	Test(ctx context.Context, name, model string) ([]api.ProviderReport, error)
}

// Bind gives every operation its handler.
func Bind(r *op.Registry, d Deps) {
	bindServices(r, d)
	bindChat(r, d)
	bindSessions(r, d)
	bindPredict(r, d)
	observe.Bind(r, d.Observe)
	op.BindQuery(r, api.ProvidersList, func(ctx context.Context, _ api.None) ([]api.Provider, error) {
		return d.Provider.List(ctx)
	})
	op.BindQuery(r, api.ProvidersTest, func(ctx context.Context, in api.ProviderTestInput) ([]api.ProviderReport, error) {
		return d.Provider.Test(ctx, in.Name, in.Model)
	})
	op.BindQuery(r, api.AuditLog, func(ctx context.Context, in api.AuditFilter) ([]api.AuditEntry, error) {
		return d.Audit.List(ctx, in)
	})
	op.BindStream(r, api.AuditExport, func(ctx context.Context, _ api.None) iter.Seq2[api.AuditEntry, error] {
		return d.Audit.Each(ctx)
	})
	op.BindQuery(r, api.AuditVerify, func(ctx context.Context, _ api.None) (api.AuditReport, error) {
		return d.Audit.Verify(ctx)
	})
	bindAccounts(r, d)
	op.BindQuery(r, api.PlatformStatus, func(ctx context.Context, _ api.None) (api.Status, error) {
		return d.Status(ctx), nil
	})
}

// caller is the identity of the request; dispatch has seen to it that there
// is one.
func caller(ctx context.Context) op.Identity {
	id, _ := op.IdentityFrom(ctx)
	return id
}
