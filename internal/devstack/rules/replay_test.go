package rules_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	engine "github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/devstack/rules"
)

type memory map[string][]byte

func (m memory) Load(name string, lax bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	return rulefmt.Parse(m[name], lax, scheme, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
}

func (m memory) Parse(q string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(q)
}

// replay evaluates the named document over series in promtool's notation,
// every step from 0 to end, and gives the alerts that fire at the end: name,
// severity, service and window.
func replay(t testing.TB, series, document string, slos []rules.SLO, end, step time.Duration) []string {
	t.Helper()
	store := promqltest.LoadedStorage(t, series)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	docs, err := rules.Documents(slos)
	require.NoError(t, err)
	eng := promql.NewEngine(promql.EngineOpts{MaxSamples: 10_000_000, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
	t.Cleanup(func() { require.NoError(t, eng.Close()) })
	m := engine.NewManager(&engine.ManagerOptions{
		ExternalURL: &url.URL{}, QueryFunc: engine.EngineQueryFunc(eng, store), Context: t.Context(),
		NotifyFunc: func(context.Context, string, ...*engine.Alert) {},
		Appendable: store, Queryable: store, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		GroupLoader: memory(docs),
	})
	loaded, errs := m.LoadGroups(step, labels.EmptyLabels(), "", nil, false, document)
	require.Empty(t, errs)
	for at := time.Duration(0); at <= end; at += step {
		for _, key := range slices.Sorted(maps.Keys(loaded)) { // what is recorded comes before what uses it
			g := loaded[key]
			g.Eval(t.Context(), time.Unix(0, 0).UTC().Add(at))
		}
	}
	var out []string
	for _, g := range loaded {
		for _, r := range g.Rules() {
			require.NoError(t, r.LastError(), r.Name())
			if a, ok := r.(*engine.AlertingRule); ok {
				for _, f := range a.ActiveAlerts() {
					if f.State == engine.StateFiring {
						require.NotContains(t, f.Annotations.Get("summary")+f.Annotations.Get("description"), "error expanding")
						out = append(out, fmt.Sprintf("%s %s %s %s", a.Name(), f.Labels.Get("severity"), f.Labels.Get("service"), f.Labels.Get("window")))
					}
				}
			}
		}
	}
	return out
}

// calls are the counters of one service: good and bad calls a minute.
func calls(service string, good, bad, minutes int) string {
	return fmt.Sprintf("  aictl_gateway_requests_total{service=%q,revision=\"1\",operation=\"o\",code=\"ok\"} 0+%dx%d\n", service, good, minutes) +
		fmt.Sprintf("  aictl_gateway_requests_total{service=%q,revision=\"1\",operation=\"o\",code=\"internal\"} 0+%dx%d\n", service, bad, minutes)
}

func TestBurnRates(t *testing.T) {
	t.Parallel()
	slo := []rules.SLO{{Name: "availability", Objective: 0.999}}
	for _, tt := range []struct {
		name   string
		series string
		end    time.Duration
		want   []string
	}{
		{"within the budget", calls("chat", 100000, 50, 120), 2 * time.Hour, nil},
		{
			"2 % bad for two hours burns 20 times too fast", calls("chat", 9800, 200, 120), 2 * time.Hour,
			[]string{"SLOBudgetBurnsFast critical chat 1h", "SLOBudgetBurnsFast critical chat 6h", "SLOBudgetBurns warning chat 1d", "SLOBudgetBurns warning chat 3d"},
		},
		{
			"0.8 % is 8 times: not the fastest alert", calls("chat", 9920, 80, 420), 7 * time.Hour,
			[]string{"SLOBudgetBurnsFast critical chat 6h", "SLOBudgetBurns warning chat 1d", "SLOBudgetBurns warning chat 3d"},
		},
		{
			"0.2 % is twice: a warning of the slowest kind", calls("chat", 9980, 20, 480), 8 * time.Hour,
			[]string{"SLOBudgetBurns warning chat 3d"},
		},
		{
			"over: the short windows are clean again",
			"  aictl_gateway_requests_total{service=\"chat\",code=\"ok\"} 0+9800x60 588000+10000x16\n" +
				"  aictl_gateway_requests_total{service=\"chat\",code=\"internal\"} 0+200x60 12000+0x16\n",
			75 * time.Minute,
			[]string{"SLOBudgetBurnsFast critical chat 6h", "SLOBudgetBurns warning chat 1d", "SLOBudgetBurns warning chat 3d"},
		},
		{"one bad call of ten wakes nobody", "  aictl_gateway_requests_total{service=\"chat\",code=\"ok\"} 0+0x30 1+1x9 10+0x20\n  aictl_gateway_requests_total{service=\"chat\",code=\"internal\"} 0+0x30 1+0x30\n", time.Hour, []string{"SLOBudgetBurns warning chat 1d"}},
		{"each service has its own budget", calls("chat", 10000, 0, 120) + calls("predict", 900, 100, 120), 2 * time.Hour, []string{
			"SLOBudgetBurnsFast critical predict 1h", "SLOBudgetBurnsFast critical predict 6h", "SLOBudgetBurns warning predict 1d", "SLOBudgetBurns warning predict 3d",
		}},
		{"calls of unknown services have no budget", calls("unknown", 100, 900, 120), 2 * time.Hour, nil},
		{"no calls at all", calls("chat", 0, 0, 120), 2 * time.Hour, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			step := 5 * time.Minute
			if tt.end == time.Hour { // a single call falls between windows that touch
				step = time.Minute
			}
			got := replay(t, "load 1m\n"+tt.series, "builtin:slo.yaml", slo, tt.end, step)
			require.ElementsMatch(t, tt.want, got)
		})
	}
}

func TestLatencyBudget(t *testing.T) {
	slo := []rules.SLO{{Name: "slow", Service: "predict", Kind: rules.Latency, Objective: 0.99, Threshold: time.Second}}
	h := func(le string, per int) string {
		return fmt.Sprintf("  aictl_gateway_request_duration_seconds_bucket{service=\"predict\",le=%q} 0+%dx120\n", le, per)
	}
	total := "  aictl_gateway_request_duration_seconds_count{service=\"predict\"} 0+1000x120\n"
	for _, bound := range []string{"1", "1.0"} {
		t.Run("bound "+bound, func(t *testing.T) {
			require.Empty(t, replay(t, "load 1m\n"+h("0.5", 900)+h(bound, 995)+h("+Inf", 1000)+total, "builtin:slo.yaml", slo, 2*time.Hour, 5*time.Minute))
			got := replay(t, "load 1m\n"+h("0.5", 500)+h(bound, 800)+h("+Inf", 1000)+total, "builtin:slo.yaml", slo, 2*time.Hour, 5*time.Minute)
			require.Contains(t, got, "SLOBudgetBurnsFast critical predict 1h")
		})
	}
}

func TestServiceAlerts(t *testing.T) {
	const base = "load 5s\n"
	for _, tt := range []struct {
		name, series string
		end          time.Duration
		want         []string
	}{
		{"quiet", `  aictl_gateway_requests_total{service="chat",code="ok"} 0+5x200` + "\n", 5 * time.Minute, nil},
		{"a tenth fails", `  aictl_gateway_requests_total{service="chat",code="ok"} 0+9x200
  aictl_gateway_requests_total{service="chat",code="unavailable"} 0+1x200
`, 5 * time.Minute, []string{"ServiceErrorsHigh warning chat "}},
		{"half fails", `  aictl_gateway_requests_total{service="chat",code="ok"} 0+5x200
  aictl_gateway_requests_total{service="chat",code="timeout"} 0+5x200
`, 5 * time.Minute, []string{"ServiceErrorsHigh warning chat ", "ServiceErrorsCritical critical chat "}},
		{"the caller's mistakes are no errors of ours", `  aictl_gateway_requests_total{service="chat",code="usage"} 0+5x200` + "\n", 5 * time.Minute, nil},
		{"half is refused", `  aictl_gateway_requests_total{service="chat",code="ok"} 0+5x200
  aictl_gateway_requests_total{service="chat",code="limited"} 0+5x200
`, 8 * time.Minute, []string{"ServiceShedding critical chat "}},
		{"a queue", `  aictl_gateway_queue_depth{service="chat",operation="o"} 3x100` + "\n", 3 * time.Minute, []string{"ServiceSaturated warning chat "}},
		{"one breaker of two", `  aictl_gateway_breaker_state{service="chat",revision="1",target="a"} 2x100
  aictl_gateway_breaker_state{service="chat",revision="1",target="b"} 0x100
`, time.Minute, []string{"BreakerOpen warning chat "}},
		{"all breakers", `  aictl_gateway_breaker_state{service="chat",revision="1",target="a"} 2x100
  aictl_gateway_breaker_state{service="chat",revision="1",target="b"} 2x100
`, time.Minute, []string{"BreakerOpen warning chat ", "BreakerOpen warning chat ", "AllBreakersOpen critical chat "}},
		{"four times slower than before", `  aictl_gateway_requests_total{service="p",code="ok"} 0+10x300
  aictl_gateway_request_duration_seconds_bucket{service="p",le="0.1"} 0+10x200 2000+0x100
  aictl_gateway_request_duration_seconds_bucket{service="p",le="2.5"} 0+10x300
  aictl_gateway_request_duration_seconds_bucket{service="p",le="+Inf"} 0+10x300
`, 19 * time.Minute, []string{"ServiceLatencyRisen warning p "}},
		{"slow to begin", `  aictl_gateway_requests_total{service="p",code="ok"} 0+10x300
  aictl_gateway_first_byte_seconds_bucket{service="p",le="5.0"} 0+0x300
  aictl_gateway_first_byte_seconds_bucket{service="p",le="10.0"} 0+10x300
  aictl_gateway_first_byte_seconds_bucket{service="p",le="+Inf"} 0+10x300
`, 10 * time.Minute, []string{"ServiceLatencyCritical critical p "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.ElementsMatch(t, tt.want, replay(t, base+tt.series, "builtin:services.yaml", nil, tt.end, 30*time.Second))
		})
	}
}

func TestPlatformAlerts(t *testing.T) {
	for _, tt := range []struct {
		name, series string
		end          time.Duration
		want         []string
	}{
		{"all is well", `  up{job="aictl-server",instance="a"} 1x100
  aictl_devstack_disk_free_bytes 50e9x100
  aictl_devstack_disk_size_bytes 100e9x100
  aictl_config_last_reload_successful 1x100
  process_open_fds{instance="a"} 10x100
  process_max_fds{instance="a"} 1000x100
`, 5 * time.Minute, nil},
		{"a replica is down", `  up{job="r",instance="a",service="chat"} 0x100
  up{job="r",instance="b",service="chat"} 1x100
`, 2 * time.Minute, []string{"TargetDown warning chat "}},
		{
			"all replicas are down", `  up{job="r",instance="a",service="chat"} 0x100` + "\n", 2 * time.Minute,
			[]string{"TargetDown warning chat ", "ServiceDown critical chat "},
		},
		{"a target without a service", `  up{job="node",instance="a"} 0x100` + "\n", 2 * time.Minute, []string{"TargetDown warning node "}},
		{"disk", `  aictl_devstack_disk_free_bytes 5e8x100
  aictl_devstack_disk_size_bytes 100e9x100
`, 3 * time.Minute, []string{"DiskLow warning aictl-server ", "DiskCritical critical aictl-server "}},
		{"disk fills up", `  aictl_devstack_disk_free_bytes 30e9-50e6x250
  aictl_devstack_disk_size_bytes 100e9x250
`, 20 * time.Minute, []string{"DiskFillsUp warning aictl-server "}},
		{"5xx", `  aictl_http_requests_total{job="aictl-server",route="/a",code="200"} 0+10x100
  aictl_http_requests_total{job="aictl-server",route="/a",code="503"} 0+10x100
`, 5 * time.Minute, []string{"ControlPlaneErrors warning aictl-server "}},
		{
			"nobody is told", `  alertmanager_notifications_failed_total{integration="webhook",reason="other"} 0+1x100` + "\n", 5 * time.Minute,
			[]string{"NotificationsFailing critical alertmanager "},
		},
		{"a bad configuration", `  aictl_config_last_reload_successful 0x100` + "\n", 2 * time.Minute, []string{"ConfigReloadFailed warning aictl-server "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.ElementsMatch(t, tt.want, replay(t, "load 5s\n"+tt.series, "builtin:platform.yaml", nil, tt.end, 30*time.Second))
		})
	}
}
