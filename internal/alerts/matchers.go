package alerts

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Matchers must all hold. They are Alertmanager's own: a label that is missing
// is an empty text, and regular expressions are anchored at both ends.
type Matchers []*labels.Matcher

// Bounds of what a person may type.
const (
	maxMatchers = 64
	maxMatcher  = 4 << 10 // bytes of all of them
)

// Parse reads matchers separated by blanks or commas, as amtool takes them:
// severity=critical service=~"chat|predict" or {severity="critical"}. A bare
// word is the name of an alert. An empty text has no matchers.
func Parse(text string) (Matchers, error) {
	if len(text) > maxMatcher {
		return nil, fail.New(fail.Usage, "the matchers are longer than %d bytes", maxMatcher)
	}
	if !utf8.ValidString(text) {
		return nil, fail.New(fail.Usage, "the matchers are not UTF-8")
	}
	parts, err := split(text)
	if err != nil {
		return nil, err
	}
	if len(parts) > maxMatchers {
		return nil, fail.New(fail.Usage, "%d matchers are too many: %d at most", len(parts), maxMatchers)
	}
	var out Matchers
	for _, p := range parts {
		m, err := one(p)
		switch {
		case err != nil:
			return nil, badMatcher(p, err)
		case m.Name == "":
			return nil, badMatcher(p, errors.New("the label has no name"))
		case !utf8.ValidString(m.Name) || !utf8.ValidString(m.Value): // an escape has made it so
			return nil, badMatcher(p, errors.New("it is not UTF-8"))
		}
		out = append(out, m)
	}
	return out, nil
}

// Join puts the arguments of a command together to a text that Parse reads, so
// that each stays what it was: a shell has taken the quotes away that a value
// with blanks, commas or quotes needs.
func Join(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = quoted(strings.TrimSpace(a))
	}
	return strings.Join(out, " ")
}

func quoted(text string) string {
	if _, err := parse.Matchers(text); err == nil || strings.HasPrefix(text, "{") {
		return text
	}
	parts, err := split(text)
	if err == nil && len(parts) > 1 && strings.Contains(text, `"`) && !slices.ContainsFunc(parts, func(p string) bool {
		_, err := parse.Matcher(p)
		return err != nil
	}) {
		return text // several, as String gives them
	}
	name, op, value := cut(text)
	switch {
	case strings.HasPrefix(value, `"`) && inQuotes(value) == value:
		return text // a quote is missing, and Parse says so
	case name != "" && op != "":
		return name + op + strconv.Quote(inQuotes(value))
	case strings.ContainsAny(text, blanks+`,"`) && op == "" && !strings.HasPrefix(text, `"`):
		return strconv.Quote(text) // the name of an alert
	}
	return text
}

const blanks = " \t\r\n"

// operator cuts an operator off the front.
func operator(text string) (op, rest string) {
	for _, op := range []string{"=~", "!~", "!=", "="} {
		if rest, ok := strings.CutPrefix(text, op); ok {
			return op, rest
		}
	}
	return "", text
}

// one reads one part: a matcher, or the name of an alert.
func one(text string) (*labels.Matcher, error) {
	if name, err := strconv.Unquote(text); err == nil && strings.HasPrefix(text, `"`) {
		return labels.NewMatcher(labels.MatchEqual, "alertname", name)
	}
	m, err := parse.Matcher(text)
	if err == nil {
		return m, nil
	}
	if strings.ContainsAny(text, "=~") {
		// A shell has taken the quotes away: what stands right of the
		// operator is then the value.
		return bare(text)
	}
	if strings.ContainsAny(text, `{}"`) {
		return nil, err
	}
	return labels.NewMatcher(labels.MatchEqual, "alertname", text)
}

// bare reads NAME OP VALUE where the value lacks the quotes that it needs.
func bare(text string) (*labels.Matcher, error) {
	name, op, value := cut(text)
	value = inQuotes(value)
	if name == "" || op == "" || strings.ContainsAny(name, `{}"`+blanks) || strings.Contains(value, `"`) {
		return parse.Matcher(text) // it says what is wrong
	}
	return New(name, value, strings.HasSuffix(op, "~"), op[0] == '=')
}

