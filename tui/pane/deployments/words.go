package deployments

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// The words and signs of states: the sign beside the word says the same, for
// who sees no colours.

// signs also part what stands in a line.
type signs struct{ ok, busy, warn, held, off, bad, old, dot, to, part string }

func (p *Pane) signs() signs {
	if p.env.ASCII {
		return signs{"+", ">", "!", "=", "-", "x", "?", " | ", "->", ">"}
	}
	return signs{"✓", "▸", "!", "‖", "○", "✗", "?", " · ", "→", "›"}
}

// state is a workload's state as the list shows it.
func (p *Pane) state(w *api.Workload) string {
	s := p.signs()
	sign := s.warn
	switch w.State {
	case "ready":
		sign = s.ok
	case "progressing":
		sign = s.busy
	case "paused":
		sign = s.held
	case "stopped":
		sign = s.off
	case "failed":
		sign = s.bad
	}
	return sign + " " + w.State
}

// stateRank orders states by how soon somebody should look.
func stateRank(state string) int {
	for i, s := range []string{"failed", "degraded", "progressing", "paused", "ready", "stopped"} {
		if s == state {
			return i
		}
	}
	return 1
}

// outcome is a verdict in a sign and words.
func (p *Pane) outcome(v api.DeployVerdict) (string, theme.Style) {
	s, th := p.signs(), p.env.Theme
	words := v.Outcome
	if v.Code != v.Outcome && v.Code != "" {
		words += ": " + v.Code
	}
	words = safe(words)
	switch v.Outcome {
	case api.DeployComplete:
		return s.ok + " " + words, th.OK
	case api.DeployFailed:
		return s.bad + " " + words, th.Bad
	case api.DeployProgressing:
		return s.busy + " " + words, th.Warn
	}
	return s.warn + " " + words, th.Warn
}

// replica is a replica's state in a sign and a word.
func (p *Pane) replica(state string, ready, current bool) (string, theme.Style) {
	s, th := p.signs(), p.env.Theme
	switch {
	case ready:
		return s.ok + " " + state, th.OK
	case !current, passing(state):
		return s.off + " " + state, th.Muted
	case starting(state):
		return s.busy + " " + state, th.Warn
	}
	return s.bad + " " + state, th.Bad
}

// passing replicas go, or are done: no trouble.
func passing(state string) bool {
	switch state {
	case "Terminating", "gone", "Completed", "Succeeded", "stopped":
		return true
	}
	return false
}

// starting replicas are on their way.
func starting(state string) bool {
	switch state {
	case "ContainerCreating", "PodInitializing", "Pending", "not ready", "Running", "starting":
		return true
	}
	return strings.HasPrefix(state, "Init:") && !strings.Contains(state, "Err") && !strings.Contains(state, "BackOff")
}

// ago is how long ago t was; empty where it is not known.
func (p *Pane) ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return widget.Age(max(p.env.Now.Sub(t), 0))
}

// agoWords is ago in a sentence; clocks differ a little.
func (p *Pane) agoWords(t time.Time) string {
	if p.env.Now.Sub(t) < time.Second {
		return "just now"
	}
	return p.ago(t) + " ago"
}

// clock is a moment as the person's clock shows it.
func (p *Pane) clock(t time.Time) string {
	zone := p.env.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("15:04:05")
}

// thousands writes a number with its thousands apart.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + one + "s"
}

// oneLine puts a message of several lines into one.
func oneLine(s string) string {
	const most = 4 << 10 // no message worth reading in a cell is longer
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Join(strings.Fields(s), " ")
}

// sorted are the values of a map in the order of its keys.
func sorted[T any](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

// safe makes text from outside safe for a line of a page.
func safe(s string) string { return term.SafeLine(oneLine(s)) }
