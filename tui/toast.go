package tui

import (
	"errors"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// toastFor is how long a line stays: long enough to read, and gone with the
// next key.
const toastFor = 8 * time.Second

// toast is a line in place of the keys for a few seconds.
type toast struct {
	level, text string
	until       time.Time
}

func (t *toast) expire(now time.Time) {
	if t.text != "" && now.After(t.until) {
		*t = toast{}
	}
}

// seen takes it away: the person went on.
func (t *toast) seen() { *t = toast{} }

func hintOf(err error) string {
	var e *fail.Error
	if errors.As(err, &e) {
		return e.Next
	}
	return ""
}

const day = 24 * time.Hour

func repeat(s string, n int) string { return strings.Repeat(s, max(n, 0)) }

func joined(list []string) string { return strings.Join(list, " | ") }
