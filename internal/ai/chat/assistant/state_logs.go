package assistant

import (
	"context"
	"fmt"
)

func (w *writer) logs(ctx context.Context) {
	now := w.a.now()
	window := w.plan.Window.or(LogWindow)
	q := LogQuery{Service: w.about(), Text: w.plan.Text, From: window.from(now), Limit: mostLines}
	if w.plan.Aim == AimErrors {
		q.Level = "error"
		if recent, err := w.recent(ctx); err == nil && len(recent) > 0 { // what the gateway saw itself
			w.group(recent)
			w.say("")
		}
	}
	flags := window.flags(now)
	if q.Service != "" {
		flags = append(flags, "--service", q.Service)
	}
	if q.Level != "" {
		flags = append(flags, "--level", q.Level)
	}
	words := []string{"logs"}
	switch w.plan.Aim { //nolint:exhaustive // the rest are lines
	case AimPatterns:
		words = append(words, "patterns")
	case AimNews:
		words = append(words, "diff")
	}
	words = append(words, flags...)
	if q.Text != "" {
		words = append(words, "--", q.Text)
	}
	command := aictl(words...)
	if w.plan.Aim == AimPatterns || w.plan.Aim == AimNews {
		w.patterns(ctx, q, window, command)
		return
	}
	found, ok := part(ctx, w, "the logs", command, func(ctx context.Context) (Logs, error) { return w.a.platform.Logs(ctx, q) })
	if !ok {
		return
	}
	w.cite("logs", window.words(), command)
	kind := "lines"
	if q.Level != "" {
		kind = "lines at level " + q.Level + " and worse"
	}
	if q.Text != "" {
		kind += " that hold " + quote(q.Text)
	}
	if len(found.Lines) == 0 {
		w.say("The logs hold no %s%s in %s.", kind, w.ofWhom("of"), window.words())
		w.strange()
	} else {
		w.say("The newest log %s%s in %s, as they stand there:\n", kind, w.ofWhom("of"), window.words())
	}
	for _, l := range found.Lines {
		who := ""
		if w.about() == "" && l.Service != "" {
			who = " " + name(l.Service)
		}
		w.say("- %s%s %s: %s", at(l.Time), who, word(orNone(l.Level)), quote(l.Message))
	}
	if found.More {
		w.say("- and older ones")
	}
	w.warn(found.Warnings)
}

// strange says that a name which gave nothing is no service's.
func (w *writer) strange() {
	if w.plan.Unknown != "" {
		w.say("No service is named %s; the services are: %s.", quote(w.plan.Unknown), w.names())
	}
}

func (w *writer) patterns(ctx context.Context, q LogQuery, window Window, command string) {
	ask, what := w.a.platform.Patterns, "The commonest patterns of the log lines"
	if w.plan.Aim == AimNews {
		ask, what = w.a.platform.News, "New or surging patterns of the log lines"
	}
	found, ok := part(ctx, w, "the logs", command, func(ctx context.Context) (Patterns, error) { return ask(ctx, q) })
	if !ok {
		return
	}
	w.cite("logs", window.words(), command)
	against := ""
	if w.plan.Aim == AimNews {
		against = ", against as long a time before"
	}
	if len(found.Patterns) == 0 {
		w.say("%s%s in %s%s: none.", what, w.ofWhom("of"), window.words(), against)
		w.strange()
	} else {
		w.say("%s%s in %s%s (<*> stands for what varies):\n", what, w.ofWhom("of"), window.words(), against)
	}
	shown := found.Patterns[:min(len(found.Patterns), 2*mostLines)]
	for _, p := range shown {
		note := ""
		switch {
		case p.Surging:
			note = fmt.Sprintf(", surging: %d before", p.Before)
		case w.plan.Aim == AimNews:
			note = ", new"
		}
		w.say("- %d × %s (%s%s)", p.Count, quote(p.Text), word(orNone(p.Worst)), note)
	}
	w.more(len(found.Patterns)+found.More, len(shown))
	if found.Sampled {
		w.say("\nThere are many lines: an even sample of them was looked at.")
	}
	w.warn(found.Warnings)
}
