package forecast

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	schemas "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/ml/classic"
)

func monthly(values []float64) []api.SeriesPoint {
	out := make([]api.SeriesPoint, len(values))
	for i, v := range values {
		out[i] = api.SeriesPoint{Time: time.Date(1949, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC), Value: number(v)}
	}
	return out
}

func codes(notes []api.SeriesNote) []string {
	out := []string{}
	for _, n := range notes {
		out = append(out, n.Code)
	}
	return out
}

func TestForecastOfAirPassengers(t *testing.T) {
	out, err := Forecast(t.Context(), ForecastInput{Points: monthly(classic.AirPassengers()), Horizon: 14})
	require.NoError(t, err)
	require.Equal(t, 12, out.Season)
	require.Equal(t, "1mo", out.Step)
	require.Equal(t, time.Date(1962, 2, 1, 0, 0, 0, 0, time.UTC), out.Points[13].Time)
	require.Len(t, out.Points[0].Intervals, 2)
	require.Less(t, *out.Backtest.MASE, 1.3)
	require.Len(t, out.Backtest.Candidates, 3)
	require.InDelta(t, 445, out.Points[0].Value, 25)
	again, err := Forecast(t.Context(), ForecastInput{Points: monthly(classic.AirPassengers()), Horizon: 14})
	require.NoError(t, err)
	require.Equal(t, out, again)
}

func TestDifficultSeries(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		y     []float64
		notes []string
	}{
		{"constant", []float64{3, 3, 3, 3, 3, 3, 3, 3}, []string{"step", "constant"}},
		{"short", []float64{1, 2, 3}, []string{"step", "season", "no_backtest"}},
		{"gaps", []float64{1, nan, 3, 4, 5, nan, 7, 8}, []string{"step", "gaps", "season"}},
		{"ends missing", []float64{nan, 1, 2, 4, 3, 5, 6, 5, 7, nan, nan}, []string{"step", "trimmed", "season"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Forecast(t.Context(), ForecastInput{Points: monthly(c.y), Horizon: 4})
			require.NoError(t, err)
			require.Subset(t, append(codes(out.Notes), "no_backtest"), c.notes)
			_, err = json.Marshal(out)
			require.NoError(t, err, "no NaN in JSON")
		})
	}
}

func TestErrors(t *testing.T) {
	good := monthly(classic.Nile())
	for _, c := range []struct {
		name string
		in   ForecastInput
		code fail.Code
	}{
		{"nothing", ForecastInput{}, fail.Usage},
		{"two", ForecastInput{Points: good[:2]}, fail.Usage},
		{"too many", ForecastInput{Points: make([]api.SeriesPoint, MaxPoints+1)}, fail.TooLarge},
		{"horizon", ForecastInput{Points: good, Horizon: MaxHorizon + 1}, fail.TooLarge},
		{"negative horizon", ForecastInput{Points: good, Horizon: -1}, fail.Usage},
		{"negative season", ForecastInput{Points: good, Season: -1}, fail.Usage},
		{"season", ForecastInput{Points: good, Season: MaxSeason + 1}, fail.TooLarge},
		{"level", ForecastInput{Points: good, Level: []float64{100}}, fail.Usage},
		{"model", ForecastInput{Points: good, Model: "oracle"}, fail.Usage},
		{"step", ForecastInput{Points: good, Step: "often"}, fail.Usage},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Forecast(t.Context(), c.in)
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			require.NotEmpty(t, fail.From(err).Next)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Forecast(ctx, ForecastInput{Points: good})
	require.Equal(t, fail.Canceled, fail.CodeOf(err))
	_, err = Anomaly(ctx, AnomalyInput{Points: good})
	require.Equal(t, fail.Canceled, fail.CodeOf(err))
}

// Every description's example is valid by its schema, runs, and gives an
// answer that is valid by the output's schema.
func TestServiceKeepsItsWord(t *testing.T) {
	s, err := New("1.2.3")
	require.NoError(t, err)
	require.Equal(t, "predict", s.Describe().Name)
	for _, o := range s.Describe().Operations {
		t.Run(o.Name, func(t *testing.T) {
			for _, example := range o.Examples {
				valid(t, o.Input, example)
				reply, err := s.Invoke(t.Context(), ai.Call{Service: "predict", Operation: o.Name, Input: example})
				require.NoError(t, err)
				var body []byte
				for chunk, err := range reply.Chunks {
					require.NoError(t, err)
					body = append(body, chunk...)
				}
				valid(t, o.Output, body)
			}
		})
	}
	for _, bad := range []string{``, `{`, `{"pints":[]}`, `{"points":[]} x`, `{"points":[{"time":"yesterday","value":1}]}`} {
		_, err := s.Invoke(t.Context(), ai.Call{Operation: "forecast", Input: []byte(bad)})
		require.Equal(t, fail.Usage, fail.CodeOf(err), bad)
	}
	_, err = s.Invoke(t.Context(), ai.Call{Operation: "divine"})
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}

func valid(t *testing.T, schema, document json.RawMessage) {
	t.Helper()
	var doc, value any
	require.NoError(t, json.Unmarshal(schema, &doc))
	require.NoError(t, json.Unmarshal(document, &value))
	c := schemas.NewCompiler()
	require.NoError(t, c.AddResource("mem:///s", doc))
	compiled, err := c.Compile("mem:///s")
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(value))
}