// inQuotes takes the quotes off that stand around a whole value. What is in
// them may be no Go string: "\d+".
func inQuotes(value string) string {
	if n := len(value); n > 1 && value[0] == '"' && value[n-1] == '"' && !strings.Contains(value[1:n-1], `"`) {
		return value[1 : n-1]
	}
	return value
}

func badMatcher(text string, err error) error {
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return fail.New(fail.Usage, "%q is no matcher: %s", text, err).
		Hint(`NAME=VALUE, NAME!=VALUE, NAME=~"REGEXP" or NAME!~"REGEXP"`)
}

// split cuts at blanks and commas outside of quotes; braces around all of it
// are taken off. Blanks around an operator belong to the matcher.
func split(text string) ([]string, error) {
	text = strings.Trim(text, blanks)
	if strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") {
		text = text[1 : len(text)-1]
	}
	var parts []string
	var b strings.Builder
	quoted, escaped := false, false
	flush := func() {
		if b.Len() > 0 {
			parts = append(parts, b.String())
			b.Reset()
		}
	}
	for i, r := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == ',':
			flush()
			continue
		case strings.ContainsRune(blanks, r):
			next, _ := operator(strings.TrimLeft(text[i:], blanks))
			if next == "" && !wantsValue(b.String()) {
				flush()
			}
			continue
		}
		b.WriteRune(r)
	}
	if quoted {
		return nil, fail.New(fail.Usage, "a quote is not closed in %q", text).Hint(`service=~"chat|predict"`)
	}
	flush()
	return parts, nil
}

// wantsValue reports whether a text ends with its operator.
func wantsValue(text string) bool {
	_, op, value := cut(text)
	return op != "" && value == ""
}

// cut parts a matcher, whose name may stand in quotes, at its operator.
func cut(text string) (name, op, value string) {
	if strings.HasPrefix(text, `"`) {
		name, _ = strconv.QuotedPrefix(text) // nothing where it is none
	}
	if name == "" {
		name = text[:max(0, strings.IndexAny(text, "=!"))]
	}
	op, value = operator(strings.TrimLeft(text[len(name):], blanks))
	return strings.Trim(name, blanks), op, strings.Trim(value, blanks)
}

// Hit reports whether all matchers hold over the labels. No matchers hold over
// everything.
func (m Matchers) Hit(set map[string]string) bool {
	for _, one := range m {
		if !one.Matches(set[one.Name]) {
			return false
		}
	}
	return true
}

// names reports whether the matchers are one word that is an alert's
// fingerprint.
func (m Matchers) names(a api.Alert) bool {
	return len(m) == 1 && m[0].Type == labels.MatchEqual && m[0].Name == "alertname" && m[0].Value == a.Fingerprint
}

// Everything reports whether none of the matchers demands a label that is
// there: Alertmanager refuses a silence of that kind, by this rule.
func (m Matchers) Everything() bool {
	for _, one := range m {
		negative := one.Type == labels.MatchNotEqual || one.Type == labels.MatchNotRegexp
		if negative || !one.Matches("") {
			return false
		}
	}
	return true
}

// String gives the matchers in the form that Parse reads.
func (m Matchers) String() string {
	parts := make([]string, len(m))
	for i, one := range m {
		parts[i] = one.String()
	}
	return strings.Join(parts, " ")
}

// Exactly are the matchers that hit an alert of just these labels.
func Exactly(set map[string]string) Matchers {
	out := make(Matchers, 0, len(set))
	for name, value := range set {
		out = append(out, &labels.Matcher{Type: labels.MatchEqual, Name: name, Value: value})
	}
	sortMatchers(out)
	return out
}

func sortMatchers(m Matchers) {
	slices.SortFunc(m, func(a, b *labels.Matcher) int { return cmp.Compare(a.Name, b.Name) })
}

// New makes a matcher as the wire has it.
func New(name, value string, isRegexp, isEqual bool) (*labels.Matcher, error) {
	kind := labels.MatchEqual
	switch {
	case isRegexp && isEqual:
		kind = labels.MatchRegexp
	case isRegexp:
		kind = labels.MatchNotRegexp
	case !isEqual:
		kind = labels.MatchNotEqual
	}
	return labels.NewMatcher(kind, name, value)
}

// Wire gives a matcher's parts as the wire has them.
func Wire(m *labels.Matcher) (name, value string, isRegexp, isEqual bool) {
	return m.Name, m.Value, m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp,
		m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp
}
