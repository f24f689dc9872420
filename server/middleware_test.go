package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

const good = "Authorization: Bearer good"

func gzipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func TestRequests(t *testing.T) {
	f := start(t, func(o *Options) {
		o.MaxBodyBytes = 1 << 10
		o.Checks = []Check{{"store", func(context.Context) error { return fail.New(fail.Unavailable, "no disk") }}}
		o.AllowedHosts = []string{"aictl.example"}
	})
	big := strings.Repeat("x", 2<<10)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		contains                 string
	}{
		{"index", "GET", "/", "", nil, 200, `"version":"1.2.3"`},
		{"live", "GET", "/livez", "", nil, 200, "alive"},
		{"not ready", "GET", "/readyz", "", nil, 503, `{"check":"store","code":"unavailable","message":"no disk"}`},
		{"openapi", "GET", "/openapi.json", "", nil, 200, `"3.1.0"`},
		{"metrics on loopback", "GET", "/metrics", "", nil, 200, "aictl_config_last_reload_successful 1"},
		{"unknown route", "GET", "/nope", "", nil, 404, `"code":"notfound"`},
		{"wrong method", "DELETE", "/livez", "", nil, 404, "no such route: DELETE /livez"},
		{"anonymous api", "GET", "/api/v1/who", "", nil, 200, `"subject":""`},
		{"signed in", "GET", "/api/v1/who", "", []string{good}, 200, `"remote":"127.0.0.1"`},
		{"scheme in capitals", "GET", "/api/v1/who", "", []string{"Authorization: BEARER good"}, 200, `"subject":"ada"`},
		{"wrong token", "GET", "/api/v1/who", "", []string{"Authorization: Bearer bad"}, 401, `"next":"aictl login"`},
		{"locked out", "GET", "/api/v1/who", "", []string{"Authorization: Bearer busy"}, 429, `"code":"limited"`},
		{"not a bearer", "GET", "/api/v1/who", "", []string{"Authorization: Basic Z29vZA=="}, 401, "one bearer token"},
		{"two tokens", "GET", "/api/v1/who", "", []string{good, good}, 401, "one bearer token"},
		{"openai without a token", "GET", "/v1/models", "", nil, 401, `"type":"authentication_error"`},
		{"openai unknown", "GET", "/v1/nope", "", nil, 404, `"type":"invalid_request_error"`},
		{"oip without a token", "GET", "/v2/models/m", "", nil, 401, `{"code":"auth","error":"not signed in`},
		{"oip unknown", "GET", "/v2/nope", "", nil, 404, `"error":"no such route`},
		{"rebound host", "GET", "/livez", "", []string{"Host: evil.example"}, 403, "is not served here"},
		{"rebound host with port", "GET", "/livez", "", []string{"Host: 10.0.0.1:7979"}, 403, "is not served here"},
		{"allowed host", "GET", "/livez", "", []string{"Host: AICTL.example:7979"}, 200, "alive"},
		{"localhost", "GET", "/livez", "", []string{"Host: localhost:1"}, 200, "alive"},
		{"IPv6 loopback", "GET", "/livez", "", []string{"Host: [::1]:1"}, 200, "alive"},
		{"cross-site write", "POST", "/api/v1/echo", "x", []string{"Sec-Fetch-Site: cross-site"}, 403, "cross-origin"},
		{"cross-origin write", "POST", "/api/v1/echo", "x", []string{"Origin: https://evil.example"}, 403, "cross-origin"},
		{"same-origin write", "POST", "/api/v1/echo", "x", []string{"Sec-Fetch-Site: same-origin"}, 200, "x"},
		{"body", "POST", "/api/v1/echo", big[:1024], nil, 200, big[:1024]},
		{"giant body", "POST", "/api/v1/echo", big, nil, 413, `"code":"too_large"`},
		{"gzip body", "POST", "/api/v1/echo", gzipped(t, "hello"), []string{"Content-Encoding: gzip"}, 200, "hello"},
		{"gzip bomb", "POST", "/api/v1/echo", gzipped(t, strings.Repeat("x", 1<<18)), []string{"Content-Encoding: gzip"}, 413, `"code":"too_large"`},
		{"not gzip", "POST", "/api/v1/echo", "plain", []string{"Content-Encoding: gzip"}, 400, "unpacking the gzip body"},
		{"cut gzip", "POST", "/api/v1/echo", gzipped(t, "hello")[:20], []string{"Content-Encoding: gzip"}, 400, "unpacking the gzip body"},
		{"brotli", "POST", "/api/v1/echo", "x", []string{"Content-Encoding: br"}, 400, "not accepted"},
		{"two encodings", "POST", "/api/v1/echo", "x", []string{"Content-Encoding: gzip, gzip"}, 400, "not accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := f.send(t, c.method, c.path, c.body, c.headers...)
			require.Equal(t, c.status, a.status, a.body)
			require.Contains(t, a.body, c.contains)
			require.NotEmpty(t, a.header.Get(RequestIDHeader))
			if c.status == 401 {
				require.Contains(t, a.header.Get("WWW-Authenticate"), "Bearer")
			}
		})
	}
}

// The kernel may reset the connection before the client has read the answer,
// as the rest of the headers is left unread: both are a refusal.
func TestHeaderBomb(t *testing.T) {
	f := start(t, nil)
	req, err := http.NewRequestWithContext(context.Background(), "GET", f.URL()+"/livez", nil)
	require.NoError(t, err)
	req.Header.Set("X-Big", strings.Repeat("x", 128<<10))
	res, err := f.client.Do(req)
	if err == nil {
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
	}
}

