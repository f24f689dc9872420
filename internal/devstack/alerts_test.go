package devstack

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

// alert is the part of Alertmanager's answer that the tests look at.
type alert struct {
	Labels map[string]string `json:"labels"`
	Status struct {
		State       string   `json:"state"`
		SilencedBy  []string `json:"silencedBy"`
		InhibitedBy []string `json:"inhibitedBy"`
	} `json:"status"`
	GeneratorURL string `json:"generatorURL"`
}

// alerts are the known ones, by name.
func alerts(t testing.TB, url string) map[string]alert {
	t.Helper()
	code, text := get(t, url+"/alertmanager/api/v2/alerts")
	require.Equal(t, http.StatusOK, code, text)
	out := map[string]alert{}
	for _, a := range decode[[]alert](t, text) {
		out[a.Labels["alertname"]] = a
	}
	return out
}

// gauges is a registry with one gauge a name, set by the test.
func gauges(names ...string) (*prometheus.Registry, map[string]prometheus.Gauge) {
	reg := prometheus.NewRegistry()
	out := map[string]prometheus.Gauge{}
	for _, n := range names {
		out[n] = prometheus.NewGauge(prometheus.GaugeOpts{Name: n})
		reg.MustRegister(out[n])
	}
	return reg, out
}

// ruleFile writes rules that fire at once: one alert a severity, on a gauge of
// that name.
func ruleFile(t testing.TB, severities ...string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("groups:\n  - name: test\n    rules:\n")
	for _, s := range severities {
		fmt.Fprintf(&b, "      - alert: Is_%s\n        expr: %s > 0\n        labels: {severity: %s, service: chat}\n", s, s, s)
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	return path
}

// inbox is a webhook receiver.
type inbox struct {
	*httptest.Server
	mu   sync.Mutex // guards got
	got  []string
	auth []string
}

func newInbox(t testing.TB) *inbox {
	t.Helper()
	in := &inbox{}
	in.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		in.got = append(in.got, string(text))
		in.auth = append(in.auth, r.Header.Get("Authorization"))
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) has(text string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, m := range in.got {
		if strings.Contains(m, text) {
			return true
		}
	}
	return false
}

func TestAlertFiresNotifiesAndResolves(t *testing.T) {
	t.Parallel()
	all, urgent := newInbox(t), newInbox(t)
	reg, g := gauges("critical", "warning")
	o := options(t)
	o.ControlPlane = reg
	o.Config.RuleFiles = []string{ruleFile(t, "critical", "warning")}
	o.Config.Webhooks = []Webhook{{URL: all.URL, Bearer: "s3cret"}, {URL: urgent.URL, Severities: []string{"critical"}}}
	_, url := open(t, o)
	g["critical"].Set(1)

	start := time.Now()
	var seen alert
	eventually(t, "the alert reaches the Alertmanager", func() bool {
		seen = alerts(t, url)["Is_critical"]
		return seen.Status.State == "active"
	})
	t.Logf("listed %s after the cause", time.Since(start))
	require.Contains(t, seen.GeneratorURL, "http://127.0.0.1:7979/prometheus/graph?g0.expr=critical")
	eventually(t, "both webhooks are told", func() bool { return all.has("Is_critical") && urgent.has("Is_critical") })
	all.mu.Lock()
	require.Equal(t, "Bearer s3cret", all.auth[0])
	all.mu.Unlock()
	code, status := get(t, url+"/alertmanager/api/v2/status")
	require.Equal(t, http.StatusOK, code)
	require.NotContains(t, status, "s3cret")

	g["critical"].Set(0)
	eventually(t, "the alert resolves", func() bool { return len(alerts(t, url)) == 0 })
	require.Contains(t, vector(t, url, `max_over_time(ALERTS{alertstate="firing"}[5m])`, "alertname"), "Is_critical",
		"the history is in the ALERTS series")
}

func TestCriticalInhibitsTheRest(t *testing.T) {
	t.Parallel()
	reg, g := gauges("critical", "warning", "info")
	o := options(t)
	o.ControlPlane = reg
	o.Config.RuleFiles = []string{ruleFile(t, "critical", "warning", "info")}
	_, url := open(t, o)
	for _, gauge := range g {
		gauge.Set(1)
	}
	var a map[string]alert
	eventually(t, "the critical one hides the others", func() bool {
		a = alerts(t, url)
		return a["Is_critical"].Status.State == "active" && a["Is_warning"].Status.State == "suppressed" && a["Is_info"].Status.State == "suppressed"
	})
	require.NotEmpty(t, a["Is_warning"].Status.InhibitedBy)
}

func silence(matcher string) string {
	now := time.Now().UTC()
	return fmt.Sprintf(`{"matchers":[{"name":"alertname","value":%q,"isRegex":false}],"startsAt":%q,"endsAt":%q,"createdBy":"al","comment":"known"}`,
		matcher, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
}

type silences []struct {
	ID     string `json:"id"`
	Status struct {
		State string `json:"state"`
	} `json:"status"`
}

func TestSilenceSurvives(t *testing.T) {
	t.Parallel()
	reg, g := gauges("warning")
	o := options(t)
	o.ControlPlane = reg
	o.Config.RuleFiles = []string{ruleFile(t, "warning")}
	g["warning"].Set(1)

	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	srv := httptest.NewServer(s.Alertmanager())
	code, text := send(t, http.MethodPost, srv.URL+"/alertmanager/api/v2/silences", silence("Is_warning"))
	require.Equal(t, http.StatusOK, code, text)
	id := decode[map[string]string](t, text)["silenceID"]
	require.NotEmpty(t, id)
	// What is on disk now is what a power cut would leave: it is copied before
	// the stack has had the chance to write anything when it stops.
	cut := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(cut, "alertmanager"), os.DirFS(filepath.Join(o.DataDir, "alertmanager"))))
	srv.Close()
	require.NoError(t, s.Close())

	for name, dir := range map[string]string{"a restart": o.DataDir, "a power cut": cut} {
		t.Run(name, func(t *testing.T) {
			again := o
			again.DataDir = dir
			_, url := open(t, again)
			_, text := get(t, url+"/alertmanager/api/v2/silences")
			known := decode[silences](t, text)
			require.Len(t, known, 1)
			require.Equal(t, id, known[0].ID)
			require.Equal(t, "active", known[0].Status.State)
			var a alert
			eventually(t, "the alert is silenced", func() bool {
				a = alerts(t, url)["Is_warning"]
				return a.Status.State == "suppressed"
			})
			require.Equal(t, []string{id}, a.Status.SilencedBy)

			code, text := send(t, http.MethodDelete, url+"/alertmanager/api/v2/silence/"+id, "")
			require.Equal(t, http.StatusOK, code, text)
			eventually(t, "the alert is back", func() bool { return alerts(t, url)["Is_warning"].Status.State == "active" })
		})
	}
}

