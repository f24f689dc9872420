package logs

import (
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/logs/where"
)

// Level is the severity of an entry; a greater one is worse. The zero value
// is a level that nobody named.
type Level int

// The levels.
const (
	LevelUnknown Level = iota
	LevelTrace
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelFatal
)

// spellings are the words of each level that where.LevelRank reads, its own
// first: syslog's (RFC 5424
// §6.2.1: 0 emergency to 7 debug, as word and as number), those of bunyan and
// pino (10 trace to 60 fatal), glog's letters, and those of the common
// loggers of Java, Python, Node.js, .NET, PHP and Rust. OpenTelemetry's
// numbers (1 to 24) contradict syslog's and are the business of whoever reads
// OpenTelemetry.
var spellings = [...][]string{
	LevelTrace: {"trace", "trc", "verbose", "silly", "finest", "finer", "t", "10"},
	LevelDebug: {"debug", "dbg", "dbug", "fine", "config", "d", "7", "20"},
	LevelInfo:  {"info", "information", "informational", "inf", "notice", "note", "success", "log", "i", "5", "6", "30"},
	LevelWarn:  {"warn", "warning", "wrn", "w", "4", "40"},
	LevelError: {"error", "err", "eror", "severe", "fail", "failure", "e", "3", "50"},
	LevelFatal: {"fatal", "ftl", "critical", "crit", "crt", "panic", "dpanic", "alert", "emergency", "emerg", "f", "c", "0", "1", "2", "60"},
}

// ParseLevel reads a level in any spelling and any case; LevelUnknown where the
// word is none. It does not allocate.
func ParseLevel(word string) Level {
	return Level(where.LevelRank(strings.TrimSpace(word)))
}

// String is the level's own word; "" for LevelUnknown.
func (l Level) String() string {
	if l < LevelTrace || l > LevelFatal {
		return ""
	}
	return spellings[l][0]
}

// Levels lists every spelling of minimum and of what is worse, in lower case,
// upper case and with a capital: what Query.Levels holds for stores that
// compare words as they are. It gives nothing for LevelUnknown.
func Levels(minimum Level) []string {
	if minimum < LevelTrace || minimum > LevelFatal {
		return nil
	}
	var out []string
	for l := minimum; l <= LevelFatal; l++ {
		for _, s := range spellings[l] {
			out = append(out, s)
			if upper := strings.ToUpper(s); upper != s {
				out = append(out, upper)
				if len(s) > 1 {
					out = append(out, upper[:1]+s[1:])
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// Normal gives the word of the contract (trace, debug, info, warn, error,
// fatal) for any spelling; other words as they were.
func Normal(word string) string {
	if l := ParseLevel(word); l != LevelUnknown {
		return l.String()
	}
	return word
}
