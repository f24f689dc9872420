package incident

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
)

// why is the question that was asked last, and its answer.
type why struct {
	shown
	subject pane.Subject
	context string
	in      api.WhyInput
	out     *api.Why
	cursor  int // among the candidates, then what was cleared
	changes int // counts what the drawing is made of
	drawn   drawn
}

// asked is what a subject is asked about by: an alert before a service.
func asked(s pane.Subject) string {
	_, workload, _ := strings.Cut(s.Workload, "/")
	for _, one := range []string{s.Alert, s.Fingerprint, s.Service, workload} {
		if one != "" {
			return one
		}
	}
	return ""
}

// askWhy asks about a subject and brings the answer to the front.
func (p *Pane) askWhy(s pane.Subject) tea.Cmd {
	in := api.WhyInput{Subject: asked(s), Namespace: s.Namespace}
	switch {
	case s.Alert != "" && s.Service != "":
		in.Service = s.Service
	case s.Fingerprint != "": // the name alone may be that of several
		in.Subject = s.Fingerprint
	}
	if in.Namespace == "" && p.env.Namespace != "*" {
		in.Namespace = p.env.Namespace
	}
	context := p.env.Context(s.Context).Name
	p.pages, p.view, p.about = nil, viewWhy, s
	same := p.why.out != nil && p.why.in.Subject == in.Subject && p.why.in.Service == in.Service && p.why.context == context
	if !same { // otherwise the answer stays until there is a newer one
		p.why = why{changes: p.why.changes + 1}
	}
	p.why.subject, p.why.context, p.why.in = s, context, in
	return p.askAgain()
}

// askAgain asks the same of the present window.
func (p *Pane) askAgain() tea.Cmd {
	w := &p.why
	if w.in.Subject == "" {
		return nil
	}
	from, to := p.env.Bounds()
	w.in.From, w.in.To = time.Time{}, time.Time{}
	if p.windowed() {
		w.in.From = from.UTC()
	}
	if !p.env.Window.Live {
		w.in.To = to.UTC()
	}
	w.asked, w.at = true, p.env.Now
	w.changes++
	return feed.Ask(p.env.Feeds, p.slot("why"), []feed.Context{p.env.Context(w.context)}, api.WhyAsk, w.in)
}

// windowed reports whether the window can hold the cause: it begins before the
// alert did. Otherwise the platform looks back as far as it must.
func (p *Pane) windowed() bool {
	from, _ := p.env.Bounds()
	at := p.why.subject.At
	return at.IsZero() || at.Add(-lookBack).After(from)
}

// lookBack is how long before an alert its cause may lie and still be looked
// for in the window: causes are older than alerts.
const lookBack = 10 * time.Minute

func (p *Pane) whyCommand() string {
	w := &p.why
	words := []string{"why", w.in.Subject}
	if w.in.Service != "" {
		words = append(words, "--service", w.in.Service)
	}
	if w.in.Namespace != "*" {
		words = p.inNamespace(words, w.in.Namespace)
	}
	flags := strings.Fields(p.env.Window.Flags())
	switch {
	case p.windowed():
		words = append(words, flags...)
	case !p.env.Window.Live: // --from X --to Y: the end stays
		words = append(words, flags[2:]...)
	}
	return p.command(w.context, words...)
}

func (p *Pane) whyAnswer(a feed.Answer) tea.Cmd {
	w := &p.why
	w.changes++
	w.trouble = say.Contexts(a.Results)
	out, err := feed.One[api.Why](a)
	if err != nil { // what is there stays, with its age
		return nil
	}
	at := w.item().object()
	w.out, w.known, w.fresh = &out, true, p.env.Now
	w.trouble = say.Backends("", out.Unknown)
	w.cursor = 0
	for i := range w.len() { // the cursor stays on what it was on
		if at != "" && w.nth(i).object() == at {
			w.cursor = i
		}
	}
	return nil
}

// item is a candidate, or a change that was cleared.
type item struct {
	candidate *api.WhyCandidate
	cleared   *api.WhyCleared
}

func (i item) object() string {
	switch {
	case i.candidate != nil:
		return i.candidate.Kind + " " + i.candidate.Object + " " + i.candidate.Title
	case i.cleared != nil:
		return "cleared " + i.cleared.Change.ID
	}
	return ""
}

// acts is the command that acts on the item, closer the one that looks closer.
func (i item) acts() string {
	if i.candidate != nil {
		return i.candidate.Command
	}
	return ""
}

func (i item) closer() string {
	switch {
	case i.candidate != nil:
		return i.candidate.Next
	case i.cleared != nil:
		return i.cleared.Change.Show
	}
	return ""
}

func (w *why) len() int {
	if w.out == nil {
		return 0
	}
	return len(w.out.Candidates) + len(w.out.Cleared)
}

func (w *why) nth(i int) item {
	switch n := w.len(); {
	case i < 0 || i >= n:
		return item{}
	case i < len(w.out.Candidates):
		return item{candidate: &w.out.Candidates[i]}
	}
	return item{cleared: &w.out.Cleared[i-len(w.out.Candidates)]}
}

// item is the one under the cursor.
func (w *why) item() item { return w.nth(w.cursor) }

func (w *why) move(id string) {
	last := max(w.len()-1, 0)
	switch id {
	case "list.up":
		w.cursor--
	case "list.down":
		w.cursor++
	case "list.top", "list.pageup":
		w.cursor = 0
	case "list.bottom", "list.pagedown":
		w.cursor = last
	}
	w.cursor = max(0, min(w.cursor, last))
}

// whySubject is what the item under the cursor is about: a candidate of
// another service is that service.
func (p *Pane) whySubject() pane.Subject {
	w := &p.why
	s := w.subject
	s.Context = w.context
	if w.out == nil {
		return s
	}
	x := w.out.Subject
	s.Namespace, s.Query = x.Namespace, w.out.Symptom.Expr
	if x.Kind == "alert" {
		s.Alert, s.Service, s.Labels = x.Name, x.Service, x.Labels
	}
	if on := w.out.Symptom.Onset; on != nil {
		s.At = *on
	}
	service, object, at := "", "", time.Time{}
	switch i := w.item(); {
	case i.candidate != nil:
		service, object, at = i.candidate.Service, i.candidate.Object, i.candidate.Onset
	case i.cleared != nil:
		service, object, at = i.cleared.Change.Service, i.cleared.Change.Object, i.cleared.Change.Time
	}
	if service != "" && service != s.Service {
		s = pane.Subject{Context: s.Context, Namespace: s.Namespace, Service: service, At: s.At}
	}
	if kind, _, ok := strings.Cut(object, "/"); ok && workloads[kind] {
		s.Workload = object
	}
	if !at.IsZero() {
		s.At = at
	}
	return s
}

// workloads are the kinds of object that the deployments pane shows.
var workloads = map[string]bool{"deployment": true, "statefulset": true, "daemonset": true, "service": true}
