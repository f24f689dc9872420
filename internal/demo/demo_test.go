package demo_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/demo"
	"github.com/aictl/aictl/internal/fail"
)

// platform takes what the demo deploys and calls.
type platform struct {
	mu       sync.Mutex
	shipped  []string // name version
	calls    int
	notReady int
}

func (p *platform) deploy(_ context.Context, manifest []byte, _, _ string) error {
	m, err := plugin.Parse("plugin.yaml", manifest)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shipped = append(p.shipped, m.Name+" "+m.Version)
	return nil
}

func (p *platform) call(_ context.Context, c ai.Call) (*ai.Reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.notReady > 0 {
		p.notReady--
		return nil, fail.New(fail.NotFound, "no service %s yet", c.Service)
	}
	p.calls++
	return &ai.Reply{Chunks: func(yield func([]byte, error) bool) { yield([]byte("{}"), nil) }}, nil
}

func TestTheIncidentIsStagedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &platform{notReady: 3}
		ctx, cancel := context.WithCancel(t.Context())
		var ended error
		done := make(chan struct{})
		go func() {
			defer close(done)
			ended = demo.Run(ctx, demo.Options{Program: "/bin/true", Dir: t.TempDir(), Deploy: p.deploy, Call: p.call, Log: slog.New(slog.DiscardHandler)})
		}()
		good := []string{"demo-stock 2.0.1", "demo-checkout 1.4.0"}
		time.Sleep(demo.After - time.Second)
		synctest.Wait()
		p.mu.Lock()
		require.Equal(t, good, p.shipped, "all is well at first")
		require.Greater(t, p.calls, 300, "there are calls")
		p.mu.Unlock()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		p.mu.Lock()
		require.Equal(t, append(good, "demo-checkout 1.5.0"), p.shipped, "once")
		p.mu.Unlock()
		cancel()
		<-done
		require.NoError(t, ended)
	})
}

func TestADemoThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	refused := fail.New(fail.Refused, "no")
	err := demo.Run(t.Context(), demo.Options{
		Program: "/bin/true", Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
		Deploy: func(context.Context, []byte, string, string) error { return refused },
	})
	require.ErrorIs(t, err, refused)
}

// gateway stands in for the socket that services call each other by: it holds
// every call until release is closed.
func gateway(t *testing.T, release <-chan struct{}) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gw.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer t" || req.URL.Path != "/invoke/demo-stock/lookup" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		<-release
		_, _ = io.WriteString(w, `{"item":"anvil","count":2}`)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return path
}

func body(t *testing.T, s ai.Service, input string) (string, error) {
	t.Helper()
	reply, err := s.Invoke(t.Context(), ai.Call{Service: demo.Checkout, Operation: "order", Input: []byte(input)})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for chunk, err := range reply.Chunks {
		require.NoError(t, err)
		b.Write(chunk)
	}
	return b.String(), nil
}

func checkout(t *testing.T, pool, socket string, log io.Writer) ai.Service {
	t.Helper()
	env := map[string]string{"STOCK_POOL": pool, "AICTL_GATEWAY_SOCKET": socket, "AICTL_GATEWAY_TOKEN": "t"}
	s, err := demo.Service(demo.Checkout, "1", func(k string) string { return env[k] }, slog.New(slog.NewJSONHandler(log, nil)))
	require.NoError(t, err)
	return s
}

func TestCheckoutAsksTheStock(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	close(release)
	s := checkout(t, "1", gateway(t, release), io.Discard)
	got, err := body(t, s, `{"item":"anvil","count":2}`)
	require.NoError(t, err)
	require.JSONEq(t, `{"item":"anvil","accepted":true}`, got)
	got, err = body(t, s, `{"item":"anvil","count":3}`)
	require.NoError(t, err)
	require.JSONEq(t, `{"item":"anvil","accepted":false}`, got)
	_, err = body(t, s, `{"item":"moon"}`)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

func TestAnExhaustedPoolIsSaid(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var log strings.Builder
	s := checkout(t, "1", gateway(t, release), &log)
	first := make(chan error, 2)
	for range 2 { // one has the connection, and the other runs out of patience
		go func() {
			_, err := s.Invoke(t.Context(), ai.Call{Service: demo.Checkout, Operation: "order", Input: []byte(`{"item":"anvil","count":1}`)})
			first <- err
		}()
	}
	require.Equal(t, fail.Timeout, fail.CodeOf(<-first))
	close(release)
	require.NoError(t, <-first)
	require.Contains(t, log.String(), "the pool is exhausted")
}

func TestServiceNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	log := slog.New(slog.DiscardHandler)
	_, err := demo.Service(demo.Checkout, "1", none, log)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	_, err = demo.Service("moon", "1", none, log)
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	s, err := demo.Service(demo.Stock, "1", none, log)
	require.NoError(t, err)
	_, err = s.Invoke(t.Context(), ai.Call{Operation: "lookup", Input: []byte(`{"item":"anvil"}`)})
	require.NoError(t, err)
}
