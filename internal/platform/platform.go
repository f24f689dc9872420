// Package platform turns a configuration into a running control plane: it
// opens the store, the identities, the audit, the limits and the gateway,
// registers the services, and binds the operations. It is the only importer
// of adapters, and holds no rules of its own.
//
// It promises that Open either gives a whole platform or leaves nothing open,
// that Apply brings a changed configuration into force whole or not at all,
// and that Close waits for what it started.
package platform

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/chat/assistant"
	"github.com/aictl/aictl/internal/ai/forecast"
	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/audit"
	"github.com/aictl/aictl/internal/authn"
	"github.com/aictl/aictl/internal/authz"
	"github.com/aictl/aictl/internal/backends"
	"github.com/aictl/aictl/internal/deploy/kubepath"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/limit"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops"
	"github.com/aictl/aictl/internal/ops/observe"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/internal/ops/respond"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/serverconfig"
	"github.com/aictl/aictl/internal/sessioncache"
	"github.com/aictl/aictl/internal/store"
)

// Options are what Open needs.
type Options struct {
	Config *serverconfig.Config
	// DataDir is this process's own directory, locked by it.
	DataDir  string
	Version  Version
	Logger   *slog.Logger
	Registry *prometheus.Registry
	Tracer   trace.TracerProvider
	Getenv   func(string) string
	Now      func() time.Time
	// Redact masks secrets in what is recorded; nil masks nothing.
	Redact func(string) string
	// Prometheus and Alertmanager are the embedded engines' handlers; nil has
	// none. What the configuration names under backends comes first.
	Prometheus, Alertmanager http.Handler
	// Logs is the embedded log store; nil has none.
	Logs logs.Store
	// Docs is the manual that the assistant answers from; nil has none.
	Docs fs.FS
}

// Version is what the build says of itself.
type Version struct{ Version, Commit, Go string }

// Platform is a running control plane without its HTTP shell.
type Platform struct {
	o        Options
	started  time.Time
	store    *store.Store
	identity *authn.Service
	audit    *audit.Log
	limits   limit.Limiter
	sessions chat.Sessions
	gateway  *gateway.Gateway
	models   *models
	registry *op.Registry
	backends *backends.Set
	runtime  *runtime.Runtime
	secrets  func(ctx context.Context) (*secrets.Stores, error)
	config   atomic.Pointer[serverconfig.Config]
	chat     atomic.Pointer[chat.Service]
	closers  []closer
}

type closer struct {
	name  string
	close func() error
}

// Open brings the platform up.
func Open(ctx context.Context, o Options) (*Platform, error) {
	p := &Platform{o: o, started: o.Now()}
	p.config.Store(o.Config)
	if err := p.open(ctx); err != nil {
		_ = p.Close() // the first error says what is wrong
		return nil, err
	}
	return p, nil
}

func (p *Platform) open(ctx context.Context) error {
	if err := p.openState(ctx); err != nil {
		return err
	}
	if err := p.openGateway(); err != nil {
		return err
	}
	if err := p.Apply(nil, p.o.Config); err != nil {
		return err
	}
	p.backends = backends.New(observed(p.o))
	p.closing("backends", func() error { p.backends.Close(); return nil })
	p.secrets = p.secretStores(secrets.Config{
		Stores: append(p.clusterSecrets(), p.otherStores()...), MaxAge: p.o.Config.Secrets.MaxAge, Gate: operate.SecretGate(p.backends.Metrics(), p.o.Now), Consumers: operate.SecretConsumers(p.clusters, p.o.Now),
	})
	if err := p.openRotations(ctx); err != nil {
		return err
	}
	if err := p.openRuntime(ctx); err != nil {
		return err
	}
	p.bind()
	p.keepAlerts()
	return nil
}

func (p *Platform) closing(name string, f func() error) {
	p.closers = append(p.closers, closer{name, f})
}

func (p *Platform) openState(ctx context.Context) (err error) {
	url := p.o.Config.Database.URL
	if url == "" {
		url = filepath.Join(p.o.DataDir, "aictl.db")
	}
	if p.store, err = store.Open(ctx, url); err != nil {
		return err
	}
	p.closing("store", p.store.Close)
	if p.audit, err = audit.New(store.Audit{Store: p.store}, p.o.DataDir, p.o.Now, p.o.Redact); err != nil {
		return err
	}
	p.closing("audit", p.audit.Close)
	p.identity = authn.New(store.Identity{Store: p.store}, p.o.Now)
	p.closing("identity", func() error { p.identity.Close(); return nil })
	p.sessions = store.Sessions{Store: p.store, Now: p.o.Now}
	if url := p.o.Config.Redis.URL; url != "" {
		shared, err := limit.NewRedis(url, p.o.Now)
		if err != nil {
			return err
		}
		p.limits, p.sessions = shared, sessioncache.New(p.sessions, shared.Client(), p.o.Now)
	} else {
		p.limits = limit.NewMemory(p.o.Now)
	}
	p.closing("limits", p.limits.Close)
	return nil
}

