package verify

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type dimension string

const (
	plain   dimension = "plain"
	ratio   dimension = "ratio"
	span    dimension = "span" // seconds
	bytes   dimension = "bytes"
	instant dimension = "instant"
)

// quantity is a number with what it counts. tolerance is half a unit of its
// last digit.
type quantity struct {
	text             string
	dim              dimension
	value, tolerance float64
	spelled          bool
	// of an instant
	at                         time.Time
	hasDate, hasClock, seconds bool
}

// sameAs compares as exactly as the sentence says: to the second, the minute,
// or the day.
func (q quantity) sameAs(t time.Time) bool {
	t = t.UTC()
	if q.hasDate && (t.Year() != q.at.Year() || t.YearDay() != q.at.YearDay()) {
		return false
	}
	return !q.hasClock || t.Hour() == q.at.Hour() && t.Minute() == q.at.Minute() && (!q.seconds || t.Second() == q.at.Second())
}

// Sentences splits text at . ! ? and line ends; a full stop inside a number or
// a name ends nothing.
func Sentences(text string) []string {
	var out []string
	begin := 0
	cut := func(end int) {
		if s := strings.TrimSpace(text[begin:end]); s != "" {
			out = append(out, s)
		}
		begin = end
	}
	for i := range len(text) {
		switch text[i] {
		case '\n':
			cut(i)
		case '.', '!', '?':
			if next, _ := utf8.DecodeRuneInString(text[i+1:]); i+1 == len(text) || unicode.IsSpace(next) {
				cut(i + 1)
			}
		}
	}
	cut(len(text))
	return out
}

// tokens are the words and numbers of a text. Signs inside a word belong to it
// (web-7f, 12:30, 5.2, app/db, a_b); those around it do not. % is a word.
func tokens(s string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("()[]{}\"“”„‘`,;*<>|=→", r)
	}) {
		pct := 0
		for strings.HasSuffix(strings.TrimRight(w, ".!?:'’"), "%") {
			w = strings.TrimSuffix(strings.TrimRight(w, ".!?:'’"), "%")
			pct++
		}
		w = strings.TrimLeft(w, "'’.:!?/#~≈@")
		w = strings.TrimRight(w, "'’.:!?/-–—")
		for _, end := range []string{"'s", "’s"} {
			w = strings.TrimSuffix(w, end)
		}
		if w != "" {
			out = append(out, w)
		}
		if pct > 0 {
			out = append(out, "%")
		}
	}
	return out
}

// units scale to the base of their dimension. Case matters: m is minutes, M is
// not; ms is not Ms.
var units = map[string]struct {
	dim   dimension
	scale float64
}{
	"%": {ratio, 0.01}, "percent": {ratio, 0.01}, "pct": {ratio, 0.01}, "per-cent": {ratio, 0.01}, "permille": {ratio, 0.001}, "‰": {ratio, 0.001},
	"ns": {span, 1e-9}, "µs": {span, 1e-6}, "us": {span, 1e-6}, "ms": {span, 1e-3}, "millisecond": {span, 1e-3}, "milliseconds": {span, 1e-3},
	"s": {span, 1}, "sec": {span, 1}, "secs": {span, 1}, "second": {span, 1}, "seconds": {span, 1},
	"m": {span, 60}, "min": {span, 60}, "mins": {span, 60}, "minute": {span, 60}, "minutes": {span, 60},
	"h": {span, 3600}, "hr": {span, 3600}, "hrs": {span, 3600}, "hour": {span, 3600}, "hours": {span, 3600},
	"d": {span, 86400}, "day": {span, 86400}, "days": {span, 86400}, "week": {span, 604800}, "weeks": {span, 604800},
	"B": {bytes, 1}, "byte": {bytes, 1}, "bytes": {bytes, 1}, "kB": {bytes, 1e3}, "KB": {bytes, 1e3}, "MB": {bytes, 1e6}, "GB": {bytes, 1e9}, "TB": {bytes, 1e12},
	"KiB": {bytes, 1 << 10}, "MiB": {bytes, 1 << 20}, "GiB": {bytes, 1 << 30}, "TiB": {bytes, 1 << 40},
}

// scales are words that multiply a number before them.
var scales = map[string]float64{"hundred": 100, "thousand": 1e3, "million": 1e6, "billion": 1e9, "k": 1e3, "M": 1e6, "dozen": 12}

// spelledNumbers are numbers in words.
var spelledNumbers = map[string]float64{
	"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
	"thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40,
	"fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "hundreds": 100, "thousand": 1e3, "thousands": 1e3, "million": 1e6,
	"millions": 1e6, "billion": 1e9, "dozen": 12, "dozens": 12, "twice": 2, "double": 2, "doubled": 2, "triple": 3, "tripled": 3, "thrice": 3, "quadruple": 4, "tenfold": 10, "twofold": 2, "threefold": 3,
}

var spelledShares = map[string]float64{"half": 0.5, "halved": 0.5, "third": 1. / 3, "thirds": 2. / 3, "quarter": 0.25, "quarters": 0.75}

