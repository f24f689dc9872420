//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/test/testbed"
)

// TestTwoReplicas: two servers on one PostgreSQL and one Redis are one
// platform. What one acknowledges the other has; what one revokes the other
// refuses within a second; their audit is one chain.
func TestTwoReplicas(t *testing.T) {
	cfg := config{postgres: testbed.Postgres(t), redis: testbed.Redis(t)}
	one := startServer(t, cfg)
	cfg.token = one.token
	two := startServer(t, cfg)

	status, err := api.PlatformStatus.Call(t.Context(), two.client, api.None{})
	require.NoError(t, err)
	require.True(t, status.Ready, "%v", status.Reasons)
	require.Equal(t, "postgres", status.Store)
	require.Equal(t, "redis", status.Limits)

	token, err := api.TokensCreate.Apply(t.Context(), one.client, api.TokenInput{TTL: op.Duration(time.Hour), Note: "made by one"}, op.ApplyOptions{})
	require.NoError(t, err)
	other := newClient(t, two.url, token.Secret)
	_, err = api.AuthWhoami.Call(t.Context(), other, api.None{})
	require.NoError(t, err, "a token of one replica at the other")

	_, err = api.TokensRevoke.Apply(t.Context(), one.client, api.TokenID{ID: token.ID}, op.ApplyOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := api.AuthWhoami.Call(t.Context(), other, api.None{})
		return fail.CodeOf(err) == fail.Auth
	}, time.Second, 20*time.Millisecond, "a revoked token is still accepted by the other replica")

	// Both write at once; the audit stays one chain, whoever verifies it.
	done := make(chan error, 2)
	for _, s := range []*server{one, two} {
		go func() {
			for range 25 {
				if _, err := api.TokensCreate.Apply(t.Context(), s.client, api.TokenInput{TTL: op.Duration(time.Hour)}, op.ApplyOptions{}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	for _, s := range []*server{one, two} {
		report, err := api.AuditVerify.Call(t.Context(), s.client, api.None{})
		require.NoError(t, err)
		require.True(t, report.OK, "%+v", report)
		require.Greater(t, report.Records, int64(50))
	}
}