func TestSilencesRefusedByTheEngine(t *testing.T) {
	t.Parallel()
	_, url := open(t, options(t))
	code, text := send(t, http.MethodPost, url+"/alertmanager/api/v2/silences", `{"matchers":[]}`)
	require.GreaterOrEqual(t, code, 400, text)
	code, _ = send(t, http.MethodDelete, url+"/alertmanager/api/v2/silence/3f0b1ab8-0000-4000-8000-000000000000", "")
	require.Equal(t, http.StatusNotFound, code)
}

func TestReload(t *testing.T) {
	t.Parallel()
	reg, g := gauges("warning", "info")
	file := ruleFile(t, "warning")
	am := filepath.Join(t.TempDir(), "alertmanager.yml")
	require.NoError(t, os.WriteFile(am, []byte("route: {receiver: mine}\nreceivers: [{name: mine}]\n"), 0o600))
	o := options(t)
	o.ControlPlane = reg
	o.Config.RuleFiles, o.Config.AlertmanagerFile = []string{file}, am
	s, url := open(t, o)
	g["warning"].Set(1)
	g["info"].Set(1)
	firing := func(name string) func() bool {
		return func() bool { return alerts(t, url)[name].Status.State == "active" }
	}
	eventually(t, "the first rules are in force", firing("Is_warning"))

	good, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, tt := range []struct {
		name, path, text, want string
	}{
		{"a rule that does not parse", file, "groups: [{name: a, rules: [{alert: A, expr: 'up ==='}]}]", "parse error"},
		{"not YAML", file, "{", "rules.yaml"},
		{"an unknown field", file, "groups: [{name: a, rules: [{alert: A, expr: up, severity: high}]}]", "severity"},
		{"a route to nowhere", am, "route: {receiver: other}\nreceivers: [{name: mine}]\n", "other"},
		{"an empty configuration", am, "", "route"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, err := os.ReadFile(tt.path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(tt.path, []byte(tt.text), 0o600))
			for _, engine := range []string{"prometheus", "alertmanager"} {
				code, text := send(t, http.MethodPost, url+"/"+engine+"/-/reload", "")
				require.Equal(t, http.StatusInternalServerError, code)
				require.Contains(t, text, tt.want)
			}
			eventually(t, "the old one stays in force", firing("Is_warning"))
			_, status := get(t, url+"/alertmanager/api/v2/status")
			require.Contains(t, status, "mine")
			require.NoError(t, os.WriteFile(tt.path, before, 0o600))
		})
	}
	missing := o.Config
	missing.RuleFiles = []string{filepath.Join(t.TempDir(), "absent.yaml")}
	require.Equal(t, fail.NotFound, fail.CodeOf(s.Reload(t.Context(), missing)))
	twice := o.Config
	twice.SLOs = []SLO{{Name: "a", Objective: 2}}
	require.Equal(t, fail.Usage, fail.CodeOf(s.Reload(t.Context(), twice)))

	more := strings.Replace(string(good), "rules:\n", "rules:\n      - alert: Is_info\n        expr: info > 0\n        labels: {severity: info, service: other}\n", 1)
	require.NoError(t, os.WriteFile(file, []byte(more), 0o600))
	code, text := send(t, http.MethodPost, url+"/prometheus/-/reload", "")
	require.Equal(t, http.StatusOK, code, text)
	eventually(t, "the new rule is in force", firing("Is_info"))
}
