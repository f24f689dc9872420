package where

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// literal decides what a bare word is.
func literal(s string) Value {
	switch s {
	case "true", "false":
		return Value{Kind: Bool, Text: s, Bool: s == "true"}
	}
	if c := s[0]; c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return Value{Kind: Text, Text: s}
	}
	if n, ok := number(s); ok {
		return Value{Kind: Number, Text: s, Number: n}
	}
	if n, ok := ParseDuration(s); ok {
		return Value{Kind: Duration, Text: s, Number: n}
	}
	if n, ok := ParseSize(s); ok {
		return Value{Kind: Size, Text: s, Number: n}
	}
	if t, ok := parseTime(s); ok {
		return Value{Kind: Time, Text: s, Time: t}
	}
	return Value{Kind: Text, Text: s}
}

// number reads a decimal number; no hexadecimal, no infinity, no underscores.
func number(s string) (float64, bool) {
	if s == "" || len(s) > 64 {
		return 0, false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+':
		case (c == 'e' || c == 'E') && i > 0:
		default:
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// ParseDuration reads a duration such as 200ms, 1.5s, 1h30m or 7d in
// nanoseconds. Units are ns, us, µs, ms, s, m, h, d (24 hours) and w.
func ParseDuration(s string) (float64, bool) {
	sign := 1.0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	if s == "" || len(s) > 64 {
		return 0, false
	}
	total := 0.0
	for s != "" {
		i := digits(s)
		n, ok := number(s[:i])
		if !ok {
			return 0, false
		}
		s = s[i:]
		for i = 0; i < len(s) && s[i] != '.' && (s[i] < '0' || s[i] > '9'); {
			i++
		}
		unit := nanoseconds(s[:i])
		if unit == 0 {
			return 0, false
		}
		total += n * unit
		s = s[i:]
	}
	return sign * total, !math.IsInf(total, 0)
}

func nanoseconds(unit string) float64 {
	switch unit {
	case "ns":
		return 1
	case "us", "µs", "μs":
		return 1e3
	case "ms":
		return 1e6
	case "s":
		return 1e9
	case "m":
		return 60e9
	case "h":
		return 3600e9
	case "d":
		return 24 * 3600e9
	case "w":
		return 7 * 24 * 3600e9
	}
	return 0
}

// ParseSize reads a size such as 10MiB, 5kB or 512B in bytes. Units with i
// are powers of 1024, those without are powers of 1000; case does not count
// but for the B, which must be there.
func ParseSize(s string) (float64, bool) {
	i := digits(s)
	if i == 0 || i == len(s) || len(s) > 64 {
		return 0, false
	}
	n, ok := number(s[:i])
	if !ok {
		return 0, false
	}
	unit, ok := strings.CutSuffix(s[i:], "B")
	if !ok {
		return 0, false
	}
	base := 1000.0
	if len(unit) == 2 && unit[1] == 'i' {
		base, unit = 1024, unit[:1]
	}
	if unit == "" {
		return n, true
	}
	power := strings.IndexByte("KMGTPE", unit[0]&^0x20)
	if len(unit) != 1 || power < 0 {
		return 0, false
	}
	n *= math.Pow(base, float64(power+1))
	return n, !math.IsInf(n, 0)
}

func digits(s string) int {
	i := 0
	for i < len(s) && (s[i] == '.' || (s[i] >= '0' && s[i] <= '9')) {
		i++
	}
	return i
}

func parseTime(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// Epoch reads a number as a time since 1970: seconds below 1e11, milliseconds
// below 1e14, microseconds below 1e17, else nanoseconds, so that every time
// between 1973 and 5138 is read as it was meant. A number that is no such
// time gives false.
func Epoch(n float64) (time.Time, bool) {
	switch {
	case !(n > 0) || n > math.MaxInt64/2:
		return time.Time{}, false
	case n < 1e11:
		sec, frac := math.Modf(n)
		return time.Unix(int64(sec), int64(math.Round(frac*1e6))*1000).UTC(), true
	case n < 1e14:
		return time.UnixMicro(int64(math.Round(n * 1e3))).UTC(), true
	case n < 1e17:
		return time.UnixMicro(int64(n)).UTC(), true
	}
	return time.Unix(0, int64(n)).UTC(), true
}
