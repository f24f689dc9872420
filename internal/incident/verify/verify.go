// Package verify checks text that a model wrote against evidence, sentence by
// sentence: one with a number, a time, a duration or a name that no evidence
// holds is dropped, and why is said.
//
// How it decides. Numbers are compared in their own dimension (plain, ratio,
// time span, moment, bytes), within half a unit of the last digit that the
// sentence gives: "5 %" is held by any ratio in [0.045, 0.055], "5.0 %" by one in
// [0.0495, 0.0505]. Numbers in words (seven, half, twice) count as numbers. Words
// are taken as names unless they are in a closed list of plain English words
// (words.txt) or in the evidence: so a made-up service is found also when its
// name is a common noun that is not in the list. Case and lookalike letters do
// not help: a word with a letter outside ASCII must stand in the evidence as it
// is, and a name must have the evidence's own case.
//
// It promises that it only ever drops: kept sentences are the input's, in order.
// It does not understand: a held number that is said of the wrong subject passes.
// It is pure, and linear in the text.
package verify

import (
	"math"
	"strings"
	"time"
	"unicode"
)

// Evidence is what may be said. It is not safe for concurrent writes.
type Evidence struct {
	values map[dimension][]float64
	times  []time.Time
	words  map[string]bool // as they are written
}

// New makes evidence that holds nothing.
func New() *Evidence {
	return &Evidence{values: map[dimension][]float64{}, words: map[string]bool{}}
}

// Number adds a value without a unit.
func (e *Evidence) Number(v float64) { e.add(plain, v) }

// Ratio adds a share: 0.25 is a quarter.
func (e *Evidence) Ratio(v float64) { e.add(ratio, v) }

// Seconds adds a time span.
func (e *Evidence) Seconds(v float64) { e.add(span, v) }

func (e *Evidence) add(d dimension, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		e.values[d] = append(e.values[d], v)
	}
}

// Time adds a moment; the zero time is none.
func (e *Evidence) Time(t time.Time) {
	if !t.IsZero() {
		e.times = append(e.times, t.UTC())
	}
}

// Name adds a name as it is written, and its parts.
func (e *Evidence) Name(s string) {
	for _, t := range tokens(s) {
		e.words[t] = true
	}
}

// Text adds everything that a line of evidence says.
func (e *Evidence) Text(s string) {
	all := tokens(s)
	for i := 0; i < len(all); i++ {
		q, used, is := quantityAt(all, i)
		if !is {
			e.words[all[i]] = true
			continue
		}
		for _, t := range all[i : i+used] {
			e.words[t] = e.words[t] || unicode.IsLetter([]rune(t)[0])
		}
		if q.dim == instant {
			e.moments(q)
		} else {
			e.add(q.dim, q.value)
		}
		i += used - 1
	}
}

// moments notes a moment that a text gives; a time of day alone is of no day.
func (e *Evidence) moments(q quantity) {
	if q.hasDate && q.hasClock {
		e.times = append(e.times, q.at)
		return
	}
	e.words[q.text] = true
}

// Result is what became of a text.
type Result struct {
	Kept, Dropped []string
	// Reasons has one entry for each dropped sentence.
	Reasons []string
}

// Check gives the sentences of a text that the evidence holds.
func Check(text string, e *Evidence) Result {
	out := Result{Kept: []string{}, Dropped: []string{}, Reasons: []string{}}
	for _, s := range Sentences(text) {
		if why := e.against(s); why != "" {
			out.Dropped, out.Reasons = append(out.Dropped, s), append(out.Reasons, why)
			continue
		}
		out.Kept = append(out.Kept, s)
	}
	return out
}

// against says what in a sentence is not held; nothing where all is.
func (e *Evidence) against(sentence string) string {
	if strings.ContainsFunc(sentence, func(r rune) bool {
		return r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && r != '\n' && r != '\t'
	}) {
		return "a character that is not shown"
	}
	all := tokens(sentence)
	for i := 0; i < len(all); i++ {
		if q, used, is := quantityAt(all, i); is {
			if !e.holds(q) {
				return "the number " + strings.Join(all[i:i+used], " ")
			}
			i += used - 1
			continue
		}
		if t := all[i]; !e.words[t] && !common(t, i == 0) {
			return "the name " + t
		}
	}
	return ""
}

func (e *Evidence) holds(q quantity) bool {
	if e.words[q.text] && !q.spelled { // as the evidence writes it: a revision, a version, a time
		return true
	}
	if q.dim == instant {
		for _, t := range e.times {
			if q.sameAs(t) {
				return true
			}
		}
		return false
	}
	near := func(d dimension, scale float64) bool {
		for _, v := range e.values[d] {
			if math.Abs(v*scale-q.value) <= q.tolerance*(1+1e-9) {
				return true
			}
		}
		return false
	}
	switch q.dim {
	case ratio: // a share may stand in evidence as a bare number between 0 and 1
		if near(ratio, 1) {
			return true
		}
		for _, v := range e.values[plain] {
			if v >= 0 && v <= 1 && math.Abs(v-q.value) <= q.tolerance*(1+1e-9) {
				return true
			}
		}
		return false
	case plain: // and a bare number between 0 and 1 may be a share there
		return near(plain, 1) || q.value > 0 && q.value < 1 && near(ratio, 1)
	}
	return near(q.dim, 1)
}
