package assistant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
)

// Most lines of a list in an answer.
const (
	mostAlerts    = 10
	mostFacts     = 6
	mostLines     = 5
	mostWorkloads = 12
	mostChanges   = 10
	mostItems     = 8
	mostSamples   = 10
	mostGaps      = 5
	mostCited     = 8 // evidence lines of one list
)

// LogWindow and ChangeWindow are how far back is looked where the question
// does not say.
const (
	LogWindow    = 15 * time.Minute
	ChangeWindow = time.Hour
)

// part asks one operation, within its time. A failure is said in the answer
// and never taken for nothing.
func part[T any](ctx context.Context, w *writer, what, command string, ask func(ctx context.Context) (T, error)) (T, bool) {
	inner, cancel := context.WithTimeout(ctx, PartTimeout)
	defer cancel()
	out, err := ask(inner)
	if err == nil {
		return out, true
	}
	if ctx.Err() == nil && inner.Err() != nil {
		err = fail.New(fail.Timeout, "no answer within %s", PartTimeout)
	}
	w.failed(what, command, err)
	return out, false
}

func (w *writer) failed(what, command string, err error) {
	e := fail.From(err)
	verb := "could not be read"
	if e.Code == fail.Forbidden || e.Code == fail.Auth {
		verb = "may not be read by you"
	}
	w.say("I do not know: %s %s (%s). The reason given is %s.%s\n", what, verb, e.Code, quote(e.Error()), next(e.Next))
	w.cite(strings.TrimPrefix(what, "the "), "not read", command)
}

// next says what helps: a command or a sentence of the platform.
func next(hint string) string {
	if hint == "" || !shown(hint) {
		return ""
	}
	return " Next: " + code(hint) + "."
}

// gaps names what did not answer.
func (w *writer) gaps(failed []Gap) {
	if len(failed) == 0 {
		return
	}
	w.say("\nNot everything answered, so something may be missing:\n")
	for _, g := range failed[:min(len(failed), mostGaps)] {
		w.say("- %s (%s): %s.%s", name(g.Source), word(string(g.Code)), quote(g.Message), next(g.Next))
	}
	w.more(len(failed), mostGaps)
}

func (w *writer) warn(warnings []string) {
	for _, text := range warnings[:min(len(warnings), mostGaps)] {
		w.say("\nNote: %s", quote(text))
	}
}

func (w *writer) more(have, shown int) {
	if have > shown {
		w.say("- and %d more", have-shown)
	}
}

func at(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }

// when is a moment of any day, with how long ago it was.
func (w *writer) when(t time.Time) string {
	now := w.a.now()
	text := at(t)
	if now.Sub(t) > 12*time.Hour {
		text = t.UTC().Format("2006-01-02 15:04 UTC")
	}
	if ago := now.Sub(t); ago >= time.Second {
		text += " (" + span(ago) + " ago)"
	}
	return text
}

// about is the service or the name that was asked about.
func (w *writer) about() string {
	if w.plan.Service != "" {
		return w.plan.Service
	}
	return w.plan.Unknown
}

// ofWhom follows what something is of; empty where all is asked about.
func (w *writer) ofWhom(preposition string) string {
	if w.about() == "" {
		return ""
	}
	return " " + preposition + " " + name(w.about())
}

// pick narrows the alerts to those of the service or of the name asked about,
// which may be mistyped. named says that it is an alert's name.
func (w *writer) pick(list []Alert) (picked []Alert, named bool) {
	switch {
	case w.plan.Service != "":
		return slices.DeleteFunc(slices.Clone(list), func(a Alert) bool { return a.Service != w.plan.Service }), false
	case w.plan.Unknown == "":
		return list, false
	}
	names, services := []string{}, []string{}
	for _, a := range list {
		names, services = append(names, a.Name), append(services, a.Service)
	}
	if near, ok := nearest.Of(w.plan.Unknown, names); ok {
		return slices.DeleteFunc(slices.Clone(list), func(a Alert) bool { return a.Name != near }), true
	}
	near, ok := nearest.Of(w.plan.Unknown, services)
	return slices.DeleteFunc(slices.Clone(list), func(a Alert) bool { return !ok || a.Service != near }), false
}

