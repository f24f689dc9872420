package assistant

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Aim is what an intent with several answers is asked for.
type Aim string

// The aims.
const (
	AimAll      Aim = ""
	AimErrors   Aim = "errors"   // of the logs: only the errors
	AimPatterns Aim = "patterns" // of the logs: what the lines have in common
	AimNews     Aim = "news"     // of the logs: the patterns that are new
	AimFlight   Aim = "flight"   // of the deployments: rollouts that go on
	AimFigures  Aim = "figures"  // of why: the figures, not the cause
	AimAct      Aim = "act"      // something is to be done, and the assistant only reads
)

// Window is a stretch of time up to now: Back, or whole days (in UTC, 1 is
// today) where Days is set. The zero value is the intent's own window.
type Window struct {
	Back time.Duration
	Days int
}

// maxBack bounds a window.
const maxBack = 31 * 24 * time.Hour

func (w Window) or(back time.Duration) Window {
	if w == (Window{}) {
		return Window{Back: back}
	}
	return w
}

// from is where the window begins.
func (w Window) from(now time.Time) time.Time {
	if w.Days > 0 {
		return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-w.Days)
	}
	return now.Add(-w.Back)
}

// flags are what a command has to look at the same window.
func (w Window) flags(now time.Time) []string {
	if w.Days > 0 {
		return []string{"--from", w.from(now).Format(time.RFC3339)}
	}
	return []string{"--since", span(w.Back)}
}

// words follow "in".
func (w Window) words() string {
	switch w.Days {
	case 0:
		return "the last " + span(w.Back)
	case 1:
		return "the time since midnight UTC"
	}
	return "the time since yesterday, midnight UTC"
}

// The words that decide the intents of the operations.
var (
	alertWords  = of("alert alerts alerted alerting firing fires fired paging pager paged ack acks acked acknowledged silenced inhibited alarm alarms")
	causeWords  = of("why cause caused causes causing culprit blame")
	logWords    = of("log logs logged logging")
	deployWords = of("deployment deployments rollout rollouts rolled rolling revision revisions canary canaries replica replicas workload workloads")
	changeWords = of("change changes changed changing modified")
	secretWords = of("secret secrets overdue rotation rotations rotated")
	actWords    = of("silence unsilence ack acknowledge delete restart undo rollback revert scale rotate promote abort kill remove drop reveal resolve mute")
	opsKnown    = []set{alertWords, causeWords, logWords, deployWords, changeWords, secretWords, actWords, opsPlain}
	// opsPlain are words of such questions that are no names.
	opsPlain = of(`outage incident incidents production prod aictl live lines line entries entry messages pattern patterns template templates
appeared appear unusual surging since last past current currently value query evaluate metric metrics promql handover handoff shift
oncall call behind root issue issues trouble troubles happen took handling owns owner flight flying recently newest latest warning warnings warn
info debug critical severe severity most worst quiet noisy active open rotate rotating expired expire due stale half couple few two three four five
six seven eight nine ten twelve yesterday week weeks night morning say says saying said containing contain contains mention mentions search hour sec
secs second seconds min mins hr hrs miss missed catch speed fire pool finished finish done complete completed stuck progress progressing deploy
deploys deploying shipped ship released charge charged charges select secure range recent rate rates ratio percentage explain explains explained thanks
got image images grep find look ever around bring summary need needs must should know`)
)

// aims that need no words of their own.
var (
	handoffSays = []string{
		"need to know", "should i know", "should know", "must know", "must i know", "hand over", "handover", "hand off", "handoff",
		"did i miss", "have i missed", "i missed", "catch me up", "up to speed", "start my shift", "starting my shift", "end my shift", "ending my shift", "taking over", "take over the shift",
	}
	ownerSays = []string{"who has", "who is on it", "who is on that", "who is on the", "who took", "who acked", "who acknowledged", "who is handling", "who handles", "who owns", "on fire", "is anyone on", "is anybody on"}
	howSays   = []string{"how do", "how can", "how to", "how would", "how should", "how does", "show me how", "what command", "which command", "what is the command", "where do i", "where can i"}
)

