//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/test/testbed"
)

const kills = 50

// TestKillUnderLoad kills the server with SIGKILL at a random moment, fifty
// times, while eight writers create tokens. The test keeps a journal of what
// the server acknowledged; after each start every one of them is there, and
// the audit's hash chain holds.
func TestKillUnderLoad(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T) config{
		"sqlite":   func(*testing.T) config { return config{} },
		"postgres": func(t *testing.T) config { return config{postgres: testbed.Postgres(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := prepare(t)
			cfg.dataDir = t.TempDir()
			server := startServer(t, cfg)
			cfg.token = server.token
			random := rand.New(rand.NewPCG(50, 9))
			journal := map[string]bool{}
			var slowest time.Duration
			for round := range kills {
				acknowledged := writeUntilKilled(t, server, round, time.Duration(20+random.IntN(130))*time.Millisecond)
				start := time.Now()
				server = startServer(t, cfg)
				slowest = max(slowest, time.Since(start))
				for id := range acknowledged {
					journal[id] = true
				}
				kept := map[string]bool{}
				tokens, err := api.TokensList.Call(t.Context(), server.client, api.TokenFilter{})
				require.NoError(t, err, "listing after kill %d", round)
				for _, token := range tokens {
					kept[token.ID] = true
				}
				for id := range journal {
					require.True(t, kept[id], "kill %d: the acknowledged token %s is lost", round, id)
				}
				report, err := api.AuditVerify.Call(t.Context(), server.client, api.None{})
				require.NoError(t, err, "kill %d: the audit", round)
				require.True(t, report.OK, "kill %d: %+v", round, report)
			}
			require.Greater(t, len(journal), kills, "too few writes to mean something")
			t.Logf("%d kills, %d acknowledged writes, none lost; slowest start %s", kills, len(journal), slowest.Round(time.Millisecond))
		})
	}
}

// writeUntilKilled creates tokens from eight writers, kills the server after
// the delay, and returns the ids that were acknowledged.
func writeUntilKilled(t *testing.T, s *server, round int, delay time.Duration) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				in := api.TokenInput{TTL: op.Duration(time.Hour), Note: fmt.Sprintf("round %d writer %d number %d", round, w, n)}
				token, err := api.TokensCreate.Apply(ctx, s.client, in, op.ApplyOptions{})
				if err != nil {
					return // the server has gone
				}
				mu.Lock()
				acknowledged[token.ID] = true
				mu.Unlock()
			}
		})
	}
	time.Sleep(delay) // the random moment, not a wait for something
	s.process.Kill()
	writers.Wait()
	cancel()
	return acknowledged
}

// newClient is the Go client of a server, as the command line uses it.
func newClient(t testing.TB, url, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Server: url, Token: token, Operations: api.All()})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}
