package redact

import (
	"regexp"
	"strings"
)

// keyForm is a key that shows by itself what it is. The last group, where
// there is one, is the secret part. The expression is tried only where one of
// the literals is in the text.
type keyForm struct {
	literals []string
	form     *regexp.Regexp
}

var keyForms = []keyForm{
	{[]string{"aictl_"}, regexp.MustCompile(`aictl_[0-9A-Za-z]{8,}`)},
	{nil, regexp.MustCompile(`(?i:bearer)[\s:]+([A-Za-z0-9._~+/=-]{6,})`)},
	{[]string{"AKIA", "ASIA", "ABIA", "ACCA"}, regexp.MustCompile(`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}`)}, // AWS
	{[]string{"sk-"}, regexp.MustCompile(`sk-[A-Za-z0-9_-]{16,}`)},                                        // OpenAI, Anthropic
	{
		[]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "hf_", "npm_", "pypi-"}, // forges, hubs
		regexp.MustCompile(`(?:gh[pousr]_|github_pat_|glpat-|hf_|npm_|pypi-)[A-Za-z0-9_-]{16,}`),
	},
	{[]string{"xox"}, regexp.MustCompile(`xox[a-z]-[A-Za-z0-9-]{10,}`)},                              // Slack
	{[]string{"AIza"}, regexp.MustCompile(`AIza[0-9A-Za-z_-]{30,}`)},                                 // Google
	{[]string{"eyJ"}, regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)}, // JWT
	{[]string{"AGE-SECRET-KEY-"}, regexp.MustCompile(`AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20,}`)},       // age
	{[]string{"://"}, regexp.MustCompile(`://[^\s/?#:@"'<>]*:([^\s"'<>]+)@`)},                        // password of a URL
}

func forms(s string, spans []span) []span {
	for _, f := range keyForms {
		from, ok := f.first(s)
		if !ok {
			continue
		}
		for _, m := range f.form.FindAllStringSubmatchIndex(s[from:], -1) {
			spans = append(spans, span{from: from + m[len(m)-2], to: from + m[len(m)-1]})
		}
	}
	return spans
}

