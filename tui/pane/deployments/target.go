package deployments

import (
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
)

// target is a workload as requests and commands name it.
type target struct {
	context   string // of aictl
	engine    string // empty where it is not known
	namespace string
	name      string // KIND/NAME, or NAME where the kind is not known
	// seen is the workload when it was last seen; nil where it was not.
	seen *api.Workload
}

// title is a workload as commands take it.
func title(w *api.Workload) string { return strings.ToLower(w.Kind) + "/" + w.Name }

func targetOf(context string, w *api.Workload) target {
	return target{context: context, engine: w.Engine, namespace: w.Namespace, name: title(w), seen: w}
}

// targetOf reads the workload out of a subject; false where it names none.
// The list completes what the subject leaves out.
func (p *Pane) targetOf(s pane.Subject) (target, bool) {
	t := target{context: s.Context, namespace: s.Namespace, name: s.Workload}
	if t.name == "" {
		t.name = s.Service
	}
	if t.name == "" {
		return t, false
	}
	if t.context == "" {
		t.context = p.env.Primary().Name
	}
	if found, ok := p.list.find(t); ok {
		return found, true
	}
	if t.namespace == "" {
		if ns := p.namespace(p.env.Context(t.context)); ns != "*" {
			t.namespace = ns
		}
	}
	return t, true
}

// known says that a context is among those that are shown.
func (p *Pane) known(context string) bool {
	return slices.ContainsFunc(p.env.Contexts, func(c feed.Context) bool { return c.Name == context })
}

// input names the workload in a request.
func (t target) input() api.WorkloadName {
	return api.WorkloadName{Name: t.name, Namespace: t.namespace, Engine: t.engine}
}

// plain is the name without its kind.
func (t target) plain() string {
	if _, name, ok := strings.Cut(t.name, "/"); ok {
		return name
	}
	return t.name
}

func (t target) subject() pane.Subject {
	s := pane.Subject{Context: t.context, Namespace: t.namespace, Service: t.plain()}
	if strings.Contains(t.name, "/") {
		s.Workload = t.name
	}
	if t.seen != nil {
		s.At = t.seen.Changed
	}
	return s
}

// line is the command line of a verb on the workload.
func (p *Pane) line(t target, verb string, rest ...string) string {
	words := append([]string{"aictl", "deploy", verb, t.name}, rest...)
	return argv.Line(append(words, p.where(p.env.Context(t.context), t.namespace)...)...)
}

// where are the flags that lead to a namespace of a context; what the context
// says by itself is left out.
func (p *Pane) where(c feed.Context, namespace string) []string {
	var out []string
	switch own := c.Namespace; {
	case namespace == "*":
		out = append(out, "-A")
	case namespace == "" || namespace == own, own == "" && namespace == "default":
	default:
		out = append(out, "-n", namespace)
	}
	if len(p.env.Contexts) > 1 {
		out = append(out, "--context", c.Name)
	}
	return out
}

// everywhere are the flags of a listing of all contexts.
func (p *Pane) everywhere() []string {
	if len(p.env.Contexts) == 1 {
		return p.where(p.env.Primary(), p.namespace(p.env.Primary()))
	}
	var out []string
	if ns := p.asked(); ns == "*" {
		out = append(out, "-A")
	} else if ns != "" {
		out = append(out, "-n", ns)
	}
	for _, c := range p.env.Contexts {
		out = append(out, "--context", c.Name)
	}
	return out
}

// scope says which namespaces are listed.
type scope string

// The scopes: the dashboard's namespaces, all of them, each context's own.
const (
	scopeGiven scope = ""
	scopeAll   scope = "all"
	scopeOwn   scope = "own"
)

func (s scope) known() scope {
	if s == scopeAll || s == scopeOwn {
		return s
	}
	return scopeGiven
}

// asked is the one namespace of all contexts; empty where each has its own.
func (p *Pane) asked() string {
	switch {
	case p.scope == scopeAll:
		return "*"
	case p.scope == scopeOwn && p.env.Namespace == "*":
		return ""
	}
	return p.env.Namespace
}

// namespace is what is listed of a context.
func (p *Pane) namespace(c feed.Context) string {
	if ns := p.asked(); ns != "" {
		return ns
	}
	return c.Namespace
}

// all reports whether all namespaces are listed.
func (p *Pane) all() bool { return p.asked() == "*" }

// toggleAll goes between all namespaces and the person's.
func (p *Pane) toggleAll() {
	switch {
	case !p.all():
		p.scope = scopeAll
	case p.env.Namespace == "*":
		p.scope = scopeOwn
	default:
		p.scope = scopeGiven
	}
	if p.scope == scopeAll && p.env.Namespace == "*" {
		p.scope = scopeGiven
	}
}
