package tui

import (
	"strings"
	"time"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/pane"
)

// logged is one entry of the command log.
type logged struct {
	at      time.Time
	key     string
	command string
	outcome string // of a change: done, or why not
}

// commandLog is what the keys of this session did, as commands. It keeps the
// latest ones.
type commandLog struct {
	entries []logged
	key     string // the key that was pressed last
}

const logKeeps = 2000

func (l *commandLog) pressed(key string) { l.key = key }

// add notes a command; one that repeats the last is the same look again.
func (l *commandLog) add(at time.Time, key, command string) {
	if key == "" {
		key = l.key
	}
	l.key = ""
	if command == "" {
		return
	}
	if n := len(l.entries); n > 0 && l.entries[n-1].command == command && l.entries[n-1].outcome == "" {
		return
	}
	l.entries = append(l.entries, logged{at: at, key: key, command: command})
	if len(l.entries) > logKeeps {
		l.entries = l.entries[len(l.entries)-logKeeps:]
	}
}

// ran notes a change that was applied, or failed.
func (l *commandLog) ran(at time.Time, command string, err error) {
	outcome := "done"
	if err != nil {
		outcome = term.SafeLine(err.Error())
	}
	if command != "" {
		l.entries = append(l.entries, logged{at: at, key: "y", command: command, outcome: outcome})
	}
}

// whole adds to a command what the session has and a shell would not: the
// context and the namespace.
func (l *commandLog) whole(env *pane.Env, command string) string {
	rest, ok := strings.CutPrefix(command, "aictl ")
	if !ok {
		return command
	}
	for _, c := range env.Contexts {
		if c.Name != "" && !strings.Contains(command, "--context") {
			rest += " --context " + argv.Line(c.Name)
		}
	}
	return "aictl " + rest
}

// script is the log as a shell script; comments say when, and which key.
func (l *commandLog) script(env *pane.Env) string {
	var b strings.Builder
	for _, e := range l.entries {
		b.WriteString("# " + e.at.UTC().Format(time.RFC3339))
		if e.key != "" {
			b.WriteString(" key " + e.key)
		}
		if e.outcome != "" {
			b.WriteString(": " + e.outcome)
		}
		b.WriteString("\n" + l.whole(env, e.command) + "\n")
	}
	return b.String()
}

// lines are the log on a page, the newest last.
func (l *commandLog) lines(env *pane.Env) []string {
	th := env.Theme
	if len(l.entries) == 0 {
		return []string{"Nothing was run yet."}
	}
	out := make([]string, 0, len(l.entries))
	for _, e := range l.entries {
		line := th.Muted.Render(e.at.In(env.Zone).Format("15:04:05")) + " "
		if e.key != "" {
			line += th.Accent.Render(e.key) + " "
		}
		line += term.SafeLine(e.command)
		switch e.outcome {
		case "":
		case "done":
			line += " " + th.OK.Render("done")
		default:
			line += " " + th.Bad.Render("failed: "+e.outcome)
		}
		out = append(out, line)
	}
	return append(out, "", th.Muted.Render(":log save FILE writes this as a script"))
}
