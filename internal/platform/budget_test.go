package platform

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/serverconfig"
)

// spender is an upstream that uses all the output that a call permits.
type spender struct{ input, output atomic.Int64 }

func (s *spender) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.input.Add(10)
	s.output.Add(100)
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, `{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":10,"completion_tokens":100,"total_tokens":110}}`)
}

func open(t *testing.T, budgets serverconfig.Budgets) (*Platform, *spender) {
	t.Helper()
	up := &spender{}
	s := httptest.NewServer(up)
	t.Cleanup(s.Close)
	c := serverconfig.Default()
	c.DataDir, c.Limits.RPS, c.Limits.Budgets = t.TempDir(), 0, budgets
	c.Chat.Upstreams = []serverconfig.Upstream{{Name: "up", URL: s.URL + "/v1", Timeout: 10 * time.Second, Models: []string{"dear", "cheap"}}}
	c.Chat.Prices = map[string]serverconfig.Price{"dear": {Input: 10, Output: 100}}
	p, err := Open(t.Context(), Options{
		Config: &c, DataDir: c.DataDir, Logger: logging.Discard(), Registry: prometheus.NewRegistry(),
		Tracer: noop.NewTracerProvider(), Getenv: func(string) string { return "" }, Now: time.Now,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p, up
}

func complete(ctx context.Context, p *Platform, body string) error {
	ctx = op.WithIdentity(ctx, op.Identity{Subject: "ann", Grants: []op.Grant{{Role: "admin", Namespace: "*"}}})
	reply, err := p.Do(ctx, ai.Call{Service: "chat", Operation: "complete", Input: []byte(body)})
	if err != nil {
		return err
	}
	for _, err := range reply.Chunks {
		if err != nil {
			return err
		}
	}
	return nil
}

// crowd makes n calls at once and counts those that were made and those that
// the budget refused.
func crowd(t *testing.T, p *Platform, n int, body string) (made, refused int64) {
	t.Helper()
	var wg sync.WaitGroup
	var yes, no atomic.Int64
	for range n {
		wg.Go(func() {
			switch err := complete(t.Context(), p, body); fail.CodeOf(err) {
			case fail.OK:
				yes.Add(1)
			case fail.Limited:
				if fail.RetryAfter(err) > 0 {
					no.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, n, yes.Load()+no.Load())
	return yes.Load(), no.Load()
}

func TestConcurrentCallersCannotOvershootTheTokens(t *testing.T) {
	p, up := open(t, serverconfig.Budgets{Tokens: 1200, Window: 24 * time.Hour})
	made, refused := crowd(t, p, 60, `{"model":"cheap","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}`)
	require.Positive(t, made)
	require.Positive(t, refused)
	require.LessOrEqual(t, up.input.Load()+up.output.Load(), int64(1200))
}

func TestConcurrentCallersCannotOvershootTheCost(t *testing.T) {
	// One call costs 10×10/1e6 + 100×100/1e6 = 0.0101.
	p, up := open(t, serverconfig.Budgets{Cost: 0.1, Window: 24 * time.Hour})
	dear := `{"model":"dear","max_completion_tokens":100,"messages":[{"role":"user","content":"hello"}]}`
	made, refused := crowd(t, p, 60, dear)
	require.Positive(t, made)
	require.Positive(t, refused)
	require.LessOrEqual(t, float64(10*up.input.Load()+100*up.output.Load())/1e6, 0.1)
	err := complete(t.Context(), p, `{"model":"dear","max_tokens":2000,"messages":[]}`)
	require.Equal(t, fail.Limited, fail.CodeOf(err), "one call that could cost more than is left")
	require.ErrorContains(t, err, "cost budget of 0.1")
	require.NoError(t, complete(t.Context(), p, `{"model":"cheap","messages":[]}`), "what has no price costs nothing")
}

func TestARefusedCostGivesItsTokensBack(t *testing.T) {
	p, _ := open(t, serverconfig.Budgets{Tokens: 10_000, Cost: 0.001, Window: 24 * time.Hour})
	for range 50 { // each holds back about 1010 tokens for a moment
		err := complete(t.Context(), p, `{"model":"dear","max_tokens":1000,"messages":[]}`)
		require.ErrorContains(t, err, "cost budget")
	}
	require.NoError(t, complete(t.Context(), p, `{"model":"cheap","max_tokens":1000,"messages":[]}`))
}

func TestBudgetsOfAccounts(t *testing.T) {
	p, _ := open(t, serverconfig.Budgets{
		Tokens: 1, Cost: 0.000001, Window: 24 * time.Hour,
		Accounts: map[string]int64{"ann": 0}, CostAccounts: map[string]float64{"ann": 0},
	})
	made, refused := crowd(t, p, 10, `{"model":"dear","messages":[]}`)
	require.EqualValues(t, 10, made, "0 is no limit")
	require.Zero(t, refused)
}
