package prom

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

const empty = `{"status":"success","data":{"resultType":"vector","result":[]}}`

// TestFaults: a backend that fails in every way that backends do. Each call
// ends within its deadline, with its code, naming the URL and the next step.
func TestFaults(t *testing.T) {
	say := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	problem := func(kind, text string) string {
		return fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, text)
	}
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		code    fail.Code
		says    string
	}{
		{"slow", hang, fail.Timeout, "did not answer in time"},
		{"slow body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"status":"success","data":{`)
			w.(http.Flusher).Flush()
			hang(w, r)
		}, fail.Timeout, "did not answer in time"},
		{"reset", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		}, fail.Unavailable, ""},
		{"429", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		}, fail.Limited, "slow down"},
		{"500", say(500, "text/plain", "boom"), fail.Unavailable, "boom"},
		{"502 page", say(502, "text/html", "<html>bad gateway</html>"), fail.Unavailable, "502"},
		{"503", say(503, "application/json", problem("unavailable", "service not ready")), fail.Unavailable, "service not ready"},
		{"503 timeout", say(503, "application/json", problem("timeout", "query timed out in expression evaluation")), fail.Timeout, "timed out"},
		{"504", say(504, "text/plain", ""), fail.Timeout, "gave up"},
		{"401", say(401, "text/plain", "Unauthorized"), fail.Auth, "credentials"},
		{"403", say(403, "text/plain", "no"), fail.Forbidden, "forbids"},
		{"404", say(404, "text/plain", "404 page not found"), fail.NotFound, "no Prometheus API"},
		{"405", say(405, "text/html", "<html>"), fail.NotFound, "no Prometheus API"},
		{"bad query", say(400, "application/json", problem("bad_data", `invalid parameter "query": 1:5: parse error: unexpected <EOF>`)), fail.Usage, "1:5: parse error"},
		{"bad query, VictoriaMetrics", say(422, "application/json", problem("422", `error when executing query="up(": unparsed data left: "("`)), fail.Usage, "unparsed data"},
		{"too much", say(422, "application/json", problem("execution", "query processing would load too many samples into memory in query execution")), fail.TooLarge, "too many samples"},
		{"error with 200", say(200, "application/json", problem("execution", "many-to-many matching")), fail.Usage, "many-to-many"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[`)
		}, fail.Unavailable, "cut"},
		{"cut JSON", say(200, "application/json", `{"status":"success","data":{"resultType":"vector","result":[`), fail.Unavailable, "not the Prometheus API's"},
		{"garbage", say(200, "application/json", "\x00\x01\x02{{{{"), fail.Unavailable, "not JSON"},
		{"garbage object", say(200, "application/json", `{{{{`), fail.Unavailable, "not whole JSON"},
		{"other JSON", say(200, "application/json", `{"hello":"world"}`), fail.Unavailable, "not of the Prometheus API"},
		{"no result", say(200, "application/json", `{"status":"success"}`), fail.Unavailable, "without a result"},
		{"other form", say(200, "application/json", `{"status":"success","data":[1,2]}`), fail.Unavailable, "not the Prometheus API's"},
		{"list", say(200, "application/json", `[]`), fail.Unavailable, "not JSON"},
		{"nothing", say(200, "application/json", ``), fail.Unavailable, "nothing else"},
		{"204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, fail.Unavailable, "without a result"},
		{"huge", func(w http.ResponseWriter, _ *http.Request) {
			chunk := []byte(`{"status":"success",` + strings.Repeat(" ", 64<<10))
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, fail.TooLarge, "over"},
		{"wrong type", say(200, "text/html; charset=utf-8", "<!doctype html><title>Grafana</title>"), fail.Unavailable, "a web page"},
		{"redirect loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) }, fail.Unavailable, "redirects to /loop"},
		{"redirect away", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://user:secret@login.example.com/?next=x", http.StatusTemporaryRedirect)
		}, fail.Unavailable, "login.example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(c.handler)
			defer srv.Close()
			cl := client(t, Options{URL: srv.URL + "/prefix/", Timeout: 400 * time.Millisecond, MaxBytes: 4 << 20})
			for name, ask := range map[string]func() error{
				"instant": func() error { _, err := cl.Instant(t.Context(), "up(", time.Time{}); return err },
				"range": func() error {
					w := metrics.Window{From: time.Unix(0, 0), To: time.Unix(60, 0), Step: time.Minute}
					_, err := cl.Range(t.Context(), "up", w)
					return err
				},
			} {
				begun := time.Now()
				err := ask()
				require.Less(t, time.Since(begun), 3*time.Second)
				require.Equal(t, c.code, fail.CodeOf(err), "%s: %v", name, err)
				require.Contains(t, err.Error(), srv.URL+"/prefix", name)
				require.Contains(t, err.Error(), c.says, name)
				require.NotContains(t, err.Error(), "secret")
				require.NotEmpty(t, fail.From(err).Next, name)
			}
			if c.name == "429" {
				_, err := cl.Instant(t.Context(), "up", time.Time{})
				require.Equal(t, 7*time.Second, fail.RetryAfter(err))
			}
		})
	}
}

func TestDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	_, err = client(t, Options{URL: url}).Instant(t.Context(), "up", time.Time{})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.Equal(t, 12, fail.CodeOf(err).Exit())
	require.Contains(t, err.Error(), "nothing listens for prometheus at "+url)
	require.Contains(t, fail.From(err).Next, "curl "+url)

	_, err = client(t, Options{URL: "http://no-such-host.invalid:9090"}).Instant(t.Context(), "up", time.Time{})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "%v", err)
}

func TestCancelled(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := client(t, Options{URL: srv.URL}).Instant(ctx, "up", time.Time{})
	require.Equal(t, fail.Canceled, fail.CodeOf(err))
}

// issue makes a self-signed certificate.
func issue(t *testing.T, name string, from, to time.Time) (tls.Certificate, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), 0o600))
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	return pair, certFile, keyFile
}

func TestCertificates(t *testing.T) {
	now := time.Now()
	good, goodFile, goodKey := issue(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	expired, expiredFile, _ := issue(t, "127.0.0.1", now.Add(-2*time.Hour), now.Add(-time.Hour))
	early, earlyFile, _ := issue(t, "127.0.0.1", now.Add(time.Hour), now.Add(2*time.Hour))
	other, otherFile, otherKey := issue(t, "metrics.example.com", now.Add(-time.Hour), now.Add(time.Hour))
	for _, c := range []struct {
		name   string
		server tls.Certificate
		mutual bool
		o      TLS
		code   fail.Code
		says   string
	}{
		{"trusted", good, false, TLS{CAFile: goodFile}, fail.OK, ""},
		{"insecure", other, false, TLS{Insecure: true}, fail.OK, ""},
		{"unknown authority", good, false, TLS{}, fail.Unavailable, "not trusted here"},
		{"expired", expired, false, TLS{CAFile: expiredFile}, fail.Unavailable, "expired on"},
		{"not yet", early, false, TLS{CAFile: earlyFile}, fail.Unavailable, "not valid before"},
		{"wrong name", other, false, TLS{CAFile: otherFile}, fail.Unavailable, "is for metrics.example.com"},
		{"named", other, false, TLS{CAFile: otherFile, ServerName: "metrics.example.com"}, fail.OK, ""},
		{"mutual", good, true, TLS{CAFile: goodFile, CertFile: goodFile, KeyFile: goodKey}, fail.OK, ""},
		{"mutual without", good, true, TLS{CAFile: goodFile}, fail.Auth, "client certificate"},
		{"mutual wrong", good, true, TLS{CAFile: goodFile, CertFile: otherFile, KeyFile: otherKey}, fail.Auth, "client certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, empty) }))
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{c.server}, MinVersion: tls.VersionTLS12}
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			if c.mutual {
				pool := x509.NewCertPool()
				body, err := os.ReadFile(goodFile)
				require.NoError(t, err)
				pool.AppendCertsFromPEM(body)
				srv.TLS.ClientCAs, srv.TLS.ClientAuth = pool, tls.RequireAndVerifyClientCert
			}
			srv.StartTLS()
			defer srv.Close()
			_, err := client(t, Options{URL: srv.URL, TLS: c.o}).Instant(t.Context(), "up", time.Time{})
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			if c.code != fail.OK {
				require.Contains(t, err.Error(), c.says)
				require.Contains(t, err.Error(), srv.URL)
				require.NotEmpty(t, fail.From(err).Next)
			}
		})
	}
	t.Run("plain for TLS", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		defer srv.Close()
		_, err := client(t, Options{URL: strings.Replace(srv.URL, "http:", "https:", 1)}).Instant(t.Context(), "up", time.Time{})
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
		require.Contains(t, fail.From(err).Next, "http://")
	})
}
