// Package when reads the time expressions of the command line: `15m`, `3d12h`,
// `now-1h`, `now-1d/d`, `today`, RFC 3339, a date, Unix seconds.
//
// Every function takes the current time and the person's zone: the package
// reads no clock and is pure. Wrong input fails with fail.Usage, with an
// example. A day is 24 hours, a week seven days; rounding (`/d`) follows the
// calendar of the zone.
package when

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

const example = "--since 15m, --from now-2h, --from 2026-01-31T08:00:00Z"

// units of durations, longest name first where one begins another.
var units = []struct {
	name string
	d    time.Duration
}{
	{"ms", time.Millisecond},
	{"us", time.Microsecond},
	{"µs", time.Microsecond},
	{"ns", time.Nanosecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", 24 * time.Hour},
	{"w", 7 * 24 * time.Hour},
}

// Duration reads `90s`, `15m`, `1.5h`, `3d12h`, `1w`; a sign may go before,
// and `0` needs no unit.
func Duration(s string) (time.Duration, error) {
	d, err := duration(s)
	if err != nil {
		return 0, err
	}
	return d, nil
}

func duration(s string) (time.Duration, *fail.Error) {
	bad := func(why string) *fail.Error {
		return fail.New(fail.Usage, "%q is not a duration: %s", clip(s), why).Hint("write it as 90s, 15m, 2h, 3d12h or 1w")
	}
	rest, sign := s, 1.0
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		if rest[0] == '-' {
			sign = -1
		}
		rest = rest[1:]
	}
	if rest == "0" {
		return 0, nil
	}
	if rest == "" {
		return 0, bad("it is empty")
	}
	var total float64
	var exact time.Duration
	whole := true
	for rest != "" {
		n := 0
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		number := rest[:n]
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, bad("a number is missing before a unit")
		}
		rest = rest[n:]
		found := false
		for _, u := range units {
			if strings.HasPrefix(rest, u.name) {
				rest, found = rest[len(u.name):], true
				total += value * float64(u.d)
				if i, err := strconv.ParseInt(number, 10, 64); err == nil && i < math.MaxInt64/int64(u.d) {
					exact += time.Duration(i) * u.d
				} else {
					whole = false
				}
				break
			}
		}
		if !found {
			if rest == "" {
				return 0, bad("the unit is missing")
			}
			return 0, bad("units are s, m, h, d and w")
		}
	}
	if total > float64(200*365*24)*float64(time.Hour) {
		return 0, bad("it is longer than 200 years")
	}
	if whole {
		return time.Duration(sign) * exact, nil
	}
	return time.Duration(sign * total), nil
}

// layouts without a zone are read in the person's zone.
var layouts = []string{
	"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02",
}

// Parse reads a point in time: `now`, `today`, `yesterday`, `now-1h`, `now+5m`,
// any of them rounded down by `/m`, `/h`, `/d`, `/w` or `/M`; a bare duration,
// which is that long before now; RFC 3339; a date or date and time in loc;
// Unix seconds (with a fraction, if any) or, from 1e11 up, milliseconds.
// The result is in loc.
func Parse(s string, now time.Time, loc *time.Location) (time.Time, error) {
	if loc == nil {
		loc = time.UTC
	}
	s, now = strings.TrimSpace(s), now.In(loc)
	if s == "" {
		return time.Time{}, fail.New(fail.Usage, "the time is empty").Hint(example)
	}
	if t, ok, err := relative(s, now); ok {
		return t, err
	}
	if t, ok, err := unix(s); ok && err != nil {
		return time.Time{}, err
	} else if ok {
		return within(t.In(loc), s)
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return within(t.In(loc), s)
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l, s, loc); err == nil {
			return within(t, s)
		}
	}
	if d, err := duration(s); err == nil {
		return now.Add(-d.Abs()), nil
	}
	return time.Time{}, fail.New(fail.Usage, "%q is not a time", clip(s)).Hint(example)
}

// relative reads what begins with a word; ok is false for anything else.
func relative(s string, now time.Time) (t time.Time, ok bool, err error) {
	expr, round, rounded := strings.Cut(s, "/")
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	var rest string
	switch {
	case strings.HasPrefix(expr, "now"):
		t, rest = now, expr[len("now"):]
	case strings.HasPrefix(expr, "today"):
		t, rest = midnight, expr[len("today"):]
	case strings.HasPrefix(expr, "yesterday"):
		t, rest = midnight.AddDate(0, 0, -1), expr[len("yesterday"):]
	default:
		return time.Time{}, false, nil
	}
	if rest != "" {
		if rest[0] != '-' && rest[0] != '+' {
			return time.Time{}, true, fail.New(fail.Usage, "%q is not a time: after the word comes + or -", clip(s)).Hint("now-1h")
		}
		d, err := duration(rest)
		if err != nil {
			return time.Time{}, true, fail.Wrap(fail.Usage, err, "%q is not a time", clip(s)).Hint("now-1h")
		}
		t = t.Add(d)
	}
	if !rounded {
		return t, true, nil
	}
	y, m, day := t.Date()
	switch loc := t.Location(); round {
	case "s":
		t = t.Truncate(time.Second)
	case "m":
		t = time.Date(y, m, day, t.Hour(), t.Minute(), 0, 0, loc)
	case "h":
		t = t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case "d":
		t = time.Date(y, m, day, 0, 0, 0, 0, loc)
	case "w": // ISO 8601: the week begins on Monday
		t = time.Date(y, m, day-(int(t.Weekday())+6)%7, 0, 0, 0, 0, loc)
	case "M":
		t = time.Date(y, m, 1, 0, 0, 0, 0, loc)
	case "y":
		t = time.Date(y, 1, 1, 0, 0, 0, 0, loc)
	default:
		return time.Time{}, true, fail.New(fail.Usage, "%q is not a time: rounding is by s, m, h, d, w, M or y", clip(s)).Hint("now-1d/d")
	}
	return t, true, nil
}

// unix reads a number; ok is false where s is none. Four digits are no time:
// they look like a year.
func unix(s string) (t time.Time, ok bool, err error) {
	whole, frac, hasFrac := strings.Cut(strings.TrimPrefix(s, "@"), ".")
	if whole == "" || strings.Trim(whole, "0123456789") != "" || hasFrac && (frac == "" || strings.Trim(frac, "0123456789") != "") {
		return time.Time{}, false, nil
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(whole) < 9 && s[0] != '@' {
		return time.Time{}, true, fail.New(fail.Usage, "%q is not a time: Unix seconds have nine digits or more, a duration has a unit", clip(s)).Hint("--since %sm", clip(whole))
	}
	var nanos int64
	if hasFrac {
		if nanos, err = strconv.ParseInt((frac + "000000000")[:9], 10, 64); err != nil {
			return time.Time{}, true, fail.New(fail.Usage, "%q is not a time", clip(s)).Hint(example)
		}
	}
	switch {
	case n < 1e11:
		t = time.Unix(n, nanos)
	case n < 1e14:
		t = time.UnixMilli(n)
	case n < 1e17:
		t = time.UnixMicro(n)
	default:
		t = time.Unix(0, n)
	}
	return t, true, nil
}

// within refuses years that no backend takes.
func within(t time.Time, s string) (time.Time, error) {
	if y := t.Year(); y < 1970 || y > 2200 {
		return time.Time{}, fail.New(fail.Usage, "%q is outside of the years 1970 to 2200", clip(s)).Hint(example)
	}
	return t, nil
}

// clip keeps hostile input out of messages.
func clip(s string) string {
	const limit = 60
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
