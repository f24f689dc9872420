package metrics

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Place is where a backend found a mistake in an expression.
type Place struct {
	Line   int // from 1
	Column int // in characters, from 1; one past the end is the end
	Offset int // in bytes from the expression's beginning
}

var (
	// "1:15: parse error: unexpected …": Prometheus 2 and 3, Thanos, Mimir and
	// Cortex, after whatever they say first.
	parseError = regexp.MustCompile(`(?:^|[^0-9:])(\d{1,6}):(\d{1,6}): parse error`)
	// "parse error at char 15: …": Prometheus before 2.13, and forks of it.
	charError = regexp.MustCompile(`[Pp]arse error at char (\d{1,7})`)
	// `…; unparsed data: ") by"`: VictoriaMetrics names the rest.
	unparsed = regexp.MustCompile(`unparsed data(?: left)?: ("(?:[^"\\]|\\.)*")`)
)

// Locate finds the place of the mistake that a backend's message tells of, in
// the expression that was sent. ok is false where the message names no place,
// or one that the expression does not have.
func Locate(query, message string) (at Place, ok bool) {
	if m := parseError.FindStringSubmatch(message); m != nil {
		line, _ := strconv.Atoi(m[1]) // six digits fit
		column, _ := strconv.Atoi(m[2])
		return atLine(query, line, column)
	}
	if m := charError.FindStringSubmatch(message); m != nil {
		offset, _ := strconv.Atoi(m[1])
		return atOffset(query, offset-1)
	}
	if m := unparsed.FindStringSubmatch(message); m != nil {
		rest, err := strconv.Unquote(m[1])
		if err != nil {
			return Place{}, false
		}
		// The rest is the expression's end, blanks aside.
		trimmed := strings.TrimRight(query, " \t\r\n")
		rest = strings.TrimRight(rest, " \t\r\n")
		if !strings.HasSuffix(trimmed, rest) {
			return Place{}, false
		}
		return atOffset(query, len(trimmed)-len(rest))
	}
	return Place{}, false
}

// atLine takes a line and a column in bytes, both from 1.
func atLine(query string, line, column int) (Place, bool) {
	lines := strings.SplitAfter(query, "\n")
	if line < 1 || line > len(lines) || column < 1 {
		return Place{}, false
	}
	offset := column - 1
	for _, l := range lines[:line-1] {
		offset += len(l)
	}
	if column-1 > len(lines[line-1]) {
		return Place{}, false
	}
	return atOffset(query, offset)
}

func atOffset(query string, offset int) (Place, bool) {
	if offset < 0 || offset > len(query) {
		return Place{}, false
	}
	for offset > 0 && offset < len(query) && !utf8.RuneStart(query[offset]) {
		offset--
	}
	before := query[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return Place{
		Line:   strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(before[start:]) + 1,
		Offset: offset,
	}, true
}
