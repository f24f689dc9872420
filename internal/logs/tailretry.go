package logs

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// again reports whether asking once more can help.
func (t *tail) again(err error) bool {
	switch fail.CodeOf(err) { //nolint:exhaustive // every other failure lasts
	case fail.Unavailable, fail.Timeout:
		return t.answered || t.o.Cursor != ""
	case fail.Limited, fail.Partial, fail.Inconclusive:
		return true
	case fail.Internal, fail.Canceled: // of no known kind; Canceled is not ours, ctx is alive
		return t.answered && t.failures < maxUnknownFails
	}
	return false
}

// away notes a failure and gives the time to wait.
func (t *tail) away(err error, now time.Time) time.Duration {
	if t.failures == 0 {
		t.failing = now
		t.backoff.Reset()
	}
	t.failures++
	wait := t.backoff.NextBackOff()
	if named := fail.RetryAfter(err); named > 0 { // a little more, so that not all come back at once
		named = min(named, maxRetryAfter)
		wait = max(wait, named+rand.N(named/10+1)) //nolint:gosec // jitter is no secret
	}
	if !t.noticed && now.Add(wait).Sub(t.failing) >= t.o.NoticeAfter {
		t.noticed = true
		t.emit(api.LogEvent{Type: "notice", Notice: &api.LogNotice{
			Code: "reconnecting", Message: "the log store does not answer, trying again: " + err.Error(),
		}})
	}
	return wait
}

// back notes a success.
func (t *tail) back(now time.Time) {
	if t.noticed {
		t.emit(api.LogEvent{Type: "notice", Notice: &api.LogNotice{
			Code: "reconnected", Message: fmt.Sprintf("the log store answers again, after %s", now.Sub(t.failing).Round(100*time.Millisecond)),
		}})
	}
	if !t.answered { // the first answer is worth a cursor, also when it is empty
		t.dirty, t.marked = true, time.Time{}
	}
	t.failures, t.noticed, t.answered = 0, false, true
}