func (w *writer) firing(ctx context.Context) {
	all, ok := part(ctx, w, "the alerts", "aictl alerts list", w.a.platform.Alerts)
	if !ok {
		return
	}
	w.cite("alerts", "all", "aictl alerts list --state all")
	picked, named := w.pick(all.Alerts)
	if named { // as it is spelt
		w.plan.Unknown = picked[0].Name
	}
	active := slices.DeleteFunc(slices.Clone(picked), func(a Alert) bool { return !a.active() })
	quiet, free := len(picked)-len(active), 0
	for _, a := range active {
		if a.By == "" {
			free++
		}
	}
	answered := "."
	if len(all.Failed) > 0 {
		answered = ", as far as it is known."
	}
	switch {
	case len(active) == 0 && w.about() != "":
		w.say("No alert%s is firing%s", w.ofWhom("on"), answered)
		if w.plan.Unknown != "" && len(picked) == 0 {
			w.say("No service and no alert that stands has that name; the services are: %s.", w.names())
		}
	case len(active) == 0:
		w.say("Nothing is firing%s", answered)
	default:
		verb := "is"
		if len(active) > 1 {
			verb = "are"
		}
		has := "somebody has each of them"
		switch {
		case free == len(active) && free == 1:
			has = "nobody has it"
		case free == len(active):
			has = "nobody has any of them"
		case free > 0:
			has = fmt.Sprintf("nobody has %d of them", free)
		case len(active) == 1:
			has = "somebody has it"
		}
		w.say("%s%s %s firing, and %s:\n", count(int64(len(active)), "alert"), w.ofWhom("on"), verb, has)
	}
	for i, a := range active[:min(len(active), mostAlerts)] {
		w.say("- %s", w.alert(a))
		if i < mostCited {
			w.cite("alerts", orNone(a.Fingerprint), aictl("alerts", "show", a.Fingerprint))
		}
	}
	w.more(len(active), mostAlerts)
	if quiet > 0 {
		w.say("\n%s more: silenced or inhibited, and nobody has taken over.", count(int64(quiet), "alert"))
	}
	if len(active) > 0 {
		w.say("\nAsk for the cause: *why is it firing?*")
	}
	w.gaps(all.Failed)
}

func (w *writer) alert(a Alert) string {
	text := name(a.Name)
	if a.Service != "" {
		text += " of " + name(a.Service)
	}
	text += ": "
	if a.Severity != "" {
		text += word(a.Severity) + ", "
	}
	text += "firing since " + w.when(a.Started) + ", "
	if a.By == "" {
		text += "nobody has it"
	} else {
		text += "with " + name(a.By) + " until " + at(a.Until)
		if a.Comment != "" {
			text += ", who says " + quote(a.Comment)
		}
	}
	if a.Summary != "" {
		text += ". It says " + quote(a.Summary)
	}
	return text
}

func (w *writer) handoff(ctx context.Context) {
	h, ok := part(ctx, w, "the handoff", "aictl handoff", w.a.platform.Handoff)
	if !ok {
		return
	}
	w.cite("handoff", "last 8h", "aictl handoff")
	urgent, rest := []HandoffItem{}, []HandoffItem{}
	for _, i := range h.Items {
		if i.Action {
			urgent = append(urgent, i)
		} else {
			rest = append(rest, i)
		}
	}
	list := func(items []HandoffItem, most int) {
		for _, i := range items[:min(len(items), most)] {
			text := quote(i.Text)
			if shown(i.Command) {
				text += ": " + code(i.Command)
			}
			w.say("- %s %s", word(i.Kind), text)
		}
		w.more(len(items), most)
	}
	switch n := len(urgent); {
	case n == 0 && len(h.Unknown) > 0:
		w.say("Nothing that is known needs action.")
	case n == 0:
		w.say("Nothing needs action.")
	case n == 1:
		w.say("1 thing needs action:\n")
	default:
		w.say("%d things need action:\n", n)
	}
	list(urgent, mostItems)
	if len(rest) > 0 {
		w.say("\nGood to know of the last 8h:\n")
		list(rest, mostItems)
	}
	w.gaps(h.Unknown)
}

func (w *writer) overdue(ctx context.Context) {
	const command = "aictl secrets list --overdue"
	list, ok := part(ctx, w, "the secrets", command, w.a.platform.Overdue)
	if !ok {
		return
	}
	w.cite("secrets", "overdue", command)
	switch n := len(list.Secrets); {
	case n == 0 && len(list.Failed) > 0:
		w.say("No secret is known to be overdue.")
	case n == 0:
		w.say("No secret is overdue.")
	default:
		verb := "is"
		if n > 1 {
			verb = "are"
		}
		w.say("%s %s overdue to be rotated:\n", count(int64(n), "secret"), verb)
	}
	for _, s := range list.Secrets[:min(len(list.Secrets), mostItems)] {
		text := quote(s.Ref)
		if !s.Rotated.IsZero() {
			text += ", rotated last at " + w.when(s.Rotated)
		}
		if s.MaxAge > 0 {
			text += ", and may be " + span(s.MaxAge) + " old"
		}
		w.say("- %s", text)
	}
	w.more(len(list.Secrets), mostItems)
	if list.Open > 0 {
		w.say("\n%s did not come to an end.", count(int64(list.Open), "rotation"))
		w.cite("secrets", "open rotations", "aictl secrets rotations --open")
	}
	w.say("\nI am never given the value of a secret.")
	w.gaps(list.Failed)
}
