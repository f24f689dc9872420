package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/sse"
)

// HTTPOptions describe an upstream that speaks HTTP.
type HTTPOptions struct {
	// BaseURL is where it is, as http://127.0.0.1:11434/v1; with Socket, only
	// its path counts and it may be empty.
	BaseURL string
	// Socket is the path of a Unix socket.
	Socket string
	// Path maps a call to method and path below BaseURL; nil is POST
	// /<operation>.
	Path func(call *ai.Call) (method, path string)
	// Header is sent with each call (credentials).
	Header http.Header
	// Forward names the headers of a call that are passed on; nil means
	// traceparent, tracestate and X-Request-Id. Return names those of the
	// answer that are passed back; nil means Retry-After and X-Request-Id.
	Forward, Return []string
	// Body rewrites the input (a model's alias); nil sends it as it is.
	Body func(call *ai.Call) []byte
	// MaxReply bounds a plain answer in bytes, 0 means 16 MiB; MaxEvent one
	// event of a stream, 0 means 1 MiB.
	MaxReply int64
	MaxEvent int
	// Dial replaces the dialler (a guard against forbidden addresses).
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport replaces the whole of it: for what is reached through a proxy
	// with credentials of its own. It must not follow redirects or retry.
	Transport http.RoundTripper
}

// HTTP is an Upstream that speaks HTTP/1.1. The answer of a plain call is read
// whole, so that a broken one can be replaced by another target's; a stream
// is handed on event by event. Redirects are not followed. Close lets go of
// idle connections. Safe for concurrent use.
type HTTP struct {
	o    HTTPOptions
	base *url.URL
	tr   http.RoundTripper
}

// NewHTTP makes an HTTP upstream; it does not connect. A wrong URL is a
// fail.Usage.
func NewHTTP(o HTTPOptions) (*HTTP, error) {
	if o.Socket != "" {
		o.BaseURL = cmp.Or(o.BaseURL, "http://unix")
	}
	u, err := url.Parse(o.BaseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fail.New(fail.Usage, "upstream URL %q is not an http or https URL", o.BaseURL).
			Hint("use something like http://127.0.0.1:11434/v1")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if o.Path == nil {
		o.Path = func(c *ai.Call) (string, string) { return http.MethodPost, "/" + c.Operation }
	}
	if o.Forward == nil {
		o.Forward = []string{"Traceparent", "Tracestate", "X-Request-Id"}
	}
	if o.Return == nil {
		o.Return = []string{"Retry-After", "X-Request-Id"}
	}
	o.Forward, o.Return = canonical(o.Forward), canonical(o.Return)
	o.MaxReply = cmp.Or(o.MaxReply, 16<<20)
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	dial := o.Dial
	if dial == nil {
		dial = dialer.DialContext
	}
	if o.Socket != "" {
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", o.Socket)
		}
	}
	if o.Transport != nil {
		return &HTTP{o: o, base: u, tr: o.Transport}, nil
	}
	return &HTTP{o: o, base: u, tr: &http.Transport{
		DialContext: dial, DisableCompression: true,
		MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize: waiting, WriteBufferSize: waiting,
	}}, nil
}

func canonical(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = http.CanonicalHeaderKey(n)
	}
	return out
}

