package devstack

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	papi "github.com/prometheus/client_golang/api"
	pv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// options are fast ones on a directory of the test's own.
func options(t testing.TB) Options {
	t.Helper()
	return Options{
		DataDir: t.TempDir(), ExternalURL: "http://127.0.0.1:7979",
		ScrapeInterval: 250 * time.Millisecond, EvaluationInterval: 250 * time.Millisecond,
		Config: Config{SLOs: []SLO{}},
	}
}

// open starts a stack and a server that mounts it as the control plane does.
func open(t testing.TB, o Options) (*Stack, string) {
	t.Helper()
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle(PrometheusPath+"/", s.Prometheus())
	mux.Handle(AlertmanagerPath+"/", s.Alertmanager())
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
		require.NoError(t, s.Close())
	})
	return s, srv.URL
}

func querier(t testing.TB, url string) pv1.API {
	t.Helper()
	c, err := papi.NewClient(papi.Config{Address: url + PrometheusPath, Client: http.DefaultClient})
	require.NoError(t, err)
	return pv1.NewAPI(c)
}

// eventually waits until f is true; f is asked every 50 ms, on the test's own
// goroutine. The limit is for a machine that is busy with something else.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(50 * time.Millisecond) {
		require.True(t, time.Now().Before(end), what)
	}
}

// vector is the answer to an instant query, by the value of one label.
func vector(t testing.TB, url, query, label string) map[string]float64 {
	t.Helper()
	v, _, _, err := querier(t, url).Query(t.Context(), query, time.Now())
	require.NoError(t, err)
	out := map[string]float64{}
	samples, ok := v.(model.Vector)
	require.True(t, ok, "%T", v)
	for _, s := range samples {
		out[string(s.Metric[model.LabelName(label)])] = float64(s.Value)
	}
	return out
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	return do(t, req)
}

func send(t testing.TB, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	return do(t, req)
}

func do(t testing.TB, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(text), &v), "%s", text)
	return v
}

func TestReadyAndScrapesItself(t *testing.T) {
	o := options(t)
	o.ScrapeInterval, o.EvaluationInterval = 0, 0 // as in production
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "answer"}, func() float64 { return 42 }))
	o.ControlPlane = reg
	start := time.Now()
	s, url := open(t, o)
	require.NoError(t, s.Ready(context.Background()))
	t.Logf("ready after %s", time.Since(start))
	require.Less(t, time.Since(start), 10*time.Second) // 0.2 s on an idle machine

	eventually(t, "every job has been scraped before the first usual interval is over", func() bool {
		up := vector(t, url, "up == 1", "job")
		return len(up) == 3
	})
	t.Logf("first scrapes after %s", time.Since(start))
	require.Equal(t, map[string]float64{"127.0.0.1:7979": 42}, vector(t, url, "answer", "instance"))

	var targets pv1.TargetsResult
	eventually(t, "the usual scrapes take over", func() bool {
		var err error
		targets, err = querier(t, url).Targets(t.Context())
		require.NoError(t, err)
		return len(targets.Active) == 3
	})
	for _, target := range targets.Active {
		require.Empty(t, target.LastError)
	}
	rules, err := querier(t, url).Rules(t.Context(), nil)
	require.NoError(t, err)
	require.NotEmpty(t, rules.Groups)
	ams, err := querier(t, url).AlertManagers(t.Context())
	require.NoError(t, err)
	require.Len(t, ams.Active, 1)
	require.Equal(t, "http://127.0.0.1:7979/alertmanager/api/v2/alerts", ams.Active[0].URL)
	for _, path := range []string{
		"/prometheus/-/ready", "/prometheus/-/healthy", "/prometheus/metrics", "/prometheus/version",
		"/prometheus/api/v1/status/config", "/prometheus/api/v1/status/runtimeinfo", "/prometheus/api/v1/status/buildinfo",
		"/prometheus/api/v1/status/tsdb", "/prometheus/api/v1/status/flags", "/prometheus/api/v1/status/walreplay",
		"/prometheus/api/v1/alerts", "/prometheus/api/v1/metadata", "/prometheus/api/v1/openapi.yaml", "/prometheus/api/v1/notifications",
		"/alertmanager/-/ready", "/alertmanager/-/healthy", "/alertmanager/metrics",
		"/alertmanager/api/v2/status", "/alertmanager/api/v2/alerts", "/alertmanager/api/v2/alerts/groups",
		"/alertmanager/api/v2/silences", "/alertmanager/api/v2/receivers",
	} {
		code, text := get(t, url+path)
		require.Equal(t, http.StatusOK, code, "%s: %s", path, text)
	}
}
