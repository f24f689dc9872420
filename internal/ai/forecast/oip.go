package forecast

import (
	"context"
	"math"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/series"
)

// Tensor is a tensor of the Open Inference Protocol v2, apart from its wire
// form. Floats holds FP64 and FP32 data, Ints INT64 and INT32 data.
type Tensor struct {
	Name     string
	Datatype string
	Shape    []int64
	Floats   []float64
	Ints     []int64
}

// TensorInfo describes a tensor; -1 in Shape is any length.
type TensorInfo struct {
	Name     string
	Datatype string
	Shape    []int64
	Optional bool
}

// TensorInputs describes what InferTensors takes.
func TensorInputs() []TensorInfo {
	return []TensorInfo{
		{"values", "FP64", []int64{-1}, false},
		{"horizon", "INT64", []int64{1}, true},
		{"season", "INT64", []int64{1}, true},
		{"level", "FP64", []int64{1}, true},
	}
}

// TensorOutputs describes what InferTensors gives.
func TensorOutputs() []TensorInfo {
	return []TensorInfo{{"forecast", "FP64", []int64{-1}, false}, {"lower", "FP64", []int64{-1}, false}, {"upper", "FP64", []int64{-1}, false}}
}

// FromTensors makes a forecast's input of tensors: values [n] or [1,n], where
// NaN is a gap, and optionally horizon, season and level, one element each.
func FromTensors(tensors []Tensor) (ForecastInput, error) {
	var in ForecastInput
	seen := map[string]bool{}
	for _, t := range tensors {
		if seen[t.Name] {
			return in, tensorError(t, "is given twice")
		}
		seen[t.Name] = true
		if err := t.check(); err != nil {
			return in, err
		}
		if t.Name != "values" && len(t.Floats)+len(t.Ints) != 1 {
			return in, tensorError(t, "must have one element")
		}
		switch t.Name {
		case "values":
			if t.Ints != nil {
				return in, tensorError(t, "must be FP64")
			}
			if len(t.Floats) > MaxPoints {
				return in, checkSize(len(t.Floats), 0)
			}
			for i, v := range t.Floats {
				in.Points = append(in.Points, api.SeriesPoint{Time: series.IndexTime(i), Value: number(v)})
			}
		case "horizon", "season":
			if t.Ints == nil {
				return in, tensorError(t, "must be INT64")
			}
			if t.Ints[0] < 0 || t.Ints[0] > math.MaxInt32 || (t.Name == "horizon" && t.Ints[0] == 0) {
				return in, tensorError(t, "is out of range")
			}
			if t.Name == "horizon" {
				in.Horizon = int(t.Ints[0])
			} else {
				in.Season = int(t.Ints[0])
			}
		case "level":
			if t.Floats == nil {
				return in, tensorError(t, "must be FP64")
			}
			in.Level = []float64{t.Floats[0]}
		default:
			return in, tensorError(t, "is not an input of this model")
		}
	}
	if !seen["values"] {
		return in, fail.New(fail.Usage, "the input tensor values is missing").Hint("send values as FP64 of shape [n]")
	}
	if in.Level == nil {
		in.Level = []float64{95}
	}
	in.Step = "index"
	return in, nil
}

// ToTensors gives the forecast and the bounds of its last level.
func ToTensors(out *ForecastOutput) []Tensor {
	h := len(out.Points)
	forecast, lower, upper := make([]float64, h), make([]float64, h), make([]float64, h)
	for j, p := range out.Points {
		forecast[j], lower[j], upper[j] = p.Value, p.Value, p.Value
		if n := len(p.Intervals); n > 0 {
			lower[j], upper[j] = p.Intervals[n-1].Lower, p.Intervals[n-1].Upper
		}
	}
	shape := func() []int64 { return []int64{int64(h)} }
	return []Tensor{
		{Name: "forecast", Datatype: "FP64", Shape: shape(), Floats: forecast},
		{Name: "lower", Datatype: "FP64", Shape: shape(), Floats: lower},
		{Name: "upper", Datatype: "FP64", Shape: shape(), Floats: upper},
	}
}

// InferTensors is FromTensors, Forecast and ToTensors in a row.
func InferTensors(ctx context.Context, tensors []Tensor) ([]Tensor, error) {
	in, err := FromTensors(tensors)
	if err != nil {
		return nil, err
	}
	out, err := Forecast(ctx, in)
	if err != nil {
		return nil, err
	}
	return ToTensors(out), nil
}

// check compares datatype, shape and data.
func (t Tensor) check() error {
	switch t.Datatype {
	case "FP64", "FP32":
		if t.Ints != nil {
			return tensorError(t, "has data that are not "+t.Datatype)
		}
	case "INT64", "INT32":
		if t.Floats != nil {
			return tensorError(t, "has data that are not "+t.Datatype)
		}
	default:
		return tensorError(t, "has a datatype that this model does not take")
	}
	size := int64(len(t.Floats) + len(t.Ints))
	wide := 0
	for _, d := range t.Shape {
		if d < 0 || d > size {
			return tensorError(t, "has a shape that its data do not fill")
		}
		if d != 1 {
			wide++
			if d != size {
				return tensorError(t, "has a shape that its data do not fill")
			}
		}
	}
	if len(t.Shape) == 0 || wide > 1 || (wide == 0 && size != 1) {
		return tensorError(t, "must be a vector whose shape its data fill")
	}
	return nil
}

func tensorError(t Tensor, what string) error {
	return fail.New(fail.Usage, "the input tensor %.40q %s", t.Name, what).
		Hint("inputs are values FP64 [n], and optionally horizon INT64 [1], season INT64 [1], level FP64 [1]")
}
