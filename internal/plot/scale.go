package plot

import (
	"math"
	"strconv"
	"time"
)

// scale maps values to rows. Its ends are multiples of the tick.
type scale struct {
	low, high float64
	tick      float64
	ticks     []float64
}

// newScale chooses ticks of 1, 2 or 5 times a power of ten (Heckbert 1990,
// "Nice numbers for graph labels"). A constant series gets room around it.
func newScale(low, high float64, rows int) scale {
	// Halves, lest the difference of huge numbers overflow.
	size := max(math.Abs(low), math.Abs(high))
	if high/2-low/2 <= size*1e-12 {
		d := size * 0.05
		if d == 0 || math.IsInf(low-d, 0) || math.IsInf(high+d, 0) {
			d = 1
		}
		low, high = low-d, high+d
	}
	want := float64(min(max(rows/3, 2), 8))
	raw := (high/2 - low/2) / want * 2
	s := scale{tick: math.Pow(10, math.Floor(math.Log10(raw)))}
	for _, m := range []float64{1, 2, 5, 10} {
		if s.tick*m >= raw*0.999 {
			s.tick *= m
			break
		}
	}
	if s.tick == 0 || math.IsInf(s.tick, 0) || !finite(math.Ceil(high/s.tick)*s.tick) || !finite(math.Floor(low/s.tick)*s.tick) {
		return scale{low: low, high: high, tick: raw, ticks: []float64{low, high}} // at the ends of floating point
	}
	first, last := math.Floor(low/s.tick+1e-9), math.Ceil(high/s.tick-1e-9)
	s.low, s.high = min(first*s.tick, low), max(last*s.tick, high)
	for k := first; k <= last && len(s.ticks) < 64; k++ {
		s.ticks = append(s.ticks, k*s.tick)
	}
	return s
}

// dot gives the nearest of n rows, counted from the top.
func (s scale) dot(v float64, n int) int {
	share := (v/2 - s.low/2) / (s.high/2 - s.low/2)
	return min(max(int(math.Round((1-share)*float64(n-1))), 0), n-1)
}

// label writes a tick with the digits that tell it from its neighbours.
func (s scale) label(v float64) string {
	size := max(math.Abs(s.low), math.Abs(s.high))
	if math.Abs(v) < s.tick*1e-9 {
		v = 0
	}
	digits := max(int(-math.Floor(math.Log10(s.tick)+1e-9)), 0)
	if size >= 1e7 || (size < 1e-3 && size > 0) {
		// The least precision that keeps ticks apart.
		precision := int(math.Floor(math.Log10(size))) - int(math.Floor(math.Log10(s.tick)+1e-9))
		return strconv.FormatFloat(v, 'e', min(max(precision, 0), 16), 64)
	}
	return strconv.FormatFloat(v, 'f', min(digits, 16), 64)
}

// horizontal maps positions to columns. Positions are equally spaced, as the
// series is regular.
type horizontal struct{ n, dots int }

func newHorizontal(d Data, dots int) horizontal {
	return horizontal{len(d.History) + len(d.Forecast), dots}
}

func (h horizontal) dot(i int) int {
	if h.n <= 1 {
		return h.dots / 2
	}
	return int(math.Round(float64(i) / float64(h.n-1) * float64(h.dots-1)))
}

// at gives the position whose mark is nearest to a column.
func (h horizontal) at(dot int) int {
	if h.n <= 1 {
		return 0
	}
	return int(math.Round(float64(dot) / float64(h.dots-1) * float64(h.n-1)))
}

// timeLayout is the shortest that tells the first time from the last.
func timeLayout(first, last time.Time) string {
	switch span := last.Sub(first); {
	case span <= 0:
		return "2006-01-02 15:04"
	case span >= 3*365*24*time.Hour:
		return "2006-01"
	case span >= 3*24*time.Hour:
		return "2006-01-02"
	case span >= 24*time.Hour:
		return "01-02 15:04"
	case span >= 10*time.Minute:
		return "15:04"
	}
	return "15:04:05"
}