// Close lets go of idle connections.
func (h *HTTP) Close() {
	if t, ok := h.tr.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Do implements Upstream.
func (h *HTTP) Do(ctx context.Context, call *ai.Call) (*ai.Reply, error) {
	resp, err := h.tr.RoundTrip(h.request(ctx, call))
	if err != nil {
		return nil, err
	}
	r := &ai.Reply{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Header: http.Header{}}
	for _, name := range h.o.Return {
		if v := resp.Header[name]; v != nil {
			r.Header[name] = v
		}
	}
	if resp.StatusCode >= 300 || !call.Stream {
		return h.plain(resp, r)
	}
	return h.stream(resp, r)
}

func (h *HTTP) request(ctx context.Context, call *ai.Call) *http.Request {
	method, path := h.o.Path(call)
	body := call.Input
	if h.o.Body != nil {
		body = h.o.Body(call)
	}
	u := *h.base
	path, u.RawQuery, _ = strings.Cut(path, "?")
	u.Path += path
	header := make(http.Header, 8)
	for _, name := range h.o.Forward {
		if v := call.Header[name]; v != nil {
			header[name] = v
		}
	}
	header["Accept"] = acceptJSON
	if call.Stream {
		header["Accept"] = acceptEvents
	}
	req := &http.Request{Method: method, URL: &u, Host: h.base.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if len(body) > 0 {
		header["Content-Type"] = acceptJSON
		req.ContentLength = int64(len(body))
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	for k, v := range h.o.Header {
		header[http.CanonicalHeaderKey(k)] = slices.Clone(v)
	}
	return req.WithContext(ctx)
}

var (
	acceptJSON   = []string{"application/json"}
	acceptEvents = []string{"text/event-stream"}
)

// plain reads the whole answer.
func (h *HTTP) plain(resp *http.Response, r *ai.Reply) (*ai.Reply, error) {
	defer func() { _ = resp.Body.Close() }()
	if resp.ContentLength > h.o.MaxReply {
		return nil, h.tooLarge()
	}
	var body []byte
	var err error
	if n := resp.ContentLength; n >= 0 && n <= 1<<20 {
		body = make([]byte, n)
		_, err = io.ReadFull(resp.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(resp.Body, h.o.MaxReply+1))
	}
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > h.o.MaxReply {
		return nil, h.tooLarge()
	}
	if resp.StatusCode < 300 && resp.StatusCode != http.StatusNoContent {
		kind := r.ContentType
		if kind != "application/json" {
			kind, _, _ = mime.ParseMediaType(kind)
		}
		if kind != "application/json" && !strings.HasSuffix(kind, "+json") || resp.Header.Get("Content-Encoding") != "" {
			return nil, h.garbage("answered with %q instead of JSON", r.ContentType)
		}
		if !json.Valid(body) {
			return nil, h.garbage("answered with %d bytes that are not JSON", len(body))
		}
	}
	r.Chunks, r.Length = ai.Once(body), int64(len(body))
	return r, nil
}

func (h *HTTP) garbage(format string, args ...any) error {
	return fail.New(fail.Unavailable, "upstream "+strings.ReplaceAll(h.base.Redacted(), "%", "%%")+" "+format, args...).
		Hint("check that the URL is that of the API")
}

func (h *HTTP) tooLarge() error {
	return h.garbage("answered with more than %d bytes", h.o.MaxReply)
}

// waiting is the size of each buffer that a stream holds: a call of 1 kB with
// its headers, or a few events. Most of a stream's life is waiting, and 10,000
// of them wait at once; what is longer passes the buffers by.
const waiting = 2 << 10

// scanBuffers are the first buffers of streams.
var scanBuffers = sync.Pool{New: func() any { b := make([]byte, waiting); return &b }}

// stream waits for the first event with data, so that a stream that never
// begins can be asked of another target.
func (h *HTTP) stream(resp *http.Response, r *ai.Reply) (*ai.Reply, error) {
	kind, _, _ := mime.ParseMediaType(r.ContentType)
	if kind != "text/event-stream" {
		_ = resp.Body.Close()
		return nil, h.garbage("answered with %q instead of an event stream", r.ContentType)
	}
	buf := scanBuffers.Get().(*[]byte)
	s := sse.NewScanner(resp.Body, h.o.MaxEvent, *buf)
	release := func() {
		_ = resp.Body.Close()
		scanBuffers.Put(buf)
	}
	var first []byte
	for {
		var err error
		if first, err = s.Batch(); err != nil {
			release()
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // not one event
			}
			return nil, h.framing(err)
		}
		if event, ok := firstData(first); ok {
			if bytes.HasPrefix(event, []byte(`{"error"`)) {
				release()
				return nil, h.garbage("answered a stream with an error as its first event")
			}
			break
		}
	}
	r.Stream = true
	r.Chunks = func(yield func([]byte, error) bool) {
		defer release()
		chunk := first
		for {
			if !yield(chunk, nil) {
				return
			}
			var err error
			if chunk, err = s.Batch(); err != nil {
				if !errors.Is(err, io.EOF) {
					yield(nil, h.framing(err))
				}
				return
			}
		}
	}
	return r, nil
}

func (h *HTTP) framing(err error) error {
	if errors.Is(err, sse.ErrTooLarge) {
		return h.garbage("sent an event that is over the size limit")
	}
	return err
}

// firstData gives the data of the first event that has any.
func firstData(batch []byte) ([]byte, bool) {
	for s := sse.NewScanner(bytes.NewReader(batch), len(batch)+64, nil); ; {
		raw, err := s.Next()
		if err != nil {
			return nil, false
		}
		if e, ok := sse.Decode(raw); ok {
			return e.Data, true
		}
	}
}
