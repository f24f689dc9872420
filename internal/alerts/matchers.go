package alerts

import (
	"errors"
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
		if !strings.ContainsAny(p, "=~") {
			m, err := labels.NewMatcher(labels.MatchEqual, "alertname", strings.Trim(p, `"`))
			if err != nil {
				return nil, badMatcher(p, err)
			}
			out = append(out, m)
			continue
		}
		m, err := parse.Matcher(p)
		if err != nil {
			// A shell has taken the quotes away: what stands right of the
			// operator is then the value.
			if m, err = bare(p); err != nil {
				return nil, badMatcher(p, err)
			}
		}
		if m.Name == "" {
			return nil, badMatcher(p, errors.New("the label has no name"))
		}
		out = append(out, m)
	}
	return out, nil
}

// bare reads NAME OP VALUE where the value lacks the quotes that it needs.
func bare(text string) (*labels.Matcher, error) {
	i := strings.IndexAny(text, "=!")
	if i <= 0 {
		return parse.Matcher(text)
	}
	for _, op := range []labels.MatchType{labels.MatchRegexp, labels.MatchNotRegexp, labels.MatchNotEqual, labels.MatchEqual} {
		if value, ok := strings.CutPrefix(text[i:], op.String()); ok {
			return labels.NewMatcher(op, strings.TrimSpace(text[:i]), strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return parse.Matcher(text)
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
	text = strings.TrimSpace(text)
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
	for _, r := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ' ' || r == '\t' || r == '\n' || r == ','):
			flush()
			continue
		}
		b.WriteRune(r)
	}
	if quoted {
		return nil, fail.New(fail.Usage, "a quote is not closed in %q", text).Hint(`service=~"chat|predict"`)
	}
	flush()
	return joinOperators(parts), nil
}

// joinOperators puts together what blanks around an operator have parted:
// severity = critical.
func joinOperators(parts []string) []string {
	var out []string
	operator := func(s string) bool { return s == "=" || s == "!=" || s == "=~" || s == "!~" }
	for i := 0; i < len(parts); i++ {
		p := parts[i]
		if operator(p) && len(out) > 0 && i+1 < len(parts) {
			i++
			out[len(out)-1] += p + parts[i]
			continue
		}
		out = append(out, p)
	}
	return out
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
	for i := 1; i < len(m); i++ {
		for j := i; j > 0 && m[j].Name < m[j-1].Name; j-- {
			m[j], m[j-1] = m[j-1], m[j]
		}
	}
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
