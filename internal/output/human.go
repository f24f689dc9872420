package output

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/term"
)

// Env is what a column's functions may know: the clock read once, the zone of
// the person, the width and the styles.
type Env struct {
	Now    time.Time
	Zone   *time.Location
	Width  int
	Wide   bool
	Styles term.Styles
}

// None stands in a table where there is no value.
const None = "-"

// Ago is the age of t as kubectl writes it ("5m", "3d4h"); "in 5m" for the
// future, None for the zero time.
func (e Env) Ago(t time.Time) string {
	switch d := e.Now.Sub(t); {
	case t.IsZero():
		return None
	case d < 0:
		return "in " + Duration(-d)
	default:
		return Duration(d)
	}
}

// Time is t in the person's zone: the clock today, with the date otherwise.
func (e Env) Time(t time.Time) string {
	if t.IsZero() {
		return None
	}
	zone := e.Zone
	if zone == nil {
		zone = time.UTC
	}
	t, now := t.In(zone), e.Now.In(zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// Duration writes d with at most two units: "250ms", "42s", "5m30s", "3h",
// "2d4h", "3y20d". Small units are dropped as the value grows, as kubectl does.
func Duration(d time.Duration) string {
	if d < 0 {
		if d == math.MinInt64 {
			d++
		}
		return "-" + Duration(-d)
	}
	const day = 24 * time.Hour
	two := func(big, small int64, bu, su string) string {
		if small == 0 {
			return strconv.FormatInt(big, 10) + bu
		}
		return strconv.FormatInt(big, 10) + bu + strconv.FormatInt(small, 10) + su
	}
	switch {
	case d == 0:
		return "0s"
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + "ns"
	case d < time.Millisecond:
		return strconv.FormatInt(int64(d/time.Microsecond), 10) + "µs"
	case d < time.Second:
		return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms"
	case d < 2*time.Minute:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	case d < 10*time.Minute:
		return two(int64(d/time.Minute), int64(d%time.Minute/time.Second), "m", "s")
	case d < 3*time.Hour:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	case d < 8*time.Hour:
		return two(int64(d/time.Hour), int64(d%time.Hour/time.Minute), "h", "m")
	case d < 2*day:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d < 8*day:
		return two(int64(d/day), int64(d%day/time.Hour), "d", "h")
	case d < 2*365*day:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d < 8*365*day:
		return two(int64(d/(365*day)), int64(d%(365*day)/day), "y", "d")
	}
	return strconv.FormatInt(int64(d/(365*day)), 10) + "y"
}

// Bytes writes n with binary units (IEC 80000-13): "512 B", "1.5 KiB".
func Bytes(n int64) string {
	if n < 0 {
		if n == math.MinInt64 {
			n++
		}
		return "-" + Bytes(-n)
	}
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for f >= 1023.95 && unit < 6 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTPE"[unit-1])
}

// Number writes f for a table: whole numbers as such, others with four
// significant digits.
func Number(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}

// Percent writes a ratio: 0.123 is "12.3%".
func Percent(ratio float64) string { return strconv.FormatFloat(100*ratio, 'f', 1, 64) + "%" }
