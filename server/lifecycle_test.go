package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// blocking is a gateway whose streams send one event and then one each time
// that step is sent to; they end when their context does.
func blocking(step chan struct{}) gatewayFunc {
	return func(ctx context.Context, _ ai.Call) (*ai.Reply, error) {
		return events(3, func(i int) error {
			if i == 0 {
				return nil
			}
			select {
			case <-step:
				return nil
			case <-ctx.Done():
				return ctx.Err() // as a service that knows nothing of the shutdown
			}
		}), nil
	}
}

// stream opens a chat stream and reads its first event.
func (f *fixture) stream(t *testing.T) (*bufio.Reader, io.Closer) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, f.URL()+"/v1/chat/completions", strings.NewReader(`{"stream":true}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer good")
	res, err := f.client.Do(req)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	r := bufio.NewReader(res.Body)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: {\"n\":0}\n", line)
	return r, res.Body
}

func TestStopLetsStreamsFinish(t *testing.T) {
	step := make(chan struct{})
	f := start(t, func(o *Options) { o.Gateway = blocking(step) })
	r, body := f.stream(t)
	defer body.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- f.Stop(context.Background()) }()
	require.Eventually(t, func() bool { return !f.Readiness(context.Background()).Ready }, time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", f.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, time.Second, time.Millisecond, "the listener closes at once")
	step <- struct{}{}
	step <- struct{}{}
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(rest), "data: [DONE]\n\n"), string(rest))
	require.NoError(t, <-stopped)
	require.NoError(t, f.Stop(context.Background()), "a second stop returns the first one's result")
}

func TestStopEndsStreamsWithATypedError(t *testing.T) {
	f := start(t, func(o *Options) { o.Gateway, o.Drain = blocking(nil), 50*time.Millisecond })
	var readers []*bufio.Reader
	for range 20 {
		r, body := f.stream(t)
		defer body.Close()
		readers = append(readers, r)
	}
	var order []string
	f.OnStop("store", func(context.Context) error { order = append(order, "store"); return nil })
	f.OnStop("gateway", func(context.Context) error { order = append(order, "gateway"); return errors.New("was stuck") })
	require.ErrorContains(t, f.Stop(context.Background()), "stopping gateway: was stuck")
	require.Equal(t, []string{"gateway", "store"}, order, "last in, first out, in spite of a failure")
	for _, r := range readers {
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Contains(t, string(rest), "event: error\ndata: {\"error\":{\"message\":\"server is shutting down\",\"type\":\"server_error\"")
		require.Contains(t, string(rest), `"code":"unavailable"`)
		require.NotContains(t, string(rest), "[DONE]")
	}
}

func TestStopIsBounded(t *testing.T) {
	f := start(t, nil)
	release := make(chan struct{})
	defer close(release)
	f.OnStop("hangs", func(context.Context) error { <-release; return nil })
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	require.ErrorIs(t, f.Stop(ctx), fail.Timeout.Err())
	require.Less(t, time.Since(begin), 2*time.Second)
}

func TestSignals(t *testing.T) {
	var reloads atomic.Int64
	begin := func(t *testing.T, drain time.Duration) (*fixture, chan os.Signal, chan error) {
		f := start(t, func(o *Options) {
			o.Gateway, o.Drain = blocking(nil), drain
			o.Reload = func(context.Context) error {
				if reloads.Add(1)%2 == 0 {
					return fail.New(fail.Usage, "server.yaml:1: listn: no such key")
				}
				return nil
			}
		})
		signals, ended := make(chan os.Signal, 4), make(chan error, 1)
		// start has begun to serve already, so run's part after that.
		go func() { ended <- f.serve(context.Background(), signals) }()
		return f, signals, ended
	}
	t.Run("reload and stop", func(t *testing.T) {
		f, signals, ended := begin(t, 10*time.Millisecond)
		value := func() string {
			for line := range strings.Lines(f.send(t, "GET", "/metrics", "").body) {
				if v, ok := strings.CutPrefix(line, "aictl_config_last_reload_successful "); ok {
					return strings.TrimSpace(v)
				}
			}
			return ""
		}
		signals <- syscall.SIGHUP
		require.Eventually(t, func() bool { return strings.Contains(f.log.String(), "the configuration was reloaded") }, time.Second, time.Millisecond)
		require.Equal(t, "1", value())
		signals <- syscall.SIGHUP
		require.Eventually(t, func() bool { return value() == "0" }, time.Second, time.Millisecond)
		require.Contains(t, f.log.String(), "listn: no such key")
		_, body := f.stream(t)
		defer body.Close()
		signals <- syscall.SIGTERM
		require.NoError(t, <-ended)
	})
	t.Run("second signal kills", func(t *testing.T) {
		f, signals, ended := begin(t, time.Minute)
		_, body := f.stream(t)
		defer body.Close()
		signals <- syscall.SIGTERM
		signals <- syscall.SIGHUP // ignored by now
		signals <- os.Interrupt
		select {
		case err := <-ended:
			require.ErrorIs(t, err, fail.Canceled.Err())
		case <-time.After(5 * time.Second):
			t.Fatal("the drain limit was waited for")
		}
	})
}

// R16: a hundred reloads under load, and no request notices.
func TestReloadsUnderLoad(t *testing.T) {
	f := start(t, func(o *Options) { o.Reload = func(context.Context) error { return nil } })
	done := make(chan struct{})
	var wg sync.WaitGroup
	var sent atomic.Int64
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, f.URL()+"/livez", nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := f.client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != 200 {
					t.Error(res.Status)
				}
				sent.Add(1)
			}
		})
	}
	for range 100 {
		before := sent.Load()
		require.NoError(t, f.Reload(context.Background()))
		require.Eventually(t, func() bool { return sent.Load() > before }, 5*time.Second, 100*time.Microsecond)
	}
	close(done)
	wg.Wait()
}

func pair(t *testing.T, dir, name string, notAfter time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(k)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	return cert, key
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, dir, "first.example", time.Now().Add(time.Hour))
	f := start(t, func(o *Options) { o.CertFile, o.KeyFile = cert, key })
	require.True(t, strings.HasPrefix(f.URL(), "https://"))
	dial := func(c *tls.Config) (string, string, error) {
		c.InsecureSkipVerify, c.NextProtos = true, []string{"h2"} //nolint:gosec // the test looks at the certificate itself
		conn, err := (&tls.Dialer{Config: c}).DialContext(context.Background(), "tcp", f.Addr().String())
		if err != nil {
			return "", "", err
		}
		defer conn.Close()
		st := conn.(*tls.Conn).ConnectionState()
		return st.PeerCertificates[0].DNSNames[0], st.NegotiatedProtocol, nil
	}
	name, proto, err := dial(&tls.Config{})
	require.NoError(t, err)
	require.Equal(t, "first.example", name)
	require.Equal(t, "h2", proto)
	_, _, err = dial(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}) //nolint:gosec // it must be refused
	require.Error(t, err)

	pair(t, dir, "second.example", time.Now().Add(time.Hour))
	require.NoError(t, f.Reload(context.Background()))
	name, _, err = dial(&tls.Config{})
	require.NoError(t, err)
	require.Equal(t, "second.example", name)

	pair(t, dir, "expired.example", time.Now().Add(-time.Hour))
	require.ErrorContains(t, f.Reload(context.Background()), "expired")
	require.NoError(t, os.WriteFile(key, []byte("rubbish"), 0o600))
	require.ErrorIs(t, f.Reload(context.Background()), fail.Usage.Err())
	name, _, err = dial(&tls.Config{})
	require.NoError(t, err)
	require.Equal(t, "second.example", name, "the old one stays")
}

func TestHTTP2InTheClear(t *testing.T) {
	step := make(chan struct{})
	f := start(t, func(o *Options) { o.Gateway = blocking(step) })
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: protocols}
	defer tr.CloseIdleConnections()
	f.client.Transport = tr
	require.Equal(t, 200, f.send(t, "GET", "/livez", "").status)
	r, body := f.stream(t)
	defer body.Close()
	go func() { step <- struct{}{}; step <- struct{}{} }()
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Contains(t, string(rest), "[DONE]")
}

// A stream outlives the limits on reading a request and writing an answer.
func TestStreamOutlivesTimeouts(t *testing.T) {
	const limit = 200 * time.Millisecond
	for _, h2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("h2=%v", h2), func(t *testing.T) {
			f := start(t, func(o *Options) {
				o.Timeouts = Timeouts{ReadHeader: limit, Read: limit, Write: limit, Stall: limit, Idle: limit}
				o.Gateway = gatewayFunc(func(ctx context.Context, _ ai.Call) (*ai.Reply, error) {
					return events(3, func(i int) error {
						select {
						case <-ctx.Done():
							return ctx.Err()
						case <-time.After(time.Duration(min(i, 1)) * 3 * limit):
							return nil
						}
					}), nil
				})
			})
			if h2 {
				protocols := new(http.Protocols)
				protocols.SetUnencryptedHTTP2(true)
				tr := &http.Transport{Protocols: protocols}
				defer tr.CloseIdleConnections()
				f.client.Transport = tr
			}
			r, body := f.stream(t)
			defer body.Close()
			rest, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Contains(t, string(rest), "[DONE]")
		})
	}
}

// R13: slow headers, slow bodies and idle connections are all dropped.
func TestSlowClientsAreDropped(t *testing.T) {
	const limit = 100 * time.Millisecond
	f := start(t, func(o *Options) { o.Timeouts = Timeouts{ReadHeader: limit, Read: 2 * limit, Idle: limit} })
	for name, opening := range map[string]string{
		"headers": "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ",
		"body":    "POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc",
		"idle":    "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"silent":  "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var conns []net.Conn
			for range 50 {
				c, err := new(net.Dialer).DialContext(context.Background(), "tcp", f.Addr().String())
				require.NoError(t, err)
				defer c.Close()
				_, err = io.WriteString(c, opening)
				require.NoError(t, err)
				conns = append(conns, c)
			}
			for _, c := range conns {
				require.NoError(t, c.SetReadDeadline(time.Now().Add(3*time.Second)))
				_, err := io.Copy(io.Discard, c) // until the server closes it
				var timeout net.Error
				require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "still open")
			}
		})
	}
}

// A reader that takes nothing is cut after the stall limit, and what the
// stream holds is released.
func TestStalledReaderIsCut(t *testing.T) {
	released := make(chan struct{})
	f := start(t, func(o *Options) {
		o.Timeouts.Stall = 100 * time.Millisecond
		o.Gateway = gatewayFunc(func(context.Context, ai.Call) (*ai.Reply, error) {
			chunk := []byte("data: " + strings.Repeat("x", 64<<10) + "\n\n")
			return &ai.Reply{Status: 200, ContentType: "text/event-stream", Stream: true, Chunks: func(yield func([]byte, error) bool) {
				defer close(released)
				for yield(chunk, nil) {
				}
			}}, nil
		})
	})
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", f.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nContent-Length: 15\r\n\r\n{\"stream\":true}")
	require.NoError(t, err)
	select {
	case <-released:
	case <-time.After(5 * time.Second):
		t.Fatal("the stream hangs on its reader")
	}
}

// A client that leaves cancels its call at once.
func TestClientGoneCancelsTheCall(t *testing.T) {
	gone := make(chan time.Time, 1)
	f := start(t, func(o *Options) {
		o.Gateway = gatewayFunc(func(ctx context.Context, _ ai.Call) (*ai.Reply, error) {
			return events(2, func(i int) error {
				if i == 0 {
					return nil
				}
				<-ctx.Done()
				gone <- time.Now()
				return ctx.Err()
			}), nil
		})
	})
	best := time.Hour // of a few tries: the machine may be busy with others
	for range 5 {
		_, body := f.stream(t)
		left := time.Now()
		require.NoError(t, body.Close())
		select {
		case at := <-gone:
			best = min(best, at.Sub(left))
		case <-time.After(5 * time.Second):
			t.Fatal("the call goes on without its client")
		}
	}
	require.Less(t, best, 100*time.Millisecond)
}

func TestConnectionLimits(t *testing.T) {
	m, err := newMetrics(newRegistry())
	require.NoError(t, err)
	l := newConnLimiter(nil, 3, 2, m)
	for _, c := range []struct{ remote, want string }{
		{"10.0.0.1", ""}, {"10.0.0.1", ""}, {"10.0.0.1", "per_remote"}, {"10.0.0.2", ""}, {"", "total"},
	} {
		require.Equal(t, c.want, l.take(c.remote), c.remote)
	}
	l.give("10.0.0.1")
	require.Empty(t, l.take("10.0.0.1"))
	for _, remote := range []string{"10.0.0.1", "10.0.0.1", "10.0.0.2"} {
		l.give(remote)
	}
	require.Empty(t, l.by)
	require.Zero(t, l.total)
}
