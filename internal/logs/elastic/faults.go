package elastic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// cause is one error of the store, as it says it.
type cause struct {
	Type   string  `json:"type"`
	Reason string  `json:"reason"`
	Index  string  `json:"index"`
	Caused *cause  `json:"caused_by"`
	Root   []cause `json:"root_cause"`
	Failed []struct {
		Reason cause `json:"reason"`
	} `json:"failed_shards"`
}

// best is the cause that says most: the first shard's own one of a search, or
// the root cause.
func (c *cause) best() *cause {
	if c == nil {
		return &cause{}
	}
	if len(c.Failed) > 0 && c.Failed[0].Reason.Reason != "" {
		inner := c.Failed[0].Reason
		if inner.Caused != nil && inner.Caused.Reason != "" {
			return inner.Caused
		}
		return &inner
	}
	if len(c.Root) > 0 && c.Root[0].Reason != "" {
		root := c.Root[0]
		if c.Caused != nil && c.Caused.Reason != "" && len(c.Caused.Reason) > len(root.Reason) {
			return c.Caused
		}
		return &root
	}
	return c
}

func parseCause(body []byte) *cause {
	var full struct {
		Error  json.RawMessage `json:"error"`
		Reason string          `json:"message"` // proxies and Amazon's gateway
	}
	if json.Unmarshal(body, &full) != nil {
		return nil
	}
	var c cause
	if json.Unmarshal(full.Error, &c) == nil && (c.Type != "" || c.Reason != "") {
		return &c
	}
	var text string
	if json.Unmarshal(full.Error, &text) == nil && text != "" {
		return &cause{Reason: text}
	}
	if full.Reason != "" {
		return &cause{Reason: full.Reason}
	}
	return nil
}

const maxReason = 300 // bytes of a store's reason that a message repeats

func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxReason {
		return strings.ToValidUTF8(s[:maxReason], "") + " …"
	}
	return s
}

// refusal is what a store refused with, for the callers that can do without.
type refusal struct {
	error
	status int
	kind   string // the store's type of error
	reason string
}

func (r *refusal) Unwrap() error { return r.error }

// refusedWith says whether the store refused with one of the statuses.
func refusedWith(err error, statuses ...int) bool {
	var r *refusal
	return errors.As(err, &r) && slices.Contains(statuses, r.status)
}

// refused gives an answer that is not a success its code.
func (s *Store) refused(doing string, status int, h http.Header, body []byte) error {
	c := parseCause(body).best()
	if c.Reason == "" && isHTML(h, body) {
		c = &cause{Reason: "it answered with an HTML page"}
	}
	text := clip(c.Reason)
	if text == "" {
		text = http.StatusText(status)
	}
	is := func(code fail.Code) *fail.Error {
		return fail.New(code, "%s: %s answered %d: %s", doing, s.url, status, text)
	}
	var e *fail.Error
	switch status {
	case http.StatusUnauthorized:
		e = fail.New(fail.Auth, "%s: %s does not accept the credentials: %s", doing, s.url, text).
			Hint("check the context's API key, user or token: it may have expired")
	case http.StatusForbidden:
		e = is(fail.Forbidden).Hint("%s", privilege(text))
	case http.StatusNotFound:
		if strings.Contains(c.Type, "shard") { // illegal_index_shard_state_exception, shard_not_found_exception
			e = is(fail.Unavailable).Hint("the shard is being recovered: try again")
			break
		}
		e = is(fail.NotFound).Hint("check the index pattern %s of the context", strings.Join(s.o.Index, ","))
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		e = is(fail.Timeout).Hint("narrow the query, or raise --timeout")
	case http.StatusTooManyRequests:
		e = is(fail.Limited).Hint("the store pushes back: try again later, or ask for less")
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		e = is(fail.Unavailable).Hint("aictl status")
	case http.StatusRequestEntityTooLarge:
		e = is(fail.TooLarge).Hint("shorten the query")
	case http.StatusBadRequest:
		e = is(fail.Usage).Hint("check --raw-query, --where and the types of the fields: aictl logs fields")
	default:
		switch {
		case status >= 500 && strings.Contains(c.Type, "circuit_breaking"):
			e = is(fail.Limited).Hint("the store is short of memory: ask for less")
		case status >= 500:
			e = is(fail.Unavailable).Hint("aictl status")
		case status >= 300 && status < 400:
			e = is(fail.Usage).Hint("the address redirects: use the one it redirects to, or the store's own")
		default:
			e = is(fail.FromStatus(status)).Hint("check the context's URL: is it the store's own?")
		}
	}
	if c.Type == "circuit_breaking_exception" {
		e.Code = fail.Limited
	}
	r := &refusal{error: e, status: status, kind: c.Type, reason: c.Reason}
	if after := retryAfter(h); after > 0 {
		return &later{error: r, after: after}
	}
	return r
}