func (p *Platform) openGateway() (err error) {
	p.gateway, err = gateway.New(gateway.Options{
		Authorize: p.mayInvoke, Rates: gateway.RateFunc(p.rate), Budget: gateway.BudgetFunc(p.budget),
		Logger: p.o.Logger, Tracer: p.o.Tracer.Tracer("github.com/aictl/aictl/gateway"),
		Metrics: p.o.Registry, Now: p.o.Now,
	})
	if err != nil {
		return err
	}
	p.models = newModels(p.gateway, p.o.Getenv)
	p.closing("upstreams", func() error { p.models.close(); return nil })
	predict, err := forecast.New(p.o.Version.Version)
	if err != nil {
		return err
	}
	return p.gateway.Register(predict)
}

// Apply brings a configuration into force. An error means that the old one
// still is.
func (p *Platform) Apply(old, fresh *serverconfig.Config) error {
	if old != nil {
		if err := p.recordReload(old, fresh); err != nil {
			return err
		}
	}
	c := chatConfig(fresh.Chat)
	if err := p.models.apply(c, fresh.Chat.FirstToken); err != nil {
		return err
	}
	service, err := chat.New(chat.Options{
		Config: c, Assistant: assistant.New(live{p}, p.o.Now), Forward: p.models, Version: p.o.Version.Version, Now: p.o.Now,
	})
	if err != nil {
		return err
	}
	policy := gateway.Policy{
		Idempotent: true, Terminator: "[DONE]", Frame: gateway.OpenAIFrame, Timeout: 15 * time.Minute,
		Concurrency: fresh.Limits.Concurrency, Queue: fresh.Limits.Queue,
	}
	plain := policy
	plain.Terminator = ""
	if _, err := p.gateway.SetRoute(gateway.Route{
		Description: service.Describe(),
		Tiers: []gateway.Tier{{Revisions: []gateway.Revision{{
			Name: p.o.Version.Version, Weight: 1,
			Replicas: []gateway.Replica{{Name: "builtin", Upstream: gateway.Builtin(service)}},
		}}}},
		Policies: map[string]gateway.Policy{chat.Complete: policy, chat.Embeddings: plain},
	}); err != nil {
		return err
	}
	p.chat.Store(service)
	p.config.Store(fresh)
	return nil
}

// mayRun is the permission and the rate of an operation. Calls of services are
// counted once, in the gateway.
func (p *Platform) mayRun(ctx context.Context, id op.Identity, s *op.Spec, namespace string) error {
	if err := authz.Authorize(id, s.Noun(), s.Effect, namespace); err != nil || s.Effect == op.Invoke {
		return err
	}
	return p.rate(ctx, id.Subject, "", "")
}

// Authorize decides who may use what is not an operation: the native APIs of
// the engines.
func (*Platform) Authorize(id op.Identity, noun string, effect op.Effect) error {
	return authz.Authorize(id, noun, effect, "default")
}

// mayInvoke is the permission of a service call.
func (p *Platform) mayInvoke(ctx context.Context, service, operation string) error {
	if inner(service) {
		return nil
	}
	effect := op.Invoke
	if operation == "models" { // what there is may be read
		effect = op.Read
	}
	id, _ := op.IdentityFrom(ctx)
	return authz.Authorize(id, "services", effect, "default")
}

func (p *Platform) rate(ctx context.Context, subject, service, _ string) error {
	if inner(service) {
		return nil
	}
	l := p.config.Load().Limits
	return p.limits.Allow(ctx, subject, l.RPS, l.Burst)
}

