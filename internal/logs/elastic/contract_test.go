package elastic

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// What the stores answer to GET /, recorded from 7.17.29 and 2.19.1, and after
// Elastic's documentation for 8 and 9.
var roots = map[string]string{
	"7.17": `{"name":"testbed","cluster_name":"testbed","cluster_uuid":"Na56YqF5S3aX-u0I-pGpoQ","version":{"number":"7.17.29","build_flavor":"default","build_type":"tar","build_hash":"580aff1a0064ce4c93293aaab6fcc55e22c10d1c","build_date":"2025-06-19T01:37:57.847711500Z","build_snapshot":false,"lucene_version":"8.11.3","minimum_wire_compatibility_version":"6.8.0","minimum_index_compatibility_version":"6.0.0-beta1"},"tagline":"You Know, for Search"}`,
	"8":    `{"name":"es01","cluster_name":"docker-cluster","cluster_uuid":"8qLKTKrTQRuYTsRRE3LrIg","version":{"number":"8.19.2","build_flavor":"default","build_type":"docker","build_hash":"a1b2","build_date":"2025-08-11T10:07:54.721189302Z","build_snapshot":false,"lucene_version":"9.12.2","minimum_wire_compatibility_version":"7.17.0","minimum_index_compatibility_version":"7.0.0"},"tagline":"You Know, for Search"}`,
	"9":    `{"name":"es01","cluster_name":"docker-cluster","cluster_uuid":"kXGBZkpATSOdv","version":{"number":"9.1.4","build_flavor":"default","build_type":"docker","build_hash":"c3d4","build_date":"2025-09-16T22:05:19.073893347Z","build_snapshot":false,"lucene_version":"10.2.2","minimum_wire_compatibility_version":"8.19.0","minimum_index_compatibility_version":"8.0.0"},"tagline":"You Know, for Search"}`,
	"2.19": `{"name":"testbed","cluster_name":"testbed","cluster_uuid":"A772X-GeRVuP-05Lqd2FDQ","version":{"distribution":"opensearch","number":"2.19.1","build_type":"tar","build_hash":"2e4741fb45d1b150aaeeadf66d41445b23ff5982","build_date":"2025-02-27T01:16:47.726162386Z","build_snapshot":false,"lucene_version":"9.12.1","minimum_wire_compatibility_version":"7.10.0","minimum_index_compatibility_version":"7.0.0"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`,
}

