package prom

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// unreachable gives a code to what kept an answer from coming.
func (w *wire) unreachable(ctx context.Context, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) { // its text repeats the URL, query and all
		err = outer.Err
	}
	if isRefusal(err) {
		return err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fail.New(fail.Canceled, "the question to %s was cancelled", w.at())
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || isTimeout(err) {
		return fail.New(fail.Timeout, "%s did not answer in time", w.at()).
			Hint("give more time with --timeout 60s, or ask for less: a shorter window, a longer --step")
	}
	if e := w.certificate(err); e != nil {
		return e
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return fail.Wrap(fail.Unavailable, err, "the host of %s has no address", w.at()).Hint("check the URL of the metrics backend")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail.Wrap(fail.Unavailable, err, "nothing listens for %s", w.at()).
			Hint("is it running? curl %s/-/ready", w.base)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fail.Wrap(fail.Unavailable, err, "the connection to %s was reset", w.at()).
			Hint("try again; if it stays so, look at the proxy before %s", w.base.Host)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fail.Wrap(fail.Unavailable, err, "%s speaks plain HTTP", w.at()).Hint("write http:// in its URL")
	}
	return fail.Wrap(fail.Unavailable, err, "%s cannot be reached", w.at()).Hint("curl %s/-/ready", w.base)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// certificate names what is wrong with a certificate; nil for other errors.
func (w *wire) certificate(err error) error {
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
		remote   *net.OpError
		record   tls.RecordHeaderError
	)
	look := fmt.Sprintf("openssl s_client -connect %s </dev/null | openssl x509 -noout -subject -issuer -dates", hostPort(w.base))
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		c := invalid.Cert
		if time.Now().Before(c.NotBefore) {
			return fail.Wrap(fail.Unavailable, err, "the certificate of %s is not valid before %s", w.at(), c.NotBefore.UTC().Format(time.RFC3339)).Hint("%s", look)
		}
		return fail.Wrap(fail.Unavailable, err, "the certificate of %s expired on %s", w.at(), c.NotAfter.UTC().Format(time.RFC3339)).Hint("%s", look)
	case errors.As(err, &hostname):
		names := "nothing"
		if c := hostname.Certificate; c != nil {
			var all []string
			all = append(all, c.DNSNames...)
			for _, ip := range c.IPAddresses {
				all = append(all, ip.String())
			}
			if len(all) > 0 {
				names = clip(strings.Join(all, ", "), 120)
			}
		}
		return fail.Wrap(fail.Unavailable, err, "the certificate of %s is for %s", w.at(), names).Hint("%s", look)
	case errors.As(err, &unknown):
		return fail.Wrap(fail.Unavailable, err, "the certificate of %s is from an authority that is not trusted here", w.at()).
			Hint("name its authority's certificate as the CA file, or look at it: %s", look)
	case errors.As(err, &invalid):
		return fail.Wrap(fail.Unavailable, err, "the certificate of %s is not valid", w.at()).Hint("%s", look)
	case errors.As(err, &remote) && remote.Op == "remote error": // a TLS alert of the other side
		return fail.Wrap(fail.Auth, err, "%s refuses our client certificate, or wants one", w.at()).
			Hint("check the client certificate and its key: expired, or of another authority?")
	case errors.As(err, &record):
		return fail.Wrap(fail.Unavailable, err, "%s does not speak TLS", w.at()).Hint("write http:// in its URL")
	}
	return nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
}

// problem is the envelope of a failure; VictoriaMetrics writes the status as
// errorType, Mimir and gateways before it may write plain text.
type problem struct {
	Status    string `json:"status"`
	ErrorType string `json:"errorType"`
	Error     string `json:"error"`
	Message   string `json:"message"` // of gateways
}

// refused gives a code to an answer that is no success.
func (w *wire) refused(res *http.Response, body []byte) error {
	var p problem
	structured := json.Unmarshal(body, &p) == nil && (p.Error != "" || p.Message != "")
	reason := p.Error
	if reason == "" {
		reason = p.Message
	}
	if !structured && !looksHTML(res.Header.Get("Content-Type"), body) {
		reason = excerpt(body)
	}
	reason = clip(reason, 2000)
	said := func(code fail.Code, format string, args ...any) *fail.Error {
		text := fmt.Sprintf(format, args...)
		if reason != "" {
			text += ": " + reason
		}
		return fail.New(code, "%s", text)
	}
	switch status := res.StatusCode; {
	case status == http.StatusUnauthorized:
		return said(fail.Auth, "%s does not accept the credentials (401)", w.at()).Hint("check the token or the user of this metrics backend: expired?")
	case status == http.StatusForbidden:
		return said(fail.Forbidden, "%s forbids it (403)", w.at()).Hint("ask for read access, or check the tenant header (X-Scope-OrgID)")
	case status >= 300 && status < 400:
		return fail.New(fail.Unavailable, "%s redirects to %s (%d), which is not followed", w.at(), clip(redacted(res.Header.Get("Location")), 200), status).
			Hint("a login page, or another address: put the final URL into the configuration")
	case status == http.StatusTooManyRequests:
		after := retryAfter(res.Header.Get("Retry-After"), time.Now())
		e := said(fail.Limited, "%s is asked too often (429)", w.at())
		if after > 0 {
			return &later{e.Hint("try again in %s", after.Round(time.Second)), after}
		}
		return e.Hint("try again later, or ask for less")
	case status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong:
		return said(fail.TooLarge, "%s finds the question too long (%d)", w.at(), status).Hint("shorten the expression")
	case !structured && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed):
		return fail.New(fail.NotFound, "%s has no Prometheus API (%s)", w.at(), res.Status).Hint(wrongURL)
	case p.ErrorType == "timeout" || p.ErrorType == "canceled" || status == http.StatusGatewayTimeout:
		return said(fail.Timeout, "%s gave up on the question (%d)", w.at(), status).Hint("ask for less: a shorter window, a longer --step, fewer series")
	case p.ErrorType == "internal", status >= 500:
		after := retryAfter(res.Header.Get("Retry-After"), time.Now())
		e := said(fail.Unavailable, "%s is in trouble (%d)", w.at(), status).Hint("curl %s/-/ready", w.base)
		if after > 0 {
			return &later{e, after}
		}
		return e
	case structured && tooMuch(reason):
		return said(fail.TooLarge, "%s finds it too much", w.at()).Hint("ask for less: a shorter window, a longer --step, an aggregation")
	case structured:
		return said(fail.Usage, "%s refuses the expression", w.at()).Hint("aictl metrics list shows the names there are")
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		return said(fail.Usage, "%s refuses the question (%d)", w.at(), status).Hint(wrongURL)
	}
	return said(fail.Unavailable, "%s answered %s", w.at(), res.Status).Hint(wrongURL)
}

// tooMuch recognises the limits on series, samples and memory of the
// implementations.
func tooMuch(reason string) bool {
	for _, s := range []string{"too many samples", "not enough memory", "exceeded maximum resolution", "the query exceeded the maximum", "more than -search.max", "limit exceeded"} {
		if strings.Contains(reason, s) {
			return true
		}
	}
	return false
}

// later is a failure that says when to try again.
type later struct {
	error
	after time.Duration
}

// RetryAfter is found by fail.RetryAfter.
func (l *later) RetryAfter() time.Duration { return l.after }

// Unwrap keeps the code in the chain.
func (l *later) Unwrap() error { return l.error }

// retryAfter reads both forms of RFC 9110, section 10.2.3, to a day at most.
func retryAfter(s string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil {
		d = time.Duration(min(max(n, 0), 86400)) * time.Second
	} else if t, err := http.ParseTime(s); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}