func (p *Platform) bind() {
	p.registry = op.NewRegistry(op.Policy{
		Authorize: p.mayRun,
		ReadOnly:  func() bool { return p.config.Load().ReadOnly },
		Protected: func(context.Context, op.Plan) bool { return p.config.Load().Protection == serverconfig.Prod },
		Begin:     p.audit.Begin,
		MaxBody:   int64(p.o.Config.Limits.BodyBytes),
	})
	operate.Bind(p.registry, operate.Deps{
		Clusters: p.clusters, Apply: p.deployManifest, Paths: kubepath.Compile, Permissions: p.permissions(),
		Secrets: p.secrets, MayReveal: mayReveal, Namespace: "default", ReadOnly: func() bool { return p.config.Load().ReadOnly },
		Metrics: p.backends.Metrics(), Alerts: p.backends.Alerts(), Now: p.o.Now,
	})
	respond.Bind(p.registry, respond.Deps{
		Logs: p.backends.Logs(), Metrics: p.backends.Metrics(), Alerts: p.backends.Alerts(), Clusters: p.clusters,
		Changes: p.changes, Secrets: p.secrets, Namespace: "default", Now: p.o.Now,
		Incidents: p.incidents, Runbooks: builtinRunbooks, Narrate: p.narrate, Redact: p.o.Redact,
	})
	ops.Bind(p.registry, ops.Deps{
		Observe: observe.Deps{
			Backends: p.backends.Check, Logs: p.backends.Logs(), Metrics: p.backends.Metrics(), Alerts: p.backends.Alerts(), Keeps: true, Record: p.o.Logger,
			Annotations: operate.Annotations(p.clusters, p.backends.Silences), Now: p.o.Now,
		},
		Version: p.o.Version.Version, Gateway: services{p.gateway, p.runtime}, Sessions: p.sessions,
		Chat: chatSettings{p}, Redact: p.o.Redact, Accounts: p.identity, Audit: p.audit, Provider: providers{p},
		Status: p.status, Now: p.o.Now,
	})
}

// API serves the operations under /api/v1/.
func (p *Platform) API() http.Handler { return p.registry }

// OpenAPI is the description of the whole surface, as JSON.
func (p *Platform) OpenAPI() ([]byte, error) {
	doc, err := p.registry.OpenAPI("aictl", p.o.Version.Version, frontDoors())
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// Authenticate implements server.Authenticator.
func (p *Platform) Authenticate(ctx context.Context, bearer string) (op.Identity, error) {
	return p.identity.Authenticate(ctx, bearer)
}

// Do implements server.Gateway.
func (p *Platform) Do(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	return p.gateway.Do(ctx, call)
}

// Drain lets the calls under way end; see gateway.Drain.
func (p *Platform) Drain(ctx context.Context) error { return p.gateway.Drain(ctx) }

// Ready says whether the platform can do its work.
func (p *Platform) Ready(ctx context.Context) error { return p.store.Ready(ctx) }

// Names of the first administrator.
const firstAdmin = "admin"

// Bootstrap makes the first administrator where there is no account at all.
// It returns a token for it then, or when one is asked for: whoever starts the
// server owns its data directory.
func (p *Platform) Bootstrap(ctx context.Context, issue bool) (token string, err error) {
	accounts, err := p.identity.List(ctx)
	if err != nil {
		return "", err
	}
	who := op.Identity{Subject: "aictl-server"}
	if len(accounts) == 0 {
		issue = true
		err := p.recorded(ctx, op.Record{Operation: "accounts.create", Target: firstAdmin, Reason: "first start", Effect: op.Write, Identity: who}, func() error {
			_, err := p.identity.Create(ctx, firstAdmin, op.Grant{Role: "admin", Namespace: "*"})
			if fail.CodeOf(err) == fail.Conflict { // another replica was first
				return nil
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	if !issue {
		return "", nil
	}
	err = p.recorded(ctx, op.Record{Operation: "tokens.create", Target: firstAdmin, Reason: "start of the server", Effect: op.Write, Identity: who}, func() error {
		t, err := p.identity.CreateToken(ctx, firstAdmin, "made by aictl up", 0)
		token = t.Secret
		return err
	})
	return token, err
}

func (p *Platform) recorded(ctx context.Context, r op.Record, f func() error) error {
	finish, err := p.audit.Begin(ctx, r)
	if err != nil {
		return err
	}
	outcome := f()
	if err := finish(ctx, outcome); err != nil {
		return err
	}
	return outcome
}

func (p *Platform) status(ctx context.Context) api.Status {
	now := p.o.Now()
	s := api.Status{
		Version: p.o.Version.Version, Started: p.started.UTC(), Uptime: op.Duration(now.Sub(p.started).Round(time.Second)),
		Ready: true, Reasons: []string{}, Store: p.store.Kind(), Limits: p.limits.Kind(),
		Services: len(services{p.gateway, p.runtime}.Services()),
	}
	for _, check := range []func(context.Context) error{p.store.Ready, p.limits.Ready} {
		if err := check(ctx); err != nil {
			s.Reasons = append(s.Reasons, err.Error())
		}
	}
	s.Ready = p.store.Ready(ctx) == nil
	return s
}

// Close ends everything, the last opened first.
func (p *Platform) Close() error {
	var first error
	for i := len(p.closers) - 1; i >= 0; i-- {
		if err := p.closers[i].close(); err != nil && first == nil {
			first = fail.Wrap(fail.CodeOf(err), err, "closing the %s", p.closers[i].name)
		}
	}
	p.closers = nil
	return first
}
