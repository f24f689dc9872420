package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Number is a value of a metric: a JSON number, or "NaN", "+Inf", "-Inf".
type Number = op.Number

// MetricSample is one value of a series.
type MetricSample struct {
	Time  time.Time `json:"time"`
	Value Number    `json:"value"`
	// Histogram is set where the sample is a native histogram; Value is then
	// its sum.
	Histogram *MetricHistogram `json:"histogram,omitempty"`
}

// MetricHistogram is a native histogram.
type MetricHistogram struct {
	Count   Number         `json:"count"`
	Sum     Number         `json:"sum"`
	Buckets []MetricBucket `json:"buckets"`
}

// MetricBucket is one bucket of a native histogram.
type MetricBucket struct {
	Lower Number `json:"lower"`
	Upper Number `json:"upper"`
	Count Number `json:"count"`
}

// MetricSeries is one series: its labels (the metric's name is __name__) and
// its samples, oldest first. A step without a sample is a gap.
type MetricSeries struct {
	Labels  map[string]string `json:"labels"`
	Samples []MetricSample    `json:"samples"`
}

// MetricInstant is the answer of an instant query.
type MetricInstant struct {
	Query string    `json:"query"`
	Type  string    `json:"type" jsonschema:"vector, matrix or scalar"`
	Time  time.Time `json:"time" jsonschema:"the moment of the evaluation"`
	// Series hold a sample each in a vector and a scalar, several in a matrix.
	Series   []MetricSeries `json:"series"`
	Warnings []string       `json:"warnings"`
	Infos    []string       `json:"infos"`
}

// MetricRange is the answer of a range query.
type MetricRange struct {
	Query    string         `json:"query"`
	From     time.Time      `json:"from" jsonschema:"first step"`
	To       time.Time      `json:"to" jsonschema:"last step"`
	Step     op.Duration    `json:"step"`
	Series   []MetricSeries `json:"series"`
	Warnings []string       `json:"warnings"`
	Infos    []string       `json:"infos"`
}

// MetricPlot is what a plot shows: a range, with what happened meanwhile.
type MetricPlot struct {
	MetricRange
	Annotations []Annotation `json:"annotations"`
	Thresholds  []Number     `json:"thresholds"`
}

