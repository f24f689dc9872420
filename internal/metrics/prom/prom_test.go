package prom

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

// fake answers by path below /p.
func fake(t *testing.T, answers map[string]string, seen func(*http.Request)) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			_ = r.ParseForm()
			seen(r)
		}
		body, ok := answers[r.URL.EscapedPath()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestValues(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{
			"vector", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1700000000.5,"1"]},{"metric":{},"value":[1700000000,"NaN"]},{"metric":{},"value":[1700000000,"+Inf"]}]},"warnings":["partial"],"infos":["hint"]}`,
			`{"Type":"vector","Series":[{"labels":{"__name__":"up","job":"a"},"samples":[{"time":"2023-11-14T22:13:20.5Z","value":1}]},{"labels":{},"samples":[{"time":"2023-11-14T22:13:20Z","value":"NaN"}]},{"labels":{},"samples":[{"time":"2023-11-14T22:13:20Z","value":"+Inf"}]}],"Warnings":["partial"],"Infos":["hint"]}`,
		},
		{
			"scalar", `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"-Inf"]}}`,
			`{"Type":"scalar","Series":[{"labels":{},"samples":[{"time":"2023-11-14T22:13:20Z","value":"-Inf"}]}],"Warnings":null,"Infos":null}`,
		},
		{
			"matrix", `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1700000000,"1e-3"],[1700000060,"2"]]}]}}`,
			`{"Type":"matrix","Series":[{"labels":{"a":"b"},"samples":[{"time":"2023-11-14T22:13:20Z","value":0.001},{"time":"2023-11-14T22:14:20Z","value":2}]}],"Warnings":null,"Infos":null}`,
		},
		{
			"histogram", `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1700000000,{"count":"3","sum":"4.5","buckets":[[0,"0","1","2"],[0,"1","2","1"]]}]}]}}`,
			`{"Type":"vector","Series":[{"labels":{},"samples":[{"time":"2023-11-14T22:13:20Z","value":4.5,"histogram":{"count":3,"sum":4.5,"buckets":[{"lower":0,"upper":1,"count":2},{"lower":1,"upper":2,"count":1}]}}]}],"Warnings":null,"Infos":null}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := fake(t, map[string]string{"/p/api/v1/query": c.body}, nil)
			r, err := client(t, Options{URL: srv.URL + "/p/"}).Instant(t.Context(), "x", time.Unix(1700000000, 0))
			require.NoError(t, err)
			got, err := json.Marshal(r)
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(got))
		})
	}
}

func TestQuestions(t *testing.T) {
	var asked []string
	srv := fake(t, map[string]string{
		"/p/api/v1/query_range":               `{"status":"success","data":{"resultType":"matrix","result":[]}}`,
		"/p/api/v1/labels":                    `{"status":"success","data":["b","a","c"]}`,
		"/p/api/v1/label/__name__/values":     `{"status":"success","data":["up"]}`,
		"/p/api/v1/label/U__http_2e_x/values": `{"status":"success","data":["v"]}`,
		"/p/api/v1/series":                    `{"status":"success","data":[{"__name__":"up"},{"__name__":"down"}]}`,
		"/p/api/v1/metadata":                  `{"status":"success","data":{"up":[{"type":"gauge","help":"h","unit":"u"}],"odd":[]}}`,
		"/p/api/v1/status/buildinfo":          `{"status":"success","data":{"version":"3.1.0"}}`,
	}, func(r *http.Request) { asked = append(asked, r.Method+" "+r.URL.EscapedPath()+" "+r.Form.Encode()) })
	c := client(t, Options{URL: srv.URL + "/p/api/v1"}) // as people paste it
	ctx := t.Context()
	_, err := c.Range(ctx, `up{a="b"}`, metrics.Window{From: time.Unix(60, 0), To: time.Unix(120, 0), Step: 1500 * time.Millisecond})
	require.NoError(t, err)
	names, _, err := c.LabelNames(ctx, metrics.Selection{Matchers: []string{"up"}, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, names)
	values, _, err := c.LabelValues(ctx, "__name__", metrics.Selection{From: time.Unix(1, 0), To: time.Unix(2, 0)})
	require.NoError(t, err)
	require.Equal(t, []string{"up"}, values)
	values, _, err = c.LabelValues(ctx, "http.x", metrics.Selection{})
	require.NoError(t, err)
	require.Equal(t, []string{"v"}, values)
	sets, _, err := c.Series(ctx, metrics.Selection{Matchers: []string{"up", "down"}, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []map[string]string{{"__name__": "up"}}, sets)
	known, err := c.Metadata(ctx, "", 0)
	require.NoError(t, err)
	require.Equal(t, map[string]api.Metric{"up": {Name: "up", Type: "gauge", Help: "h", Unit: "u"}, "odd": {Name: "odd", Type: "unknown"}}, known)
	b, err := c.Check(ctx)
	require.NoError(t, err)
	require.Equal(t, metrics.Backend{URL: srv.URL + "/p", Version: "3.1.0"}, b)
	require.Equal(t, []string{
		"POST /p/api/v1/query_range end=120&query=up%7Ba%3D%22b%22%7D&start=60&step=1.5",
		"POST /p/api/v1/labels limit=2&match%5B%5D=up",
		"GET /p/api/v1/label/__name__/values end=2&start=1",
		"GET /p/api/v1/label/U__http_2e_x/values ",
		"POST /p/api/v1/series limit=1&match%5B%5D=up&match%5B%5D=down",
		"GET /p/api/v1/metadata limit=&metric=",
		"GET /p/api/v1/status/buildinfo ",
	}, asked)
}

func TestBackendsWithLess(t *testing.T) {
	srv := fake(t, map[string]string{"/api/v1/query": empty}, nil)
	c := client(t, Options{URL: srv.URL})
	known, err := c.Metadata(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, known)
	_, err = c.Check(t.Context())
	require.NoError(t, err)
}

// TestFallsBackToGET: proxies that let only GET through.
func TestFallsBackToGET(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			http.Error(w, "GET only", http.StatusMethodNotAllowed)
			return
		}
		_, _ = io.WriteString(w, empty)
	}))
	defer srv.Close()
	_, err := client(t, Options{URL: srv.URL}).Instant(t.Context(), "up", time.Time{})
	require.NoError(t, err)
}

func TestCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(s string) { require.NoError(t, os.WriteFile(file, []byte(s), 0o600)) }
	write("first\n")
	var got http.Header
	srv := fake(t, map[string]string{"/api/v1/query": empty}, func(r *http.Request) { got = r.Header })
	ask := func(o Options) (http.Header, error) {
		o.URL = srv.URL
		_, err := client(t, o).Instant(t.Context(), "up", time.Time{})
		return got, err
	}
	h, err := ask(Options{Username: "u", Password: "p:w", UserAgent: "aictl/1", Headers: map[string]string{"X-Scope-OrgID": "a"}})
	require.NoError(t, err)
	require.Equal(t, "Basic dTpwOnc=", h.Get("Authorization"))
	require.Equal(t, "a", h.Get("X-Scope-OrgID"))
	require.Equal(t, "aictl/1", h.Get("User-Agent"))
	c := client(t, Options{URL: srv.URL, TokenFile: file})
	_, err = c.Instant(t.Context(), "up", time.Time{})
	require.NoError(t, err)
	require.Equal(t, "Bearer first", got.Get("Authorization"))
	write("second")
	_, err = c.Instant(t.Context(), "up", time.Time{})
	require.NoError(t, err)
	require.Equal(t, "Bearer second", got.Get("Authorization"), "the file is read anew")
	for _, bad := range []string{"", "two\nlines"} {
		write(bad)
		_, err = c.Instant(t.Context(), "up", time.Time{})
		require.Equal(t, fail.Auth, fail.CodeOf(err))
		require.NotContains(t, err.Error(), "lines")
	}
	require.NoError(t, os.Remove(file))
	_, err = c.Instant(t.Context(), "up", time.Time{})
	require.Equal(t, fail.Auth, fail.CodeOf(err))
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk")
	require.NoError(t, os.WriteFile(junk, []byte("no"), 0o600))
	for _, o := range []Options{
		{},
		{URL: "prometheus:9090"},
		{URL: "ftp://x"},
		{URL: "http://u:hunter2@x"},
		{URL: "http://x/?a=b"},
		{URL: "http://x", Token: "t", Username: "u"},
		{URL: "http://x", TLS: TLS{CAFile: filepath.Join(dir, "none")}},
		{URL: "http://x", TLS: TLS{CAFile: junk}},
		{URL: "http://x", TLS: TLS{CertFile: junk}},
		{URL: "http://x", TLS: TLS{CertFile: junk, KeyFile: junk}},
	} {
		_, err := New(o)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%+v", o)
		require.NotEmpty(t, fail.From(err).Next)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := client(t, Options{URL: "http://x"}).Instant(t.Context(), " ", time.Time{})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

// TestInProcess: the embedded engine is a handler in this process.
func TestInProcess(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, empty) })
	c := client(t, Options{URL: "http://embedded", Name: "the embedded engine", Transport: op.InProcess{Handler: h}})
	_, err := c.Instant(t.Context(), "up", time.Time{})
	require.NoError(t, err)
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c = client(t, Options{URL: "http://embedded", Transport: op.InProcess{Handler: slow}, Timeout: 50 * time.Millisecond})
	_, err = c.Instant(context.Background(), "up", time.Time{})
	require.Equal(t, fail.Timeout, fail.CodeOf(err))
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(empty))
	f.Add([]byte(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"]]}]}}`))
	f.Add([]byte(`{"status":"error","errorType":"bad_data","error":"1:1: parse error: x"}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
		c, err := New(Options{URL: "http://x", Transport: op.InProcess{Handler: h}})
		require.NoError(t, err)
		r, err := c.Instant(t.Context(), "up", time.Time{})
		if err != nil {
			require.NotEqual(t, fail.Internal, fail.CodeOf(err), "%v", err)
			return
		}
		require.NotEmpty(t, r.Type)
	})
}

func TestStringsHaveNoValue(t *testing.T) {
	srv := fake(t, map[string]string{"/api/v1/query": `{"status":"success","data":{"resultType":"string","result":[1700000000,"hi"]}}`}, nil)
	_, err := client(t, Options{URL: srv.URL}).Instant(t.Context(), `"hi"`, time.Time{})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}
