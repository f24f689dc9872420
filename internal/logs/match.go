package logs

import (
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Matches decides a query over one entry, whatever store it came from: the
// rule that every adapter's translation must agree with. Raw is the store's
// own and not looked at; Limit and Newest are not about one entry.
func Matches(q Query, e *api.LogEntry) bool {
	return within(e.Time, q.From, q.To) &&
		(len(q.Services) == 0 || contains(q.Services, e.Service)) &&
		(len(q.Levels) == 0 || contains(q.Levels, e.Level) || leveled(q.Levels, e.Level)) &&
		(q.Trace == "" || e.Trace == q.Trace) &&
		HasWords(e.Message, q.Text) &&
		(q.Grep == nil || q.Grep.MatchString(e.Message))
}

func within(t, from, to time.Time) bool {
	return !t.Before(from) && (to.IsZero() || t.Before(to))
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// leveled finds a level in another spelling than the list has.
func leveled(list []string, word string) bool {
	l := ParseLevel(word)
	return l != LevelUnknown && contains(list, l.String())
}

// HasWords reports whether the message holds every word of text, in any case
// and anywhere, also inside of longer words.
func HasWords(message, text string) bool {
	if text == "" {
		return true
	}
	message = strings.ToLower(message)
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		if !strings.Contains(message, word) {
			return false
		}
	}
	return true
}
