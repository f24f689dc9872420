package changepoint

import (
	"math"
	"slices"
)

// Shift is how a series left what it was.
type Shift struct {
	// Onset is the place of the first point that belongs to what is new, and
	// Within how exactly that is known, in points.
	Onset, Within int
	// Before and After are the medians on both sides; Peak is the value that is
	// farthest from Before.
	Before, After, Peak float64
	// Score is how far After is from Before, in robust standard deviations of
	// what was before: the inter-quartile range over 1.349, and at least the
	// floor. It is negative for a fall.
	Score float64
	// Lasts says that the series has not come back by its end.
	Lasts bool
}

// least is how many points a baseline needs.
const least = 4

// Find gives the shift that is seen at place at: how the series there left what
// it was before, and since when. floor is the least deviation that means
// anything, in the series' own unit; rising and falling say which directions
// count. There is none where the series there is as it was, or where too
// little is known of what was before.
func Find(y []float64, at int, floor float64, rising, falling bool) (Shift, bool) {
	at = min(at, len(y)-1)
	segments := Segments(y)
	here := slices.IndexFunc(segments, func(s Segment) bool { return at < s.To })
	if here < 0 {
		here = len(segments) - 1
	}
	if here < 1 {
		return Shift{}, false
	}
	// The onset is the beginning of the first of the segments up to here which
	// are all off what stood before them.
	best, found := Shift{}, false
	for first := here; first >= 1; first-- {
		s, ok := between(y, segments, first, here, floor, rising, falling)
		if !ok {
			if found {
				break
			}
			continue
		}
		best, found = s, true
	}
	return best, found
}

// between judges the segments first to here against all that stood before.
func between(y []float64, segments []Segment, first, here int, floor float64, rising, falling bool) (Shift, bool) {
	_, before := finite(y[:segments[first].From])
	if len(before) < least {
		return Shift{}, false
	}
	base, scale := Median(before), max(IQR(before)/1.349, floor)
	if scale == 0 {
		scale = math.SmallestNonzeroFloat64
	}
	sign := 1.0
	if Median(valuesOf(y, segments[here])) < base {
		sign = -1
	}
	if sign > 0 && !rising || sign < 0 && !falling {
		return Shift{}, false
	}
	for _, s := range segments[first : here+1] {
		if sign*(s.Median-base) < significant*scale {
			return Shift{}, false
		}
	}
	_, after := finite(y[segments[first].From:segments[here].To])
	out := Shift{
		Onset: segments[first].From, Within: segments[first].Within, Before: base, After: Median(after), Peak: base,
		Lasts: here == len(segments)-1 || sign*(segments[len(segments)-1].Median-base) >= significant*scale,
	}
	for _, v := range after {
		if sign*(v-base) > sign*(out.Peak-base) {
			out.Peak = v
		}
	}
	out.Score = max(min((out.After-base)/scale, maxScore), -maxScore)
	return out, true
}

// significant is how many robust standard deviations make a shift.
const significant = 3

// maxScore bounds a score: beyond it nothing is more certain.
const maxScore = 1e6

func valuesOf(y []float64, s Segment) []float64 {
	_, x := finite(y[s.From:s.To])
	return x
}

// Score is BARO's robust score of what came after against what was before: the
// greatest deviation from the median of before, in its inter-quartile ranges,
// at least floor. It is 0 where either has no values.
func Score(before, after []float64, floor float64) float64 {
	_, b := finite(before)
	_, a := finite(after)
	if len(b) < least || len(a) == 0 {
		return 0
	}
	centre, scale := Median(b), max(IQR(b), floor)
	if scale == 0 {
		scale = math.SmallestNonzeroFloat64
	}
	best := 0.0
	for _, v := range a {
		best = max(best, math.Abs(v-centre)/scale)
	}
	return min(best, maxScore)
}

// Median of the values, which must be finite; NaN for none.
func Median(x []float64) float64 { return Quantile(x, 0.5) }

// IQR is the inter-quartile range; NaN for no values.
func IQR(x []float64) float64 { return Quantile(x, 0.75) - Quantile(x, 0.25) }

// Quantile interpolates between the values next to it (type 7 of Hyndman and
// Fan, 1996); NaN for no values.
func Quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Clone(x)
	slices.Sort(s)
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}