// Annotation is something that happened: a mark on a time axis.
type Annotation struct {
	Kind   string            `json:"kind" jsonschema:"alert, deployment or silence"`
	Time   time.Time         `json:"time" jsonschema:"when it began"`
	End    *time.Time        `json:"end,omitempty" jsonschema:"when it ended; absent while it lasts, and where it has no length"`
	Title  string            `json:"title"`
	Text   string            `json:"text,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Metric is what is known of a metric's name.
type Metric struct {
	Name string `json:"name"`
	Type string `json:"type" jsonschema:"counter, gauge, histogram, summary, info, stateset or unknown"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

// MetricLabel is a label name, or a value of one.
type MetricLabel struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// MetricTop is the answer of metrics.top.
type MetricTop struct {
	Query    string         `json:"query"`
	Window   op.Duration    `json:"window"`
	Rows     []MetricTopRow `json:"rows"`
	Total    int            `json:"total" jsonschema:"series in all"`
	Warnings []string       `json:"warnings"`
}

// MetricTopRow is one series of a top, with how it came to its value.
type MetricTopRow struct {
	Labels map[string]string `json:"labels"`
	Value  Number            `json:"value"`
	Before Number            `json:"before" jsonschema:"the first value in the window; NaN where there is none"`
	Change Number            `json:"change" jsonschema:"value minus before"`
	Recent []Number          `json:"recent" jsonschema:"the window in equal steps; NaN is a gap"`
}

// MetricQueryInput is an instant query.
type MetricQueryInput struct {
	Query string    `json:"query" arg:"PROMQL" complete:"metrics" jsonschema:"the expression"`
	Time  time.Time `json:"time,omitzero" flag:"-" jsonschema:"the moment; now where absent"`
}

// MetricRangeInput is a range query.
type MetricRangeInput struct {
	Query string      `json:"query" arg:"PROMQL" complete:"metrics" jsonschema:"the expression"`
	From  time.Time   `json:"from,omitzero" flag:"-" jsonschema:"first moment; an hour before the last where absent"`
	To    time.Time   `json:"to,omitzero" flag:"-" jsonschema:"last moment; now where absent"`
	Step  op.Duration `json:"step,omitempty" jsonschema:"time between two values (30s, 5m); chosen from the window where absent"`
}

// MetricPlotInput is a range query with thresholds and a choice of marks.
type MetricPlotInput struct {
	MetricRangeInput
	Threshold []float64 `json:"threshold,omitempty" jsonschema:"draw a line at this value; repeatable"`
	Marks     []string  `json:"marks,omitempty" enum:"alerts,deployments,silences,none" jsonschema:"what to mark on the time axis; all where absent"`
}

// MetricListInput picks metric names.
type MetricListInput struct {
	Prefix string `json:"prefix,omitempty" arg:"?PREFIX" complete:"metrics" jsonschema:"only names that begin so"`
	Match  string `json:"match,omitempty" jsonschema:"only names that match this regular expression (RE2)"`
	Limit  int    `json:"limit,omitempty" default:"10000" jsonschema:"at most this many"`
}

// MetricLabelsInput asks for label names, or for the values of one.
type MetricLabelsInput struct {
	Selector string    `json:"selector,omitempty" arg:"?SELECTOR" complete:"metrics" jsonschema:"only of series that match (up, or {job=\"api\"})"`
	Label    string    `json:"label,omitempty" flag:"label,l" jsonschema:"list the values of this label"`
	From     time.Time `json:"from,omitzero" flag:"-" jsonschema:"only series since then; an hour ago where absent"`
	To       time.Time `json:"to,omitzero" flag:"-" jsonschema:"only series until then"`
	Limit    int       `json:"limit,omitempty" default:"10000" jsonschema:"at most this many"`
}

// MetricTopInput ranks the series of an expression.
type MetricTopInput struct {
	Query  string      `json:"query,omitempty" arg:"?PROMQL" complete:"metrics" jsonschema:"the expression; calls of the platform's services where absent, or the CPU of what is scraped"`
	Limit  int         `json:"limit,omitempty" flag:"limit,l" default:"15" jsonschema:"rows"`
	Window op.Duration `json:"window,omitempty" default:"1h" jsonschema:"how far back the change and the sparkline look"`
	Bottom bool        `json:"bottom,omitempty" jsonschema:"the least values first"`
}

// The operations of metrics.
var (
	MetricsQuery = &op.Query[MetricQueryInput, MetricInstant]{Spec: op.Spec{
		ID: "metrics.query", Route: "POST /api/v1/metrics/query", Effect: op.Read, Idempotent: true,
		Summary: "Evaluate a PromQL expression at one moment",
		Doc: "The backend is the context's: Prometheus, Thanos, Mimir, VictoriaMetrics, or the embedded engine.\n" +
			"A mistake in the expression is shown with a caret under its place. Values of metrics whose names end\n" +
			"in _bytes, _seconds, _ratio or _total are shown in that unit; machine formats hold the bare numbers.",
		Errors: []fail.Code{fail.Limited, fail.TooLarge, fail.Forbidden, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl metrics query up", Note: "what is up"},
			{Command: "aictl metrics query 'sum by (job) (up)' --time now-1h", Note: "an hour ago"},
			{Command: "aictl metrics query 'count(up == 0)' -o json --jq '.series[0].samples[0].value'", Note: "a number for a script"},
		},
	}}
	MetricsRange = &op.Query[MetricRangeInput, MetricRange]{Spec: op.Spec{
		ID: "metrics.range", Route: "POST /api/v1/metrics/range", Effect: op.Read, Idempotent: true,
		Summary: "Evaluate a PromQL expression over a window",
		Doc: "The step is chosen so that a screen is filled, and times are multiples of it. The table sums up each\n" +
			"series; -o csv, json and jsonl hold every value, -o graph draws them.",
		Errors: []fail.Code{fail.Limited, fail.TooLarge, fail.Forbidden, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl metrics range up --since 2h", Note: "the last two hours"},
			{Command: "aictl metrics range 'sum(up)' --from now-1h --to now-30m --step 1m -o csv", Note: "every minute, for a spreadsheet"},
			{Command: "aictl metrics range up --since 15m -o graph", Note: "as a picture"},
		},
	}}
	MetricsPlot = &op.Query[MetricPlotInput, MetricPlot]{Spec: op.Spec{
		ID: "metrics.plot", Route: "POST /api/v1/metrics/plot", Effect: op.Read, Idempotent: true,
		Summary: "Plot a PromQL expression with what happened meanwhile",
		Doc: "Up to eight series in braille dots (plain ASCII on terminals without them), with deployments, alerts and\n" +
			"silences marked on the time axis. A missing value is a gap and never crossed; a dot is at most half a\n" +
			"cell from its value. Times are local.",
		Errors: []fail.Code{fail.Limited, fail.TooLarge, fail.Forbidden, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl metrics plot up --since 2h", Note: "two hours"},
			{Command: "aictl metrics plot 'sum(up)' --threshold 0.5 --marks alerts", Note: "with a line, and only alerts marked"},
			{Command: "aictl metrics plot up -o json --jq '.annotations'", Note: "what would be marked"},
		},
	}}
	MetricsList = &op.Query[MetricListInput, []Metric]{Spec: op.Spec{
		ID: "metrics.list", Route: "GET /api/v1/metrics", Effect: op.Read, Idempotent: true,
		Summary: "List metrics with type, unit and help",
		Errors:  []fail.Code{fail.Limited, fail.TooLarge, fail.Forbidden, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl metrics list", Note: "all of them"},
			{Command: "aictl metrics list aictl_gateway", Note: "those of the gateway"},
			{Command: "aictl metrics list --match '_total$' -o name", Note: "counters, by name"},
		},
	}}
	MetricsLabels = &op.Query[MetricLabelsInput, []MetricLabel]{Spec: op.Spec{
		ID: "metrics.labels", Route: "GET /api/v1/metrics/labels", Effect: op.Read, Idempotent: true,
		Summary: "List the labels of series, or the values of one label",
		Errors:  []fail.Code{fail.Limited, fail.TooLarge, fail.Forbidden, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl metrics labels up", Note: "the labels of a metric"},
			{Command: "aictl metrics labels --label job", Note: "every job"},
			{Command: "aictl metrics labels '{job=~\".+\"}' --label instance -o json --jq '.[].value'", Note: "values, for a script"},
		},
	}}
	MetricsTop = &op.Query[MetricTopInput, MetricTop]{Spec: op.Spec{
		ID: "metrics.top", Route: "POST /api/v1/metrics/top", Effect: op.Read, Idempotent: true,
		Summary: "Rank series by value, with their change over a window",
		Errors:  []fail.Code{fail.Limited, fail.TooLarge, fail.Forbidden, fail.NotFound},
		Examples: []op.Example{
			{Command: "aictl metrics top", Note: "the busiest services"},
			{Command: "aictl metrics top 'process_resident_memory_bytes' --window 6h", Note: "who grew in six hours"},
			{Command: "aictl metrics top up --bottom --limit 5 -o json --jq '.rows[0].labels'", Note: "the least first"},
		},
	}}
)
