package incident

import (
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/incident/runbook"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/when"
	"github.com/aictl/aictl/tui/pane"
)

// line is a command line of ours, taken apart: what the platform suggests, as
// the words and the flags that it uses.
type line struct {
	noun, verb string
	args       []string
	flags      map[string]string
}

// switches are flags without a value; short are those with one letter.
var (
	switches = map[string]bool{"stale": true, "yes": true, "watch": true, "all-namespaces": true}
	short    = map[string]string{"-n": "namespace", "-o": "output", "-y": "yes", "-w": "watch", "-A": "all-namespaces"}
	// nouns have verbs; other commands have arguments at once.
	nouns = map[string]bool{"deploy": true, "alerts": true, "logs": true, "metrics": true, "incident": true, "runbook": true, "secrets": true, "services": true}
	// verbs of logs that are no text to search for.
	logVerbs = map[string]bool{"patterns": true, "histogram": true, "fields": true}
)

// parse takes a command apart as a shell would, which none is asked to do;
// false for what is no command of aictl.
func parse(command string) (line, bool) {
	words, err := runbook.Split(command)
	if err != nil || len(words) < 2 || words[0] != "aictl" {
		return line{}, false
	}
	l := line{noun: words[1], flags: map[string]string{}}
	words = words[2:]
	if nouns[l.noun] && len(words) > 0 && !strings.HasPrefix(words[0], "-") && (l.noun != "logs" || logVerbs[words[0]]) {
		l.verb, words = words[0], words[1:]
	}
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		if w == "--" {
			l.args = append(l.args, words...)
			break
		}
		flag, long := strings.CutPrefix(w, "--")
		if !long {
			if flag = short[w]; flag == "" {
				if strings.HasPrefix(w, "-") && w != "-" {
					return line{}, false // a flag that is not known may take the next word
				}
				l.args = append(l.args, w)
				continue
			}
		}
		name, value, inline := strings.Cut(flag, "=")
		switch {
		case inline:
		case switches[name]:
			value = "true"
		case len(words) == 0:
			return line{}, false
		default:
			value, words = words[0], words[1:]
		}
		l.flags[name] = value
	}
	return l, true
}

func (l line) arg() string {
	if len(l.args) == 0 {
		return ""
	}
	return l.args[0]
}

// only reports whether the line has no other flags than these: a change is
// made of a command only when all of it is understood.
func (l line) only(flags ...string) bool {
	for f := range l.flags {
		found := false
		for _, k := range flags {
			found = found || k == f
		}
		if !found {
			return false
		}
	}
	return true
}

// change is the operation of a command that changes something; false where it
// is none, or is not understood to its last flag.
func (p *Pane) changeOf(context, command string) (pane.Propose, bool) {
	l, ok := parse(command)
	if !ok || len(l.args) != 1 {
		return pane.Propose{}, false
	}
	out := pane.Propose{Pane: name, Context: context, Command: command}
	if p.many {
		out.Command += strings.TrimPrefix(p.command(context), "aictl")
	}
	w := api.WorkloadName{Name: l.arg(), Namespace: l.flags["namespace"], Engine: l.flags["engine"]}
	if w.Namespace == "" {
		w.Namespace = p.env.Context(context).Namespace
	}
	switch l.noun + " " + l.verb {
	case "deploy undo":
		ok = l.only("to-revision", "namespace", "engine", "reason", "verify", "for")
		out.Change, out.In = api.DeployUndo, &api.DeployUndoInput{WorkloadName: w, ToRevision: l.flags["to-revision"]}
	case "deploy scale":
		n, err := strconv.Atoi(l.flags["replicas"])
		ok = err == nil && l.only("replicas", "namespace", "engine", "reason")
		out.Change, out.In = api.DeployScale, &api.DeployScaleInput{WorkloadName: w, Replicas: &n}
	case "deploy restart":
		ok = l.only("namespace", "engine", "reason")
		out.Change, out.In = api.DeployRestart, &w
	case "deploy pause":
		ok = l.only("namespace", "engine", "reason")
		out.Change, out.In = api.DeployPause, &w
	case "deploy resume":
		ok = l.only("namespace", "engine", "reason")
		out.Change, out.In = api.DeployResume, &w
	case "alerts unsilence":
		ok = l.only()
		out.Change, out.In = api.AlertsUnsilence, &api.UnsilenceInput{IDs: l.arg()}
	default:
		return pane.Propose{}, false
	}
	return out, ok
}

// verification is what --verify and --for of a command ask to be watched when
// it is done.
func verification(command string) *api.DeployVerifyInput {
	l, ok := parse(command)
	if !ok || l.flags["verify"] == "" {
		return nil
	}
	in := &api.DeployVerifyInput{Expr: l.flags["verify"], For: op.Duration(5 * time.Minute)}
	if d, err := when.Duration(l.flags["for"]); err == nil {
		in.For = op.Duration(d)
	}
	return in
}

// do does what a command of the platform's says: a change is proposed, a
// question goes to the pane that shows its answer, and what neither is is
// copied for the person to run.
func (p *Pane) do(context, command string, s pane.Subject) tea.Cmd {
	if command == "" {
		return toast("there is no command for this")
	}
	if change, ok := p.changeOf(context, command); ok {
		if p.env.ReadOnly {
			return toast("read-only: " + command)
		}
		p.expect(context, command)
		return pane.Send(change)
	}
	if to, ok := p.placeOf(context, command, s); ok {
		if to.Pane == name {
			return p.Open(to.Subject)
		}
		return pane.Send(to)
	}
	return pane.Send(pane.Copy{Text: command})
}

// placeOf is the pane that shows what a command asks for.
func (p *Pane) placeOf(context, command string, s pane.Subject) (pane.Goto, bool) {
	l, ok := parse(command)
	if !ok {
		return pane.Goto{}, false
	}
	at := s.At
	if t, err := when.Parse(l.flags["to"], p.env.Now, p.env.Zone); err == nil && at.IsZero() {
		at = t
	}
	sub := pane.Subject{Context: context, Namespace: l.flags["namespace"], At: at}
	to := pane.Goto{}
	switch l.noun {
	case "deploy":
		to.Pane, sub.Workload = "deployments", l.arg()
		if _, plain, ok := strings.Cut(l.arg(), "/"); ok {
			sub.Service = plain
		} else {
			sub.Workload, sub.Service = "", l.arg()
		}
		if l.verb != "status" {
			sub.Text = l.verb
		}
	case "logs":
		to.Pane, sub.Service, sub.Level, sub.Text = "logs", l.flags["service"], l.flags["level"], strings.Join(l.args, " ")
	case "metrics":
		to.Pane, sub.Query = "metrics", l.arg()
	case "alerts":
		to.Pane, sub.Alert, sub.Service = "alerts", l.arg(), l.flags["service"]
		if l.verb == "history" && len(l.args) > 1 {
			_, sub.Service, _ = strings.Cut(l.args[1], "service=")
		}
	case "why":
		to.Pane, sub.Service = name, l.arg()
	case "secrets":
		to.Pane, sub.Secret = "secrets", l.arg()
	case "audit":
		to.Pane, sub.Text = "audit", strings.Join(l.args, " ")
	default:
		return to, false
	}
	to.Subject = sub
	return to, true
}
