package assistant

import (
	"context"
	"slices"
	"strings"
)

// enough is the share of a question's weight that a section must hold: below
// it the section is about something else. A question that asks how to do a
// thing may share less with its answer than one that came without that form.
const (
	enough      = 0.34
	enoughPlain = 0.6
)

func (w *writer) help() {
	w.say("I am %s, the built-in assistant. I am not a language model; I answer questions about this platform from its live state and its manual:\n", "aictl-ops")
	for _, q := range []string{
		"what is running?", "is predict healthy?", "why is chat slow?", "any errors?", "how many requests and tokens?",
		"which version is this?", "who am I?", "what can predict do?", "how do I forecast a series?",
		"what is firing?", "who has the alert on predict?", "what is broken and what do I do?",
		"show the errors of predict", "new log patterns of chat", "what was deployed?", "is a rollout in flight?",
		"what changed in the last 2h?", "what do I need to know?", "which secrets are overdue?", "`sum by (service) (rate(aictl_gateway_requests_total[5m]))`",
	} {
		w.say("- %s", q)
	}
	w.say("\nI read as you, and what you may not read I may not; I change nothing. Say *and predict?* or *and today?* to ask again about another service or time.")
	w.say("The services are: %s.", w.names())
	w.cite("services", "list", "aictl services list")
	w.cite("commands", "all", "aictl commands")
}

func (w *writer) offTopic() {
	if w.plan.Aim == AimAct {
		w.say("I only read, and change nothing. The commands that change things are listed by `aictl commands`, and each says what it would do with `--dry-run=server`.\n")
	}
	w.say("I am not a language model; I answer questions about this platform, and found nothing in its state or its manual that answers this.")
	w.say("\nAsk for example: *what is running?*, *is chat healthy?*, *how do I forecast a series?*")
	w.say("For other questions configure an upstream with OpenAI's API (Ollama, vLLM, llama.cpp or any other) in the server's configuration, then check it: `aictl providers test`.")
	w.cite("commands", "aictl providers list", "aictl providers list")
}

// howTo searches the manual and the commands. asked says that the question has
// the form of one; without it the bar is higher.
func (w *writer) howTo(ctx context.Context, asked bool) error {
	commands, err := w.a.platform.Commands(ctx)
	if err != nil {
		return err
	}
	query := terms(limit(w.plan.Query, maxQuestion))
	bar := enough
	if !asked {
		bar = enoughPlain
	}
	if offWords.any(words(w.plan.Query)) {
		query = nil
	}
	manual := w.a.manual()
	docs := make([][]string, 0, len(manual)+len(commands))
	for _, s := range manual {
		// A heading says what the section is about: it counts three times.
		title := terms(s.title)
		docs = append(docs, slices.Concat(title, title, title, terms(s.page), terms(s.body)))
	}
	for _, c := range commands {
		name := terms(c.Name)
		docs = append(docs, slices.Concat(name, name, terms(c.Summary), terms(c.Summary), terms(strings.Join(c.Examples, " "))))
	}
	var page *section
	found := []Command{}
	for _, h := range newIndex(docs).search(query) {
		switch {
		case h.share < bar:
		case h.doc < len(manual):
			if page == nil {
				page = &manual[h.doc]
			}
		case len(found) < 3:
			found = append(found, commands[h.doc-len(manual)])
		}
	}
	if page == nil && len(found) == 0 {
		w.plan.Intent = OffTopic
		w.offTopic()
		return nil
	}
	w.plan.Intent = HowTo
	if w.plan.Aim == AimAct {
		w.say("I only read, and change nothing. What does it is yours to run:\n")
	}
	if page != nil {
		w.say("The manual says under **%s**:\n\n%s\n", page.title, page.excerpt())
		w.cite("manual", page.id(), "")
	}
	if len(found) > 0 {
		w.say("Commands:\n")
	}
	for _, c := range found {
		example := ""
		if len(c.Examples) > 0 {
			example = ", for example `" + c.Examples[0] + "`"
		}
		w.say("- `%s`: %s%s", c.Name, c.Summary, example)
		w.cite("commands", c.Name, c.Name+" --help")
	}
	return nil
}
