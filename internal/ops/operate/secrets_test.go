package operate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/secretstest"
)

// inProcess calls the handlers as a client does.
type inProcess struct{ r *op.Registry }

func (c inProcess) Send(ctx context.Context, _ *op.Spec, req *http.Request) (*http.Response, error) {
	ctx = op.WithIdentity(ctx, op.Identity{Subject: "ada"})
	return op.InProcess{Handler: c.r}.RoundTrip(req.WithContext(ctx))
}

type records struct{ all []op.Record }

func secretsHandler(t *testing.T, reveal func(context.Context) error) (inProcess, *secretstest.Memory, *records) {
	t.Helper()
	vault, gh := secretstest.NewMemory("vault", nil), secretstest.NewMemory("github", nil)
	s, err := secrets.New(secrets.Config{Stores: []secrets.Named{vault.Open(), gh.Open()}, Key: []byte("0123456789abcdef")})
	require.NoError(t, err)
	rec := &records{}
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll, Begin: func(_ context.Context, x op.Record) (func(context.Context, error) error, error) {
		rec.all = append(rec.all, x)
		return func(context.Context, error) error { return nil }, nil
	}})
	bindSecrets(r, Deps{Secrets: func(context.Context) (*secrets.Stores, error) { return s, nil }, MayReveal: reveal})
	return inProcess{r}, vault, rec
}

func allow(context.Context) error { return nil }

const canary = "c4n4ry-p4ssw0rd"

func TestSecretPlansAndRecordsHoldNoValue(t *testing.T) {
	c, _, rec := secretsHandler(t, allow)
	ctx := t.Context()
	in := api.SecretSetInput{Ref: "app/db", Value: []byte(canary)}
	plan, err := api.SecretsSet.Plan(ctx, c, in)
	require.NoError(t, err)
	body, err := json.Marshal(plan)
	require.NoError(t, err)
	require.NotContains(t, string(body), canary)
	require.Contains(t, plan.Steps[0].Detail, "fingerprint ")

	// The digest covers the value: another one is another plan.
	other := in
	other.Value = []byte("another")
	_, err = api.SecretsSet.Apply(ctx, c, other, op.ApplyOptions{Digest: plan.Digest})
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	_, err = api.SecretsSet.Apply(ctx, c, in, op.ApplyOptions{Digest: plan.Digest, Reason: "why"})
	require.NoError(t, err)
	// And the version: somebody else's write makes it stale.
	plan, err = api.SecretsSet.Plan(ctx, c, other)
	require.NoError(t, err)
	_, err = api.SecretsSet.Apply(ctx, c, api.SecretSetInput{Ref: "app/db", Value: []byte("third")}, op.ApplyOptions{})
	require.NoError(t, err)
	_, err = api.SecretsSet.Apply(ctx, c, other, op.ApplyOptions{Digest: plan.Digest})
	require.Equal(t, fail.Refused, fail.CodeOf(err))

	got, err := api.SecretsGet.Call(ctx, c, api.SecretGetInput{Ref: "app/db", Reveal: true, Version: "v1"})
	require.NoError(t, err)
	require.Equal(t, canary, got.Value)
	body, err = json.Marshal(rec.all)
	require.NoError(t, err)
	require.NotContains(t, string(body), canary)
	require.NotContains(t, string(body), "YzRuNHJ5") // base64
	require.Equal(t, "secrets.get", rec.all[len(rec.all)-1].Operation)
	require.Equal(t, "app/db", rec.all[len(rec.all)-1].Target)
}

func TestValuesAreForThoseWhoMay(t *testing.T) {
	for name, reveal := range map[string]func(context.Context) error{
		"nobody": nil, "forbidden": func(context.Context) error { return fail.New(fail.Forbidden, "no") },
	} {
		t.Run(name, func(t *testing.T) {
			c, vault, _ := secretsHandler(t, reveal)
			vault.Outside("app/db", canary)
			_, err := api.SecretsGet.Call(t.Context(), c, api.SecretGetInput{Ref: "app/db", Reveal: true})
			require.Equal(t, fail.Forbidden, fail.CodeOf(err))
			got, err := api.SecretsGet.Call(t.Context(), c, api.SecretGetInput{Ref: "app/db"})
			require.NoError(t, err)
			require.Equal(t, secrets.Mask, got.Value)
		})
	}
}

func TestSecretsOfAContextWithoutStores(t *testing.T) {
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	bindSecrets(r, Deps{})
	_, err := api.SecretsList.Call(t.Context(), inProcess{r}, api.SecretFilter{})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.NotEmpty(t, fail.From(err).Next)
}