var (
	unauthorized = regexp.MustCompile(`action \[([^\]]+)\] is unauthorized`)
	needed       = regexp.MustCompile(`granted by the .*privileges \[([^\]]+)\]`)
	opensearch   = regexp.MustCompile(`no permissions for \[([^\]]+)\]`)
)

// privilege names what the account lacks, where the store says it.
func privilege(reason string) string {
	if m := needed.FindStringSubmatch(reason); m != nil {
		return "give the account's role one of these privileges on the indices: " + m[1]
	}
	if m := unauthorized.FindStringSubmatch(reason); m != nil {
		return "give the account's role the privilege for " + m[1] + ": read and view_index_metadata on the indices are enough"
	}
	if m := opensearch.FindStringSubmatch(reason); m != nil {
		return "give the account's role the permission " + m[1]
	}
	return "give the account's role read and view_index_metadata on the indices"
}

func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		now := time.Now()
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			now = date // the store's own clock set both
		}
		return max(at.Sub(now), 0)
	}
	return 0
}

func (s *Store) notJSON(doing string, h http.Header, body []byte) error {
	if isHTML(h, body) {
		return fail.New(fail.Unavailable, "%s: %s answered with an HTML page, not as a log store", doing, s.url).
			Hint("check the context's URL: is there a login page or another service behind it?")
	}
	return fail.New(fail.Unavailable, "%s: %s answered with something that is not Elasticsearch's JSON", doing, s.url).
		Hint("check the context's URL: is it the store's own?")
}

// unreachable gives a failed exchange its code.
func (s *Store) unreachable(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fail.New(fail.CodeOf(ctx.Err()), "%s: %w", doing, ctx.Err())
	}
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
		record   tls.RecordHeaderError
		dns      *net.DNSError
		timeout  net.Error
	)
	switch {
	case errors.As(err, &hostname):
		return fail.New(fail.Unavailable, "%s: the certificate of %s is for another name: %w", doing, s.url, err).
			Hint("use the name that the certificate is for in the context's URL")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fail.New(fail.Unavailable, "%s: the certificate of %s has expired, or the clock is wrong: %w", doing, s.url, err).
			Hint("have the store's certificate renewed")
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &verify):
		return fail.New(fail.Unavailable, "%s: the certificate of %s is not signed by anyone trusted here: %w", doing, s.url, err).
			Hint("give the context the CA that signed it")
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fail.New(fail.Unavailable, "%s: %s does not speak TLS", doing, s.url).Hint("try http:// in the context's URL")
	case errors.As(err, &dns) && dns.IsNotFound:
		return fail.New(fail.Unavailable, "%s: no host of the name %s", doing, dns.Name).Hint("check the context's URL")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fail.New(fail.Timeout, "%s: %s did not answer within %s", doing, s.url, s.o.Timeout).
			Hint("narrow the query, or raise --timeout")
	}
	return fail.New(fail.Unavailable, "%s: %s can't be reached: %w", doing, s.url, err).
		Hint("check that the store runs and that the context's URL is right")
}
