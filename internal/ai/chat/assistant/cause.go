package assistant

import (
	"context"

	"github.com/aictl/aictl/internal/fail"
)

// why says what is behind an alert, or behind how a service does: first what
// the platform's own analysis says, then the figures. Where that has nothing
// to say, the figures are the answer.
func (w *writer) why(ctx context.Context) error {
	if w.plan.Aim == AimFigures {
		if w.plan.Unknown != "" {
			w.unknownService()
			return nil
		}
		return w.figuresWhy(ctx)
	}
	subject, service, sure := w.subject(ctx)
	if subject == "" {
		if sure { // nothing fires; the figures say how the services do
			w.say("No alert is firing.\n")
		}
		return w.figuresWhy(ctx)
	}
	command := aictl("why", subject)
	if service != "" {
		command = aictl("why", subject, "--service", service)
	}
	c, err := w.cause(ctx, subject, service, command)
	known := fail.CodeOf(err) != fail.NotFound
	switch {
	case !known && w.plan.Unknown != "":
		w.say("Neither an alert nor a service is known by the name %s. The services are: %s.", quote(w.plan.Unknown), w.names())
		w.cite("services", "list", "aictl services list")
		return nil
	case !known: // a service that the metrics know nothing of
		return w.figuresWhy(ctx)
	case err != nil:
		w.failed("the cause", command, err)
	case c.Verdict == NothingLeft && len(c.Candidates) == 0 && w.plan.Unknown == "":
		if err := w.figuresWhy(ctx); err != nil {
			return err
		}
		w.say("")
		w.verdict(c, command)
		return nil
	default:
		w.verdict(c, command)
	}
	if w.plan.Unknown != "" {
		return nil
	}
	if w.plan.Service == "" {
		w.plan.Service = w.servedBy(service)
		if w.plan.Service == "" {
			return nil
		}
	}
	w.explained = err == nil && c.Verdict != NothingLeft
	w.say("\nThe figures of the service:\n")
	return w.figuresWhy(ctx)
}

// servedBy is the service, where the platform runs it.
func (w *writer) servedBy(service string) string {
	for _, s := range w.services {
		if s.Name == service {
			return service
		}
	}
	return ""
}

// subject is what the analysis is asked about: the worst alert that fires on
// what the question names, else that itself. sure says that the alerts were read.
func (w *writer) subject(ctx context.Context) (subject, service string, sure bool) {
	all, ok := part(ctx, w, "the alerts", "aictl alerts list", w.a.platform.Alerts)
	if !ok {
		return w.about(), "", false
	}
	picked, named := w.pick(all.Alerts)
	var first *Alert
	others := 0
	for i, a := range picked {
		switch {
		case !a.active() && !named:
		case first == nil:
			first = &picked[i]
		default:
			others++
		}
	}
	w.gaps(all.Failed)
	if first == nil {
		return w.about(), "", len(all.Failed) == 0
	}
	w.cite("alerts", orNone(first.Fingerprint), aictl("alerts", "show", first.Fingerprint))
	w.say("%s", w.alert(*first)+".\n")
	if others > 0 {
		w.say("%s more: ask *what is firing?*\n", count(int64(others), "alert"))
	}
	return first.Name, first.Service, true
}

// cause asks, within its time. NotFound says that nobody knows the subject.
func (w *writer) cause(ctx context.Context, subject, service, command string) (Cause, error) {
	inner, cancel := context.WithTimeout(ctx, PartTimeout)
	defer cancel()
	c, err := w.a.platform.Cause(inner, subject, service)
	if err != nil && inner.Err() != nil && ctx.Err() == nil {
		return c, fail.New(fail.Timeout, "no answer within %s", PartTimeout).Hint("%s", command)
	}
	return c, err
}

// verdict shows what the analysis says, as it says it.
func (w *writer) verdict(c Cause, command string) {
	w.cite("why", orNone(c.Subject), command)
	lead := "What is behind it is not clear"
	switch c.Verdict {
	case FoundCause:
		lead = "The most probable cause"
	case NoChange:
		lead = "The most probable cause, which is no change"
	case NothingLeft:
		lead = "Metrics, logs and changes show no moment at which it went wrong"
	case NoData:
		lead = "It cannot be told, for lack of data"
	}
	w.say("%s: %s", lead, quoted(c.Summary, maxSummary))
	if len(c.Candidates) > 0 {
		first := c.Candidates[0]
		w.say("\nThe first of %s (%s, %.0f %%) is %s. The evidence:\n", count(int64(len(c.Candidates)), "candidate"), word(first.Kind), 100*first.Confidence, quoted(first.Title, maxSummary))
		for i, f := range first.Facts {
			if i == mostFacts {
				break
			}
			w.say("- %s", quoted(f.Text, maxSummary))
			w.cite("why", f.ID, f.Show)
		}
		w.more(len(first.Facts), mostFacts)
		for i, a := range first.Against {
			if i == 3 {
				break
			}
			w.say("- against it: %s", quoted(a, maxSummary))
		}
		if first.Act != "" {
			w.say("\nThe command that would act: %s. It is yours to run: I only read.", code(first.Act))
		}
		if first.Next != "" {
			w.say("\nTo look closer: %s", code(first.Next))
		}
	}
	w.gaps(c.Unknown)
}
