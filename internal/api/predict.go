package api

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// SeriesPoint is one observation; a missing value is null.
type SeriesPoint struct {
	Time  time.Time `json:"time"`
	Value *float64  `json:"value"`
}

// ForecastInput asks how a series goes on.
type ForecastInput struct {
	Points  []SeriesPoint `json:"points" flag:"-" jsonschema:"the observations, in any order"`
	Horizon int           `json:"horizon,omitempty" default:"12" jsonschema:"steps to forecast"`
	Season  int           `json:"season,omitempty" jsonschema:"steps of one season; 0 finds it"`
	Level   []float64     `json:"level,omitempty" jsonschema:"levels of the intervals in percent (80 and 95 where absent)"`
	Model   string        `json:"model,omitempty" enum:"auto,ets,theta,snaive" default:"auto" jsonschema:"the model; auto picks the one with the least backtest error"`
	Step    string        `json:"step,omitempty" jsonschema:"time between observations (1h, 1d, 1mo); found where absent"`
	Until   *float64      `json:"until,omitempty" jsonschema:"say when the series first reaches this value (0 for an empty disk)"`
}

// Forecast is how a series probably goes on.
type Forecast struct {
	Model    string          `json:"model"`
	Season   int             `json:"season"`
	Step     string          `json:"step"`
	Points   []ForecastPoint `json:"points"`
	Backtest Backtest        `json:"backtest"`
	Notes    []SeriesNote    `json:"notes"`
	// Passage answers until.
	Passage *Passage `json:"passage,omitempty"`
}

// Passage is when a series first reaches a value.
type Passage struct {
	Value       float64           `json:"value"`
	Direction   string            `json:"direction" jsonschema:"falling, rising, or reached where the last observation is there"`
	Probability float64           `json:"probability" jsonschema:"of reaching it within the horizon"`
	Horizon     time.Time         `json:"horizon" jsonschema:"the last step that was looked at"`
	Quantiles   []PassageQuantile `json:"quantiles"`
}

// PassageQuantile is the time by which the value is reached with a
// probability; null is after the horizon.
type PassageQuantile struct {
	Quantile float64    `json:"quantile" jsonschema:"the probability, 0 to 1"`
	Time     *time.Time `json:"time"`
}

// ForecastPoint is one step ahead with its intervals.
type ForecastPoint struct {
	Time      time.Time  `json:"time"`
	Value     float64    `json:"value"`
	Intervals []Interval `json:"intervals"`
}

// Interval holds the future value with the probability of its level, in
// percent.
type Interval struct {
	Level float64 `json:"level"`
	Lower float64 `json:"lower"`
	Upper float64 `json:"upper"`
}

// Backtest says how the model did on the series' own past.
type Backtest struct {
	Method     string              `json:"method"`
	Folds      int                 `json:"folds"`
	Horizon    int                 `json:"horizon"`
	MASE       *float64            `json:"mase" jsonschema:"mean absolute scaled error; below 1 beats the naive forecast"`
	SMAPE      *float64            `json:"smape" jsonschema:"symmetric mean absolute percentage error"`
	RMSE       *float64            `json:"rmse"`
	MAE        *float64            `json:"mae"`
	Coverage   []Coverage          `json:"coverage"`
	Candidates []BacktestCandidate `json:"candidates"`
}

// Coverage is how often the past fell into the intervals of a level, in
// percent.
type Coverage struct {
	Level  float64 `json:"level"`
	Actual float64 `json:"actual"`
}

// BacktestCandidate is the error of one model that was tried.
type BacktestCandidate struct {
	Model string   `json:"model"`
	MASE  *float64 `json:"mase"`
	SMAPE *float64 `json:"smape"`
	RMSE  *float64 `json:"rmse"`
	Why   string   `json:"why,omitempty"`
}

