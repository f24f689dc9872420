package platform

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/serverconfig"
)

// admin sends requests to a platform as its administrator, as no client of
// ours would: without asking anybody.
type admin struct{ p *Platform }

func (a admin) Send(ctx context.Context, _ *op.Spec, req *http.Request) (*http.Response, error) {
	ctx = op.WithIdentity(ctx, op.Identity{Subject: "ann", Grants: []op.Grant{{Role: "admin", Namespace: "*"}}})
	req.URL.Scheme, req.URL.Host = "http", "aictl"
	return op.InProcess{Handler: a.p.API()}.RoundTrip(req.WithContext(ctx))
}

func TestTheServerGuardsWhateverTheClientDoes(t *testing.T) {
	p, _ := open(t, serverconfig.Budgets{})
	set := func(change func(*serverconfig.Config)) {
		fresh := *p.config.Load()
		change(&fresh)
		require.NoError(t, p.Apply(nil, &fresh))
	}
	create := func(name string, o op.ApplyOptions) error {
		_, err := api.AccountsCreate.Apply(t.Context(), admin{p}, api.AccountInput{Name: name, Role: "viewer"}, o)
		return err
	}
	set(func(c *serverconfig.Config) { c.Protection = serverconfig.Prod })
	for name, o := range map[string]op.ApplyOptions{
		"nothing":      {},
		"no reason":    {Confirm: "a"},
		"no name":      {Reason: "on call"},
		"a wrong name": {Confirm: "b", Reason: "on call"},
	} {
		require.Equal(t, fail.Refused, fail.CodeOf(create("a", o)), name)
	}
	require.NoError(t, create("a", op.ApplyOptions{Confirm: "a", Reason: "on call"}))
	entries, err := api.AuditLog.Call(t.Context(), admin{p}, api.AuditFilter{Target: "a"})
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	require.Equal(t, "on call", entries[len(entries)-1].Reason)

	set(func(c *serverconfig.Config) { c.Protection, c.ReadOnly = "", true })
	require.Equal(t, fail.Refused, fail.CodeOf(create("c", op.ApplyOptions{})))
	_, err = api.AccountsCreate.Plan(t.Context(), admin{p}, api.AccountInput{Name: "c", Role: "viewer"})
	require.NoError(t, err, "a plan changes nothing")
	set(func(c *serverconfig.Config) { c.ReadOnly = false })
	require.NoError(t, create("c", op.ApplyOptions{}))
}
