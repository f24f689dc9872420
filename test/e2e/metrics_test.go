//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/metrics/prom"
	"github.com/aictl/aictl/test/testbed"
)

const alwaysFiring = `
groups:
- name: test
  rules:
  - {alert: AlwaysFiring, expr: vector(1), labels: {severity: page}}
  - {record: "job:up:sum", expr: sum by (job) (up)}
`

// realPrometheus is a Prometheus that has scraped a node exporter for some
// seconds, with its adapter.
func realPrometheus(t *testing.T) (string, *prom.Client) {
	t.Helper()
	url := testbed.Prometheus(t, alwaysFiring, testbed.NodeExporter(t))
	c, err := prom.New(prom.Options{URL: url})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	testbed.Eventually(t, time.Minute, "ten scrapes of the node exporter and the alert", func(ctx context.Context) error {
		for _, q := range []string{`count_over_time(up{job="node"}[1m]) >= 10`, `ALERTS{alertstate="firing"}`, `job:up:sum`} {
			r, err := c.Instant(ctx, q, time.Time{})
			if err == nil && len(r.Series) == 0 {
				err = fmt.Errorf("%s gives nothing yet", q)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return url, c
}

// TestMetricsAgainstPrometheus runs the adapter and the command line against
// a real Prometheus with a real node exporter; promtool is the oracle.
func TestMetricsAgainstPrometheus(t *testing.T) {
	url, c := realPrometheus(t)
	ctx := t.Context()
	now := time.Now().Truncate(time.Second)
	aictl := testbed.MetricsCommand(t, c, nil, nil)
	must := func(t *testing.T, args ...string) string {
		t.Helper()
		out, errOut, exit := aictl(args...)
		require.Zero(t, exit, "aictl %s\n%s%s", strings.Join(args, " "), out, errOut)
		return out
	}

	t.Run("says what it is", func(t *testing.T) {
		b, err := c.Check(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, b.Version)
		require.Equal(t, url, b.URL)
	})

	t.Run("instant values equal promtool's", func(t *testing.T) {
		for _, q := range []string{
			"up", "node_filesystem_size_bytes", "rate(node_cpu_seconds_total[30s])", "sum by (mode) (node_cpu_seconds_total)", "prometheus_tsdb_head_series",
			"vector(1)/0", "(-vector(1))/0", "vector(0)/0", "1+1", `{__name__=~"node_memory_.*"}`, "job:up:sum",
		} {
			want := promtoolInstant(t, url, q, now)
			r, err := c.Instant(ctx, q, now)
			require.NoError(t, err, q)
			got := map[string]float64{}
			for _, s := range r.Series {
				require.Len(t, s.Samples, 1)
				got[labelKey(s.Labels)] = float64(s.Samples[0].Value)
			}
			require.NotEmpty(t, want, q)
			sameValues(t, q, want, got)

			var doc api.MetricInstant
			require.NoError(t, json.Unmarshal([]byte(must(t, "metrics", "query", q, "--time", now.Format(time.RFC3339), "-o", "json")), &doc))
			got = map[string]float64{}
			for _, s := range doc.Series {
				got[labelKey(s.Labels)] = float64(s.Samples[0].Value)
			}
			sameValues(t, q, want, got)
		}
	})

	t.Run("ranges equal promtool's", func(t *testing.T) {
		q := `rate(node_cpu_seconds_total{mode="idle"}[5s])`
		w, err := metrics.NewWindow(now.Add(-8*time.Second), now, 2*time.Second, now)
		require.NoError(t, err)
		r, err := c.Range(ctx, q, w)
		require.NoError(t, err)
		out := promtool(t, "range", "--format=json", "--start="+w.From.Format(time.RFC3339), "--end="+w.To.Format(time.RFC3339), "--step=2s", url, q)
		var want []struct {
			Metric map[string]string
			Values [][2]any
		}
		require.NoError(t, json.Unmarshal([]byte(out), &want))
		require.Len(t, r.Series, len(want))
		for i, s := range want {
			require.Equal(t, s.Metric, r.Series[i].Labels)
			require.Len(t, r.Series[i].Samples, len(s.Values))
			for k, v := range s.Values {
				require.InDelta(t, v[0], float64(r.Series[i].Samples[k].Time.UnixMilli())/1000, 1e-6)
				f, err := strconv.ParseFloat(v[1].(string), 64)
				require.NoError(t, err)
				require.InDelta(t, f, float64(r.Series[i].Samples[k].Value), 0)
			}
		}
	})

	t.Run("names, labels and help", func(t *testing.T) {
		out := must(t, "metrics", "list", "node_filesystem_size")
		require.Contains(t, out, "node_filesystem_size_bytes")
		require.Contains(t, out, "gauge")
		require.Contains(t, must(t, "metrics", "labels", "node_cpu_seconds_total"), "mode")
		require.Contains(t, must(t, "metrics", "labels", "node_cpu_seconds_total", "--label", "mode"), "idle")
		require.Contains(t, must(t, "metrics", "top", "--window", "1m"), "job=\"node\"")
		require.Contains(t, must(t, "metrics", "query", "node_filesystem_size_bytes"), "iB")
	})

	t.Run("mistakes are located", func(t *testing.T) {
		for q, caret := range map[string]string{
			`sum(rate(up[5m]) by (job)`: "  sum(rate(up[5m]) by (job)\n                   ^\n",
			`up{`:                       "  up{\n     ^\n",
			"up +\n  b c":               "    b c\n      ^\n",
			"rate(up)":                  "  rate(up)\n       ^\n",
		} {
			_, errOut, exit := aictl("metrics", "query", q)
			require.Equal(t, fail.Usage.Exit(), exit, errOut)
			require.Contains(t, errOut, caret)
		}
		_, err := c.Instant(ctx, `up * on () up`, now)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "many to many: %v", err)
	})

	t.Run("a plot marks the alert", func(t *testing.T) {
		out := must(t, "metrics", "plot", `sum(up)`, "--since", "30s", "--step", "1s", "--size", "90x20", "--threshold", "1.5")
		require.Contains(t, out, "alert AlwaysFiring")
		require.Contains(t, out, "threshold 1.5")
	})

	t.Run("predictions from PromQL", func(t *testing.T) {
		out := must(t, "predict", "forecast", "--query", `sum(up)`, "--since", "10s", "--step", "1s", "--horizon", "3", "-o", "json", "--jq", ".points|length")
		require.Equal(t, "3\n", out)
		_, errOut, exit := aictl("predict", "forecast", "--query", "node_cpu_seconds_total", "--since", "10s", "--step", "1s")
		require.Equal(t, fail.Usage.Exit(), exit)
		require.Contains(t, errOut, "--each")
	})

	t.Run("a wrong prefix is said", func(t *testing.T) {
		wrong, err := prom.New(prom.Options{URL: strings.TrimSuffix(url, "/prom") + "/elsewhere"})
		require.NoError(t, err)
		t.Cleanup(wrong.Close)
		_, err = wrong.Instant(ctx, "up", now)
		require.Equal(t, fail.NotFound, fail.CodeOf(err), "%v", err)
		require.Contains(t, err.Error(), "/elsewhere")
	})
}

func promtool(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, testbed.Find(t, "promtool"), append([]string{"query"}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func promtoolInstant(t *testing.T, url, query string, at time.Time) map[string]float64 {
	t.Helper()
	out := promtool(t, "instant", "--format=json", "--time="+at.Format(time.RFC3339), url, query)
	got := map[string]float64{}
	add := func(labels map[string]string, value any) {
		f, err := strconv.ParseFloat(value.(string), 64)
		require.NoError(t, err)
		got[labelKey(labels)] = f
	}
	if strings.HasPrefix(out, "[{") {
		var list []struct {
			Metric map[string]string
			Value  [2]any
		}
		require.NoError(t, json.Unmarshal([]byte(out), &list), out)
		for _, s := range list {
			add(s.Metric, s.Value[1])
		}
		return got
	}
	var scalar [2]any
	require.NoError(t, json.Unmarshal([]byte(out), &scalar), out)
	add(nil, scalar[1])
	return got
}

func labelKey(labels map[string]string) string { return metrics.Labels(labels) }

func sameValues(t *testing.T, query string, want, got map[string]float64) {
	t.Helper()
	require.Len(t, got, len(want), query)
	for k, v := range want {
		g, ok := got[k]
		require.True(t, ok, "%s: %s is missing", query, k)
		require.True(t, v == g || math.IsNaN(v) && math.IsNaN(g), "%s: %s is %g, and promtool says %g", query, k, g, v)
	}
}
