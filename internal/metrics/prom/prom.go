// Package prom is the adapter of metrics.Querier to everything that speaks
// Prometheus's HTTP API v1: Prometheus 2 and 3, Thanos, Mimir, Cortex,
// VictoriaMetrics, and the embedded engine in this process (through
// Options.Transport).
//
// It promises that an answer is read to a bound and no further, that every
// call ends with its context or within Options.Timeout, that credentials go to
// the configured host only (redirects are not followed), and that every
// failure has a code, the URL and the next step. It does not retry: who asks
// decides. The wire is client_golang's api/prometheus/v1, with an api.Client
// of our own below it, as its own one reads without a bound.
package prom

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

// Options say where the backend is and how to speak to it. Only URL is
// required.
type Options struct {
	// URL is the base, with a path prefix where there is one
	// (https://mimir.example.com/prometheus).
	URL string
	// Name is what messages call the backend; "prometheus" when empty.
	Name string
	// Username and Password are for basic authentication; PasswordFile is read
	// for every request in place of Password.
	Username, Password, PasswordFile string
	// Token is a bearer token; TokenFile is read for every request in its
	// place, as such tokens are renewed.
	Token, TokenFile string
	// Headers go with every request (X-Scope-OrgID: team-a).
	Headers map[string]string
	// TLS says whom to trust and who we are.
	TLS TLS
	// Transport replaces the network: the embedded engine's handler, or a
	// test's. TLS is then not used.
	Transport http.RoundTripper
	// Timeout bounds a call whose context has no deadline; 10 s when 0.
	Timeout time.Duration
	// MaxBytes bounds an answer, decompressed; 64 MiB when 0.
	MaxBytes int64
	// UserAgent names the program.
	UserAgent string
}

// TLS are files in PEM form, and the usual escape hatches.
type TLS struct {
	CAFile, CertFile, KeyFile string
	ServerName                string
	// Insecure accepts any certificate.
	Insecure bool
}

const (
	defaultTimeout  = 10 * time.Second
	defaultMaxBytes = 64 << 20
)

// Client implements metrics.Querier. It is safe for concurrent use.
type Client struct {
	api  v1.API
	wire *wire
}

var _ metrics.Querier = (*Client)(nil)

// New checks the options and makes a client. It reads the TLS files and does
// no other I/O. Errors are fail.Usage.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fail.New(fail.Usage, "%.200q is not the URL of a metrics backend", redacted(o.URL)).
			Hint("write it as http://HOST:9090 or https://HOST/PREFIX")
	}
	if u.User != nil {
		return nil, fail.New(fail.Usage, "the metrics backend's URL must not hold credentials").
			Hint("give a user name and a password file apart from it")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fail.New(fail.Usage, "the metrics backend's URL %s has a query or a fragment", redacted(o.URL)).
			Hint("write it as http://HOST:9090 or https://HOST/PREFIX")
	}
	if (o.Username != "" || o.Password != "" || o.PasswordFile != "") && (o.Token != "" || o.TokenFile != "") {
		return nil, fail.New(fail.Usage, "basic authentication and a bearer token exclude each other").
			Hint("configure one of them for %s", u.Host)
	}
	// People paste the address of the API, or of the web page.
	u.Path = strings.TrimRight(u.Path, "/")
	u.Path = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(u.Path, "/graph"), "/api/v1"), "/")
	u.RawPath = ""
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Name == "" {
		o.Name = "prometheus"
	}
	transport := o.Transport
	if transport == nil {
		if transport, err = network(o.TLS); err != nil {
			return nil, err
		}
	}
	w := &wire{base: u, o: o, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return &Client{api: v1.NewAPI(w), wire: w}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.wire.http.CloseIdleConnections() }

// URL is the base address, without credentials.
func (c *Client) URL() string { return c.wire.base.String() }

func network(t TLS) (http.RoundTripper, error) {
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}, nil
}

// redacted drops a password that somebody wrote into a URL.
func redacted(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = url.User("…")
		return u.String()
	}
	return s
}

// sign adds credentials and headers.
func (o *Options) sign(req *http.Request) error {
	for k, v := range o.Headers {
		req.Header.Set(k, v)
		if http.CanonicalHeaderKey(k) == "Host" {
			req.Host = v
		}
	}
	if o.UserAgent != "" {
		req.Header.Set("User-Agent", o.UserAgent)
	}
	token, err := secret(o.Token, o.TokenFile)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	password, err := secret(o.Password, o.PasswordFile)
	if err != nil {
		return err
	}
	if o.Username != "" || password != "" {
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(o.Username+":"+password)))
	}
	return nil
}

const maxSecret = 64 << 10 // bytes of a token's file

// secret is a value, or the content of a file. The message names the file and
// never its content.
func secret(value, path string) (string, error) {
	if path == "" {
		return value, nil
	}
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxSecret {
		return "", fail.New(fail.Auth, "the file %s is too large for a token", path).Hint("check the path")
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return "", fail.Wrap(fail.Auth, err, "reading the credentials of the metrics backend").Hint("check that the file exists and can be read")
	}
	text := strings.TrimSpace(string(body))
	if text == "" || strings.ContainsAny(text, "\r\n\x00") {
		return "", fail.New(fail.Auth, "the file %s does not hold one token", path).Hint("write the token, and nothing else, into it")
	}
	return text, nil
}

// bound gives ctx a deadline unless it has one.
func (w *wire) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, w.o.Timeout)
}
