// Package openai calls servers with OpenAI's API on behalf of the chat
// service.
//
// It promises that a reply's bytes are the upstream's own, that a stream is
// passed on event by event as it arrives and that one which ends without
// [DONE] ends in a typed error, that an upstream's key appears in no error,
// and that redirects are not followed (a key must not travel). It does not
// retry or balance: Ordered is the plain order of targets for a process
// without a gateway.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/sse"
)

const (
	maxError = 64 << 10 // bytes read of an error's body
	maxPlain = 64 << 20 // bytes of a plain answer
)

// Upstream is one server. Its methods are safe for concurrent use.
type Upstream struct {
	Name string
	URL  string // the API's base, with its version
	// Key is the API key; empty sends none.
	Key string
	// Timeout bounds a call up to its answer's first byte; 0 is no bound but
	// the context's.
	Timeout time.Duration
	// HTTP sends the requests; its redirect policy is not used.
	HTTP http.RoundTripper
}

// New makes the upstream of a configuration, with its key read. transport may
// be nil: http.DefaultTransport.
func New(u chat.Upstream, getenv func(string) string, transport http.RoundTripper) (*Upstream, error) {
	key, err := u.Key(getenv)
	if err != nil {
		return nil, err
	}
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &Upstream{Name: u.Name, URL: strings.TrimRight(u.URL, "/"), Key: key, Timeout: time.Duration(u.Timeout), HTTP: transport}, nil
}

// Post sends body to path below the URL and returns with the answer's head.
// Errors before the first byte are *fail.Error: unavailable where the server
// cannot be reached or answers 5xx, limited for 429, usage for what it refuses
// of the request.
func (u *Upstream) Post(ctx context.Context, path string, body []byte, stream bool, header http.Header) (*ai.Reply, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var head *time.Timer
	if u.Timeout > 0 {
		head = time.AfterFunc(u.Timeout, func() { cancel(context.DeadlineExceeded) })
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.URL+path, bytes.NewReader(body))
	if err != nil {
		cancel(nil)
		return nil, fail.New(fail.Internal, "upstream %s: its URL is not usable", u.Name)
	}
	if tp := header.Get("Traceparent"); tp != "" {
		req.Header.Set("Traceparent", tp)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "aictl")
	if stream {
		req.Header.Set("Accept", "text/event-stream")
	}
	if u.Key != "" {
		req.Header.Set("Authorization", "Bearer "+u.Key)
	}
	resp, err := u.HTTP.RoundTrip(req) //nolint:bodyclose // closed when the answer has been read, or given up
	if head != nil {
		head.Stop()
	}
	if err != nil {
		err = u.broken(ctx, err, "no answer")
		cancel(nil)
		return nil, err
	}
	if err := u.refused(resp); err != nil {
		_ = resp.Body.Close()
		cancel(nil)
		return nil, err
	}
	r := &ai.Reply{
		Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"),
		Stream: isEventStream(resp), Target: u.Name,
	}
	r.Chunks = func(yield func([]byte, error) bool) {
		defer cancel(nil)
		defer resp.Body.Close()
		if r.Stream {
			u.events(ctx, resp.Body, yield)
		} else {
			u.plain(ctx, resp.Body, yield)
		}
	}
	return r, nil
}

func isEventStream(resp *http.Response) bool {
	typ, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && typ == "text/event-stream"
}