// quantityAt reads the number that begins at a token, and how many tokens it
// takes.
func quantityAt(all []string, i int) (quantity, int, bool) {
	t := all[i]
	if q, is := instantOf(t); is {
		return q, 1, true
	}
	if q, is := wordNumber(all, i); is {
		used := 1
		if q.dim == plain {
			for i+used < len(all) { // twenty-three thousand; five minutes
				next := strings.ToLower(all[i+used])
				if s, ok := scales[next]; ok && len(next) > 1 {
					q.value *= s
					used++
					continue
				}
				if u, ok := units[all[i+used]]; ok && len(all[i+used]) > 2 {
					q.dim, q.value = u.dim, q.value*u.scale
					used++
				}
				break
			}
		}
		return q, used, true
	}
	return numeral(all, i)
}

// wordNumber reads a number in words, with its hyphens.
func wordNumber(all []string, i int) (quantity, bool) {
	w := strings.ToLower(all[i])
	if v, ok := spelledShares[w]; ok {
		return quantity{text: all[i], dim: ratio, value: v, tolerance: 0.005, spelled: true}, true
	}
	total, found := 0.0, false
	for _, part := range strings.Split(w, "-") {
		v, ok := spelledNumbers[part]
		if !ok {
			return quantity{}, false
		}
		total, found = total+v, true
	}
	return quantity{text: all[i], dim: plain, value: total, tolerance: 1e-9, spelled: true}, found
}

// numeral reads digits with their unit, which stands with them or after them.
func numeral(all []string, i int) (quantity, int, bool) {
	t := strings.TrimPrefix(strings.TrimPrefix(all[i], "+"), "×")
	digits, rest := split(t)
	if digits == "" {
		return quantity{}, 0, false
	}
	if d, err := time.ParseDuration(t); err == nil && rest != "" && strings.ContainsAny(rest, "0123456789") { // 1h30m
		return quantity{text: all[i], dim: span, value: d.Seconds(), tolerance: 0.5}, 1, true
	}
	v, tolerance, ok := parse(digits)
	if !ok {
		return quantity{}, 0, false
	}
	q := quantity{text: all[i], dim: plain, value: v, tolerance: tolerance}
	used := 1
	apply := func(word string, attached bool) bool {
		if s, ok := scales[word]; ok && (attached || len(word) > 1) {
			q.value, q.tolerance = q.value*s, q.tolerance*s
			return true
		}
		if u, ok := units[word]; ok && q.dim == plain {
			q.dim, q.value, q.tolerance = u.dim, q.value*u.scale, q.tolerance*u.scale
			return true
		}
		return false
	}
	switch strings.ToLower(rest) {
	case "", "x", "-fold", "×":
	case "st", "nd", "rd", "th":
	default:
		word := strings.TrimPrefix(strings.TrimPrefix(rest, "-"), "/")
		if word == "s" && strings.HasPrefix(rest, "/") { // a rate
			break
		}
		if !apply(word, true) {
			return quantity{}, 0, false // a name that begins with digits
		}
	}
	for rest == "" && i+used < len(all) && used < 4 && apply(all[i+used], false) {
		used++
	}
	return q, used, true
}

// split takes the digits off the front.
func split(t string) (digits, rest string) {
	i := 0
	for i < len(t) && (t[i] >= '0' && t[i] <= '9' || (t[i] == '.' || t[i] == '_' || i == 0 && t[i] == '-') && i+1 < len(t) && t[i+1] >= '0' && t[i+1] <= '9') {
		i++
	}
	if i+1 < len(t) && i > 0 && (t[i] == 'e' || t[i] == 'E') {
		j := i + 1
		if t[j] == '+' || t[j] == '-' {
			j++
		}
		k := j
		for k < len(t) && t[k] >= '0' && t[k] <= '9' {
			k++
		}
		if k > j {
			i = k
		}
	}
	return t[:i], t[i:]
}

// parse gives a number and half a unit of its last digit.
func parse(digits string) (value, tolerance float64, ok bool) {
	clean := strings.ReplaceAll(digits, "_", "")
	v, err := strconv.ParseFloat(clean, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, 0, false
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(clean), "e")
	e, _ := strconv.Atoi(exponent) // empty is none
	_, fraction, _ := strings.Cut(mantissa, ".")
	return v, 0.5 * math.Pow(10, float64(e-len(fraction))), true
}

var layouts = []struct {
	layout               string
	date, clock, seconds bool
}{
	{time.RFC3339Nano, true, true, true},
	{"2006-01-02T15:04:05", true, true, true},
	{"2006-01-02T15:04Z07:00", true, true, false},
	{"2006-01-02T15:04", true, true, false},
	{"2006-01-02", true, false, false},
	{"15:04:05", false, true, true},
	{"15:04:05Z", false, true, true},
	{"15:04", false, true, false},
	{"15:04Z", false, true, false},
}

func instantOf(t string) (quantity, bool) {
	if len(t) < 4 || t[0] < '0' || t[0] > '9' || !strings.ContainsAny(t, ":-") {
		return quantity{}, false
	}
	for _, l := range layouts {
		if at, err := time.Parse(l.layout, t); err == nil {
			return quantity{text: t, dim: instant, at: at.UTC(), hasDate: l.date, hasClock: l.clock, seconds: l.seconds}, true
		}
	}
	return quantity{}, false
}
