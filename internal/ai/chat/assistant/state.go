package assistant

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

func (w *writer) running() {
	if len(w.services) == 0 {
		w.say("No service is running.")
	} else {
		ready := 0
		for _, s := range w.services {
			if s.State == "ready" {
				ready++
			}
		}
		w.say("%s, %d ready:\n", count(int64(len(w.services)), "service"), ready)
		for _, s := range w.services {
			w.say("- **%s** %s: %s. %s", s.Name, s.Version, s.State, s.Summary)
		}
	}
	w.cite("services", "list", "aictl services list")
}

func (w *writer) unknownService() {
	w.say("There is no service named %s. The services are: %s.", quote(w.plan.Unknown), w.names())
	w.cite("services", "list", "aictl services list")
}

func (w *writer) names() string {
	if len(w.services) == 0 {
		return "none"
	}
	names := []string{}
	for _, s := range w.services {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// figures gives the health of the service asked about, or of all.
func (w *writer) figures(ctx context.Context) ([]Health, error) {
	all, err := w.a.platform.Health(ctx)
	if err != nil || w.plan.Service == "" {
		return all, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(h Health) bool { return h.Name != w.plan.Service }), nil
}

func (w *writer) citeHealth() {
	id, command := "all", "aictl services health"
	if w.plan.Service != "" {
		id, command = w.plan.Service, command+" "+w.plan.Service
	}
	w.cite("health", id, command)
}

func (w *writer) health(ctx context.Context) error {
	all, err := w.figures(ctx)
	if err != nil {
		return err
	}
	w.citeHealth()
	if len(all) == 0 {
		w.say("There are no figures about %s yet.", orAll(w.plan.Service))
		return nil
	}
	bad := 0
	for _, h := range all {
		if h.State != "ready" {
			bad++
		}
	}
	switch {
	case w.plan.Service != "" && bad == 0:
		w.say("Yes: **%s** is ready. %s", w.plan.Service, line(all[0]))
		return nil
	case w.plan.Service != "":
		w.say("No: **%s** is %s%s. %s", w.plan.Service, all[0].State, because(all[0]), line(all[0]))
		return nil
	case bad == 0:
		w.say("Yes: every service is ready.\n")
	default:
		w.say("No: %d of %s not ready.\n", bad, count(int64(len(all)), "service"))
	}
	for _, h := range all {
		w.say("- **%s**: %s%s. %s", h.Name, h.State, because(h), line(h))
	}
	return nil
}

func because(h Health) string {
	if h.Reason == "" || h.State == "ready" {
		return ""
	}
	return ", the reason given is " + quote(h.Reason)
}

// line is the figures of one service in a sentence.
func line(h Health) string {
	if h.Requests == 0 {
		return fmt.Sprintf("No requests in the last %s.", span(h.Window))
	}
	return fmt.Sprintf("In the last %s: %s, %s (%s); latency p50 %s, p95 %s, p99 %s.",
		span(h.Window), count(h.Requests, "request"), count(h.Errors, "error"), percent(h.Errors, h.Requests),
		ms(h.P50), ms(h.P95), ms(h.P99))
}

// figuresWhy gives the facts that explain slowness and failure, the strongest
// first.
func (w *writer) figuresWhy(ctx context.Context) error {
	all, err := w.figures(ctx)
	if err != nil {
		return err
	}
	failures, err := w.recent(ctx)
	if err != nil {
		return err
	}
	w.citeHealth()
	found := false
	for _, h := range all {
		facts := []string{}
		if h.State != "ready" {
			facts = append(facts, "its state is "+h.State+because(h))
		}
		for _, t := range h.Open {
			facts = append(facts, "the circuit breaker of its target "+quote(t)+" is open: calls to it are not tried")
		}
		if h.Queued > 0 {
			facts = append(facts, fmt.Sprintf("%s in its queue behind %d in flight: callers wait for a free place", count(h.Queued, "call"), h.InFlight))
		}
		if h.Errors > 0 {
			facts = append(facts, fmt.Sprintf("%s of %s failed (%s)", count(h.Errors, "call"), fmt.Sprint(h.Requests), percent(h.Errors, h.Requests)))
		}
		// The tail is called long where one call in twenty takes ten times the median.
		if h.P50 > 0 && h.P95 >= 10*h.P50 {
			facts = append(facts, fmt.Sprintf("its latency has a long tail: p95 %s against p50 %s, so some calls are slow and most are not", ms(h.P95), ms(h.P50)))
		}
		if len(facts) == 0 {
			continue
		}
		found = true
		w.say("**%s**:\n", h.Name)
		for _, f := range facts {
			w.say("- %s", f)
		}
		w.say("- %s\n", line(h))
	}
	if !found {
		if !w.explained {
			w.say("Nothing is wrong that I can see with %s: every state is ready, no breaker is open, nothing waits and nothing failed.\n", orAll(w.plan.Service))
		}
		for _, h := range all {
			w.say("- **%s**: %s", h.Name, line(h))
		}
	}
	if len(failures) > 0 {
		w.group(failures)
	}
	return nil
}

// recent gives the failures of the service asked about.
func (w *writer) recent(ctx context.Context) ([]Failure, error) {
	all, err := w.a.platform.Errors(ctx, ErrorWindow)
	if err != nil || w.plan.Service == "" {
		return all, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(f Failure) bool { return f.Service != w.plan.Service }), nil
}

func (w *writer) failures(ctx context.Context) error {
	all, err := w.recent(ctx)
	if err != nil {
		return err
	}
	w.citeHealth()
	if len(all) == 0 {
		w.say("No errors in the last %s on record for %s.", span(ErrorWindow), orAll(w.plan.Service))
		return nil
	}
	w.group(all)
	return nil
}

// group shows failures by service, operation and code with the latest message
// of each, the most frequent first; at most five groups.
func (w *writer) group(all []Failure) {
	type key struct{ service, operation, code string }
	counts, latest, order := map[key]int64{}, map[key]Failure{}, []key{}
	for _, f := range all {
		k := key{f.Service, f.Operation, f.Code}
		if counts[k]++; counts[k] == 1 {
			order = append(order, k)
			latest[k] = f
		} else if f.Time.After(latest[k].Time) {
			latest[k] = f
		}
	}
	slices.SortStableFunc(order, func(a, b key) int { return int(counts[b] - counts[a]) })
	w.say("%s on record in the last %s:\n", count(int64(len(all)), "error"), span(ErrorWindow))
	for _, k := range order[:min(5, len(order))] {
		f := latest[k]
		w.say("- %d × %s %s, code %s; the latest at %s says %s", counts[k], k.service, k.operation, k.code,
			f.Time.UTC().Format("15:04:05 UTC"), quote(f.Message))
		if f.Request != "" {
			w.cite("errors", f.Request, "aictl services health "+k.service)
		}
	}
	if len(order) > 5 {
		w.say("- and %s more", count(int64(len(order)-5), "kind"))
	}
	w.cite("errors", "last "+span(ErrorWindow), "aictl services health -o json")
}

func (w *writer) usage(ctx context.Context) error {
	u, err := w.a.platform.Usage(ctx)
	if err != nil {
		return err
	}
	w.cite("usage", "last "+span(u.Window), "aictl services health -o json")
	var sum ServiceUsage
	lines := []string{}
	for _, s := range u.Services {
		if w.plan.Service != "" && s.Name != w.plan.Service {
			continue
		}
		sum.Requests += s.Requests
		sum.Errors += s.Errors
		sum.InputTokens += s.InputTokens
		sum.OutputTokens += s.OutputTokens
		sum.Cost += s.Cost
		lines = append(lines, fmt.Sprintf("- **%s**: %s, %s, %d tokens in, %d out", s.Name,
			count(s.Requests, "request"), count(s.Errors, "error"), s.InputTokens, s.OutputTokens))
	}
	cost := ""
	if sum.Cost > 0 {
		cost = fmt.Sprintf(", cost %.4f in the currency of the configured prices", sum.Cost)
	}
	w.say("In the last %s, %s had %s (%s), %d tokens in and %d out%s.", span(u.Window), orAll(w.plan.Service),
		count(sum.Requests, "request"), count(sum.Errors, "error"), sum.InputTokens, sum.OutputTokens, cost)
	if len(lines) > 1 {
		w.say("\n%s", strings.Join(lines, "\n"))
	}
	return nil
}

func (w *writer) version(ctx context.Context) error {
	if w.plan.Service != "" {
		for _, s := range w.services {
			if s.Name == w.plan.Service {
				w.say("The service **%s** has version %s.", s.Name, s.Version)
				w.cite("services", s.Name, "aictl services describe "+s.Name)
			}
		}
		w.revision(ctx)
	}
	v, err := w.a.platform.Version(ctx)
	if err != nil {
		return err
	}
	more := ""
	if v.Commit != "" {
		more += ", commit " + v.Commit
	}
	if v.Go != "" {
		more += ", built with " + v.Go
	}
	w.say("The server has version %s%s.", v.Version, more)
	if !v.Started.IsZero() {
		w.say("It has been up for %s, since %s.", span(w.a.now().Sub(v.Started)), v.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	w.cite("version", "server", "aictl version")
	return nil
}

func (w *writer) whoami(ctx context.Context) error {
	c, err := w.a.platform.Caller(ctx)
	if err != nil {
		return err
	}
	if c.Subject == "" {
		w.say("You are not signed in.")
	} else {
		roles := "no role"
		if len(c.Roles) > 0 {
			roles = "the roles " + strings.Join(c.Roles, ", ")
			if len(c.Roles) == 1 {
				roles = "the role " + c.Roles[0]
			}
		}
		w.say("You are **%s**, with %s.", c.Subject, roles)
	}
	w.cite("identity", orNone(c.Subject), "aictl whoami")
	return nil
}

func (w *writer) operations() {
	shown := w.services
	if w.plan.Service != "" {
		shown = slices.DeleteFunc(slices.Clone(shown), func(s Service) bool { return s.Name != w.plan.Service })
	}
	if len(shown) == 0 {
		w.say("No service is running.")
		w.cite("services", "list", "aictl services list")
	}
	for _, s := range shown {
		w.say("**%s** %s (%s): %s\n", s.Name, s.Version, s.State, s.Summary)
		for _, o := range s.Operations {
			streams := ""
			if o.Streams {
				streams = " (can stream)"
			}
			w.say("- `%s`: %s%s", o.Name, o.Summary, streams)
		}
		w.say("")
		w.cite("services", s.Name, "aictl services describe "+s.Name)
	}
}

func orAll(service string) string {
	if service == "" {
		return "the platform"
	}
	return "the service " + service
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
