package line

import (
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/logs/where"
)

// parse reads the value of a field that holds a time: RFC 3339 and its kin, a
// number (where.Epoch), or what the access logs and mail headers write.
func (c *clock) parse(s string) (time.Time, bool) {
	if t, n := c.scan(s); n > 0 && strings.TrimSpace(s[n:]) == "" {
		return t, true
	}
	if s == "" || len(s) > 64 {
		return time.Time{}, false
	}
	if s[0] >= '0' && s[0] <= '9' {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return where.Epoch(f)
		}
	}
	for _, layout := range []string{time.RFC1123Z, time.RFC1123, "02/Jan/2006:15:04:05 -0700", time.UnixDate, time.ANSIC} {
		if t, err := time.ParseInLocation(layout, s, c.loc); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// two reads two digits; -1 where they are none.
func two(s string, i int) int {
	if i+1 >= len(s) || s[i]-'0' > 9 || s[i+1]-'0' > 9 {
		return -1
	}
	return int(s[i]-'0')*10 + int(s[i+1]-'0')
}

// scan reads a time at the start of s and says how long it is: 0 where there
// is none. 2006-01-02T15:04:05 with - or / in the date, T or a space between,
// a fraction after . or , and a zone (Z, UTC, +01:00, +0100, +01), which may
// stand after a space.
func (c *clock) scan(s string) (time.Time, int) {
	if len(s) < 19 || (s[4] != '-' && s[4] != '/') || s[7] != s[4] || (s[10] != 'T' && s[10] != ' ' && s[10] != 't') {
		return time.Time{}, 0
	}
	century, year, month, day := two(s, 0), two(s, 2), two(s, 5), two(s, 8)
	if century < 0 || year < 0 || month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}, 0
	}
	sec, nsec, n := scanClock(s[11:])
	if n == 0 {
		return time.Time{}, 0
	}
	n += 11
	loc := c.loc
	offset, z, ok := scanZone(s[n:])
	if ok {
		loc, n = time.UTC, n+z
	}
	t := time.Date(century*100+year, time.Month(month), day, 0, 0, sec-offset, nsec, loc)
	return t.UTC(), n
}

// scanClock reads 15:04:05 with an optional fraction.
func scanClock(s string) (sec, nsec, n int) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return 0, 0, 0
	}
	h, m, x := two(s, 0), two(s, 3), two(s, 6)
	if h < 0 || h > 23 || m < 0 || m > 59 || x < 0 || x > 60 {
		return 0, 0, 0
	}
	n = 8
	if n+1 < len(s) && (s[n] == '.' || s[n] == ',') && s[n+1]-'0' <= 9 {
		unit := 100_000_000
		for n++; n < len(s) && s[n]-'0' <= 9; n++ {
			nsec += int(s[n]-'0') * unit
			unit /= 10
		}
	}
	return h*3600 + m*60 + x, nsec, n
}

// scanZone reads a zone: its offset in seconds and its length.
func scanZone(s string) (offset, n int, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	if s[0] == ' ' {
		if len(s) > 4 && (s[1] == '+' || s[1] == '-') || strings.HasPrefix(s, " UTC") {
			offset, n, ok = scanZone(s[1:])
			return offset, n + 1, ok
		}
		return 0, 0, false
	}
	switch {
	case s[0] == 'Z' || s[0] == 'z':
		return 0, 1, true
	case strings.HasPrefix(s, "UTC"):
		return 0, 3, true
	case s[0] != '+' && s[0] != '-':
		return 0, 0, false
	}
	h := two(s, 1)
	if h < 0 || h > 15 {
		return 0, 0, false
	}
	n = 3
	i := n
	if i < len(s) && s[i] == ':' {
		i++
	}
	m := two(s, i)
	if m >= 0 && m < 60 {
		n = i + 2
	} else {
		m = 0
	}
	offset = h*3600 + m*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, n, true
}

// scanBSD reads "Jan _2 15:04:05", the time of RFC 3164.
func (c *clock) scanBSD(s string) (time.Time, int) {
	if len(s) < 15 || s[3] != ' ' || s[6] != ' ' {
		return time.Time{}, 0
	}
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", s[:3])
	if month < 0 || month%3 != 0 {
		return time.Time{}, 0
	}
	day := two(s, 4)
	if s[4] == ' ' && s[5]-'0' <= 9 {
		day = int(s[5] - '0')
	}
	return c.recent(time.Month(month/3+1), day, s[7:], 7)
}

// recent is the last such day before tomorrow, with the time of day that rest
// begins with; before is how much was read already.
func (c *clock) recent(month time.Month, day int, rest string, before int) (time.Time, int) {
	sec, nsec, n := scanClock(rest)
	if n == 0 || day < 1 || day > 31 || month < 1 || month > 12 {
		return time.Time{}, 0
	}
	now := c.now().In(c.loc)
	t := time.Date(now.Year(), month, day, 0, 0, sec, nsec, c.loc)
	if t.After(now.Add(24 * time.Hour)) {
		t = time.Date(now.Year()-1, month, day, 0, 0, sec, nsec, c.loc)
	}
	return t.UTC(), before + n
}
