package polish_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/test/testbed"
)

var midday = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// stage is a backend with a script: a falling disk, two replicas, a mistake.
type stage struct{ metrics.Querier }

func (stage) Instant(_ context.Context, q string, at time.Time) (metrics.Result, error) {
	one := func(v float64, labels ...string) api.MetricSeries {
		set := map[string]string{}
		for i := 0; i < len(labels); i += 2 {
			set[labels[i]] = labels[i+1]
		}
		return api.MetricSeries{Labels: set, Samples: []api.MetricSample{{Time: at, Value: api.Number(v)}}}
	}
	r := metrics.Result{Type: "vector", Series: []api.MetricSeries{}}
	switch q {
	case "mem":
		r.Series = append(r.Series, one(3<<30, "__name__", "mem_bytes", "job", "api\x1b[31m"), one(math.NaN(), "__name__", "mem_bytes", "job", "b"), one(math.Inf(1), "__name__", "mem_bytes", "job", "=cmd"))
		r.Warnings = []string{"half of the stores\x07 answered"}
	case "empty":
	case "at":
		r.Series = append(r.Series, one(float64(at.Unix())))
	default:
		return r, fail.New(fail.Usage, `prometheus at http://p refuses the expression: invalid parameter "query": 1:5: parse error: unexpected end of input`).Hint("aictl metrics list")
	}
	return r, nil
}

func (stage) Range(_ context.Context, q string, w metrics.Window) (metrics.Result, error) {
	r := metrics.Result{Type: "matrix", Series: []api.MetricSeries{}}
	curve := func(name string, f func(i int) float64) {
		s := api.MetricSeries{Labels: map[string]string{"__name__": "disk_bytes", "replica": name}}
		for i := range w.Points() {
			if v := f(i); !math.IsNaN(v) || i%2 == 0 {
				s.Samples = append(s.Samples, api.MetricSample{Time: w.Time(i), Value: api.Number(v)})
			}
		}
		r.Series = append(r.Series, s)
	}
	switch q {
	case "disk":
		n := float64(w.Points())
		curve("a", func(i int) float64 { return 1e9*(1-float64(i)/n) + 3e6*math.Sin(float64(i)*7) + 2e8 })
	case "two":
		curve("a", func(i int) float64 { return float64(i) * 1e6 })
		curve("b", func(i int) float64 {
			if i > 20 && i < 30 {
				return math.NaN()
			}
			return 1e8 - float64(i)*1e5
		})
	case `ALERTS{alertstate="firing"}`:
		s := api.MetricSeries{Labels: map[string]string{"alertname": "Full\x1b[2J", "alertstate": "firing"}}
		for i := w.Points() / 2; i < w.Points(); i++ {
			s.Samples = append(s.Samples, api.MetricSample{Time: w.Time(i), Value: 1})
		}
		r.Series = append(r.Series, s)
	case "empty":
	default:
		_, err := stage{}.Instant(context.Background(), q, w.To)
		return r, err
	}
	return r, nil
}

func (stage) LabelValues(_ context.Context, label string, _ metrics.Selection) ([]string, []string, error) {
	if label == metrics.NameLabel {
		return []string{"disk_bytes", "http_seconds_bucket", "jobs_total", "up"}, nil, nil
	}
	return []string{"a", "b"}, nil, nil
}

func (stage) LabelNames(context.Context, metrics.Selection) ([]string, []string, error) {
	return []string{"job", "__name__"}, nil, nil
}

func (stage) Metadata(context.Context, string, int) (map[string]api.Metric, error) {
	return map[string]api.Metric{"http_seconds": {Type: "histogram", Help: "How\x1b long.", Unit: ""}, "up": {Type: "gauge", Help: "Up."}}, nil
}

func command(t *testing.T) testbed.Command {
	return testbed.MetricsCommand(t, stage{}, func() time.Time { return midday }, func(context.Context, time.Time, time.Time) ([]api.Annotation, error) {
		end := midday.Add(-10 * time.Minute)
		return []api.Annotation{
			{Kind: "deployment", Time: midday.Add(-40 * time.Minute), Title: "chat", Text: "v2"},
			{Kind: "silence", Time: midday.Add(-20 * time.Minute), End: &end, Title: "by bo"},
		}, nil
	})
}

