package assistant

import (
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/nearest"
)

// Intent is the kind of a question.
type Intent string

// The intents. Each has one answer function.
const (
	Running    Intent = "running"    // what is running?
	IsHealthy  Intent = "health"     // is X healthy?
	Why        Intent = "why"        // why is X slow or failing?
	Failures   Intent = "errors"     // any errors?
	Used       Intent = "usage"      // how many requests, tokens?
	Versions   Intent = "version"    // which version, since when?
	WhoAmI     Intent = "whoami"     // who am I?
	HowTo      Intent = "howto"      // how do I …?
	Operations Intent = "operations" // what can X do?
	Describe   Intent = "describe"   // what is X?
	Help       Intent = "help"       // what can you do?
	Firing     Intent = "alerts"     // what is firing, and who has it?
	LogLines   Intent = "logs"       // what do the logs say?
	Deployed   Intent = "deploy"     // what was deployed, is a rollout in flight?
	Changed    Intent = "changes"    // what changed?
	Handover   Intent = "handoff"    // what do I need to know?
	Measured   Intent = "metrics"    // `PROMQL`
	Secrecy    Intent = "secrets"    // which secrets are overdue?
	OffTopic   Intent = "off"        // anything else
)

// Plan is how a question was understood.
type Plan struct {
	Intent Intent
	// Service is the name of the service asked about; empty is all of them.
	Service string
	// Unknown is a name that was asked about and that no service has; alerts,
	// workloads and logs may have it.
	Unknown string
	// Query is what the manual is searched for.
	Query string
	// Aim is which of the intent's answers is wanted.
	Aim Aim
	// Window is the stretch of time that is asked about.
	Window Window
	// Text is what is looked for: words in the logs, or the expression.
	Text string
}

// maxQuestion bounds what is read of one message, in bytes.
const maxQuestion = 4 << 10

// Understand plans the answer to the last user message of turns. It is a pure
// function: typed rules over corrected words, the first that fits wins.
func Understand(turns []Turn, services []Service) Plan {
	last := lastUser(turns)
	if last < 0 {
		return Plan{Intent: Help}
	}
	p, kind := understand(turns[last].Text, services)
	if kind == complete && p.Service != "" {
		return p
	}
	switch kind {
	case fragment: // "and predict?": the question before, about another service
		for i := last - 1; i >= 0; i-- {
			if turns[i].Role != "user" {
				continue
			}
			if before, k := understand(turns[i].Text, services); k != fragment && before.Intent != OffTopic && before.Intent != Help {
				switch {
				case p.Service != "" || p.Unknown != "":
					before.Service, before.Unknown = p.Service, p.Unknown
				case k == pronoun:
					before.Service = lastNamed(turns[:i], services)
				}
				if p.Window != (Window{}) {
					before.Window = p.Window
				}
				return before
			}
		}
		if p.Service == "" {
			return Plan{Intent: OffTopic, Query: p.Query}
		}
		return p
	case pronoun:
		p.Service = lastNamed(turns[:last], services)
		if p.Service == "" && p.Intent == Describe {
			p.Intent = OffTopic
		}
	}
	return p
}

func lastUser(turns []Turn) int {
	for i := len(turns) - 1; i >= 0; i-- {
		if turns[i].Role == "user" && strings.TrimSpace(turns[i].Text) != "" {
			return i
		}
	}
	return -1
}

// lastNamed is the service that the user named last; where the user named
// none, the one that the assistant named last.
func lastNamed(turns []Turn, services []Service) string {
	for _, role := range []string{"user", "assistant"} {
		for i := len(turns) - 1; i >= 0; i-- {
			if turns[i].Role != role {
				continue
			}
			w := words(limit(turns[i].Text, maxQuestion))
			slices.Reverse(w)
			for _, word := range w {
				if role == "user" {
					if name := serviceOf(word, services); name != "" {
						return name
					}
				} else if slices.ContainsFunc(services, func(s Service) bool { return s.Name == word }) {
					return word
				}
			}
		}
	}
	return ""
}

type form int

const (
	complete form = iota
	pronoun       // the subject is in an earlier message
	fragment      // only a subject
)

