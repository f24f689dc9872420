package series

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Step is the time between observations: a duration, or calendar months. The
// zero value is unknown.
type Step struct {
	Duration time.Duration
	Months   int
	// MonthEnd keeps to the last day of each month.
	MonthEnd bool
	// Index is the step of a series without times.
	Index bool
}

const day = 24 * time.Hour

// Add gives the time k steps after t. A day that the month does not have
// becomes its last.
func (s Step) Add(t time.Time, k int) time.Time {
	if s.Index {
		return t.Add(time.Duration(k) * time.Second)
	}
	if s.Months == 0 {
		return t.Add(time.Duration(k) * s.Duration)
	}
	first := time.Date(t.Year(), t.Month()+time.Month(k*s.Months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	d := min(t.Day(), last)
	if s.MonthEnd {
		d = last
	}
	return first.AddDate(0, 0, d-1)
}

// String gives the step as ParseStep reads it: 15m, 1h, 1d, 1w, 1mo, 1q, 1y,
// index.
func (s Step) String() string {
	switch {
	case s.Index:
		return "index"
	case s.Months > 0 && s.Months%12 == 0:
		return fmt.Sprintf("%dy", s.Months/12)
	case s.Months > 0 && s.Months%3 == 0:
		return fmt.Sprintf("%dq", s.Months/3)
	case s.Months > 0:
		return fmt.Sprintf("%dmo", s.Months)
	}
	for _, u := range units {
		if s.Duration >= u.d && s.Duration%u.d == 0 {
			return fmt.Sprintf("%d%s", s.Duration/u.d, u.name)
		}
	}
	return s.Duration.String()
}

var units = [...]struct {
	name string
	d    time.Duration
}{{"w", 7 * day}, {"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// ParseStep reads a step. The empty string is the zero Step; anything else
// that is not a step is a usage error.
func ParseStep(text string) (Step, error) {
	bad := fail.New(fail.Usage, "%.40q is not a time step", text).Hint("use a step such as 15m, 1h, 1d, 1w, 1mo, 1q, 1y or index")
	switch text {
	case "":
		return Step{}, nil
	case "index":
		return Step{Index: true}, nil
	}
	for _, u := range [...]struct {
		suffix string
		months int
	}{{"mo", 1}, {"q", 3}, {"y", 12}} {
		if digits, ok := strings.CutSuffix(text, u.suffix); ok {
			n, err := strconv.Atoi(digits)
			if err != nil || n < 1 || n > 1200 {
				return Step{}, bad
			}
			return Step{Months: n * u.months}, nil
		}
	}
	for _, u := range units[:2] {
		if digits, ok := strings.CutSuffix(text, u.name); ok {
			n, err := strconv.Atoi(digits)
			if err != nil || n < 1 || n > 10000 {
				return Step{}, bad
			}
			return Step{Duration: time.Duration(n) * u.d}, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return Step{}, bad
	}
	return Step{Duration: d}, nil
}

// Seasons gives the season lengths, in steps, that the calendar suggests, the
// likeliest first.
func (s Step) Seasons() []int {
	if s.Index {
		return nil
	}
	if s.Months > 0 {
		if s.Months < 12 && 12%s.Months == 0 {
			return []int{12 / s.Months}
		}
		return nil
	}
	var out []int
	for _, cycle := range []time.Duration{day, 7 * day, time.Hour, 364 * day} {
		if s.Duration > 0 && cycle%s.Duration == 0 && cycle/s.Duration > 1 && cycle/s.Duration <= 10080 {
			out = append(out, int(cycle/s.Duration))
		}
	}
	return out
}