// contract answers as one version does, and refuses what that one refuses.
func contract(t *testing.T, version string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// All but OpenSearch say what they are, which their own clients insist on.
		if version != "2.19" {
			w.Header().Set("X-Elastic-Product", "Elasticsearch")
		}
		for _, name := range []string{"Accept", "Content-Type"} {
			media := r.Header.Get(name)
			refused := strings.Contains(media, "vnd.elasticsearch") && (version == "2.19" || !strings.Contains(media, "compatible-with="+version))
			if refused || name == "Content-Type" && r.ContentLength > 0 && media == "" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusNotAcceptable)
				_, _ = io.WriteString(w, `{"error":"Content-Type header ["`+media+`"] is not supported","status":406}`)
				return
			}
		}
		media := "application/json; charset=UTF-8"
		if version == "8" || version == "9" {
			media = "application/json"
		}
		w.Header().Set("Content-Type", media)
		elastic := version != "2.19"
		switch {
		case r.URL.Path == "/":
			_, _ = io.WriteString(w, roots[version])
		case strings.HasSuffix(r.URL.Path, "/_field_caps"):
			_, _ = io.WriteString(w, fakeCaps)
		case strings.Contains(r.URL.Path, "/_mapping/"), strings.Contains(r.URL.Path, "/_settings"):
			_, _ = io.WriteString(w, `{}`)
		case elastic && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/_pit"):
			_, _ = io.WriteString(w, `{"id":"46ToAwMDaWR5"}`)
		case elastic && r.Method == http.MethodDelete && r.URL.Path == "/_pit":
			_, _ = io.WriteString(w, `{"succeeded":true,"num_freed":1}`)
		case !elastic && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/_search/point_in_time"):
			_, _ = io.WriteString(w, `{"pit_id":"o463QQEPbXktaW5kZXg","_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"creation_time":1658146050064}`)
		case !elastic && r.Method == http.MethodDelete && r.URL.Path == "/_search/point_in_time":
			_, _ = io.WriteString(w, `{"pits":[{"successful":true,"pit_id":"o463QQEPbXktaW5kZXg"}]}`)
		case r.URL.Path == "/_search":
			id := map[bool]string{true: "46ToAwMDaWR5", false: "o463QQEPbXktaW5kZXg"}[elastic]
			body, err := io.ReadAll(r.Body)
			if err != nil || !strings.Contains(string(body), id) {
				t.Errorf("a search without an index and without the view: %s", body)
			}
			_, _ = io.WriteString(w, `{"took":5,"timed_out":false,"pit_id":"`+id+`","_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"max_score":null,"hits":[`+
				`{"_index":".ds-logs-x-1-2026.11.23-000001","_id":"a","_score":null,"_source":{"@timestamp":"2026-01-01T00:00:00Z","message":"m1","service":{"name":"chat"},"log":{"level":"WARNING"}},"fields":{"@timestamp":["2026-01-01T00:00:00.000Z"]},"sort":[1767225600000,0,".ds-logs-x-1-2026.11.23-000001"]}]}}`)
		default:
			t.Errorf("%s does not know %s %s", version, r.Method, r.URL.Path)
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestContractOfEveryVersion(t *testing.T) {
	for version := range roots {
		t.Run(version, func(t *testing.T) {
			s, err := Open(Options{URLs: []string{contract(t, version).URL}})
			require.NoError(t, err)
			info, err := s.Check(t.Context())
			require.NoError(t, err)
			require.Equal(t, version == "2.19", info.Kind == "opensearch")
			require.Contains(t, info.Version, version)
			n := 0
			for e, err := range s.Scan(t.Context(), logs.Query{}) {
				require.NoError(t, err)
				require.Equal(t, "chat warn m1", e.Service+" "+e.Level+" "+e.Message)
				require.Equal(t, ".ds-logs-x-1-2026.11.23-000001/a", e.ID)
				n++
			}
			require.Equal(t, 1, n)
		})
	}
}

func TestFaults(t *testing.T) {
	json := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		code   fail.Code
		says   string
		hint   string
	}{
		{"credentials expired", json(401, `{"error":{"root_cause":[{"type":"security_exception","reason":"api key is expired"}],"type":"security_exception","reason":"api key is expired"},"status":401}`), fail.Auth, "api key is expired", "credentials|API key"},
		{
			"privilege", json(403, `{"error":{"root_cause":[{"type":"security_exception","reason":"action [indices:data/read/field_caps] is unauthorized for user [ann] with effective roles [x] on indices [logs-a], this action is granted by the index privileges [view_index_metadata,manage,read,all]"}],"type":"security_exception","reason":"x"},"status":403}`),
			fail.Forbidden, "indices:data/read/field_caps", "view_index_metadata,manage,read,all",
		},
		{"opensearch privilege", json(403, `{"error":{"root_cause":[{"type":"security_exception","reason":"no permissions for [indices:data/read/search] and User [name=ann]"}],"type":"security_exception","reason":"no permissions for [indices:data/read/search] and User [name=ann]"},"status":403}`), fail.Forbidden, "no permissions", `permission indices:data/read/search`},
		{"push-back", json(429, `{"error":{"type":"es_rejected_execution_exception","reason":"queue full"},"status":429}`, "Retry-After", "7"), fail.Limited, "queue full", "later"},
		{"starting", json(503, `{"error":{"type":"cluster_block_exception","reason":"blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];"},"status":503}`), fail.Unavailable, "state not recovered", "status"},
		{"memory", json(503, `{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":503}`), fail.Limited, "Data too large", ""},
		{"no index", json(404, `{"error":{"type":"index_not_found_exception","reason":"no such index [logs-a]"},"status":404}`), fail.NotFound, "no such index", "index pattern"},
		{"recovering", json(404, `{"error":{"type":"illegal_index_shard_state_exception","reason":"CurrentState[RECOVERING]"},"status":404}`), fail.Unavailable, "RECOVERING", "try again"},
		{"query", json(400, `{"error":{"root_cause":[{"type":"query_shard_exception","reason":"Failed to parse query [a:(]"}],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":400}`), fail.Usage, "Failed to parse query", "--raw-query"},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<!DOCTYPE html><title>Sign in</title>")
		}, fail.Unavailable, "HTML page", "login page"},
		{"HTML of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			_, _ = io.WriteString(w, "<html>Bad gateway</html>")
		}, fail.Unavailable, "HTML page", ""},
		{"garbage", json(200, "\x00\x01 not json"), fail.Unavailable, "not Elasticsearch's JSON", "URL"},
		{"cut answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"fields":`)
		}, fail.Unavailable, "unexpected EOF", ""},
		{"huge", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 3<<20) }, fail.TooLarge, "larger than 1 MiB", "--limit"},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fail.Timeout, "did not answer within", "--timeout"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, fail.Usage, "302", "redirects"},
		{"escape sequences", json(400, `{"error":{"type":"x","reason":"a\u001b[31mb"},"status":400}`), fail.Usage, "a [31mb", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			s, err := Open(Options{URLs: []string{server.URL}, MaxResponse: 1 << 20, Timeout: 300 * time.Millisecond})
			require.NoError(t, err)
			defer s.Close()
			_, err = s.Search(t.Context(), logs.Query{})
			require.Error(t, err)
			require.Equal(t, tc.code, fail.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, tc.says)
			e := fail.From(err)
			require.Regexp(t, tc.hint, e.Next)
			if tc.name == "push-back" {
				require.Equal(t, 7*time.Second, fail.RetryAfter(err))
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestUnreachable(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshakes that fail here
	tls.StartTLS()
	defer tls.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, tc := range map[string]struct {
		url, says string
		ca        []byte
	}{
		"down":              {url: "http://" + address, says: "refused"},
		"unknown signer":    {url: tls.URL, says: "not signed by anyone trusted"},
		"wrong name":        {url: strings.Replace(tls.URL, "127.0.0.1", "localhost", 1), says: "for another name", ca: pemOf(tls)},
		"no TLS":            {url: strings.Replace(plain.URL, "http:", "https:", 1), says: "does not speak TLS"},
		"no such host name": {url: "http://nowhere.invalid:9200", says: ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(Options{URLs: []string{tc.url}, CA: tc.ca, Timeout: 5 * time.Second})
			require.NoError(t, err)
			defer s.Close()
			_, err = s.Check(t.Context())
			require.Contains(t, []fail.Code{fail.Unavailable, fail.Timeout}, fail.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, tc.says)
			require.NotEmpty(t, fail.From(err).Next)
		})
	}
	// A context that ends is said to be that.
	s, err := Open(Options{URLs: []string{"http://" + address}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Check(ctx)
	require.Equal(t, fail.Canceled, fail.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
}

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func TestOpenRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"no URL":          {},
		"no scheme":       {URLs: []string{"es:9200"}},
		"two credentials": {URLs: []string{"http://x"}, APIKey: "a", Bearer: "b"},
		"a path":          {URLs: []string{"http://x"}, Index: []string{"a/_all"}},
		"no certificate":  {URLs: []string{"http://x"}, CA: []byte("x")},
		"no file":         {URLs: []string{"http://x"}, CAFile: "/nowhere/ca.pem"},
	} {
		_, err := Open(o)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%s: %v", name, err)
	}
}

// TestCredentials: each kind is sent as the stores expect it, and another
// node is tried when one is away.
func TestCredentials(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		_, _ = io.WriteString(w, roots["9"])
	}))
	defer server.Close()
	for want, o := range map[string]Options{
		"APIKey c2VjcmV0":        {APIKey: "c2VjcmV0"},
		"Bearer token":           {Bearer: "token"},
		"Basic YW5uOnNlY3JldA==": {Username: "ann", Password: "secret"},
	} {
		o.URLs = []string{"http://127.0.0.1:1", server.URL + "/prefix/"}
		o.Header = http.Header{"X-Tenant": {"blue"}}
		s, err := Open(o)
		require.NoError(t, err)
		info, err := s.Check(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got.Get("Authorization"))
		require.Equal(t, "blue", got.Get("X-Tenant"))
		require.InDelta(t, time.Hour.Seconds(), info.Skew.Seconds(), 2)
		s.Close()
	}
}