var fillers = of("and what about how of for with the is also then or now please a an so but same too")

// fillerWords are the fillers, and what stands before a stretch of time.
var fillerWords = strings.Fields("and what about how of for with the is also then or now please a an so but same too in since during over from last past")

func understand(text string, services []Service) (Plan, form) {
	text = limit(text, maxQuestion)
	raw := words(text)
	p := Plan{Query: text}
	w := make([]string, 0, len(raw))
	rest := []string{} // without the service's name
	for _, word := range raw {
		if name := serviceOf(word, services); name != "" {
			if p.Service == "" {
				p.Service = name
			}
			w = append(w, name)
			continue
		}
		word = correct(word)
		w, rest = append(w, word), append(rest, word)
	}
	if p.Text = expression(text, services); p.Text != "" {
		p.Intent, p.Service = Measured, ""
		return p, complete
	}
	if len(raw) == 0 {
		p.Intent = Help
		return p, complete
	}
	var timeless []string
	p.Window, timeless = windowOf(rest)
	kind := complete
	if p.Service == "" && (pronouns.any(rest) || hasAny(rest, "that service", "this service", "the service", "that one", "this one")) {
		kind = pronoun
	}
	if p.Service != "" && fillers.all(rest) && !hasAny(w, "what is "+p.Service, "how is "+p.Service, p.Service+" is") {
		p.Intent = Describe
		return p, fragment
	}
	if fillers[w[0]] && p.Service == "" && fragmentary(&p, timeless) {
		p.Intent = OffTopic
		return p, fragment
	}
	p.Intent = intentOf(w, rest, p.Service != "" || kind == pronoun)
	if p.Service == "" && p.Intent != HowTo && p.Intent != OffTopic {
		p.Service = byOperation(rest, services)
	}
	p.Aim = aimOf(p.Intent, w, rest)
	if p.Intent == LogLines {
		p.Text = searched(text)
	}
	if p.Service == "" && kind == complete {
		switch p.Intent {
		case IsHealthy, Why, Operations, Failures, Used:
			p.Unknown = unknown(rest)
		case Firing, LogLines, Deployed, Changed:
			p.Unknown = unknown(without(timeless, words(p.Text)))
		case Versions: // of what the engines run
			if hasAny(w, "version of", "versions of", "release of", "build of", "version does") {
				if p.Unknown = unknown(rest); p.Unknown != "" {
					p.Intent = Deployed
				}
			}
		}
		p.Unknown = asWritten(text, p.Unknown)
	}
	if p.Intent == LogLines && p.Text == "" && searches(w) {
		p.Text, p.Unknown = asWritten(text, unknown(timeless)), ""
	}
	return p, kind
}

// fragmentary says that a question without a service is only a stretch of time
// or one more name ("and today?", "and web?").
func fragmentary(p *Plan, timeless []string) bool {
	names := without(timeless, fillerWords)
	switch {
	case len(names) == 0:
		return p.Window != (Window{})
	case len(names) == 1 && len(names[0]) >= 3 && !known(names[0]):
		p.Unknown = asWritten(p.Query, names[0])
		return true
	}
	return false
}

func without(w, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(w), func(s string) bool { return slices.Contains(drop, s) })
}

