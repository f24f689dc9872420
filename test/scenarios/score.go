package scenarios

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
)

// Outcome is one case with its answer.
type Outcome struct {
	Case   Case
	Prefix string // of the services' names in that world
	Answer api.Why
	Err    error
	Took   time.Duration // of the whole process
}

// Rank is the place of the true cause among the candidates; 0 is none.
func (o Outcome) Rank() int {
	for _, c := range o.Answer.Candidates {
		if o.right(c) {
			return c.Rank
		}
	}
	return 0
}

// right reports whether a candidate is the staged cause.
func (o Outcome) right(c api.WhyCandidate) bool {
	t := o.Case.Truth
	service := t.Service == "" || c.Service == o.Prefix+t.Service
	if c.Kind == api.CauseChange {
		if t.Kind != api.CauseChange || c.Change == nil {
			return false
		}
		if c.Change.Kind == api.ChangeSecret && slices.Contains(t.Changes, api.ChangeSecret) {
			// A secret may be no service's; the vault's are named by their world,
			// and those of another world explain nothing here.
			path, ofVault := strings.CutPrefix(c.Change.Object, "vault:")
			return !ofVault || strings.HasPrefix(path, o.Prefix)
		}
		return service && (len(t.Changes) == 0 || slices.Contains(t.Changes, c.Change.Kind))
	}
	return service && (c.Kind == t.Kind || slices.Contains(t.Also, c.Kind))
}

// First reports whether the answer's first word is right. Where nothing is
// wrong, the answer must say so or that it is unclear: every world has data.
func (o Outcome) First() bool {
	if o.Case.Truth.Kind == "none" {
		return o.Answer.Verdict == api.WhyHealthy || o.Answer.Verdict == api.WhyUnclear
	}
	return o.Rank() == 1
}

// Third is First with the first three candidates.
func (o Outcome) Third() bool {
	if o.Case.Truth.Kind == "none" {
		return o.First()
	}
	r := o.Rank()
	return r >= 1 && r <= 3
}

// Blames reports whether the answer states that a change is the cause.
func (o Outcome) Blames() bool {
	return o.Answer.Verdict == api.WhyCause && len(o.Answer.Candidates) > 0 && o.Answer.Candidates[0].Kind == api.CauseChange
}

// Score is how well the answers were.
type Score struct {
	Cases, First, Third int
	// NoChange are cases without a culpable change, False those of them in
	// which one was blamed.
	NoChange, False int
	P50, P95        time.Duration
}

// Measure sums outcomes up.
func Measure(list []Outcome) Score {
	var s Score
	var took []time.Duration
	for _, o := range list {
		s.Cases++
		if o.First() {
			s.First++
		}
		if o.Third() {
			s.Third++
		}
		if o.Case.Truth.Kind != api.CauseChange {
			s.NoChange++
			if o.Blames() {
				s.False++
			}
		}
		took = append(took, o.Took)
	}
	slices.Sort(took)
	if n := len(took); n > 0 {
		s.P50, s.P95 = took[n/2], took[min(n*95/100, n-1)]
	}
	return s
}

// Passes reports whether the numbers of the product are reached.
func (s Score) Passes() bool {
	return s.Cases > 0 && float64(s.First) >= 0.85*float64(s.Cases) && float64(s.Third) >= 0.95*float64(s.Cases) &&
		float64(s.False) <= 0.1*float64(s.NoChange) && s.P95 < 2*time.Second
}

// Report writes the table: by class, then calibration, then every miss.
func Report(w io.Writer, list []Outcome) {
	type tally struct{ cases, first, third, answered, right int }
	classes, causes := map[string]*tally{}, map[string]*tally{}
	at := func(m map[string]*tally, k string) *tally {
		if m[k] == nil {
			m[k] = &tally{}
		}
		return m[k]
	}
	for _, o := range list {
		c := at(classes, o.Case.Class)
		c.cases++
		if o.First() {
			c.first++
		}
		if o.Third() {
			c.third++
		}
		at(causes, o.Case.Truth.Kind).cases++
		if len(o.Answer.Candidates) > 0 && (o.Answer.Verdict == api.WhyCause || o.Answer.Verdict == api.WhyNoChange) {
			k := at(causes, o.Answer.Candidates[0].Kind)
			k.answered++
			if o.First() {
				k.right++
			}
		}
		if o.First() {
			at(causes, o.Case.Truth.Kind).first++
		}
	}
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("%-20s %6s %6s %6s\n", "class", "cases", "first", "top 3")
	for _, k := range keys(classes) {
		c := classes[k]
		p("%-20s %6d %6d %6d\n", k, c.cases, c.first, c.third)
	}
	p("\n%-20s %6s %9s %9s %9s\n", "cause", "cases", "answered", "precision", "recall")
	for _, k := range keys(causes) {
		c := causes[k]
		p("%-20s %6d %9d %9s %9s\n", k, c.cases, c.answered, share(c.right, c.answered), share(c.first, c.cases))
	}
	p("\n%-20s %6s %6s\n", "confidence", "cases", "right")
	for low := 0; low < 100; low += 20 {
		n, right := 0, 0
		for _, o := range list {
			if len(o.Answer.Candidates) == 0 || o.Case.Truth.Kind == "none" {
				continue
			}
			if v := 100 * float64(o.Answer.Candidates[0].Confidence); v >= float64(low) && (v < float64(low+20) || low == 80) {
				n++
				if o.First() {
					right++
				}
			}
		}
		p("%3d to %3d %%          %6d %6s\n", low, low+20, n, share(right, n))
	}
	s := Measure(list)
	p("\n%d cases: first %s, top three %s, false blame %d of %d, p50 %s, p95 %s\n", s.Cases, share(s.First, s.Cases), share(s.Third, s.Cases), s.False, s.NoChange,
		s.P50.Round(time.Millisecond), s.P95.Round(time.Millisecond))
	for _, o := range list {
		if o.First() {
			continue
		}
		p("\nMISS %s: %s (rank %d)\n", o.Case.Name, o.Case.About, o.Rank())
		if o.Err != nil {
			p("  %v\n", o.Err)
		}
		p("  truth: %s %s%s; verdict %s: %s\n", o.Case.Truth.Kind, o.Prefix, o.Case.Truth.Service, o.Answer.Verdict, o.Answer.Summary)
		for _, c := range o.Answer.Candidates {
			p("  %d. %.2f %s %s: %s | against: %s\n", c.Rank, float64(c.Confidence), c.Kind, c.Object, c.Title, strings.Join(c.Against, "; "))
		}
	}
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(of))
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
