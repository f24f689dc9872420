package logs

import (
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/where"
)

// Matches decides a query over one entry, whatever store it came from: the
// rule that every adapter's translation must agree with. Raw is the store's
// own and not looked at; Limit and Newest are not about one entry. Whoever
// asks for more than a few entries makes a Matcher.
func Matches(q Query, e *api.LogEntry) bool { return Matcher(q)(e) }

// Matcher is Matches for many entries. What it returns is safe for concurrent
// use.
func Matcher(q Query) func(*api.LogEntry) bool {
	words := strings.Fields(strings.ToLower(q.Text))
	var expr *where.Program
	if q.Where != nil {
		expr = where.Compile(q.Where)
	}
	return func(e *api.LogEntry) bool {
		return within(e.Time, q.From, q.To) &&
			(len(q.Services) == 0 || slices.Contains(q.Services, e.Service)) &&
			(len(q.Levels) == 0 || slices.Contains(q.Levels, e.Level) || leveled(q.Levels, e.Level)) &&
			(q.Trace == "" || e.Trace == q.Trace) &&
			hasWords(e.Message, words) &&
			(q.Grep == nil || q.Grep.MatchString(e.Message)) &&
			(expr == nil || expr.Match(e))
	}
}

func within(t, from, to time.Time) bool {
	return !t.Before(from) && (to.IsZero() || t.Before(to))
}

// leveled finds a level in another spelling than the list has.
func leveled(list []string, word string) bool {
	l := ParseLevel(word)
	return l != LevelUnknown && slices.Contains(list, l.String())
}

// HasWords reports whether the message holds every word of text, in any case
// and anywhere, also inside of longer words.
func HasWords(message, text string) bool {
	return hasWords(message, strings.Fields(strings.ToLower(text)))
}

func hasWords(message string, lowered []string) bool {
	if len(lowered) == 0 {
		return true
	}
	message = strings.ToLower(message)
	for _, word := range lowered {
		if !strings.Contains(message, word) {
			return false
		}
	}
	return true
}