// refused turns an answer that is no answer into an error. The upstream's
// message is kept short, and its key is masked in case it is echoed.
func (u *Upstream) refused(resp *http.Response) error {
	if resp.StatusCode < 300 {
		typ, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if typ == "text/html" {
			return fail.New(fail.Unavailable, "upstream %s answered with a web page; is its url the API's base?", u.Name).
				Hint("aictl providers test %s", u.Name)
		}
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	message := u.Mask(Message(body))
	if message != "" {
		message = ": " + message
	}
	code := fail.FromStatus(resp.StatusCode)
	switch s := resp.StatusCode; {
	case s < 400:
		return fail.New(fail.Unavailable, "upstream %s redirects (%d): its url is not the API's base", u.Name, s).
			Hint("aictl providers test %s", u.Name)
	case s == 401 || s == 403: // its key is the operator's matter, not the caller's
		code = fail.Unavailable
	case s >= 500:
		code = fail.Unavailable
	case s == 400 || s == 422:
		code = fail.Usage
	}
	err := fail.New(code, "upstream %s refused the call with status %d%s", u.Name, resp.StatusCode, message).
		Hint("aictl providers test %s", u.Name)
	if after := retryAfter(resp.Header.Get("Retry-After"), time.Now()); after > 0 {
		return &delayed{err, after}
	}
	return err
}

// delayed is an error that says when to try again, as the gateway reads it.
type delayed struct {
	err   *fail.Error
	after time.Duration
}

func (e *delayed) Error() string             { return e.err.Error() }
func (e *delayed) Unwrap() error             { return e.err }
func (e *delayed) RetryAfter() time.Duration { return e.after }

// retryAfter reads the header of that name: seconds or a date (RFC 9110,
// 10.2.3), at most an hour, 0 where there is none.
func retryAfter(header string, now time.Time) time.Duration {
	var after time.Duration
	if n, err := strconv.ParseUint(header, 10, 31); err == nil {
		after = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		after = at.Sub(now)
	}
	return min(max(0, after), time.Hour)
}

// Message is the text of an error's body, in one of the shapes that servers
// use: at most 300 bytes, empty where there is none.
func Message(body []byte) string {
	var o struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  string          `json:"detail"`
	}
	if json.Unmarshal(body, &o) != nil {
		return ""
	}
	var inner struct {
		Message string `json:"message"`
	}
	text := o.Message + o.Detail
	var plain string
	if json.Unmarshal(o.Error, &inner) == nil && inner.Message != "" {
		text = inner.Message
	} else if json.Unmarshal(o.Error, &plain) == nil && plain != "" {
		text = plain
	}
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// Mask hides the upstream's key in s.
func (u *Upstream) Mask(s string) string {
	if u.Key == "" {
		return s
	}
	return strings.ReplaceAll(s, u.Key, "***")
}

func (u *Upstream) broken(ctx context.Context, err error, what string) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	code := fail.CodeOf(err)
	if code == fail.Internal {
		code = fail.Unavailable
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fail.New(fail.Unavailable, "upstream %s: the answer was cut", u.Name).Hint("aictl providers test %s", u.Name)
	}
	return fail.New(code, "upstream %s: %s: %s", u.Name, what, u.Mask(err.Error())).Hint("aictl providers test %s", u.Name)
}

func (u *Upstream) plain(ctx context.Context, body io.Reader, yield func([]byte, error) bool) {
	buf := make([]byte, 32<<10)
	total := 0
	for {
		n, err := body.Read(buf)
		if total += n; total > maxPlain {
			yield(nil, fail.New(fail.Failed, "upstream %s: the answer is longer than %d bytes", u.Name, maxPlain))
			return
		}
		if n > 0 && !yield(buf[:n], nil) {
			return
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(nil, u.broken(ctx, err, "reading the answer"))
			return
		}
	}
}

func (u *Upstream) events(ctx context.Context, body io.Reader, yield func([]byte, error) bool) {
	scan := sse.NewScanner(body, 0, nil)
	for {
		raw, err := scan.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // [DONE] did not come
			}
			yield(nil, u.broken(ctx, err, "reading the stream"))
			return
		}
		if !yield(raw, nil) {
			return
		}
		if e, ok := sse.Decode(raw); ok && string(e.Data) == "[DONE]" {
			return
		}
	}
}

// Ordered is a chat.Forwarder that tries the targets one after the other, in
// their order, until one answers.
type Ordered map[string]*Upstream

var _ chat.Forwarder = Ordered(nil)

// Forward implements chat.Forwarder. What is wrong with the request itself is
// not tried elsewhere.
func (o Ordered) Forward(ctx context.Context, route chat.Route, body func(chat.Target) ([]byte, error)) (*ai.Reply, error) {
	var last error = fail.New(fail.Unavailable, "no upstream is configured for this model").Hint("aictl providers list")
	for _, t := range route.Targets {
		u := o[t.Upstream]
		if u == nil {
			continue
		}
		b, err := body(t)
		if err != nil {
			return nil, err
		}
		reply, err := u.Post(ctx, route.Path, b, route.Call.Stream, route.Call.Header)
		if err == nil {
			return reply, nil
		}
		last = err
		if ctx.Err() != nil || fail.CodeOf(err) == fail.Usage {
			break
		}
	}
	return nil, last
}
