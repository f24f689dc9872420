package assistant

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/aictl/aictl/internal/fail"
)

// ErrorWindow is how far back the assistant looks for failures.
const ErrorWindow = time.Hour

// Assistant answers questions. It is safe for concurrent use.
type Assistant struct {
	platform Platform
	now      func() time.Time
	manual   func() []section
}

// New makes an assistant over the platform's state. now is the clock;
// time.Now where nil.
func New(p Platform, now func() time.Time) *Assistant {
	if now == nil {
		now = time.Now
	}
	return &Assistant{platform: p, now: now, manual: sync.OnceValue(func() []section { return sections(p.Docs()) })}
}

// Ask answers the last user message of turns. What the platform cannot say is
// an error (the platform's own) only where the whole answer depends on it.
func (a *Assistant) Ask(ctx context.Context, turns []Turn) (Answer, error) {
	services, err := a.platform.Services(ctx)
	if err != nil {
		return Answer{}, fail.Wrap(fail.CodeOf(err), err, "reading the services")
	}
	w := &writer{services: services, a: a, plan: Understand(turns, services)}
	if w.plan.Unknown != "" {
		w.unknownService()
		return w.answer(), nil
	}
	switch w.plan.Intent {
	case Running:
		w.running()
	case IsHealthy:
		err = w.health(ctx)
	case Why:
		err = w.why(ctx)
	case Failures:
		err = w.failures(ctx)
	case Used:
		err = w.usage(ctx)
	case Versions:
		err = w.version(ctx)
	case WhoAmI:
		err = w.whoami(ctx)
	case Operations, Describe:
		w.operations()
	case Help:
		w.help()
	case HowTo:
		err = w.howTo(ctx, true)
	default:
		err = w.howTo(ctx, false)
	}
	if err != nil {
		return Answer{}, fail.Wrap(fail.CodeOf(err), err, "reading the platform's state")
	}
	return w.answer(), nil
}

// writer collects the lines of one answer and its evidence.
type writer struct {
	a        *Assistant
	plan     Plan
	services []Service
	text     strings.Builder
	evidence []Evidence
}

func (w *writer) say(format string, args ...any) {
	fmt.Fprintf(&w.text, format+"\n", args...)
}

// cite adds evidence, each once.
func (w *writer) cite(source, id, command string) {
	e := Evidence{Source: source, ID: id, Command: command}
	for _, old := range w.evidence {
		if old == e {
			return
		}
	}
	w.evidence = append(w.evidence, e)
}

func (w *writer) answer() Answer {
	text := strings.TrimRight(w.text.String(), "\n")
	if len(w.evidence) > 0 {
		text += "\n\nEvidence:"
		for _, e := range w.evidence {
			text += fmt.Sprintf("\n- %s %s", e.Source, e.ID)
			if e.Command != "" {
				text += ": `" + e.Command + "`"
			}
		}
	}
	if w.evidence == nil {
		w.evidence = []Evidence{}
	}
	return Answer{Text: text + "\n", Evidence: w.evidence, Plan: w.plan}
}

// quote shows foreign text as data: one line in a code span, without control,
// format and bidirectional characters, and not more than 200 characters.
func quote(s string) string {
	const most = 200
	out := []rune{}
	space := true
	for _, r := range s {
		switch {
		case r == '`':
			r = '\''
		case r == unicode.ReplacementChar, !unicode.IsPrint(r):
			r = ' '
		}
		if r == ' ' && space {
			continue
		}
		space = r == ' '
		if out = append(out, r); len(out) == most {
			out = append(out, '…')
			break
		}
	}
	text := strings.TrimSpace(string(out))
	if text == "" {
		return "(no message)"
	}
	return "`" + text + "`"
}

func count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// span renders a duration for people: 15m, 2h, 3d4h.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
	case d >= time.Hour:
		if m := int(d.Minutes()) % 60; m != 0 {
			return fmt.Sprintf("%dh%dm", int(d.Hours()), m)
		}
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d >= time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return d.Round(time.Second).String()
}

func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
}

func percent(part, whole int64) string {
	if whole <= 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(part)/float64(whole))
}
