package kube

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// guard refuses every request that could change the cluster. Questions about
// permissions are POSTs that change nothing, and so are dry runs.
func guard(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		asks := strings.HasPrefix(req.URL.Path, "/apis/authorization.k8s.io/") || strings.HasPrefix(req.URL.Path, "/apis/authentication.k8s.io/")
		if req.Method == http.MethodGet || req.Method == http.MethodHead || asks || isSearch(req.URL.Path) || req.URL.Query().Get("dryRun") == "All" {
			return next.RoundTrip(req)
		}
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, fail.New(fail.Refused, "read-only: %s %s was not sent", req.Method, req.URL.Path).
			Hint("aictl config view --show-origin shows where read-only is set")
	})
}

// isSearch knows the questions that go through the API server's proxy as POSTs.
func isSearch(path string) bool {
	if !strings.Contains(path, "/services/") || !strings.Contains(path, "/proxy/") {
		return false
	}
	for _, end := range []string{"/_search", "/_count", "/_msearch", "/_field_caps", "/_pit", "/api/v1/query", "/api/v1/query_range", "/api/v1/series", "/api/v1/labels"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return false
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answerWithin is how long the API server may take to begin an answer.
const answerWithin = 30 * time.Second

// inTime gives up on an API server that takes requests and does not answer.
// What it hands on to others (logs, proxied Services) may take its time: a
// container that says nothing for an hour is no failure.
func inTime(next http.RoundTripper) http.RoundTripper { return within(next, answerWithin) }

func within(next http.RoundTripper, limit time.Duration) http.RoundTripper {
	return wrapped{next: next, do: func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/log") || strings.Contains(req.URL.Path, "/proxy") {
			return next.RoundTrip(req)
		}
		ctx, cancel := context.WithCancelCause(req.Context())
		timer := time.AfterFunc(limit, func() { cancel(errLate) })
		res, err := next.RoundTrip(req.WithContext(ctx))
		timer.Stop()
		if err != nil {
			if errors.Is(context.Cause(ctx), errLate) {
				err = fail.New(fail.Timeout, "%s did not answer within %s", req.URL.Host, limit).Hint("kubectl get --raw /readyz?verbose")
			}
			cancel(nil)
			return nil, err
		}
		res.Body = &ended{ReadCloser: res.Body, cancel: func() { cancel(nil) }}
		return res, nil
	}}
}

var errLate = errors.New("no answer in time")

// ended lets go of a request's context with its answer.
type ended struct {
	io.ReadCloser
	cancel func()
}

// Close closes the answer.
func (e *ended) Close() error {
	err := e.ReadCloser.Close()
	e.cancel()
	return err
}

// wrapped is a transport around another, which client-go can look through.
type wrapped struct {
	next http.RoundTripper
	do   func(*http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (w wrapped) RoundTrip(req *http.Request) (*http.Response, error) { return w.do(req) }

// WrappedRoundTripper is what stands below.
func (w wrapped) WrappedRoundTripper() http.RoundTripper { return w.next }
