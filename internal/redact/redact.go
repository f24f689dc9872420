// Package redact masks secrets in text, JSON and headers before they reach a
// log, the audit or a screen.
//
// It promises that the values it was told are masked wherever they stand, also
// as JSON or a URL spells them; that keys of a known form, private keys,
// passwords in URLs and what follows a name such as password= are masked; that
// text without any of these comes back as it is, without an allocation; and
// that it takes time linear in the text. It prefers to mask a word too many.
// It does not find a secret of no known form under no telling name: code must
// not put secrets into messages in the first place.
//
// The rules are our own few: the rule sets of secret scanners (gitleaks has
// some hundred expressions) are for repositories, and cost milliseconds where
// a log line has microseconds.
//
// A Redactor is immutable and safe for concurrent use.
package redact

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Mask stands where a secret was.
const Mask = "[redacted]"

// minKnown is the shortest known value: shorter ones are in every text.
const minKnown = 4

// Redactor masks. The zero value knows the forms, and no values.
type Redactor struct {
	known []string // the longest first
}

// New makes a redactor that also masks the known values, such as passwords
// from the configuration. Values under four bytes are left out.
func New(known ...string) *Redactor {
	r := &Redactor{}
	for _, k := range known {
		if len(k) < minKnown {
			continue
		}
		r.known = append(r.known, k, url.QueryEscape(k), url.PathEscape(k))
		if quoted, err := json.Marshal(k); err == nil {
			r.known = append(r.known, string(quoted[1:len(quoted)-1]))
		}
		var plain strings.Builder // as an encoder without HTML escapes has it
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		if err := e.Encode(k); err == nil {
			r.known = append(r.known, strings.Trim(strings.TrimSpace(plain.String()), `"`))
		}
	}
	r.known = slices.DeleteFunc(r.known, func(k string) bool { return len(k) < minKnown })
	slices.SortFunc(r.known, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	r.known = slices.Compact(r.known)
	return r
}

// span is a part of the text, to be masked. quote says that it is a bare JSON
// value, which stays JSON when the mask has quotes.
type span struct {
	from, to int
	quote    bool
}

// String masks the secrets in s. Every rule looks at the whole text, so that
// one mask never hides a name from the rule for what follows it.
func (r *Redactor) String(s string) string {
	var spans []span
	for _, k := range r.known {
		for at := 0; ; {
			i := strings.Index(s[at:], k)
			if i < 0 {
				break
			}
			spans = append(spans, span{from: at + i, to: at + i + len(k)})
			at += i + 1
		}
	}
	if suspicious(s) {
		spans = forms(s, spans)
		spans = named(s, spans)
		spans = privateKeys(s, spans)
	}
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	b.Grow(len(s))
	done := 0
	for i := 0; i < len(spans); {
		all := spans[i]
		for i++; i < len(spans) && spans[i].from <= all.to; i++ {
			all.to = max(all.to, spans[i].to)
			all.quote = all.quote || spans[i].quote
		}
		b.WriteString(s[done:all.from])
		if all.quote {
			b.WriteString(`"` + Mask + `"`)
		} else {
			b.WriteString(Mask)
		}
		done = all.to
	}
	b.WriteString(s[done:])
	return b.String()
}
