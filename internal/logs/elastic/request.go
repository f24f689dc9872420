package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/aictl/aictl/internal/fail"
)

// request is any of esapi's.
type request interface {
	Do(ctx context.Context, transport esapi.Transport) (*esapi.Response, error)
}

// raw is a request that esapi does not have: OpenSearch's own.
type raw struct {
	method, path string
	body         any
}

func (r raw) Do(ctx context.Context, transport esapi.Transport) (*esapi.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.path, http.NoBody)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		b := encode(r.body)
		req.Body, req.ContentLength = io.NopCloser(b), int64(b.Len())
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := transport.Perform(req) //nolint:bodyclose // Store.do closes it, as that of every answer
	if err != nil {
		return nil, err
	}
	return &esapi.Response{StatusCode: res.StatusCode, Header: res.Header, Body: res.Body}, nil
}

// encode is v as JSON. What we build is maps of plain values, which can't fail.
func encode(v any) *bytes.Buffer {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("elastic: a query that is not JSON: " + err.Error())
	}
	return &b
}

// do sends a request, reads the answer into out, and gives every failure a
// code. doing says what for, as in "searching".
func (s *Store) do(ctx context.Context, doing string, r request, out any) (http.Header, error) {
	callCtx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	res, err := r.Do(callCtx, s.transport)
	if err != nil {
		return nil, s.unreachable(ctx, doing, err)
	}
	defer res.Body.Close()
	body, err := readAll(res.Body, s.o.MaxResponse)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, fail.New(fail.TooLarge, "%s: the answer of %s is larger than %d MiB", doing, s.url, s.o.MaxResponse>>20).
			Hint("narrow the query, or lower --limit")
	case err != nil:
		return nil, s.unreachable(ctx, doing, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, s.refused(doing, res.StatusCode, res.Header, body)
	}
	if out == nil {
		return res.Header, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return nil, s.notJSON(doing, res.Header, body)
	}
	return res.Header, nil
}

var errTooLarge = errors.New("too large")

func readAll(r io.Reader, limit int64) ([]byte, error) {
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

// later is a failure that says when to try again.
type later struct {
	error
	after time.Duration
}

func (l *later) RetryAfter() time.Duration { return l.after }
func (l *later) Unwrap() error             { return l.error }

func isHTML(h http.Header, body []byte) bool {
	head := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 64)])))
	return strings.HasPrefix(h.Get("Content-Type"), "text/html") || strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html")
}