// first is where the form may begin.
func (f keyForm) first(s string) (int, bool) {
	if f.literals == nil { // in any case
		for i := 0; i+len("bearer") <= len(s); i++ {
			if lower(s[i]) == 'b' && foldedPrefix(s[i:], "bearer") {
				return i, true
			}
		}
		return 0, false
	}
	first := -1
	for _, l := range f.literals {
		if i := strings.Index(s, l); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return max(first, 0), first >= 0
}

// secretNames end the name of something secret: db_password, X-Api-Key. They
// do not end max_tokens or token_id.
var secretNames = []string{
	"password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "cookie", "credential", "credentials",
	"apikey", "api_key", "api-key", "accesskey", "access_key", "access-key", "secretkey", "secret_key", "secret-key",
	"privatekey", "private_key", "private-key", "signingkey", "signing_key", "signing-key",
}

// IsSecretName reports whether what has this name (a JSON member, a header, a
// setting) is to be masked whole.
func IsSecretName(name string) bool { return secretSuffix(name) != "" }

// secretSuffix gives the secret name that ends s, in any case.
func secretSuffix(s string) string {
	for _, n := range secretNames {
		if at := len(s) - len(n); at >= 0 && lower(s[at]) == n[0] && foldedPrefix(s[at:], n) {
			return n
		}
	}
	return ""
}

// ends remembers where the next end of a word and of a line are: the values of
// names that follow each other without one end together, and the text is
// searched once.
type ends struct {
	s          string
	word, line int
}

func (e *ends) after(from int, header bool) int {
	at, set := &e.word, " \t\r\n,;&\"'`}])<>"
	if header {
		at, set = &e.line, "\r\n\"'`"
	}
	if *at < from {
		if i := strings.IndexAny(e.s[from:], set); i >= 0 {
			*at = from + i
		} else {
			*at = len(e.s)
		}
	}
	return *at
}

// named finds the values of secret names, by looking back from each sign.
func named(s string, spans []span) []span {
	next := &ends{s: s, word: -1, line: -1}
	for i := 0; i < len(s); i++ {
		if s[i] != '=' && s[i] != ':' {
			continue
		}
		at, least := i, max(0, i-maxBack)
		for at > least && blank(s[at-1]) {
			at--
		}
		quoted := at > least && (s[at-1] == '"' || s[at-1] == '\'')
		if quoted {
			for at--; at > least && s[at-1] == '\\'; at-- {
			}
		}
		name := secretSuffix(s[:at])
		if name == "" {
			continue
		}
		from := i + 1
		for from < len(s) && from < i+maxBack && blank(s[from]) {
			from++
		}
		if v, ok := value(next, from, name, quoted, s[i] == '='); ok {
			spans = append(spans, v)
		}
	}
	return spans
}

// maxBack is how far apart a name, its sign and its value may stand.
const maxBack = 64

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// value finds the value that begins at from.
func value(next *ends, from int, name string, quotedName, equals bool) (span, bool) {
	rest := next.s[from:]
	slashes := 0
	for slashes < len(rest) && rest[slashes] == '\\' {
		slashes++
	}
	if slashes < len(rest) && (rest[slashes] == '"' || rest[slashes] == '\'') {
		begin := slashes + 1
		return span{from: from + begin, to: from + begin + untilQuote(rest[begin:], rest[slashes], slashes)}, true
	}
	header := strings.HasSuffix(name, "authorization") || strings.HasSuffix(name, "cookie") // has the line
	end := next.after(from, header) - from
	word := rest[:end]
	switch {
	case word == "", strings.ContainsRune("[{", rune(word[0])), word == "null", word == "true", word == "false":
		return span{}, false
	case quotedName:
		return span{from: from, to: from + end, quote: true}, true
	case !equals && (name == "token" || name == "secret") && len(word) < 16 && !strings.ContainsAny(word, "0123456789"):
		return span{}, false // prose: "invalid token: expired"
	}
	return span{from: from, to: from + end}, true
}

// untilQuote is the length up to the quote that closes a value opened by
// slashes backslashes and the quote; all of it where none does.
func untilQuote(s string, quote byte, slashes int) int {
	run := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			run++
			continue
		case quote:
			// Escaped deeper is a quote within the value. Of an unescaped value,
			// pairs of backslashes before it are backslashes.
			if run == slashes || slashes == 0 && run%2 == 0 || run < slashes {
				return i - min(run, slashes)
			}
		}
		run = 0
	}
	return len(s)
}

const (
	keyBegin = "-----BEGIN "
	keyKind  = "PRIVATE KEY"
	keyEnd   = "-----END "
)

// privateKeys finds PEM blocks, whole or cut.
func privateKeys(s string, spans []span) []span {
	ended := -1 // the next end of a block
	for at := 0; ; {
		i := strings.Index(s[at:], keyBegin)
		if i < 0 {
			return spans
		}
		from := at + i
		at = from + len(keyBegin)
		if !strings.Contains(s[at:min(len(s), at+64)], keyKind) {
			continue
		}
		if ended < at {
			ended = len(s)
			if j := strings.Index(s[at:], keyEnd); j >= 0 {
				ended = at + j + len(keyEnd)
				if k := strings.Index(s[ended:min(len(s), ended+64)], "-----"); k >= 0 {
					ended += k + len("-----")
				}
			}
		}
		end := ended
		if q := strings.IndexByte(s[at:end], '"'); q >= 0 { // the end of a JSON string
			end = at + q
		}
		spans = append(spans, span{from: from, to: end})
		at = end
	}
}

// triggers are what every rule needs at least one of, in lower case, by their
// first letter.
var triggers = func() (by [256][]string) {
	for _, t := range []string{
		"aictl_", "bearer", "akia", "asia", "abia", "acca", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_",
		"glpat-", "hf_", "npm_", "pypi-", "xox", "aiza", "eyj", "age-secret", "://", "pass", "pwd", "secret", "token",
		"key", "authorization", "cookie", "credential", "-----begin",
	} {
		by[t[0]] = append(by[t[0]], t)
	}
	return by
}()

// suspicious is the fast path: it is false for most text.
func suspicious(s string) bool {
	for i := 0; i < len(s); i++ {
		for _, t := range triggers[lower(s[i])] {
			if len(s)-i >= len(t) && foldedPrefix(s[i:], t) {
				return true
			}
		}
	}
	return false
}

func foldedPrefix(s, prefix string) bool {
	for i := 1; i < len(prefix); i++ {
		if lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
