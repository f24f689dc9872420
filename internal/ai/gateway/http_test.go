package gateway

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

func TestHTTPOverASocketSendsOnlyWhatIsAllowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	var got *http.Request
	var body []byte
	s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.Header().Set("Set-Cookie", "a=b")
		_, _ = io.WriteString(w, "{}")
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	defer func() { _ = s.Close(); <-done }()
	u, err := NewHTTP(HTTPOptions{
		Socket: path, BaseURL: "http://model/v1/", Header: http.Header{"Authorization": {"Bearer k"}},
		Path: func(c *ai.Call) (string, string) { return http.MethodPut, "/x?y=1" },
		Body: func(c *ai.Call) []byte { return []byte("other") },
	})
	require.NoError(t, err)
	defer u.Close()
	call := ask(false)
	call.Header = http.Header{"Cookie": {"secret"}, "Authorization": {"caller"}, "X-Request-Id": {"7"}}
	r, err := u.Do(t.Context(), &call)
	require.NoError(t, err)
	require.Empty(t, r.Header["Set-Cookie"])
	require.Equal(t, "PUT /v1/x?y=1 model", got.Method+" "+got.URL.String()+" "+got.Host)
	require.Equal(t, "other", string(body))
	require.Equal(t, []string{"Bearer k"}, got.Header["Authorization"])
	require.Equal(t, "7", got.Header.Get("X-Request-Id"))
	require.Empty(t, got.Header["Cookie"])
}

func TestHTTPBounds(t *testing.T) {
	big := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "text/event-stream" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\ndata: ")
		} else {
			w.Header().Set("Content-Type", "application/json")
		}
		for range 100 {
			_, _ = io.WriteString(w, strings.Repeat("1", 1000))
		}
	}
	u := upstream(t, big)
	u.o.MaxReply, u.o.MaxEvent = 10000, 10000
	call := ask(false)
	_, err := u.Do(t.Context(), &call)
	require.ErrorContains(t, err, "more than 10000 bytes")
	g := chat(t, Options{}, chatPolicy(), u)
	got, err := collect(t.Context(), g, ask(true))
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.ErrorContains(t, err, "size limit")
	require.Equal(t, "data: 1\n\n", got)
	for _, bad := range []string{"", "ftp://x", "http://", "::"} {
		_, err := NewHTTP(HTTPOptions{BaseURL: bad})
		require.Equal(t, fail.Usage, fail.CodeOf(err), bad)
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-1": 0, "x": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, parseRetryAfter(in, now), in)
	}
}

func TestAHalfPlainAnswerIsNoWholeOne(t *testing.T) {
	s := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = WriteReply(w, &ai.Reply{Status: 200, ContentType: "application/json", Chunks: func(yield func([]byte, error) bool) {
			_ = yield([]byte("{}"), nil) && yield(nil, fail.New(fail.Unavailable, "gone"))
		}})
	})
	call := ask(false)
	_, err := s.Do(t.Context(), &call)
	require.Error(t, err)
}
