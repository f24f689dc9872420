// Package client is the one way to a control plane: it completes an
// operation's request, signs it, retries what is idempotent once, and
// enforces read-only in the transport. Over the network and over the
// in-process transport it is the same code.
//
// It promises that no credential leaves for another host than the configured
// one (redirects are not followed), and that with ReadOnly no mutating request
// leaves the process, whoever built it.
package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Options say where the control plane is and how to speak to it.
type Options struct {
	// Server is the base URL. Empty means that the context has none.
	Server string
	// Token signs the requests; empty sends none.
	Token string
	// ReadOnly refuses mutating requests in the transport.
	ReadOnly bool
	// Operations tell which requests read-only lets through.
	Operations []op.Declaration
	// Transport replaces the network, for the in-process handler and tests.
	Transport http.RoundTripper
	// Direct says that Transport is the handler of a context without a control
	// plane: operations that need one are refused.
	Direct bool
	// Trace, when set, is told of every request and answer without credentials.
	Trace func(format string, args ...any)
	// UserAgent names the program and its version.
	UserAgent string
	// Tape, when set, stands before everything else: it records what is
	// answered, or answers itself, and then nothing is sent.
	Tape Tape
}

// Tape sees every request of an operation, through the network or in this
// process, before it is completed. next sends it on; a tape that answers by
// itself does not call it.
type Tape interface {
	Send(ctx context.Context, s *op.Spec, req *http.Request, next func(context.Context, *op.Spec, *http.Request) (*http.Response, error)) (*http.Response, error)
}

// Client implements op.Caller. It is safe for concurrent use.
type Client struct {
	base *url.URL
	opts Options
	http *http.Client
}

// New checks the options and makes a client; it does no I/O.
func New(opts Options) (*Client, error) {
	c := &Client{opts: opts}
	if opts.Server != "" {
		u, err := url.Parse(opts.Server)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fail.New(fail.Usage, "%q is not the URL of a server", opts.Server).
				Hint("aictl context set NAME server=https://HOST:PORT")
		}
		if u.User != nil {
			return nil, fail.New(fail.Usage, "the server's URL must not hold credentials").Hint("aictl login")
		}
		if opts.Token != "" && u.Scheme == "http" && !loopback(u.Hostname()) {
			return nil, fail.New(fail.Refused, "a token is not sent in the clear to %s", u.Host).
				Hint("use https:// in the context's server")
		}
		c.base = u
	}
	if opts.Direct {
		c.base = &url.URL{Scheme: "http", Host: "direct.invalid"} // it never leaves the process
	}
	transport := opts.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		}
	}
	if opts.ReadOnly {
		transport = newReadOnly(transport, c.prefix(), opts.Operations)
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (c *Client) prefix() string {
	if c.base == nil {
		return ""
	}
	return strings.TrimSuffix(c.base.Path, "/")
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Send implements op.Caller. Errors have codes: Unavailable when the server
// cannot be reached, Timeout and Canceled from ctx, Refused by read-only.
func (c *Client) Send(ctx context.Context, s *op.Spec, req *http.Request) (*http.Response, error) {
	if c.opts.Tape != nil {
		return c.opts.Tape.Send(ctx, s, req, c.send)
	}
	return c.send(ctx, s, req)
}

func (c *Client) send(ctx context.Context, s *op.Spec, req *http.Request) (*http.Response, error) {
	if c.base == nil || c.opts.Direct && s.Server {
		return nil, fail.New(fail.Unavailable, "%s needs a control plane, and this context has none", s.ID).
			Hint("aictl up")
	}
	req.URL.Scheme, req.URL.Host = c.base.Scheme, c.base.Host
	req.URL.Path = c.prefix() + req.URL.Path
	if req.URL.RawPath != "" {
		req.URL.RawPath = strings.TrimSuffix(c.base.EscapedPath(), "/") + req.URL.RawPath
	}
	req.Host = ""
	if c.opts.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.opts.Token)
	}
	if c.opts.UserAgent != "" {
		req.Header.Set("User-Agent", c.opts.UserAgent)
	}
	res, err := c.once(req)
	for try := 0; try < maxTries-1 && c.retry(ctx, s, res, err, try); try++ {
		if res != nil {
			_ = res.Body.Close()
		}
		again := req.Clone(ctx)
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return nil, fail.Wrap(fail.Internal, err, "reading the request again")
			}
		}
		res, err = c.once(again)
	}
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return res, nil
}

func (c *Client) once(req *http.Request) (*http.Response, error) {
	start := time.Now()
	res, err := c.http.Do(req)
	if c.opts.Trace != nil {
		if err != nil {
			c.opts.Trace("%s %s: %v (%s)", req.Method, req.URL.Redacted(), err, time.Since(start).Round(time.Millisecond))
		} else {
			c.opts.Trace("%s %s: %s (%s, request %s)", req.Method, req.URL.Redacted(), res.Status,
				time.Since(start).Round(time.Millisecond), res.Header.Get("X-Request-Id"))
		}
	}
	return res, err
}

// retry allows another try after a failure that it may cure: of an idempotent
// operation once, a short jittered wait later; of any that a limit refused
// (nothing was done then) after the time that the server asks for.
func (c *Client) retry(ctx context.Context, s *op.Spec, res *http.Response, err error, try int) bool {
	if err == nil && res.StatusCode == http.StatusTooManyRequests {
		seconds, perr := strconv.Atoi(res.Header.Get("Retry-After"))
		return perr == nil && seconds >= 0 && seconds <= longestPause && pause(ctx, time.Duration(seconds)*time.Second)
	}
	if !s.Idempotent || try > 0 || ctx.Err() != nil {
		return false
	}
	var refused *fail.Error
	if errors.As(err, &refused) || isRefusedConnection(err) {
		return false
	}
	if err == nil && res.StatusCode != http.StatusBadGateway && res.StatusCode != http.StatusServiceUnavailable {
		return false
	}
	return pause(ctx, 100*time.Millisecond)
}

const (
	// maxTries of one request, the first included.
	maxTries = 3
	// longestPause is the longest Retry-After that is worth waiting for, in
	// seconds: a budget that begins anew tomorrow is an answer.
	longestPause = 5
)

// pause waits with up to a tenth of a second of jitter; false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d + rand.N(100*time.Millisecond))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// isRefusedConnection: nobody listens; waiting 100 ms will not change it, and
// a person waits for the answer.
func isRefusedConnection(err error) bool {
	var o *net.OpError
	return errors.As(err, &o) && o.Op == "dial"
}

func (c *Client) explain(ctx context.Context, err error) error {
	var ours *fail.Error
	if errors.As(err, &ours) {
		return ours
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		code := fail.CodeOf(err)
		if ctx.Err() != nil {
			code = fail.CodeOf(ctx.Err())
		}
		if code == fail.Timeout {
			return fail.New(fail.Timeout, "%s did not answer in time", c.base.Host).Hint("aictl doctor, or a longer --timeout")
		}
		return fail.New(fail.Canceled, "cancelled")
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the connection was closed without an answer")
	}
	return fail.Wrap(fail.Unavailable, err, "the control plane at %s cannot be reached", c.base.Redacted()).
		Hint("aictl status, or start one with: aictl up")
}