// early are the intents whose questions look like others: they come before the
// forms of "how do I".
func early(w, rest []string) (Intent, bool) {
	switch {
	case of("ignore forget disregard override")[w[0]]:
		return OffTopic, true
	case hasAny(w, howSays...):
		return "", false
	case hasAny(w, handoffSays...):
		return Handover, true
	case act(w):
		return HowTo, true
	case aboutLogs(w, rest) && hasAny(w, "say", "says", "saying", "said", "show", "contain", "contains"):
		return LogLines, true
	}
	return "", false
}

// act says that the question asks to have something done.
func act(w []string) bool {
	return actWords[w[0]] && len(w) > 1 || hasAny(w, "roll back", "roll it back", "roll that back") ||
		hasAny(w, "can you", "could you", "please") && actWords.any(w) && !logWords.any(w)
}

func aboutLogs(w, rest []string) bool {
	return logWords.any(rest) && !hasAny(w, "audit", "log in", "log out", "log into", "logged in", "logged out", "logged into")
}

// operational are the rules of the intents that operations answer, the most
// particular first; it comes after the forms of "how do I".
func operational(w, rest []string, named bool) (Intent, bool) {
	what := hasAny(w, "what happened", "what has happened", "what was happening")
	switch {
	case secretWords.any(rest) && !causeWords.any(rest):
		return Secrecy, true
	case hasAny(w, "error rate", "error rates", "failure rate", "success rate", "error ratio", "error percentage"):
		return IsHealthy, true
	case causeWords.any(rest), hasAny(w, "what is behind", "root cause", "reason for", "reason of", "what should i do", "what do i do", "what broke"):
		return Why, true
	case alertWords.any(rest) && !manualWords.any(rest), hasAny(w, ownerSays...):
		return Firing, true
	case aboutLogs(w, rest), named && has(w, "show") && errorWords.any(rest), hasAny(w, "new patterns", "log pattern", "log patterns"):
		return LogLines, true
	case hasAny(w, "who changed", "who deployed", "who rolled", "who modified"), changeWords.any(rest), what, hasAny(w, "what is different"):
		return Changed, true
	case deployWords.any(rest) && !has(w, "version of"), hasAny(w, "in flight", "last deploy", "latest deploy", "deploys"),
		hasAny(w, "deployed", "released", "shipped") && hasAny(w, "was", "were", "got", "been", "get", "last", "recently", "just", "when"):
		return Deployed, true
	}
	return "", false
}

// aimOf refines an intent.
func aimOf(intent Intent, w, rest []string) Aim {
	switch intent {
	case LogLines:
		switch {
		case hasAny(w, "new", "appeared", "unusual", "surging", "different"):
			return AimNews
		case hasAny(w, "pattern", "patterns", "template", "templates", "mostly", "summarize", "summary"):
			return AimPatterns
		case errorWords.any(rest), hasAny(w, "warnings", "warning", "warn"):
			return AimErrors
		}
	case Deployed:
		if hasAny(w, "in flight", "in progress", "rolling", "going on", "progressing", "stuck", "under way", "ongoing", "finished", "complete", "happening", "canary", "canaries") {
			return AimFlight
		}
	case Why:
		if !causeWords.any(rest) && !of("slow slower slowly wrong broken failing reason problem lagging sluggish timeout timeouts").any(rest) &&
			(of("latency latencies p50 p95 p99").any(rest) || hasAny(w, "how fast", "response time", "response times", "how slow")) {
			return AimFigures
		}
	case HowTo:
		if act(w) && !hasAny(w, howSays...) {
			return AimAct
		}
	}
	return AimAll
}

var numbers = map[string]int{
	"a": 1, "an": 1, "one": 1, "two": 2, "couple": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12,
}

