package alerts

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

const (
	// AckPrefix begins the comment of a silence that is an acknowledgement:
	// the convention of karma (github.com/prymitive/karma), which shows it.
	AckPrefix = "ACK!"
	// AckFor is how long an acknowledgement holds without being renewed.
	AckFor = 15 * time.Minute
)

// managed is the mark of a silence that the keeper renews and ends: until when
// at the latest. It stands at the end of the comment, where people can read it.
var managed = regexp.MustCompile(` ?\[aictl: until resolved, at most until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\]$`)

// IsAck reports whether a comment is that of an acknowledgement.
func IsAck(comment string) bool { return strings.HasPrefix(comment, AckPrefix) }

// AckComment makes the comment of an acknowledgement that is kept until a time
// at most.
func AckComment(words string, until time.Time) string {
	return Managed(strings.TrimSpace(AckPrefix+" "+words), until)
}

// Managed marks a comment as of a silence that ends when what it hits has
// resolved, and at a time at the latest.
func Managed(comment string, until time.Time) string {
	return fmt.Sprintf("%s [aictl: until resolved, at most until %s]", comment, until.UTC().Format("2006-01-02T15:04:05Z"))
}

// ManagedUntil gives the time of the mark; false where there is none.
func ManagedUntil(comment string) (time.Time, bool) {
	m := managed.FindStringSubmatch(comment)
	if m == nil {
		return time.Time{}, false
	}
	t, err := time.Parse("2006-01-02T15:04:05Z", m[1])
	return t, err == nil
}

// Words are a comment without what the conventions add.
func Words(comment string) string {
	return strings.TrimSpace(strings.TrimPrefix(managed.ReplaceAllString(comment, ""), AckPrefix))
}

// What a silence may do without a reason.
const (
	quietFor  = 24 * time.Hour
	quietMany = 10
)

// NeedsReason says why a silence must have a comment, or nothing.
func NeedsReason(length time.Duration, hits []api.Alert) string {
	if length > quietFor {
		return fmt.Sprintf("it is for more than %s", quietFor)
	}
	if len(hits) > quietMany {
		return fmt.Sprintf("it hits %d alerts", len(hits))
	}
	for _, a := range hits {
		if Critical(a.Severity) {
			return fmt.Sprintf("it hits %s, which is %s", a.Name, a.Severity)
		}
	}
	return ""
}

// maxSilence is the longest silence: what is known to be wrong for longer is a
// rule to change.
const maxSilence = 90 * 24 * time.Hour

// CheckSilence refuses what would keep everything quiet, or for nothing, or
// for ever.
func CheckSilence(m Matchers, length time.Duration) error {
	switch {
	case len(m) == 0:
		return fail.New(fail.Usage, "a silence needs matchers").Hint("aictl alerts silence alertname=NAME --duration 1h")
	case m.Everything():
		return fail.New(fail.Refused, "%s would hit every alert", m).Hint("name at least one label that must be there")
	case length <= 0:
		return fail.New(fail.Usage, "a silence must end after now").Hint("--duration 2h")
	case length > maxSilence:
		return fail.New(fail.Refused, "a silence of more than %d days is a rule to change", int(maxSilence/(24*time.Hour))).Hint("--duration 7d")
	}
	return nil
}
