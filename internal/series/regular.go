package series

import (
	"math"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// MaxGrid bounds the length of a regular series.
const MaxGrid = 1_000_000

// Regularise sorts points, averages duplicates, finds the step (unless one is
// given), marks gaps with NaN and averages irregular points by step. Missing
// values at the ends are dropped. It fails with usage when there are fewer
// than three observations or when the step makes more than MaxGrid values.
func Regularise(points []Point, step Step) (*Series, error) {
	s := &Series{Step: step, Notes: []Note{}}
	if !step.Index && timeless(points) {
		s.Step = Step{Index: true}
	}
	if s.Step.Index {
		s.Start = IndexTime(0)
		for _, p := range points {
			s.Values = append(s.Values, clean(p.Value))
		}
	} else if err := s.place(points); err != nil {
		return nil, err
	}
	first, last, known := -1, -1, 0
	for i, v := range s.Values {
		if !math.IsNaN(v) {
			if first < 0 {
				first = i
			}
			last, known = i, known+1
		}
	}
	if known < 3 {
		return nil, fail.New(fail.Usage, "the series has %d observations, and at least 3 are needed", known).
			Hint("give more rows, or check that the value column is the right one (--value-col)")
	}
	if dropped := len(s.Values) - (last + 1 - first); dropped > 0 {
		s.Start = s.Time(first)
		s.Values = s.Values[first : last+1]
		s.Notes = append(s.Notes, note("trimmed", "%d missing values at the ends were dropped", dropped))
	}
	if gaps := len(s.Values) - known; gaps > 0 {
		s.Notes = append(s.Notes, note("gaps", "%d of %d values are missing and were interpolated", gaps, len(s.Values)))
	}
	return s, nil
}

// place puts points with times on the grid.
func (s *Series) place(given []Point) error {
	points := slices.Clone(given)
	byTime := func(a, b Point) int { return a.Time.Compare(b.Time) }
	if !slices.IsSortedFunc(points, byTime) {
		slices.SortStableFunc(points, byTime)
		s.Notes = append(s.Notes, note("sorted", "the observations were not in order of time and were sorted"))
	}
	points = s.unique(points)
	if len(points) < 2 {
		for _, p := range points {
			s.Values = append(s.Values, p.Value)
		}
		return nil // too few: the caller says so
	}
	s.Start = points[0].Time
	if s.Step == (Step{}) {
		s.Step = detect(points)
		s.Notes = append(s.Notes, note("step", "the step was found to be %s", s.Step))
	}
	at := make([]int, len(points))
	off, snapped := 0, 0
	for i, p := range points {
		k, err := s.position(p.Time)
		if err != nil {
			return err
		}
		at[i] = k
		deviation := p.Time.Sub(s.Time(k)).Abs()
		if length := s.Time(k + 1).Sub(s.Time(k)); deviation > length/10 {
			off++
		} else if deviation > 0 {
			snapped++
		}
	}
	n := slices.Max(at) + 1
	if n > MaxGrid {
		return fail.New(fail.Usage, "a step of %s from %s to %s makes %d values, over the limit of %d", s.Step,
			s.Start.Format(time.RFC3339), points[len(points)-1].Time.Format(time.RFC3339), n, MaxGrid).
			Hint("give a longer step with --step, such as --step 1d")
	}
	sum, count := make([]float64, n), make([]float64, n)
	merged := 0
	for i, p := range points {
		if math.IsNaN(p.Value) {
			continue
		}
		if count[at[i]] > 0 {
			merged++
		}
		count[at[i]]++
		sum[at[i]] += (p.Value - sum[at[i]]) / count[at[i]] // the running mean does not overflow
	}
	for i := range sum {
		if count[i] == 0 {
			sum[i] = math.NaN()
		}
	}
	s.Values = sum
	if off > 0 || merged > 0 {
		s.Notes = append(s.Notes, note("resampled", "the spacing is irregular: the observations were averaged to steps of %s (%d were off the grid, %d shared a step)", s.Step, off, merged))
	} else if snapped > 0 {
		s.Notes = append(s.Notes, note("snapped", "%d times were moved by less than a tenth of a step onto the grid", snapped))
	}
	return nil
}

// position gives the nearest step of the grid.
func (s *Series) position(t time.Time) (int, error) {
	var k float64
	if s.Step.Months > 0 {
		months := (t.Year()-s.Start.Year())*12 + int(t.Month()) - int(s.Start.Month())
		k = math.Floor(float64(months) / float64(s.Step.Months))
		below, above := s.Time(int(k)), s.Time(int(k)+1)
		if t.Sub(below) > above.Sub(t) {
			k++
		}
	} else {
		// Seconds, not a Duration: centuries overflow one.
		seconds := float64(t.Unix()-s.Start.Unix()) + float64(t.Nanosecond()-s.Start.Nanosecond())/1e9
		k = math.Round(seconds / s.Step.Duration.Seconds())
	}
	if k >= MaxGrid*100 {
		return 0, fail.New(fail.Usage, "a step of %s is too short for a series from %s to %s", s.Step,
			s.Start.Format(time.RFC3339), t.Format(time.RFC3339)).Hint("give a longer step with --step, such as --step 1d")
	}
	return max(int(k), 0), nil
}

// unique averages points of the same time.
func (s *Series) unique(points []Point) []Point {
	out := points[:0]
	duplicates, count := 0, 0.0
	for _, p := range points {
		p.Value = clean(p.Value)
		if len(out) == 0 || !out[len(out)-1].Time.Equal(p.Time) {
			out, count = append(out, p), 1
			if math.IsNaN(p.Value) {
				count = 0
			}
			continue
		}
		duplicates++
		last := &out[len(out)-1]
		switch {
		case math.IsNaN(p.Value):
		case count == 0:
			last.Value, count = p.Value, 1
		default:
			count++
			last.Value += (p.Value - last.Value) / count
		}
	}
	if duplicates > 0 {
		s.Notes = append(s.Notes, note("duplicates", "%d observations repeat a time and were averaged", duplicates))
	}
	return out
}

// detect finds the step of sorted, distinct points.
func detect(points []Point) Step {
	if step, ok := calendar(points); ok {
		return step
	}
	diffs := make([]time.Duration, 0, len(points)-1)
	for i := 1; i < len(points); i++ {
		diffs = append(diffs, points[i].Time.Sub(points[i-1].Time))
	}
	slices.Sort(diffs)
	step := diffs[(len(diffs)-1)/2]
	// Jitter: a step near a round unit is that unit.
	for _, u := range units {
		if rounded := step.Round(u.d); rounded > 0 && (step-rounded).Abs() <= rounded/50 {
			return Step{Duration: rounded}
		}
	}
	return Step{Duration: step}
}

// calendar recognises steps of whole months: the same day (or the last) and
// the same time of day throughout.
func calendar(points []Point) (Step, bool) {
	first := points[0].Time
	sameDay, lastDay := true, true
	least := math.MaxInt
	previous := 0
	for i, p := range points {
		t := p.Time
		if t.Hour() != first.Hour() || t.Minute() != first.Minute() || t.Second() != first.Second() {
			return Step{}, false
		}
		sameDay = sameDay && t.Day() == first.Day()
		lastDay = lastDay && t.AddDate(0, 0, 1).Day() == 1
		month := t.Year()*12 + int(t.Month())
		if i > 0 {
			least = min(least, month-previous)
		}
		previous = month
	}
	if least < 1 || (!sameDay && !lastDay) {
		return Step{}, false
	}
	// The greatest step that every distance is a multiple of.
	step := 0
	base := first.Year()*12 + int(first.Month())
	for _, p := range points[1:] {
		step = gcd(step, p.Time.Year()*12+int(p.Time.Month())-base)
	}
	return Step{Months: step, MonthEnd: lastDay}, true
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// timeless says that no point has a time.
func timeless(points []Point) bool {
	for _, p := range points {
		if !p.Time.IsZero() {
			return false
		}
	}
	return true
}

func clean(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}