// intentOf is the rules, most particular first. w is the question, rest is w
// without the service's name; named says that a service is asked about.
func intentOf(w, rest []string, named bool) Intent {
	first := w[0]
	switch {
	case offWords.any(rest) && !hasAny(w, "how do i", "how can i"):
		return OffTopic
	case hasAny(w, "what can you do", "what can you", "what do you know", "who are you", "what are you", "what can i ask", "what should i ask", "can you help", "your capabilities", "are you a language model", "are you an ai", "are you a model"),
		of("help hello hi hey thanks thank you there please me ? yes good morning").all(rest) && !named:
		return Help
	case hasAny(w, "who am i", "whoami", "my account", "my role", "my roles", "my permissions", "am i logged", "am i signed", "am i authenticated", "am i admin", "what user am i", "which user am i", "which account", "my identity", "what am i allowed", "my rights"):
		return WhoAmI
	}
	if i, ok := early(w, rest); ok {
		return i
	}
	switch {
	case hasAny(w, "how many", "how much") && (usageWords.any(rest) || named && !errorWords.any(rest)):
		return Used
	case hasAny(w, "how many") && errorWords.any(rest):
		return Failures
	case hasAny(w, "how many") && runWords.any(rest):
		return Running
	case hasAny(w, "how do i", "how can i", "how do you", "how do we", "how can we", "how to", "how would i", "how should i", "how does one", "how does the", "where do i", "where can i", "where is the", "what command", "which command", "what is the command", "what flag", "which flag", "steps to", "i want to", "i would like to", "i need to", "show me how", "can i", "is there a way", "example of", "examples of", "in the manual", "what does the"),
		first == "how" && len(w) > 1 && !of("is are was many much long slow healthy fast")[w[1]] && !named:
		return HowTo
	}
	if i, ok := operational(w, rest, named); ok {
		return i
	}
	switch {
	case versionWords.any(rest), hasAny(w, "how long"), hasAny(w, "since when"), hasAny(w, "when did") && has(w, "start"):
		return Versions
	case whyWords.any(rest), hasAny(w, "how fast", "response time", "response times", "so long", "going on with", "happening with", "the matter"):
		return Why
	case errorWords.any(rest), hasAny(w, "went wrong", "go wrong"):
		return Failures
	case opWords.any(rest), named && hasAny(w, "do", "offer", "offers", "provide", "provides", "able", "capable", "support", "supports") && hasAny(w, "what", "which") && !has(w, "how"):
		return Operations
	case usageWords.any(rest):
		return Used
	case named && aboutWords.any(rest) && !healthWords.any(rest):
		return Describe
	case hasAny(w, "what is up and running", "up and running", "what is available", "what do you run", "what do we have", "what have we got", "what is there", "what is out there"):
		return Running
	case healthWords.any(rest), hasAny(w, "how is", "how are"), named && (first == "is" || first == "are"):
		if !named && manualWords.any(rest) && !hasAny(w, "everything", "all", "platform", "healthy", "health", "unhealthy") {
			return HowTo
		}
		return IsHealthy
	case hasAny(w, "which services", "what services", "services"), runWords.any(rest) && !manualWords.any(rest):
		return Running
	case named:
		return Describe
	case manualWords.any(rest):
		return HowTo
	}
	return OffTopic
}

// serviceOf is the service that word names, perhaps mistyped, or with an
// ending: predicts, predictions.
func serviceOf(word string, services []Service) string {
	names := make([]string, 0, len(services))
	for _, s := range services {
		if s.Name == word {
			return s.Name
		}
		names = append(names, s.Name)
	}
	if known(word) {
		return ""
	}
	if part := partOf(word, names); part != "" {
		return part
	}
	for _, n := range names {
		if len(n) >= 4 && strings.HasPrefix(word, n) && of("s or ion ions er ing -service")[word[len(n):]] {
			return n
		}
	}
	if near, ok := nearest.Of(word, names); ok {
		return near
	}
	return ""
}

// partOf is the only name that has word between its dashes: checkout is
// demo-checkout.
func partOf(word string, names []string) string {
	found := ""
	for _, n := range names {
		if len(word) < 4 || !slices.Contains(strings.Split(n, "-"), word) {
			continue
		}
		if found != "" {
			return ""
		}
		found = n
	}
	return found
}

// byOperation is the service that has the operation named in the question.
func byOperation(w []string, services []Service) string {
	for _, word := range w {
		for _, s := range services {
			for _, o := range s.Operations {
				if o.Name == word && !known(word) || o.Name == word && manualWords[word] && !of("models model")[word] {
					return s.Name
				}
			}
		}
	}
	return ""
}

func correct(word string) string {
	if len(word) < 5 || known(word) {
		return word
	}
	if near, ok := nearest.Of(word, vocabulary); ok {
		return near
	}
	return word
}

// unknown is the first word that looks like a name nobody has.
func unknown(rest []string) string {
	for _, word := range rest {
		if len(word) >= 3 && !known(word) {
			return word
		}
	}
	return ""
}

func limit(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
