// Package series reads points in time from foreign files and makes a regular
// series of them, saying everything that it did.
//
// It promises that nothing is changed in silence: every repair is a Note with
// a stable code and a sentence. Memory is bounded by Options. Errors are
// *fail.Error, with the line and what to do. It knows no model and does no I/O
// but reading the given reader.
package series

import (
	"fmt"
	"math"
	"time"
)

// Point is one observation; NaN is a missing value.
type Point struct {
	Time  time.Time
	Value float64
}

// Note says what was done to a series. The codes are stable: columns,
// no_time, missing, sorted, duplicates, step, snapped, gaps, resampled,
// trimmed.
type Note struct {
	Code    string
	Message string
}

func note(code, format string, args ...any) Note {
	return Note{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Series is regular: the value at i was observed at Time(i).
type Series struct {
	Start  time.Time
	Step   Step
	Values []float64 // NaN is a gap
	Notes  []Note
}

// Time gives the time of value i, which may be past the end.
func (s *Series) Time(i int) time.Time { return s.Step.Add(s.Start, i) }

// Filled gives the values with gaps interpolated linearly.
func (s *Series) Filled() []float64 {
	out := append([]float64(nil), s.Values...)
	last := -1
	for i, v := range out {
		if math.IsNaN(v) {
			continue
		}
		for k := last + 1; k < i; k++ {
			if last < 0 {
				out[k] = v
				continue
			}
			w := float64(k-last) / float64(i-last)
			out[k] = out[last]*(1-w) + v*w
		}
		last = i
	}
	for k := last + 1; last >= 0 && k < len(out); k++ {
		out[k] = out[last]
	}
	return out
}

// IndexTime is the time that stands for position i in a series without times:
// i seconds after the Unix epoch. Pass the step "index" with such points.
func IndexTime(i int) time.Time { return time.Unix(int64(i), 0).UTC() }
