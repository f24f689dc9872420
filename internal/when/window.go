package when

import (
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Window is a span of time: From is part of it, To is not.
type Window struct{ From, To time.Time }

// Length is To minus From.
func (w Window) Length() time.Duration { return w.To.Sub(w.From) }

// Contains says whether t is in the window.
func (w Window) Contains(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }

// ParseWindow reads --since, --from and --to. Without --from and --since the
// window is fallback long; without --to it ends now. --since goes with --to
// (that long before it) but not with --from.
func ParseWindow(since, from, to string, now time.Time, loc *time.Location, fallback time.Duration) (Window, error) {
	if since != "" && from != "" {
		return Window{}, fail.New(fail.Usage, "--since and --from both say where the window begins").Hint("give one of them: %s", example)
	}
	w := Window{To: now}
	var err error
	if to != "" {
		if w.To, err = Parse(to, now, loc); err != nil {
			return Window{}, fail.Wrap(fail.Usage, err, "reading --to").Hint(example)
		}
	}
	switch {
	case from != "":
		if w.From, err = Parse(from, now, loc); err != nil {
			return Window{}, fail.Wrap(fail.Usage, err, "reading --from").Hint(example)
		}
	case since != "":
		// A duration counts back from the end; a point in time is one.
		if d, derr := duration(since); derr == nil {
			w.From = w.To.Add(-d.Abs())
		} else if w.From, err = Parse(since, now, loc); err != nil {
			return Window{}, fail.Wrap(fail.Usage, err, "reading --since").Hint(example)
		}
	default:
		w.From = w.To.Add(-fallback)
	}
	if !w.From.Before(w.To) {
		return Window{}, fail.New(fail.Usage, "the window ends (%s) before it begins (%s)",
			w.To.UTC().Format(time.RFC3339), w.From.UTC().Format(time.RFC3339)).Hint("--from must be before --to")
	}
	return w, nil
}
