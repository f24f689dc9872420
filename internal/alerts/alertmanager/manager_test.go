package alertmanager

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/fail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func manager(t *testing.T, endpoints ...Endpoint) *Manager {
	t.Helper()
	m, err := New(endpoints)
	require.NoError(t, err)
	t.Cleanup(m.Close)
	return m
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// down is an address at which nobody listens.
func down(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return "http://" + l.Addr().String()
}

func TestFaults(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		code    fail.Code
		says    string
	}{
		{"html", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>login</html>")
		}, fail.Unavailable, "not Alertmanager's JSON (text/html)"},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\x00\xff{") }, fail.Unavailable, "not Alertmanager's JSON"},
		{"another shape", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"a":1}`) }, fail.Unavailable, "not Alertmanager's JSON"},
		{"401", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }, fail.Auth, "credentials"},
		{"403", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }, fail.Forbidden, "forbids"},
		{"404", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, fail.Unavailable, "is no Alertmanager"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, fail.Unavailable, "is no Alertmanager"},
		{"429", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "slow down", http.StatusTooManyRequests) }, fail.Limited, "pushes back"},
		{"500", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("broken ", 100), http.StatusInternalServerError)
		}, fail.Unavailable, "500"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "[")
		}, fail.Unavailable, "cannot be reached"},
		{"reset", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		}, fail.Unavailable, "cannot be reached"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-hang:
			}
		}, fail.Timeout, "did not answer in time"},
		{"huge", func(w http.ResponseWriter, r *http.Request) {
			line := []byte("[" + strings.Repeat(" ", 1<<20))
			for r.Context().Err() == nil {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}, fail.TooLarge, "more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.handler)
			m := manager(t, Endpoint{URL: s.URL})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if c.name == "slow" {
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
			}
			_, failed, err := m.Alerts(ctx)
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, s.URL, "the message names the address")
			require.NotEmpty(t, fail.From(err).Next, "and what to do")
			require.Less(t, len(err.Error()), 1000)
			require.Len(t, failed, 1)
		})
	}
}

// TestFaultsOfChanges: what fails is said for Set and Expire as for a question.
func TestFaultsOfChanges(t *testing.T) {
	m, err := alerts.Parse("a=b")
	require.NoError(t, err)
	for status, code := range map[int]fail.Code{
		400: fail.Usage, 401: fail.Auth, 403: fail.Forbidden, 404: fail.Unavailable, 429: fail.Limited, 500: fail.Unavailable, 503: fail.Unavailable, 302: fail.Unavailable,
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			http.Error(w, "because\x1b[2J", status)
		})
		one := manager(t, Endpoint{URL: s.URL})
		_, err := one.Set(t.Context(), alerts.Silence{Matchers: m})
		require.Equal(t, code, fail.CodeOf(err), "%d: %v", status, err)
		require.ErrorContains(t, err, s.URL)
		require.NotEmpty(t, fail.From(err).Next)
		err = one.Expire(t.Context(), "x")
		if status == 404 {
			code = fail.Unavailable // its text is not Alertmanager's
		}
		require.Equal(t, code, fail.CodeOf(err), "%d: %v", status, err)
	}
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	_, err = manager(t, Endpoint{URL: s.URL}).Set(t.Context(), alerts.Silence{Matchers: m})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	err = manager(t, Endpoint{URL: s.URL}).Expire(t.Context(), "../../-/reload")
	require.NoError(t, err)
	_, err = manager(t, Endpoint{URL: down(t)}).Set(t.Context(), alerts.Silence{Matchers: m})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
}

// TestAMemberThatHangs costs neither the answer of the other nor the deadline.
func TestAMemberThatHangs(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-hang:
		}
	})
	living := &peer{alerts: "[" + wire("f1", "2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z", "") + "]"}
	for name, clusters := range map[string][2]string{"pair": {"", ""}, "independent": {"eu", "us"}} {
		t.Run(name, func(t *testing.T) {
			m := manager(t, Endpoint{URL: s.URL, Cluster: clusters[0]}, Endpoint{URL: serve(t, living.ServeHTTP).URL, Cluster: clusters[1]})
			ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
			defer cancel()
			list, failed, err := m.Alerts(ctx)
			require.NoError(t, err)
			require.NoError(t, ctx.Err(), "there is time left to say it")
			require.Len(t, list, 1)
			require.Equal(t, fail.Timeout, failed[0].Code)
			require.Equal(t, name == "pair", failed[0].Covered)
			require.Equal(t, name != "pair", alerts.Blind(failed))
			if name == "pair" {
				ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
				defer cancel()
				id, err := m.Set(ctx, alerts.Silence{})
				require.NoError(t, err)
				require.Equal(t, "new", id)
			}
			ctx, cancel = context.WithCancel(t.Context())
			cancel()
			_, _, err = m.Alerts(ctx)
			require.Equal(t, fail.Canceled, fail.CodeOf(err))
		})
	}
}

func TestNobodyListens(t *testing.T) {
	_, _, err := manager(t, Endpoint{URL: down(t)}).Silences(t.Context())
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.ErrorContains(t, err, "nobody listens")
}

func TestCertificates(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	_, _, err := manager(t, Endpoint{URL: s.URL}).Alerts(t.Context())
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.ErrorContains(t, err, "nobody that we trust")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pemOf(s.Certificate().Raw), 0o600))
	_, _, err = manager(t, Endpoint{URL: s.URL, CAFile: ca}).Alerts(t.Context())
	require.NoError(t, err)
	_, err = New([]Endpoint{{URL: s.URL, CAFile: ca + "x"}})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	for _, wrong := range []string{"", "ftp://x", "http://", "x"} {
		_, err := New([]Endpoint{{URL: wrong}})
		require.Equal(t, fail.Usage, fail.CodeOf(err), wrong)
	}
	_, err = New(nil)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

// certificate makes one that signs itself.
func certificate(t *testing.T, host string, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(crand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestWrongCertificates(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		host     string
		from, to time.Time
		says     string
	}{
		"expired":    {"127.0.0.1", now.Add(-2 * time.Hour), now.Add(-time.Hour), "not valid"},
		"other name": {"elsewhere.example", now.Add(-time.Hour), now.Add(time.Hour), "not valid"},
		"right":      {"127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour), ""},
	} {
		t.Run(name, func(t *testing.T) {
			cert := certificate(t, c.host, c.from, c.to)
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			t.Cleanup(s.Close)
			ca := filepath.Join(t.TempDir(), "ca.pem")
			require.NoError(t, os.WriteFile(ca, pemOf(cert.Certificate[0]), 0o600))
			_, _, err := manager(t, Endpoint{URL: s.URL, CAFile: ca}).Alerts(t.Context())
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, fail.Unavailable, fail.CodeOf(err))
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, s.URL)
			require.NotEmpty(t, fail.From(err).Next)
		})
	}
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	_, _, err := manager(t, Endpoint{URL: strings.Replace(s.URL, "https", "http", 1)}).Alerts(t.Context())
	require.ErrorContains(t, err, "HTTPS server")
	require.NotEmpty(t, fail.From(err).Next)
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
	_, _, err = manager(t, Endpoint{URL: strings.Replace(plain.URL, "http", "https", 1)}).Alerts(t.Context())
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
}

func TestAPasswordInTheAddressIsNotSaid(t *testing.T) {
	m := manager(t, Endpoint{URL: strings.Replace(down(t), "://", "://ann:hunter2@", 1)})
	_, failed, err := m.Alerts(t.Context())
	require.Error(t, err)
	members, checkErr := m.Check(t.Context())
	require.NoError(t, checkErr)
	require.NotContains(t, fmt.Sprintf("%+v %+v %+v", err, failed, members), "hunter2")
}

func TestCredentialsAreReadAnewAndNeverSaid(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Header.Get("Authorization")+" "+r.Header.Get("X-Scope-OrgID"))
		mu.Unlock()
		http.Error(w, "no", http.StatusUnauthorized)
	})
	file := filepath.Join(t.TempDir(), "secret")
	m := manager(t, Endpoint{URL: s.URL, TokenFile: file, Headers: map[string]string{"X-Scope-OrgID": "a"}},
		Endpoint{URL: s.URL, Username: "ann", PasswordFile: file})
	for _, secret := range []string{"hunter2", "hunter3"} {
		require.NoError(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
		_, _, err := m.Alerts(t.Context())
		require.Error(t, err)
		require.NotContains(t, fmt.Sprintf("%+v", err), secret)
	}
	require.Contains(t, seen, "Bearer hunter2 a")
	require.Contains(t, seen, "Bearer hunter3 a")
	require.NoError(t, os.Remove(file))
	_, _, err := m.Alerts(t.Context())
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

// member of a fake cluster: what it has, and what it was asked to change.
type peer struct {
	mu      sync.Mutex
	alerts  string
	posts   []string
	deletes []string
	status  int
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if p.status != 0 {
		http.Error(w, `"silence 1 not found"`, p.status)
		return
	}
	switch {
	case r.Method == http.MethodPost:
		p.posts = append(p.posts, string(body))
		_, _ = io.WriteString(w, `{"silenceID":"new"}`)
	case r.Method == http.MethodDelete:
		p.deletes = append(p.deletes, r.URL.Path)
	case strings.HasSuffix(r.URL.Path, "/alerts"):
		_, _ = io.WriteString(w, p.alerts)
	case strings.HasSuffix(r.URL.Path, "/silences"):
		_, _ = io.WriteString(w, `[{"id":"s1","matchers":[{"name":"a","value":"x.*","isRegex":true},{"name":"b","value":"y","isRegex":false,"isEqual":false}],"startsAt":"2026-03-01T00:00:00Z","endsAt":"2026-03-02T00:00:00Z","createdBy":"ann","comment":"c","status":{"state":"active"}}]`)
	case strings.HasSuffix(r.URL.Path, "/status"):
		_, _ = io.WriteString(w, `{"versionInfo":{"version":"0.34.2"}}`)
	}
}

func wire(fingerprint, starts, updated, silenced string) string {
	return fmt.Sprintf(`{"fingerprint":%q,"labels":{"alertname":"A","severity":"critical"},"annotations":{"summary":"s","runbook_url":"r"},"startsAt":%q,"updatedAt":%q,"endsAt":"2026-03-02T00:00:00Z","generatorURL":"g","status":{"state":"active","silencedBy":[%s],"inhibitedBy":[]}}`,
		fingerprint, starts, updated, silenced)
}

func TestAPairAnswersOnce(t *testing.T) {
	one, two := &peer{}, &peer{}
	one.alerts = "[" + wire("f1", "2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z", "") + "," + wire("f2", "2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z", "") + "]"
	two.alerts = "[" + wire("f1", "2026-03-01T09:00:00Z", "2026-03-01T10:01:00Z", `"s1"`) + "]"
	a, b := serve(t, one.ServeHTTP), serve(t, two.ServeHTTP)
	m := manager(t, Endpoint{URL: a.URL}, Endpoint{URL: b.URL + "/"})
	list, failed, err := m.Alerts(t.Context())
	require.NoError(t, err)
	require.Empty(t, failed)
	require.Len(t, list, 2)
	require.Equal(t, "f1", list[0].Fingerprint)
	require.Equal(t, "silenced", list[0].State, "where any member silences it")
	require.Equal(t, 9, list[0].Started.Hour(), "the first to see it")
	require.Equal(t, 5, list[0].Updated.Minute(), "the last to hear of it")
	require.Equal(t, []string{"A", "critical", "s", "r"}, []string{list[0].Name, list[0].Severity, list[0].Summary, list[0].Runbook})
	silences, _, err := m.Silences(t.Context())
	require.NoError(t, err)
	require.Len(t, silences, 1)
	require.Equal(t, `a=~"x.*" b!="y"`, silences[0].Matchers.String())

	id, err := m.Set(t.Context(), silences[0])
	require.NoError(t, err)
	require.Equal(t, "new", id)
	require.Len(t, one.posts, 1, "one member of the cluster: it tells the other")
	require.Empty(t, two.posts)
	var sent wireSilence
	require.NoError(t, json.Unmarshal([]byte(one.posts[0]), &sent))
	require.Equal(t, "s1", sent.ID)
	require.False(t, *sent.Matchers[1].IsEqual)
	require.NoError(t, m.Expire(t.Context(), "s1"))
	require.Equal(t, []string{"/api/v2/silence/s1"}, one.deletes)

	a.Close() // one member is dead
	list, failed, err = m.Alerts(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Len(t, failed, 1)
	require.Equal(t, fail.Unavailable, failed[0].Code)
	_, err = m.Set(t.Context(), silences[0])
	require.NoError(t, err)
	require.Len(t, two.posts, 1, "the other one is asked")
	members, err := m.Check(t.Context())
	require.NoError(t, err)
	require.Error(t, members[0].Err)
	require.Equal(t, "0.34.2", members[1].Version)
	b.Close()
	_, failed, err = m.Alerts(t.Context())
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.Len(t, failed, 2)
}

func TestIndependentClustersEachTakeASilence(t *testing.T) {
	one, two := &peer{}, &peer{}
	m := manager(t, Endpoint{URL: serve(t, one.ServeHTTP).URL, Cluster: "eu"}, Endpoint{URL: serve(t, two.ServeHTTP).URL, Cluster: "us"})
	matchers, err := alerts.Parse("a=b")
	require.NoError(t, err)
	_, err = m.Set(t.Context(), alerts.Silence{Matchers: matchers, Ends: time.Now()})
	require.NoError(t, err)
	require.Len(t, one.posts, 1)
	require.Len(t, two.posts, 1)
	two.status = http.StatusInternalServerError
	id, err := m.Set(t.Context(), alerts.Silence{Matchers: matchers, Ends: time.Now()})
	require.Equal(t, "new", id)
	require.Equal(t, fail.Partial, fail.CodeOf(err))
	require.ErrorContains(t, err, "1 of 2 clusters")
	two.status = http.StatusNotFound // it is the other cluster's silence
	require.NoError(t, m.Expire(t.Context(), "s1"))
	one.status = http.StatusNotFound
	require.Equal(t, fail.NotFound, fail.CodeOf(m.Expire(t.Context(), "s1")))
}
