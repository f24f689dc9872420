package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/past"
)

// inPast reports whether the window ends in the past.
func (p *Pane) inPast() bool { return !p.env.Window.Live }

// window tells one window's answers from another's. A live one is the same
// from second to second.
func (p *Pane) window() string {
	if p.env.Window.Live {
		return "live"
	}
	return p.env.Window.Flags()
}

// ofNow reports whether a box has no past: nobody keeps what was being rolled
// out and which backends answered at another time.
func (p *Pane) ofNow(id boxID) bool { return id == rolloutsBox || id == backendsBox }

// then is what fired in the window, as a context has it.
func (p *Pane) then(context string) []past.Fired {
	from, _ := p.env.Bounds()
	list, _ := last[[]api.AlertPast](p.fired, context)
	return past.Firing(list, from)
}

// firedRows are the alerts that fired in the window, those first that fired at
// the moment that is looked at, then the worst.
func (p *Pane) firedRows() []*row {
	type owned struct {
		context string
		fired   past.Fired
	}
	var all []owned
	for _, c := range p.env.Contexts {
		for _, f := range p.then(c.Name) {
			all = append(all, owned{c.Name, f})
		}
	}
	moment := past.Moment(p.env)
	slices.SortStableFunc(all, func(a, b owned) int {
		return cmp.Or(cmp.Compare(rank(b.fired.At(moment)), rank(a.fired.At(moment))), past.Compare(&a.fired, &b.fired))
	})
	out := make([]*row, 0, len(all))
	for _, o := range all {
		f := &o.fired
		firing := f.At(moment)
		r := &row{
			key: o.context + "/" + f.Key(), to: "alerts", context: p.who(o.context), at: f.From,
			word: safe(cmp.Or(f.Severity, "none")), name: safe(f.Name), where: safe(f.Service), note: safe(p.firedNote(f)),
			firing: firing, upset: firing, sign: quiet, subject: f.Subject(o.context),
		}
		switch {
		case !firing:
		case f.Severity == "critical" || f.Severity == "page" || f.Severity == "error":
			r.sign = bad
		default:
			r.sign = warn
		}
		out = append(out, r)
	}
	return out
}

func rank(firing bool) int {
	if firing {
		return 1
	}
	return 0
}

// firedNote says when it fired and who had it: unknown where the record has
// nobody.
func (p *Pane) firedNote(f *past.Fired) string {
	note := f.Began(p.env) + " to " + f.Ended(p.env) + ", taken by " + f.TakenBy()
	if past.Scrubbed(p.env) && f.At(past.Moment(p.env)) {
		note = "at the cursor: " + note
	}
	return note
}

func (p *Pane) firedSummary(rows []*row, at int, unknown bool) (string, sign) {
	moment := past.Clock(p.env, past.Moment(p.env))
	switch {
	case len(rows) == 0 && unknown:
		return "not known", unsure
	case len(rows) == 0:
		return "none is known to have fired", plain
	case at > 0:
		return fmt.Sprintf("%d fired, %d at %s", len(rows), at, moment), bad
	case unknown:
		return fmt.Sprintf("at least %d fired", len(rows)), unsure
	}
	return fmt.Sprintf("%d fired, none at %s", len(rows), moment), warn
}

// thenSummary counts the services that were up. Where nothing is known of any
// of them there is nothing to count.
func (p *Pane) thenSummary(rows []*row, upset int, unknown bool) (string, sign) {
	at := "at " + past.Clock(p.env, past.Moment(p.env)) + " "
	if !slices.ContainsFunc(rows, func(r *row) bool { return r.word != past.Unknown }) {
		return at + "not known", unsure
	}
	text, s := healthSummary("up", rows, upset, unknown)
	return at + text, s
}