func TestMetricsStories(t *testing.T) {
	aictl := command(t)
	for _, c := range []struct {
		line   string
		exit   int
		stdout []string
		stderr []string
	}{
		{"metrics query mem", 0, []string{"METRIC", "mem_bytes{job=\"api\\x1b[31m\"}", "3 GiB", "NaN", "+Inf"}, []string{"warning: half of the stores"}},
		{"metrics query mem -o csv", 0, []string{"time,metric,value,job", "3221225472", "NaN", "'=cmd"}, nil},
		{"metrics query mem -o json --jq .series[].samples[0].value", 0, []string{"3221225472", `NaN`, `+Inf`}, nil},
		{"metrics query mem -o jsonl --jq .type", 0, []string{"vector"}, nil},
		{"metrics query mem -o graph", 2, nil, []string{"-o graph is for what can be drawn"}},
		{"metrics query empty", 0, nil, []string{"gives no series"}},
		{"metrics query at --time now-1h -o json --jq .series[0].samples[0].value", 0, []string{"1772622000"}, nil},
		{"metrics query at --time tomorrowish", 2, nil, []string{"--time"}},
		{"metrics query sum(", 2, nil, []string{"  sum(\n      ^\n", "parse error", "next: aictl metrics list"}},
		{"metrics query sum( -o json", 2, nil, []string{"parse error"}},
		{"metrics range two --since 1h", 0, []string{"MIN", "GAPS", "95.37 MiB", "▁"}, nil},
		{"metrics range two --since 1h --step 10m -o csv", 0, []string{"time,metric,value,replica\n2026-03-04T11:00:00Z,"}, nil},
		{"metrics range two --since 1h -o json --jq .step", 0, []string{"30s"}, nil},
		{"metrics range two --since 1h -o graph --size 80x20", 0, []string{`a {replica="a"} last 114.4 MiB`, "┤", "MiB"}, nil},
		{"metrics range two --from now-1h --to now-2h", 2, nil, []string{"before it begins"}},
		{"metrics range two --since 30d --step 1s", 2, nil, []string{"at most 11000", "--step 5m"}},
		{"metrics range empty", 0, nil, []string{"gives no series"}},
		{"metrics plot two --threshold 5e7 --size 90x24", 0, []string{"threshold 47.68 MiB", "1 ", "deployment chat v2", "silence by bo (until", "alert Full"}, nil},
		{"metrics plot two --marks none --size 90x24", 0, []string{"b "}, nil},
		{"metrics plot two -o json --jq .annotations[].kind", 0, []string{"deployment", "alert", "silence"}, nil},
		{"metrics plot two --size 9x9", 2, nil, []string{"is not a size"}},
		{"metrics plot two --unit parsecs", 2, nil, []string{"is not a unit"}},
		{"metrics plot empty", 0, []string{"no series"}, nil},
		{"metrics list", 0, []string{"http_seconds_bucket   histogram ", "jobs_total"}, nil},
		{"metrics list http -o name", 0, []string{"metric/http_seconds_bucket"}, nil},
		{"metrics list --match ( ", 2, nil, []string{"regular expression"}},
		{"metrics labels", 0, []string{"__name__", "job"}, nil},
		{"metrics labels --label job -o json --jq .[].value", 0, []string{"a\nb\n"}, nil},
		{"metrics top mem", 2, nil, nil},
		{"predict forecast --query disk --since 2d --step 1h --horizon 3 -o csv", 0, []string{"time,value,lower_80%"}, nil},
		{"predict forecast --query disk --since 2d --step 1h --until 0", 0, []string{"First reaches 0, falling:", "with 50 % probability by 2026-03-0"}, []string{"model "}},
		{"predict forecast --query disk --since 2d --until 0 --step 1h -o json --jq .passage.quantiles|length", 0, []string{"3"}, nil},
		{"predict forecast --query disk --since 2d --step 1h -o graph", 0, []string{"┤"}, nil},
		{"predict forecast --query two --since 2d --step 1h", 2, nil, []string{"gives 2 series", "--each"}},
		{"predict forecast --query two --since 2d --step 1h --horizon 2 --each -o json --jq .[].labels.replica", 0, []string{"a\nb\n"}, nil},
		{"predict anomaly --query two --since 2d --step 1h --each", 0, []string{`disk_bytes{replica="b"}`}, nil},
		{"predict forecast --query empty", 11, nil, []string{"gives no series"}},
		{"predict forecast --query sum(", 2, nil, []string{"      ^\n"}},
		{"predict forecast --query disk --step 1mo", 2, nil, []string{"not a step"}},
		{"predict forecast --query disk file.csv", 2, nil, []string{"both say"}},
		{"__complete metrics query rate(htt", 0, []string{"rate(http_seconds_bucket"}, nil},
		{"__complete metrics plot up{jo", 0, []string{"up{job\n"}, nil},
		{"__complete metrics range up{job=\"", 0, []string{"up{job=\"a\n", "up{job=\"b\n"}, nil},
		{"__complete metrics plot up -o gr", 0, []string{"graph"}, nil},
	} {
		t.Run(c.line, func(t *testing.T) {
			stdout, stderr, exit := aictl(strings.Fields(c.line)...)
			if c.line == "metrics top mem" { // the backend knows no range of it
				require.NotContains(t, stdout+stderr, "\x1b")
				return
			}
			require.Equal(t, c.exit, exit, "%s\n%s", stdout, stderr)
			for _, s := range c.stdout {
				require.Contains(t, stdout, s)
			}
			for _, s := range c.stderr {
				require.Contains(t, stderr, s)
			}
			require.NotContains(t, stdout+stderr, "\x1b", "a control sequence from outside")
			require.NotContains(t, stdout+stderr, "\x07")
			if strings.Contains(c.line, "-o json") && !strings.Contains(c.line, "--jq") && exit == 0 {
				require.True(t, json.Valid([]byte(stdout)))
			}
		})
	}
}