func TestAStoreThatDoesNotAnswerLeavesTheOthers(t *testing.T) {
	vault := secretstest.NewMemory("vault", nil)
	vault.Outside("app/db", "x")
	s, err := secrets.New(secrets.Config{Key: []byte("0123456789abcdef"), Stores: []secrets.Named{vault.Open(), {Name: "aws", Kind: "aws", Open: func(context.Context) (secrets.Store, error) {
		return nil, fail.New(fail.Auth, "no credentials").Hint("aws sso login")
	}}, {Name: "github", Kind: "github", Implicit: true, Open: func(context.Context) (secrets.Store, error) { return nil, errors.New("not asked") }}}})
	require.NoError(t, err)
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	bindSecrets(r, Deps{Secrets: func(context.Context) (*secrets.Stores, error) { return s, nil }})
	out, err := api.SecretsList.Call(t.Context(), inProcess{r}, api.SecretFilter{})
	require.NoError(t, err)
	require.Len(t, out.Secrets, 1)
	require.Len(t, out.Failed, 1)
	require.Equal(t, "aws", out.Failed[0].Backend)
	_, err = api.SecretsList.Call(t.Context(), inProcess{r}, api.SecretFilter{Prefix: "aws:"})
	require.Equal(t, fail.Auth, fail.CodeOf(err))
}

func TestWhoRefersToASecret(t *testing.T) {
	kube := func(source string) []secrets.Use {
		s := &deploy.Snapshot{Workload: api.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}, Template: deploy.Template{
			Containers: []deploy.Container{{Env: []deploy.EnvVar{{Name: "A", Source: source}}}},
		}}
		return sources([]secrets.Ref{{Store: "kubernetes", Path: "shop/db/password"}}).uses("kubernetes", s)
	}
	require.Len(t, kube("secret/db:password"), 1)
	require.Len(t, kube("secret/db"), 1, "all its keys")
	require.Empty(t, kube("secret/db:user"))
	require.Empty(t, kube("secret/dbx:password"))
	require.Empty(t, kube("configmap/db:password"))
	require.True(t, refers("runtime", "", "vault:app/db", secrets.Ref{Store: "vault", Path: "app/db"}))
	require.True(t, refers("runtime", "", "app/db#user", secrets.Ref{Store: "vault", Path: "app/db"}))
	require.False(t, refers("runtime", "", "app/db#user", secrets.Ref{Store: "vault", Path: "app/db", Member: "password"}))
	require.False(t, refers("runtime", "", "vault:app/db2", secrets.Ref{Store: "vault", Path: "app/db"}))
	require.False(t, refers("kubernetes", "other", "db:password", secrets.Ref{Store: "kubernetes", Path: "shop/db/password"}))
}

// A replica counts as fresh only when nothing about it can be from before.
func TestProofs(t *testing.T) {
	mark := time.Date(2026, 1, 2, 3, 4, 5, 700e6, time.UTC)
	fresh := deploy.Replica{Name: "new", Current: true, Phase: "Running", Ready: true, Created: mark.Truncate(time.Second)}
	of := func(change func(*deploy.Replica), more ...deploy.Replica) secrets.Proof {
		r := fresh
		change(&r)
		s := &deploy.Snapshot{Generation: 2, Observed: 2, Workload: api.Workload{Desired: 1}, Replicas: append([]deploy.Replica{r}, more...)}
		return proofOf(s, mark, mark.Add(time.Minute))
	}
	same := func(*deploy.Replica) {}
	require.True(t, of(same).Holds(), "the engine's times have whole seconds")
	for name, p := range map[string]secrets.Proof{
		"of an old revision": of(func(r *deploy.Replica) { r.Current = false }),
		"created before":     of(func(r *deploy.Replica) { r.Created = mark.Add(-2 * time.Second) }),
		"of unknown age":     of(func(r *deploy.Replica) { r.Created = time.Time{} }),
		"not ready":          of(func(r *deploy.Replica) { r.Ready = false }),
		"ending":             of(func(r *deploy.Replica) { r.Deleting = true }),
		"an old one beside":  of(same, deploy.Replica{Name: "old", Phase: "Running", Deleting: true, Created: mark.Add(-time.Hour)}),
		"none yet":           proofOf(&deploy.Snapshot{Workload: api.Workload{Desired: 1}}, mark, mark),
		"not observed":       proofOf(&deploy.Snapshot{Generation: 2, Observed: 1}, mark, mark),
	} {
		require.False(t, p.Holds(), name)
	}
	require.True(t, of(same, deploy.Replica{Name: "done", Phase: "Succeeded", Created: mark.Add(-time.Hour)}).Holds(), "what ended for good uses nothing")
	require.True(t, proofOf(&deploy.Snapshot{}, mark, mark).Holds(), "scaled to zero")
}