// serviceRowsThen are the services as the metrics had them at the moment that
// is looked at, those in trouble first. One that only the present knows is
// shown, too: how it did is unknown.
func (p *Pane) serviceRowsThen() []*row {
	var out []*row
	moment := past.Moment(p.env)
	for _, c := range p.env.Contexts {
		known, answered := map[string]*row{}, p.up.parts[c.Name].out != nil
		at := func(service string) *row {
			r, ok := known[service]
			if !ok {
				r = p.serviceRow(c.Name, service)
				if answered {
					r.note = past.NoMetric
				}
				known[service] = r
				out = append(out, r)
			}
			return r
		}
		var s past.Signals
		for source, answer := range map[*source]*api.MetricRange{p.up: &s.Up, p.traffic[0]: &s.Calls, p.traffic[1]: &s.Errors, p.traffic[2]: &s.P95} {
			*answer, _ = last[api.MetricRange](source, c.Name)
		}
		for _, one := range past.Services(s, moment) {
			r := at(one.Name)
			word, why := one.State()
			r.state(word)
			r.note = why
		}
		p.addTraffic(c.Name, at)
		list, _ := last[[]api.Service](p.list, c.Name)
		for _, one := range list {
			at(one.Name)
		}
	}
	sortServices(out)
	return out
}

// beforeFired is beforeAlert of what fired in the window.
func (p *Pane) beforeFired(context string, ch *api.Change) time.Duration {
	least := time.Duration(0)
	for _, f := range p.then(context) {
		if f.Earlier || f.Service == "" || f.Service != ch.Service && !slices.Contains(ch.Services, f.Service) {
			continue
		}
		if d := f.From.Sub(ch.Time); d > 0 && d <= suspicious && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}

// pastHeadline is the headline of a window of the past. It ends with what
// fires now: nobody who looks at the past should miss it.
func (p *Pane) pastHeadline() (string, sign) {
	when, silent := p.env.Stretch(), strings.Join(p.silent(), "; ")
	moment := past.Clock(p.env, past.Moment(p.env))
	text, s := "", plain
	switch fired := p.firing; {
	case len(fired) == 0 && silent != "":
		return "it is not known what fired " + when + ": " + silent + p.firesNow(), unsure
	case !p.fired.said(p.env.Contexts):
		return "asking what fired " + when + "…", unsure
	case len(fired) == 0:
		text = "nothing is known to have fired " + when
	default:
		worst := fired[0]
		text = "1 alert fired " + when + ": "
		if len(fired) > 1 {
			text = fmt.Sprintf("%d alerts fired %s, the worst: ", len(fired), when)
		}
		text += strings.TrimSpace(worst.name+" "+worst.where) + " (" + worst.word
		if worst.context != "" {
			text += ", in " + worst.context
		}
		if text, s = text+")", warn; worst.firing {
			text, s = text+", firing at "+moment, bad
		}
		if silent != "" {
			text += "; not all is known: " + silent
		}
	}
	if upset := p.upset(servicesBox); len(upset) > 0 {
		text += "; " + upset[0].name + " was " + upset[0].word
		if n := len(upset) - 1; n > 0 {
			text += fmt.Sprintf(", and %d more not well", n)
		}
		if s == plain {
			s = warn
		}
	}
	return text + p.firesNow(), s
}

// firesNow is what fires at this moment, in a word.
func (p *Pane) firesNow() string {
	firing, failed := 0, len(p.problems(p.alerts)) > 0 || !p.alerts.said(p.env.Contexts)
	for _, c := range p.env.Contexts {
		list, _ := last[api.AlertList](p.alerts, c.Name)
		failed = failed || len(p.within(c.Name, list.Failed)) > 0
		for _, a := range list.Alerts {
			if a.State == "firing" {
				firing++
			}
		}
	}
	switch {
	case failed && firing == 0:
		return " — now: not known"
	case failed:
		return fmt.Sprintf(" — now: at least %d firing", firing)
	}
	return fmt.Sprintf(" — now: %d firing", firing)
}