// SeriesNote says what was done to a series before it was used.
type SeriesNote struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// AnomalyInput asks which observations do not fit.
type AnomalyInput struct {
	Points []SeriesPoint `json:"points" flag:"-" jsonschema:"the observations, in any order"`
	Season int           `json:"season,omitempty" jsonschema:"steps of one season; 0 finds it"`
	Level  float64       `json:"level,omitempty" jsonschema:"confidence in percent (99 where absent)"`
	Step   string        `json:"step,omitempty" jsonschema:"time between observations; found where absent"`
}

// Anomalies is a series with a judgement of each observation.
type Anomalies struct {
	Points    []AnomalyPoint `json:"points"`
	Anomalies int            `json:"anomalies"`
	Season    int            `json:"season"`
	Notes     []SeriesNote   `json:"notes"`
}

// AnomalyPoint is one judged observation.
type AnomalyPoint struct {
	Time     time.Time `json:"time"`
	Value    *float64  `json:"value"`
	Expected float64   `json:"expected"`
	Lower    float64   `json:"lower"`
	Upper    float64   `json:"upper"`
	Score    float64   `json:"score" jsonschema:"robust standard deviations from what was expected"`
	Anomaly  bool      `json:"anomaly"`
}

// PredictModel is one forecasting model.
type PredictModel struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	Source  string `json:"source" jsonschema:"the paper"`
}

// The operations of predict.
var (
	PredictForecast = &op.Query[ForecastInput, Forecast]{Spec: op.Spec{
		ID: "predict.forecast", Route: "POST /api/v1/predict/forecast", Effect: op.Invoke, Server: true, Idempotent: true,
		Summary: "Forecast a series from a file, standard input or a PromQL expression",
		Doc: "Time and value columns are found, or named with --time-col and --value-col. Gaps, duplicates and\n" +
			"irregular spacing are mended and said. The model is chosen by rolling-origin error on the series'\n" +
			"own past, and the answer holds that error. On a terminal the forecast is plotted with its intervals.\n" +
			"--query takes the series from the context's metrics. --until says when a value is first reached:\n" +
			"2,000 futures are played from the forecast, and the times by which 10, 50 and 90 percent of them are there\n" +
			"are told.",
		Errors: []fail.Code{fail.Limited, fail.TooLarge},
		Examples: []op.Example{
			{Command: "aictl predict forecast series.csv", Note: "twelve steps ahead"},
			{Command: "aictl predict forecast --horizon 24 --season 12 --level 95 < series.csv", Note: "monthly data from standard input"},
			{Command: "aictl predict forecast series.csv -o json --jq '.points[-1].value'", Note: "the last value, for a script"},
			{Command: "aictl predict forecast --query 'sum(up) or vector(0)' --since 2h --step 1m", Note: "how a PromQL expression goes on"},
			{Command: "aictl predict forecast series.csv --until 1000 -o json --jq '.passage.quantiles'", Note: "when it first reaches a value, with 10, 50 and 90 percent"},
		},
	}}
	PredictAnomaly = &op.Query[AnomalyInput, Anomalies]{Spec: op.Spec{
		ID: "predict.anomaly", Route: "POST /api/v1/predict/anomaly", Effect: op.Invoke, Server: true, Idempotent: true,
		Summary: "Find the observations of a series that do not fit",
		Errors:  []fail.Code{fail.Limited, fail.TooLarge},
		Examples: []op.Example{
			{Command: "aictl predict anomaly series.csv", Note: "the odd observations"},
			{Command: "aictl predict anomaly --level 99.9 -o json --jq '.anomalies' < series.csv", Note: "how many, strictly"},
			{Command: "aictl predict anomaly --query 'sum(up) or vector(0)' --since 2h --step 1m", Note: "the odd moments of a PromQL expression"},
		},
	}}
	PredictModels = &op.Query[None, []PredictModel]{Spec: op.Spec{
		ID: "predict.models", Route: "GET /api/v1/predict/models", Effect: op.Read, Server: true, Idempotent: true,
		Summary: "List the forecasting models and the papers that they come from",
		Examples: []op.Example{
			{Command: "aictl predict models", Note: "the candidates of --model auto"},
			{Command: "aictl predict models -o json --jq '.[].name'", Note: "their names"},
		},
	}}
)
