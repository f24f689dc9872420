package polish

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/secretstest"
	"github.com/aictl/aictl/internal/term"
)

// installation is a control plane with a vault of its own and a key of its own.
func installation(t *testing.T, key string, values map[string]string, reveal error) factory.Target {
	t.Helper()
	store := secretstest.NewMemory(secrets.KindVault, time.Now)
	for path, value := range values {
		v := secrets.CopyOf([]byte(value))
		_, err := store.Put(t.Context(), path, v, secrets.PutOptions{})
		require.NoError(t, err)
		v.Close()
	}
	all, err := secrets.New(secrets.Config{Key: []byte(key), Stores: []secrets.Named{{
		Name: "vault", Kind: secrets.KindVault, Open: func(context.Context) (secrets.Store, error) { return store, nil },
	}}})
	require.NoError(t, err)
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	operate.Bind(r, operate.Deps{
		Secrets: func(context.Context) (*secrets.Stores, error) { return all, nil }, MayReveal: func(context.Context) error { return reveal },
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "ann"})))
	}))
	t.Cleanup(s.Close)
	return factory.Target{Name: key[:1], Server: s.URL, Token: "t"}
}

func TestSecretsOfTwoContextsAreCompared(t *testing.T) {
	a := installation(t, "a key of sixteen bytes and more", map[string]string{"app/same": "1", "app/other": "2", "app/left": "3", "app/Old": "4"}, nil)
	b := installation(t, "b key of sixteen bytes and more", map[string]string{"app/same": "1", "app/other": "x", "app/right": "3", "app/New": "4"}, nil)
	io, _, _, _ := term.Test()
	c := &secretsCommand{factory.New(io, func(string) string { return "" })}
	out, err := c.acrossContexts(t.Context(), &api.SecretDiffInput{Left: "vault:app/", Right: "vault:app/", Map: []string{"Old=New"}}, a, b)
	require.NoError(t, err)
	states := map[string]string{}
	for _, d := range out.Secrets {
		states[d.Name] = d.State
	}
	require.Equal(t, map[string]string{"same": "equal", "Old": "equal", "other": "different", "left": "missing-right", "right": "missing-left"}, states)
	require.Equal(t, 3, out.Drift)

	one, err := c.acrossContexts(t.Context(), &api.SecretDiffInput{Left: "vault:app/same", Right: "vault:app/other"}, a, b)
	require.NoError(t, err)
	require.Equal(t, "different", one.Secrets[0].State)

	closed := installation(t, "c key of sixteen bytes and more", nil, fail.New(fail.Forbidden, "not for you"))
	_, err = c.acrossContexts(t.Context(), &api.SecretDiffInput{Left: "vault:app/", Right: "vault:app/"}, a, closed)
	require.Equal(t, fail.Forbidden, fail.CodeOf(err), "a key that one knows guesses a short secret")
}
