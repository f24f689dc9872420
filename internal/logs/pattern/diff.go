package pattern

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/ml/drain"
)

// Window is how much was looked at.
type Window struct {
	Length time.Duration
	// Looked is the share of the window's entries that were looked at, over 0
	// and up to 1; 0 is all.
	Looked float64
}

func (w Window) hours() float64 {
	looked := w.Looked
	if looked <= 0 || looked > 1 {
		looked = 1
	}
	return max(w.Length.Hours(), 1.0/3600) * looked
}

// DefaultFalseRate is the share of false ones among the patterns that are
// called surging, in the long run.
const DefaultFalseRate = 0.01

// Change is what differs between two windows. Each list has the greatest
// change first. Every pattern of either window is in exactly one of New,
// Surging, Gone, or counted in Same.
type Change struct {
	New     []api.LogChange // in the window only
	Surging []api.LogChange // significantly more often than factor times before
	Gone    []api.LogChange // before the window only; Count is 0
	Same    int
}

// Compare says what is new in the window after, what is gone since the window
// before, and what surges.
//
// Templates of two miners may differ where one has seen more values than the
// other: user <*> logged in and user bob logged in are one pattern here. A
// template is matched with the most general one of either window that covers
// it word by word; id and text are that one's.
//
// A pattern surges when its rate is significantly greater than factor (at
// least 1; 0 is 2) times its rate before: the conditional test of two Poisson
// rates (see rateTest), with the share of false discoveries among all that
// were tested held at DefaultFalseRate (Benjamini and Hochberg, "Controlling
// the False Discovery Rate", J. R. Stat. Soc. B 57, 1995). The p-value is also
// given for new patterns, which are listed without a test: one entry is news
// enough.
func Compare(before, after []api.LogPattern, was, is Window, factor float64) Change {
	if factor == 0 {
		factor = 2
	}
	factor = max(factor, 1)
	var (
		out    Change
		tested []api.LogChange
	)
	for _, g := range match(before, after) {
		c := api.LogChange{
			LogPattern: g.after, Baseline: g.before.Count,
			Rate: float64(g.after.Count) / is.hours(), BaseRate: float64(g.before.Count) / was.hours(),
		}
		if g.after.Count == 0 {
			c.LogPattern = g.before
			c.Count = 0
		}
		c.ID, c.Pattern = ID(g.template), g.template
		if g.after.Count == 0 {
			out.Gone = append(out.Gone, c)
			continue
		}
		p := rateTest(g.before.Count, g.after.Count, was.hours(), is.hours(), factor)
		c.PValue = &p
		if g.before.Count == 0 {
			out.New = append(out.New, c)
		} else {
			tested = append(tested, c)
		}
	}
	slices.SortFunc(tested, func(a, b api.LogChange) int {
		return cmp.Or(cmp.Compare(*a.PValue, *b.PValue), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pattern, b.Pattern))
	})
	// Step up: the last one that is below its line, and all before it.
	n := 0
	for i, c := range tested {
		if *c.PValue <= DefaultFalseRate*float64(i+1)/float64(len(tested)) {
			n = i + 1
		}
	}
	out.Surging, out.Same = tested[:n:n], len(tested)-n
	ratio := func(c api.LogChange) float64 { return c.Rate / c.BaseRate }
	slices.SortFunc(out.Surging, func(a, b api.LogChange) int {
		return cmp.Or(cmp.Compare(ratio(b), ratio(a)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pattern, b.Pattern))
	})
	slices.SortFunc(out.New, func(a, b api.LogChange) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pattern, b.Pattern))
	})
	slices.SortFunc(out.Gone, func(a, b api.LogChange) int {
		return cmp.Or(cmp.Compare(b.Baseline, a.Baseline), cmp.Compare(a.Pattern, b.Pattern))
	})
	return out
}

// group is one pattern in both windows.
type group struct {
	template      string
	tokens        []string
	before, after api.LogPattern
}

// match brings the patterns of both windows together. The templates are laid
// out from the most general to the most particular, so that each finds the one
// that covers it, if there is one; the order of the input has no say.
func match(before, after []api.LogPattern) []*group {
	type item struct {
		p      api.LogPattern
		tokens []string
		wild   int
		after  bool
	}
	items := make([]item, 0, len(before)+len(after))
	for i, list := range [][]api.LogPattern{before, after} {
		for _, p := range list {
			tokens := split(p.Pattern)
			wild := 0
			for _, t := range tokens {
				if t == drain.Wildcard {
					wild++
				}
			}
			items = append(items, item{p, tokens, wild, i == 1})
		}
	}
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(b.wild, a.wild), cmp.Compare(a.p.Pattern, b.p.Pattern))
	})
	type key struct {
		length int
		first  string
	}
	var (
		out    []*group
		byHead = map[key][]*group{}
		exact  = map[string]*group{}
	)
	for _, it := range items {
		first := ""
		if len(it.tokens) > 0 {
			first = it.tokens[0]
		}
		g := exact[it.p.Pattern]
		for _, head := range [...]string{first, drain.Wildcard} {
			if g != nil {
				break
			}
			for _, candidate := range byHead[key{len(it.tokens), head}] {
				if covers(candidate.tokens, it.tokens) {
					g = candidate
					break
				}
			}
		}
		if g == nil {
			g = &group{template: it.p.Pattern, tokens: it.tokens}
			byHead[key{len(it.tokens), first}] = append(byHead[key{len(it.tokens), first}], g)
			out = append(out, g)
		}
		exact[it.p.Pattern] = g
		side := &g.before
		if it.after {
			side = &g.after
		}
		if side.Count == 0 {
			side.Example, side.Levels, side.Services = it.p.Example, map[string]int64{}, map[string]int64{}
		}
		add(side, &it.p)
	}
	return out
}

// split cuts a template as the miner cuts messages.
func split(template string) []string {
	var out []string
	for _, word := range strings.Fields(template) {
		if i := strings.IndexByte(word, '='); i > 0 && i < len(word)-1 {
			out = append(out, word[:i+1])
			word = word[i+1:]
		}
		out = append(out, word)
	}
	return out
}

// covers says whether a, with its wildcards, says all that b says. A template
// of nothing but wildcards covers itself alone: it would take in everything.
func covers(a, b []string) bool {
	said := 0
	for i, t := range a {
		switch {
		case t == b[i]:
			if t != drain.Wildcard {
				said++
			}
		case t != drain.Wildcard:
			return false
		}
	}
	return said*2 >= len(a)
}
