package series

import (
	"math"
	"strconv"
	"strings"
	"time"
)

var layouts = [...]string{
	time.RFC3339Nano, "2006-01-02", "2006-01", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04",
	"2006-01-02T15:04", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST",
	"2006/01/02", "2006/01/02 15:04:05", "20060102",
}

// ParseTime reads a time: RFC 3339, a date, a month, date and time with a
// space, a year, or Unix seconds, milli-, micro- or nanoseconds by size. Times
// without a zone are UTC.
func ParseTime(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 40 {
		return time.Time{}, false
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, text); err == nil {
			return t.UTC(), true
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return time.Time{}, false
	}
	if len(text) == 4 && f >= 1000 && f == math.Trunc(f) {
		return time.Date(int(f), 1, 1, 0, 0, 0, 0, time.UTC), true
	}
	return unix(text, f)
}

// unix tells the unit by size: seconds reach 1e11 in the year 5138, and
// milliseconds were at 1e11 in 1973.
func unix(text string, f float64) (time.Time, bool) {
	size := math.Abs(f)
	scale := int64(1)
	switch {
	case size < 1e11:
		whole, frac := math.Modf(f)
		return time.Unix(int64(whole), int64(math.Round(frac*1e6))*1000).UTC(), true
	case size < 1e14:
		scale = 1e6
	case size < 1e17:
		scale = 1e3
	case size > 9.2e18:
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(text, 10, 64) // exact where a float is not
	if err != nil {
		n = int64(f)
	}
	perSecond := int64(1e9) / scale
	return time.Unix(n/perSecond, n%perSecond*scale).UTC(), true
}

// parseValue reads a number. Empty, NaN, null and the like are missing (NaN),
// and so are infinities.
func parseValue(text string, decimalComma bool) (float64, bool) {
	text = strings.TrimSpace(text)
	switch strings.ToLower(text) {
	case "", "nan", "na", "n/a", "null", "nil", "none", "-", ".":
		return math.NaN(), true
	}
	if decimalComma && strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
		text = strings.Replace(text, ",", ".", 1)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return clean(f), true
}
