package alertmanager

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Endpoint is one Alertmanager.
type Endpoint struct {
	// Name is what messages call it; its host when empty.
	Name string
	// URL is the base, with a path prefix where there is one.
	URL string
	// Cluster groups members that tell each other. All without one are one
	// cluster.
	Cluster string
	// Username and PasswordFile are for basic authentication, TokenFile for a
	// bearer token. The files are read for every request: such secrets are
	// renewed.
	Username, PasswordFile, TokenFile string
	CAFile, CertFile, KeyFile         string
	Headers                           map[string]string
	// Transport replaces the network.
	Transport http.RoundTripper
}

// Bounds of a request.
const (
	within    = 10 * time.Second // where the context has no deadline
	maxAnswer = 32 << 20         // bytes
	maxSecret = 64 << 10
)

// member speaks the API v2 to one Alertmanager.
type member struct {
	Endpoint
	base *url.URL
	http *http.Client
}

func newMember(e Endpoint) (*member, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fail.New(fail.Usage, "the Alertmanager's URL is not http:// or https://").Hint("aictl config view")
	}
	if e.Name == "" {
		e.Name = u.Host
	}
	m := &member{Endpoint: e, base: u}
	transport := e.Transport
	if transport == nil {
		config, err := e.tls()
		if err != nil {
			return nil, err
		}
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: 30 * time.Second,
		}
	}
	m.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return m, nil
}

func (e Endpoint) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CAFile != "" {
		pem, err := os.ReadFile(e.CAFile)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading the certificates to trust").Hint("aictl config view")
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fail.New(fail.Usage, "%s holds no certificate", e.CAFile).Hint("aictl config view")
		}
	}
	if e.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(e.CertFile, e.KeyFile)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading the client's certificate").Hint("aictl config view")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// do asks and reads the JSON of the answer into out, unless that is nil.
func (m *member) do(ctx context.Context, method, path string, in, out any) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(m.base.String(), "/")+"/api/v2"+path, body)
	if err != nil {
		return fail.Wrap(fail.Usage, err, "asking %s", m.Name)
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range m.Headers {
		req.Header.Set(k, v)
	}
	if err := m.sign(req); err != nil {
		return err
	}
	res, err := m.http.Do(req)
	if err != nil {
		return m.unreachable(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return m.unreachable(ctx, err)
	}
	if len(answer) > maxAnswer {
		return fail.New(fail.TooLarge, "%s at %s answers with more than %d MiB", m.Name, m.base.Redacted(), maxAnswer>>20).
			Hint("is it an Alertmanager? aictl config view")
	}
	if res.StatusCode/100 != 2 {
		return m.refused(res, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fail.New(fail.Unavailable, "%s at %s answers with something that is not Alertmanager's JSON (%s): %s",
			m.Name, m.base.Redacted(), clip(res.Header.Get("Content-Type"), 60), clip(string(answer), 120)).
			Hint("is the URL right, with its path? aictl config view")
	}
	return nil
}

func (m *member) sign(req *http.Request) error {
	read := func(path string) (string, error) {
		body, err := os.ReadFile(path) //nolint:gosec // the configuration names it
		if err != nil {
			return "", fail.Wrap(fail.Usage, err, "reading a credential of %s", m.Name).Hint("aictl config view")
		}
		if len(body) > maxSecret {
			return "", fail.New(fail.Usage, "%s is too large for a credential", path)
		}
		return strings.TrimSpace(string(body)), nil
	}
	switch {
	case m.TokenFile != "":
		token, err := read(m.TokenFile)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	case m.Username != "":
		password, err := read(m.PasswordFile)
		if err != nil {
			return err
		}
		req.SetBasicAuth(m.Username, password)
	}
	return nil
}

// unreachable says why there is no answer.
func (m *member) unreachable(ctx context.Context, err error) error {
	at := m.base.Redacted()
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fail.From(ctx.Err())
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return fail.New(fail.Timeout, "%s at %s did not answer in time", m.Name, at).Hint("aictl doctor, or a longer --timeout")
	case errors.As(err, &unknown):
		return fail.Wrap(fail.Unavailable, err, "the certificate of %s at %s is signed by nobody that we trust", m.Name, at).
			Hint("name its authority: ca_file in the context or the configuration")
	case errors.As(err, &host), errors.As(err, &invalid):
		return fail.Wrap(fail.Unavailable, err, "the certificate of %s at %s is not valid", m.Name, at).Hint("aictl doctor")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail.New(fail.Unavailable, "nobody listens at %s (%s)", at, m.Name).Hint("aictl doctor")
	}
	return fail.Wrap(fail.Unavailable, err, "%s at %s cannot be reached", m.Name, at).Hint("aictl doctor")
}

// refused turns a status into an error.
func (m *member) refused(res *http.Response, body []byte) error {
	at := m.base.Redacted()
	said := clip(strings.Trim(strings.TrimSpace(string(body)), `"`), 200)
	if strings.Contains(res.Header.Get("Content-Type"), "html") {
		said = "an HTML page"
	}
	switch s := res.StatusCode; {
	case s == http.StatusUnauthorized:
		return fail.New(fail.Auth, "%s at %s does not accept the credentials", m.Name, at).Hint("look at the context's token_file or password_file")
	case s == http.StatusForbidden:
		return fail.New(fail.Forbidden, "%s at %s forbids it: %s", m.Name, at, said).Hint("aictl whoami")
	case s == http.StatusNotFound && (said == "" && res.Request.Method == http.MethodDelete || strings.HasPrefix(said, "silence ") && strings.Contains(said, "not found")):
		return fail.New(fail.NotFound, "%s has no such silence", m.Name).Hint("aictl alerts silences")
	case s == http.StatusNotFound, s/100 == 3:
		return fail.New(fail.Unavailable, "%s at %s is no Alertmanager (%s)", m.Name, at, res.Status).Hint("is the URL right, with its path? aictl config view")
	case s == http.StatusTooManyRequests:
		return fail.New(fail.Limited, "%s at %s pushes back: %s", m.Name, at, said).Hint("try again later")
	case s/100 == 4:
		return fail.New(fail.Usage, "%s at %s refuses (%s): %s", m.Name, at, res.Status, said).
			Hint("what it says is wrong must change; where it is no Alertmanager: aictl config view")
	}
	return fail.New(fail.Unavailable, "%s at %s fails (%s): %s", m.Name, at, res.Status, said).Hint("aictl doctor")
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return strings.ToValidUTF8(s, "")
}
