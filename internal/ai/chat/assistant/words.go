package assistant

import (
	"strings"
	"unicode"
)

// words normalises a question: lower case, contractions opened, punctuation
// dropped but for what stands inside of a name (predict-v2, aictl_ops).
func words(s string) []string {
	s = strings.ToLower(s)
	s = contractions.Replace(s)
	out := strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	})
	kept := out[:0]
	for _, w := range out {
		if w = strings.Trim(w, "-_"); w == "" {
			continue
		}
		if open, ok := opened[w]; ok {
			kept = append(kept[:len(kept):len(kept)], open...)
			continue
		}
		kept = append(kept, w)
	}
	return kept
}

var contractions = strings.NewReplacer("’", "'", "n't", " not", "'s", " is", "'re", " are", "'m", " am", "'ve", " have", "'d", " would", "'ll", " will")

var opened = map[string][]string{
	"whats": {"what", "is"}, "hows": {"how", "is"}, "whos": {"who", "is"}, "wheres": {"where", "is"},
	"whys": {"why", "is"}, "im": {"i", "am"}, "howto": {"how", "to"}, "whatis": {"what", "is"},
}

type set map[string]bool

func of(list string) set {
	s := set{}
	for _, w := range strings.Fields(list) {
		s[w] = true
	}
	return s
}

func (s set) any(in []string) bool {
	for _, w := range in {
		if s[w] {
			return true
		}
	}
	return false
}

func (s set) all(in []string) bool {
	for _, w := range in {
		if !s[w] {
			return false
		}
	}
	return true
}

// The words that decide an intent.
var (
	whyWords     = of("why slow slower slowly latency latencies p50 p95 p99 wrong timeout timeouts lagging sluggish broken failing reason problem")
	errorWords   = of("error errors failure failures failed fail fails failing exceptions crash crashes crashed crashing")
	usageWords   = of("usage used requests request calls tokens token cost costs spent spend traffic consumed consumption invocations billing")
	versionWords = of("version versions release build uptime commit")
	opWords      = of("operations operation ops capabilities endpoints endpoint methods functions abilities")
	healthWords  = of("healthy health unhealthy ok okay alive ready degraded working works status doing fine reachable responding sick broken up down online offline available")
	runWords     = of("running runs run services service deployed active started exist exists installed serving")
	aboutWords   = of("describe about explain summarize summary overview details")
	pronouns     = of("it its itself they them")
	offWords     = of("poem joke song story weather recipe translate haiku essay novel president capital football movie lyrics sonnet horoscope rap limerick")
	manualWords  = of("configure configuration install start stop backup restore context contexts login session sessions model models provider providers plugin plugins schema completion forecast anomaly audit exit codes code command commands flag flags series stream streaming upstream upstreams redis postgres postgresql openai python ollama dashboard document documentation docs manual")
)

// plain are words that are never a mistyped name or keyword.
var plain = of(`a an the is are was were be been am do does did done has have had i me my you your we us our he she
he his her this that these those there here what which who whom whose when where why how all any every everything
anything something nothing none each some many much more most few than then that and or not no nor but if so as at
by for from in into of off on onto out over to up with without within about after again before between can could
may might must shall should will would please just only also too very now right today yesterday tonight currently
tell show give list get see look find make let want need know like think say said help hello hi hey thanks thank
platform system server cluster stack thing things stuff one ones two first last recent recently latest lately ago
minute minutes hour hours day days week weeks month time times long since still yet ever never always going go goes
come comes happening happened happen being take takes taking took use uses using put set sets well good bad great
really actually currently moment state name names named kind type types number count total same other another
different new old own its it they them whats app apps application box machine node house place life world chap char
cat hat chart charm chant that them then they this whatever whether while white write read work word words wait
walk call called talk task ask asked asking answer answers question questions doing people person man men human
today morning evening night sure maybe perhaps kindly quickly quick fast faster slow show shown snow shop stop start
offer offers provide provides support supports able capable available between check checking tested test testing
went gone gets got getting everyone anyone someone nobody everybody`)

// vocabulary is every keyword: a typo is corrected to one of them.
var vocabulary = func() []string {
	seen, out := set{}, []string{}
	for _, s := range []set{whyWords, errorWords, usageWords, versionWords, opWords, healthWords, runWords, manualWords, alertWords, causeWords, deployWords, changeWords, secretWords} {
		for w := range s {
			if len(w) >= 5 && !seen[w] {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	return sorted(out)
}()

func known(w string) bool {
	for _, s := range []set{plain, whyWords, errorWords, usageWords, versionWords, opWords, healthWords, runWords, aboutWords, manualWords, offWords, pronouns} {
		if s[w] {
			return true
		}
	}
	for _, s := range opsKnown {
		if s[w] {
			return true
		}
	}
	return false
}

func has(in []string, phrase string) bool {
	return strings.Contains(" "+strings.Join(in, " ")+" ", " "+phrase+" ")
}

func hasAny(in []string, phrases ...string) bool {
	for _, p := range phrases {
		if has(in, p) {
			return true
		}
	}
	return false
}
