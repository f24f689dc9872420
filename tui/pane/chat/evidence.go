package chat

import (
	"strings"
	"unicode"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/tui/pane"
)

// evidence is that of all answers, the newest first, each once.
func (p *Pane) evidence() []api.Evidence {
	var out []api.Evidence
	seen := map[api.Evidence]bool{}
	for i := len(p.turns) - 1; i >= 0; i-- {
		for _, e := range p.turns[i].evidence {
			if !seen[e] {
				seen[e] = true
				out = append(out, e)
			}
		}
	}
	return out
}

func evidenceItems(all []api.Evidence) []item {
	out := make([]item, 0, len(all))
	for _, e := range all {
		out = append(out, item{key: e.Source + "\n" + e.ID + "\n" + e.Command, name: strings.TrimSpace(e.Source + " " + e.ID), command: e.Command})
	}
	return out
}

// destination is the pane that shows what a command shows; false where none
// does. The command is read, and never run.
func destination(command string) (to string, s pane.Subject, ok bool) {
	words, ok := split(command)
	if !ok || len(words) < 2 || words[0] != "aictl" {
		return "", s, false
	}
	noun := words[1]
	args, flags := arguments(words[2:])
	if _, help := flags["help"]; help {
		return "", s, false
	}
	s.Namespace, s.Service = flags["namespace"], flags["service"]
	if s.Namespace == "" {
		s.Namespace = flags["n"]
	}
	object := "" // what follows the verb
	if len(args) > 1 {
		object = args[1]
	}
	switch noun {
	case "services":
		s.Service = object
		return "services", s, true
	case "invoke":
		if len(args) > 0 {
			s.Service = args[0]
		}
		return "services", s, true
	case "logs":
		s.Level, s.Trace = flags["level"], flags["trace"]
		if len(args) > 0 && args[0] != "patterns" && args[0] != "histogram" && args[0] != "fields" {
			s.Text = strings.Join(args, " ")
		}
		return "logs", s, true
	case "metrics":
		s.Query = object
		return "metrics", s, true
	case "alerts":
		s.Alert = object
		return "alerts", s, true
	case "deploy":
		return "deployments", workload(s, object), true
	case "why":
		if len(args) > 0 {
			return "incident", alertOrService(s, args[0]), true
		}
		return "incident", s, true
	case "changes", "timeline":
		if len(args) > 0 {
			s.Service = args[0]
		}
		return "incident", s, true
	case "incident":
		s.Incident = object
		return "incident", s, true
	case "secrets":
		s.Secret = object
		return "secrets", s, true
	case "audit":
		return "audit", s, true
	case "status", "doctor":
		return "overview", s, true
	}
	return "", s, false
}

func workload(s pane.Subject, object string) pane.Subject {
	if kind, plain, ok := strings.Cut(object, "/"); ok && kind != "" {
		s.Workload, s.Service = object, plain
	} else if object != "" {
		s.Service = object
	}
	return s
}

// alertOrService: alerts have capital letters, services have none.
func alertOrService(s pane.Subject, word string) pane.Subject {
	if strings.IndexFunc(word, unicode.IsUpper) >= 0 {
		s.Alert = word
	} else {
		s.Service = word
	}
	return s
}

// switches are the flags that take no value.
var switches = map[string]bool{"A": true, "all-namespaces": true, "f": true, "follow": true, "help": true, "h": true, "yes": true, "y": true}

// arguments parts words from flags.
func arguments(words []string) (args []string, flags map[string]string) {
	flags = map[string]string{}
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			return append(args, words[i+1:]...), flags
		}
		if len(word) < 2 || word[0] != '-' {
			args = append(args, word)
			continue
		}
		key, value, has := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !has && !switches[key] && i+1 < len(words) {
			i++
			value = words[i]
		}
		flags[key] = value
	}
	return args, flags
}

// split parts a command line into words by a shell's quotes; false where it
// has anything that a shell would act on.
func split(line string) (words []string, ok bool) {
	var word strings.Builder
	quote, inside := rune(0), false
	flush := func() {
		if inside {
			words = append(words, word.String())
		}
		word.Reset()
		inside = false
	}
	for _, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, inside = r, true
		case unicode.IsSpace(r):
			flush()
		case strings.ContainsRune("|&;<>`$\\\n", r):
			return nil, false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	flush()
	return words, quote == 0
}