// windowOf reads the stretch of time that a question names, and gives the
// words that are no part of it.
func windowOf(w []string) (win Window, rest []string) {
	units := map[string]time.Duration{}
	for unit, names := range map[time.Duration]string{
		time.Second: "s sec secs second seconds", time.Minute: "m min mins minute minutes", time.Hour: "h hr hrs hour hours",
		24 * time.Hour: "d day days", 7 * 24 * time.Hour: "w week weeks",
	} {
		for _, n := range strings.Fields(names) {
			units[n] = unit
		}
	}
	set := func(n int, unit time.Duration) {
		if win == (Window{}) && n > 0 {
			win.Back = maxBack
			if int64(n) < int64(maxBack/unit) {
				win.Back = time.Duration(n) * unit
			}
		}
	}
	for i := 0; i < len(w); i++ {
		unit, next := time.Duration(0), ""
		if i+1 < len(w) {
			next = w[i+1]
			unit = units[next]
		}
		switch digits := strings.TrimRight(w[i], "abcdefghijklmnopqrstuvwxyz"); {
		case w[i] == "today" || w[i] == "tonight" || w[i] == "morning":
			win = Window{Days: 1}
		case w[i] == "yesterday":
			win = Window{Days: 2}
		case w[i] == "half" && len(w) > i+2 && next == "an" && w[i+2] == "hour":
			set(30, time.Minute)
			i += 2
		case digits != "" && digits != w[i] && units[w[i][len(digits):]] > 0: // 30m
			n, _ := strconv.Atoi(digits) // not a number is 0, which sets nothing
			set(n, units[w[i][len(digits):]])
		case digits == w[i] && unit > 0: // 30 minutes
			n, err := strconv.Atoi(digits)
			if err != nil {
				n = int(maxBack / time.Second) // more digits than a number has
			}
			set(n, unit)
			i++
		case numbers[w[i]] > 0 && unit > 0: // two hours
			set(numbers[w[i]], unit)
			i++
		case of("last past this previous")[w[i]] && unit > 0 && len(next) > 1: // the last hour
			set(1, unit)
			i++
		default:
			rest = append(rest, w[i])
		}
	}
	return win, rest
}

// expression is the PromQL that stands in backticks in the question: one that
// has its syntax, or a bare name where nothing else is asked.
func expression(text string, services []Service) string {
	_, after, ok := strings.Cut(text, "`")
	expr, tail, closed := strings.Cut(after, "`")
	expr = strings.TrimSpace(expr)
	if !ok || !closed || expr == "" || strings.HasPrefix(expr, "aictl ") || strings.HasPrefix(expr, "-") || strings.ContainsAny(expr, "\n\r\x00\x1b") {
		return ""
	}
	if strings.ContainsAny(expr, "({[=<>+*/") && !strings.HasPrefix(expr, "/") {
		return expr
	}
	if strings.ContainsFunc(expr, func(r rune) bool {
		return r != '_' && r != ':' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) || slices.ContainsFunc(services, func(s Service) bool { return s.Name == expr }) {
		return ""
	}
	head, _, _ := strings.Cut(text, "`")
	if of("what is the value of now current query evaluate metric metrics show me promql run how many much please are").all(words(head + " " + tail)) {
		return expr
	}
	return ""
}

// searches says that a word which no service has is looked for in the lines.
func searches(w []string) bool {
	return hasAny(w, "search", "grep", "find", "look", "containing", "contain", "contains", "mention", "mentions")
}

// searched is the text in double quotes that the lines should hold.
func searched(text string) string {
	_, after, _ := strings.Cut(text, `"`)
	found, _, closed := strings.Cut(after, `"`)
	if found = strings.Join(strings.Fields(found), " "); !closed || len(found) > 200 {
		return ""
	}
	return found
}

// asWritten is the word as it stands in the question: names of alerts have
// capitals.
func asWritten(text, word string) string {
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n\r?!,;\"'`()", r) })
	for _, f := range fields {
		if f = strings.Trim(f, ".:"); strings.EqualFold(f, word) {
			return f
		}
	}
	return word
}
