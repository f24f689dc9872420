package client

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestReadOnlyLetsNoMutationOut(t *testing.T) {
	for _, d := range api.All() {
		s := d.Describe()
		for _, dry := range []bool{false, true} {
			sent := false
			c, err := New(Options{
				Server: "https://x.invalid/base/", ReadOnly: true, Operations: api.All(),
				Transport: roundTripFunc(func(*http.Request) (*http.Response, error) {
					sent = true
					return &http.Response{StatusCode: 204, Body: http.NoBody, Header: http.Header{}}, nil
				}),
			})
			require.NoError(t, err)
			path := strings.NewReplacer("{name}", "a", "{id}", "b", "{service}", "c", "{operation}", "d").Replace(s.Path())
			req, err := http.NewRequestWithContext(t.Context(), s.Method(), path, nil)
			require.NoError(t, err)
			if dry {
				req.Header.Set("Aictl-Dry-Run", "server")
			}
			res, err := c.Send(t.Context(), s, req)
			if err == nil {
				_ = res.Body.Close()
			}
			want := !s.Effect.Mutates() || dry
			require.Equal(t, want, sent, "%s dry=%v", s.ID, dry)
			if !want {
				require.Equal(t, fail.Refused, fail.CodeOf(err))
			}
		}
	}
}

func TestRetriesOnceAndOnlyIdempotent(t *testing.T) {
	for _, c := range []struct {
		name       string
		idempotent bool
		want       int32
	}{{"idempotent", true, 2}, {"not idempotent", false, 1}} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			var bodies []string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(b))
				n.Add(1)
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			defer srv.Close()
			cl, err := New(Options{Server: srv.URL})
			require.NoError(t, err)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/x", strings.NewReader("body"))
			require.NoError(t, err)
			res, err := cl.Send(t.Context(), &op.Spec{ID: "x.y", Idempotent: c.idempotent}, req)
			require.NoError(t, err)
			_ = res.Body.Close()
			require.Equal(t, c.want, n.Load())
			for _, b := range bodies {
				require.Equal(t, "body", b)
			}
		})
	}
}

func TestErrorsAreExplained(t *testing.T) {
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/services": // HTML, as a wrong proxy answers
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<html>")
		case "/api/v1/whoami":
			<-hang
		case "/api/v1/sessions":
			http.Redirect(w, r, "https://elsewhere.invalid/", http.StatusFound)
		case "/api/v1/accounts":
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	defer close(hang)
	c, err := New(Options{Server: srv.URL, Token: "aictl_x"})
	require.NoError(t, err)
	defer c.Close()

	_, err = api.ServicesList.Call(t.Context(), c, api.None{})
	require.Equal(t, fail.Forbidden, fail.CodeOf(err))
	_, err = api.SessionsList.Call(t.Context(), c, api.None{})
	require.Error(t, err, "a redirect is not followed")
	_, err = api.AccountsList.Call(t.Context(), c, api.None{})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	_, err = api.AuditVerify.Call(t.Context(), c, api.None{})
	require.Error(t, err)
	_, err = api.ServicesDescribe.Call(t.Context(), c, api.ServiceName{Name: "x"})
	require.Error(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = api.AuthWhoami.Call(ctx, c, api.None{})
	require.Equal(t, fail.Timeout, fail.CodeOf(err))

	none, err := New(Options{})
	require.NoError(t, err)
	_, err = api.ServicesList.Call(t.Context(), none, api.None{})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.Equal(t, "aictl up", fail.From(err).Next)
}

func TestOptionsAreChecked(t *testing.T) {
	for _, server := range []string{"ftp://x", "://", "host:80", "http://u:p@h"} {
		_, err := New(Options{Server: server})
		require.Equal(t, fail.Usage, fail.CodeOf(err), server)
	}
	_, err := New(Options{Server: "http://example.invalid", Token: "aictl_x"})
	require.Equal(t, fail.Refused, fail.CodeOf(err), "no token in the clear")
	_, err = New(Options{Server: "http://127.0.0.1:1", Token: "aictl_x"})
	require.NoError(t, err)
}

func TestTraceHoldsNoCredentials(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	var lines []string
	c, err := New(Options{Server: srv.URL, Token: "aictl_secret", Trace: func(f string, a ...any) {
		lines = append(lines, f)
		for _, x := range a {
			if s, ok := x.(string); ok {
				lines = append(lines, s)
			}
		}
	}})
	require.NoError(t, err)
	_, err = api.AuthWhoami.Call(t.Context(), c, api.None{})
	require.Error(t, err)
	require.NotEmpty(t, lines)
	require.NotContains(t, strings.Join(lines, " "), "aictl_secret")
}

func TestALimitIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name, after string
		refusals    int32
		wantCalls   int32
		wantStatus  int
	}{
		{"soon", "0", 1, 2, 204},
		{"soon, twice", "0", 2, 3, 204},
		{"for ever", "0", 99, 3, 429},
		{"tomorrow", "86400", 99, 1, 429},
		{"unsaid", "", 99, 1, 429},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1) <= c.refusals {
					if c.after != "" {
						w.Header().Set("Retry-After", c.after)
					}
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				w.WriteHeader(http.StatusNoContent)
			}))
			defer srv.Close()
			cl, err := New(Options{Server: srv.URL})
			require.NoError(t, err)
			defer cl.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/x", strings.NewReader("body"))
			require.NoError(t, err)
			res, err := cl.Send(t.Context(), &op.Spec{ID: "x.y"}, req)
			require.NoError(t, err)
			_ = res.Body.Close()
			require.Equal(t, c.wantStatus, res.StatusCode)
			require.Equal(t, c.wantCalls, n.Load())
		})
	}
}