func TestAnomaly(t *testing.T) {
	y := classic.AccidentalDeaths()
	y[30] += 4000
	y[40] = math.NaN()
	out, err := Anomaly(t.Context(), AnomalyInput{Points: monthly(y)})
	require.NoError(t, err)
	// The July of the second year is unusual too, as six Julys tell; it is on the verge.
	require.LessOrEqual(t, out.Anomalies, 2)
	for i, p := range out.Points {
		require.LessOrEqual(t, p.Score, out.Points[30].Score, "%d", i)
	}
	require.True(t, out.Points[30].Anomaly)
	require.Nil(t, out.Points[40].Value)
	require.Equal(t, 12, out.Season)
}

func TestTensors(t *testing.T) {
	values := Tensor{Name: "values", Datatype: "FP64", Shape: []int64{144}, Floats: classic.AirPassengers()}
	one := func(name string, v int64) Tensor {
		return Tensor{Name: name, Datatype: "INT64", Shape: []int64{1}, Ints: []int64{v}}
	}
	out, err := InferTensors(t.Context(), []Tensor{values, one("horizon", 6), one("season", 12), {Name: "level", Datatype: "FP64", Shape: []int64{1}, Floats: []float64{90}}})
	require.NoError(t, err)
	require.Len(t, out, 3)
	for _, o := range out {
		require.Equal(t, []int64{6}, o.Shape)
		require.Len(t, o.Floats, 6)
	}
	require.Less(t, out[1].Floats[0], out[0].Floats[0])
	require.Less(t, out[0].Floats[0], out[2].Floats[0])
	short := values
	short.Shape = []int64{143}
	matrix := values
	matrix.Shape = []int64{12, 12}
	for _, bad := range [][]Tensor{nil, {one("horizon", 6)}, {short}, {matrix}, {values, values}, {values, one("horizon", -6)}, {values, one("magic", 1)}, {values, {Name: "level", Datatype: "BYTES", Shape: []int64{1}}}} {
		_, err := InferTensors(t.Context(), bad)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%v", bad)
	}
}

// The largest allowed input stays within the operation's time limit.
func TestLargest(t *testing.T) {
	points := make([]api.SeriesPoint, MaxPoints)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range points {
		points[i] = api.SeriesPoint{Time: time.Unix(int64(i)*3600, 0).UTC(), Value: number(100 + 10*math.Sin(float64(i)/12*math.Pi) + r.NormFloat64())}
	}
	out, err := Forecast(t.Context(), ForecastInput{Points: points, Horizon: MaxHorizon})
	require.NoError(t, err)
	require.Len(t, out.Points, MaxHorizon)
	require.Contains(t, codes(out.Notes), "latest")
	_, err = Anomaly(t.Context(), AnomalyInput{Points: points})
	require.NoError(t, err)
}

// Extreme values give an answer or an error, never a NaN.
func TestExtremes(t *testing.T) {
	for _, size := range []float64{1e-300, 1e99, 1e200, 1e308} {
		y := classic.Nile()
		for i := range y {
			y[i] = (y[i] - 900) / 1000 * size
		}
		if out, err := Forecast(t.Context(), ForecastInput{Points: monthly(y)}); err != nil {
			require.Equal(t, fail.Usage, fail.CodeOf(err), "%v", err)
		} else {
			_, err = json.Marshal(out)
			require.NoError(t, err)
		}
		if out, err := Anomaly(t.Context(), AnomalyInput{Points: monthly(y)}); err != nil {
			require.Equal(t, fail.Usage, fail.CodeOf(err), "%v", err)
		} else {
			_, err = json.Marshal(out)
			require.NoError(t, err)
		}
	}
}

func BenchmarkForecast(b *testing.B) {
	in := ForecastInput{Points: monthly(classic.AirPassengers())}
	for b.Loop() {
		if _, err := Forecast(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}
