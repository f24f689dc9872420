package assistant

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

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
	switch w.plan.Intent {
	case Why, Firing, LogLines, Deployed, Changed: // what no service is may be known to them
	default:
		if w.plan.Unknown != "" {
			w.unknownService()
			return w.answer(), nil
		}
	}
	switch w.plan.Intent {
	case Firing:
		w.firing(ctx)
	case LogLines:
		w.logs(ctx)
	case Deployed:
		w.deployed(ctx)
	case Changed:
		w.changed(ctx)
	case Handover:
		w.handoff(ctx)
	case Measured:
		w.measured(ctx)
	case Secrecy:
		w.overdue(ctx)
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
	if err == nil { // the caller is gone, or has waited long enough
		err = ctx.Err()
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
	// explained says that a cause was named: the figures are no verdict then.
	explained bool
	evidence  []Evidence
}

func (w *writer) say(format string, args ...any) {
	fmt.Fprintf(&w.text, format+"\n", args...)
}

// cite adds evidence, each once.
func (w *writer) cite(source, id, command string) {
	if !shown(command) {
		command = ""
	}
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
	for strings.Contains(text, "\n\n\n") {
		text = strings.ReplaceAll(text, "\n\n\n", "\n\n")
	}
	if len(w.evidence) > 0 {
		text += "\n\nEvidence:"
		for _, e := range w.evidence {
			text += fmt.Sprintf("\n- %s %s", e.Source, identifier(e.ID))
			if e.Command != "" {
				text += ": " + code(e.Command)
			}
		}
	}
	if w.evidence == nil {
		w.evidence = []Evidence{}
	}
	return Answer{Text: text + "\n", Evidence: w.evidence, Plan: w.plan}
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
		if int(d.Hours())%24 == 0 {
			return fmt.Sprintf("%dd", int(d.Hours())/24)
		}
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
