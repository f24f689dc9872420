package forecast

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Service is predict as an ai.Service. Make it with New.
type Service struct{ description ai.Description }

var _ ai.Service = (*Service)(nil)

// example is the example that every operation's description gives: it can be
// sent as it is.
const example = `{"points":[{"time":"2025-01-01T00:00:00Z","value":112},{"time":"2025-02-01T00:00:00Z","value":118},` +
	`{"time":"2025-03-01T00:00:00Z","value":132},{"time":"2025-04-01T00:00:00Z","value":129},{"time":"2025-05-01T00:00:00Z","value":null},` +
	`{"time":"2025-06-01T00:00:00Z","value":135},{"time":"2025-07-01T00:00:00Z","value":148},{"time":"2025-08-01T00:00:00Z","value":148},` +
	`{"time":"2025-09-01T00:00:00Z","value":236}]`

// New makes the service; version is the platform's. It fails only when a Go
// type has no JSON Schema, which a test would have found.
func New(version string) (*Service, error) {
	limits := ai.Limits{TimeoutMS: 60_000, MaxBody: 16 << 20}
	s := &Service{ai.Description{Name: "predict", Version: version, Summary: "Forecast a series and find its anomalies"}}
	for _, o := range []struct {
		name, summary string
		in, out       reflect.Type
		example       string
	}{
		{"forecast", "Forecast a series, with calibrated intervals and a backtest", reflect.TypeFor[ForecastInput](), reflect.TypeFor[ForecastOutput](), example + `,"horizon":3,"level":[80,95]}`},
		{"anomaly", "Find the observations of a series that do not fit", reflect.TypeFor[AnomalyInput](), reflect.TypeFor[AnomalyOutput](), example + `,"level":99}`},
		{"models", "List the forecasting models and their papers", reflect.TypeFor[struct{}](), reflect.TypeFor[[]api.PredictModel](), `{}`},
	} {
		in, err := schema(o.in)
		if err != nil {
			return nil, err
		}
		out, err := schema(o.out)
		if err != nil {
			return nil, err
		}
		s.description.Operations = append(s.description.Operations, ai.Operation{
			Name: o.name, Summary: o.summary, Input: in, Output: out,
			Examples: []json.RawMessage{json.RawMessage(o.example)}, Idempotent: true, Limits: limits,
		})
	}
	return s, nil
}

func schema(t reflect.Type) (json.RawMessage, error) {
	s, err := op.Schema(t)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", t, err)
	}
	return json.Marshal(s)
}

// Describe implements ai.Service.
func (s *Service) Describe() ai.Description { return s.description }

// Invoke implements ai.Service. Errors are usage, too_large, notfound,
// canceled and timeout.
func (s *Service) Invoke(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	switch call.Operation {
	case "forecast":
		return answer(ctx, call.Input, Forecast)
	case "anomaly":
		return answer(ctx, call.Input, Anomaly)
	case "models":
		return ai.JSON(Models())
	}
	return nil, fail.New(fail.NotFound, "predict has no operation %.40q", call.Operation).Hint("aictl services describe predict")
}

func answer[In, Out any](ctx context.Context, body []byte, run func(context.Context, In) (Out, error)) (*ai.Reply, error) {
	var in In
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the first JSON value")
		}
	}
	if err != nil {
		return nil, fail.New(fail.Usage, "the input is not valid: %w", err).Hint("aictl services describe predict")
	}
	out, err := run(ctx, in)
	if err != nil {
		return nil, fail.From(err)
	}
	return ai.JSON(out)
}