func TestRequestID(t *testing.T) {
	f := start(t, nil)
	for _, c := range []struct {
		name, in string
		kept     bool
	}{
		{"sane", "abc-123_X.y:z", true},
		{"longest", strings.Repeat("a", 128), true},
		{"too long", strings.Repeat("a", 129), false},
		{"spaces", "a b", false},
		{"script", "<script>", false},
		{"not ASCII", "ä", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := f.send(t, "GET", "/api/v1/who", "", RequestIDHeader+": "+c.in)
			got := a.header.Get(RequestIDHeader)
			require.Equal(t, c.kept, got == c.in, got)
			require.Equal(t, got, a.json(t)["request"])
		})
	}
}

func TestPanics(t *testing.T) {
	f := start(t, func(o *Options) {
		mux := http.NewServeMux()
		mux.HandleFunc("/api/v1/early", func(http.ResponseWriter, *http.Request) { panic("secret detail") })
		mux.HandleFunc("/api/v1/late", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 8<<10))
			panic("late")
		})
		o.API = mux
		o.Gateway = gatewayFunc(func(context.Context, ai.Call) (*ai.Reply, error) {
			return events(2, func(i int) error {
				if i == 1 {
					panic("in a stream")
				}
				return nil
			}), nil
		})
	})
	a := f.send(t, "GET", "/api/v1/early", "", RequestIDHeader+": find-me")
	require.Equal(t, 500, a.status)
	require.Equal(t, "find-me", a.json(t)["request"])
	require.NotContains(t, a.body, "secret detail")
	require.Contains(t, f.log.String(), "secret detail")

	req, err := http.NewRequestWithContext(context.Background(), "GET", f.URL()+"/api/v1/late", nil)
	require.NoError(t, err)
	res, err := f.client.Do(req)
	if err == nil {
		var b bytes.Buffer
		_, err = b.ReadFrom(res.Body)
		require.NoError(t, res.Body.Close())
	}
	require.Error(t, err, "a cut answer must not pass for whole")

	a = f.send(t, "POST", "/v1/chat/completions", `{"stream":true}`, good)
	require.Equal(t, 200, a.status)
	require.Contains(t, a.body, `"code":"internal"`)
	require.NotContains(t, a.body, "[DONE]")
	require.Contains(t, f.send(t, "GET", "/metrics", "").body, "aictl_http_panics_total 3")
}

func TestAccessLog(t *testing.T) {
	f := start(t, nil)
	parent := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	f.send(t, "GET", "/api/v1/who?token=hunter2", "", good, "traceparent: "+parent, RequestIDHeader+": r1")
	f.send(t, "GET", "/api/v1/%0d%0a%7b%22message%22:%22forged%22%7d", "")
	require.NotContains(t, f.log.String(), "hunter2")
	var lines []map[string]any
	for _, l := range f.log.lines(t) {
		require.NotEqual(t, "forged", l["message"])
		if l["event.dataset"] == "aictl.access" {
			lines = append(lines, l)
		}
	}
	require.Len(t, lines, 2)
	l := lines[0]
	for k, want := range map[string]any{
		"message": "request", "log.level": "info", "http.request.method": "GET", "url.path": "/api/v1/who",
		"http.route": "GET /api/v1/who", "http.response.status_code": 200.0, "event.outcome": "success",
		"user.name": "ada", "http.request.id": "r1", "client.address": "127.0.0.1",
		"trace.id": "0af7651916cd43dd8448eb211c80319c",
	} {
		require.Equal(t, want, l[k], k)
	}
	m := f.send(t, "GET", "/metrics", "").body
	require.Contains(t, m, `aictl_http_requests_total{code="200",method="GET",route="GET /api/v1/who"} 1`)
	require.NotContains(t, m, "forged")
}

func TestListenRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		code fail.Code
	}{
		{"everywhere in the clear", Options{Listen: "0.0.0.0:0"}, fail.Usage},
		{"empty host in the clear", Options{Listen: ":0"}, fail.Usage},
		{"a name in the clear", Options{Listen: "example.com:0"}, fail.Usage},
		{"no port", Options{Listen: "127.0.0.1"}, fail.Usage},
		{"half a key pair", Options{Listen: "127.0.0.1:0", CertFile: "x"}, fail.Usage},
		{"no such certificate", Options{Listen: "127.0.0.1:0", CertFile: "x", KeyFile: "y"}, fail.Usage},
		{"insecure by will", Options{Listen: "0.0.0.0:0", InsecureListen: true}, fail.OK},
		{"IPv6 loopback", Options{Listen: "[::1]:0"}, fail.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.API, c.o.Auth = http.NotFoundHandler(), keys{}
			_, err := New(c.o)
			require.Equal(t, c.code, fail.CodeOf(err), fmt.Sprint(err))
			if err != nil {
				require.NotEmpty(t, fail.From(err).Next)
			}
		})
	}
}

func TestBeyondLoopback(t *testing.T) {
	f := start(t, func(o *Options) { o.Listen, o.InsecureListen = "0.0.0.0:0", true })
	require.Equal(t, 401, f.send(t, "GET", "/metrics", "").status)
	require.Equal(t, 200, f.send(t, "GET", "/metrics", "", good).status)
	require.Equal(t, 200, f.send(t, "GET", "/livez", "", "Host: whatever.example").status)
	f = start(t, func(o *Options) { o.Listen, o.InsecureListen, o.PublicMetrics = "0.0.0.0:0", true, true })
	require.Equal(t, 200, f.send(t, "GET", "/metrics", "").status)
	_, err := New(f.o) // the registry has these metrics already
	require.Error(t, err)
}
