package logs

import (
	"regexp"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/where"
)

// maxPattern bounds a regular expression, in bytes: a longer one compiles into
// a program that costs memory on the server.
const maxPattern = 4 << 10

// Compile checks a filter and makes the query of it. What is wrong is a Usage
// error that says where.
func Compile(f api.LogFilter) (Query, error) {
	q := Query{
		Text: strings.TrimSpace(f.Text), Trace: strings.TrimSpace(f.Trace), Raw: strings.TrimSpace(f.Raw),
		From: f.From, To: f.To,
	}
	for _, s := range f.Service {
		if s = strings.TrimSpace(s); s != "" {
			q.Services = append(q.Services, s)
		}
	}
	if f.Level != "" {
		l := ParseLevel(f.Level)
		if l == LevelUnknown {
			return Query{}, fail.New(fail.Usage, "%q is no level: trace, debug, info, warn, error or fatal", clip(f.Level)).Hint("--level warn")
		}
		if l > LevelTrace {
			q.Levels = Levels(l)
		}
	}
	if f.Grep != "" {
		re, err := compileRegexp(f.Grep)
		if err != nil {
			return Query{}, err
		}
		q.Grep = re
	}
	if strings.TrimSpace(f.Where) != "" {
		expr, err := where.Parse(f.Where)
		if err != nil {
			if fail.CodeOf(err) == fail.Usage {
				return Query{}, err
			}
			return Query{}, fail.Wrap(fail.Usage, err, "reading --where").Hint("--where 'http.status >= 500 && duration > 200ms'")
		}
		q.Where = expr
	}
	if !f.To.IsZero() && !f.From.IsZero() && !f.From.Before(f.To) {
		return Query{}, fail.New(fail.Usage, "the window ends before it begins").Hint("--from must be before --to")
	}
	return q, nil
}

func compileRegexp(s string) (*regexp.Regexp, error) {
	if len(s) > maxPattern {
		return nil, fail.New(fail.Usage, "the regular expression is over %d bytes", maxPattern)
	}
	re, err := regexp.Compile(s)
	if err != nil {
		why := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		return nil, fail.New(fail.Usage, "--grep %q is no regular expression: %s", clip(s), why).
			Hint("the syntax is RE2's; text as it stands is an argument: aictl logs %q", clip(s))
	}
	return re, nil
}

// clip keeps what a person typed from filling the screen in a message.
func clip(s string) string {
	const limit = 80
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
