// Package pattern finds the templates that the messages of log entries share,
// and what changed in them between two windows.
//
// It promises bounded memory, the same patterns for the same entries in the
// same order, and ids that depend on the template alone. The templates are
// those of package drain; of a message of several lines the first counts.
package pattern

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/ml/drain"
)

// Options of a Miner. The zero value has the defaults.
type Options struct {
	// MaxPatterns bounds the patterns in memory; of more, the ones that were
	// not seen for longest are given up. 0 is 10 000.
	MaxPatterns int
	// Similarity, as in drain.Options; 0 is 0.5: log messages have more words
	// that say something than the corpora Drain was tuned on.
	Similarity float64
}

const (
	maxServices = 100 // of one pattern; further ones count as others
	maxLevels   = 20
	others      = "…"
	maxMessage  = 4 << 10 // bytes of a message that are looked at
	maxExample  = 500     // bytes
)

// Miner learns entries. It is not for concurrent use; entries that are spread
// over several miners are brought together by Merge.
type Miner struct {
	tree    *drain.Tree
	stats   map[*drain.Cluster]*stats
	entries int64
	dropped int64
}

// stats are a pattern but for its template.
type stats = api.LogPattern

// New makes an empty miner.
func New(o Options) *Miner {
	if o.Similarity <= 0 || o.Similarity > 1 {
		o.Similarity = 0.5
	}
	m := &Miner{stats: map[*drain.Cluster]*stats{}}
	m.tree = drain.New(drain.Options{Similarity: o.Similarity, MaxClusters: o.MaxPatterns, Evicted: func(c *drain.Cluster) {
		if s := m.stats[c]; s != nil {
			m.dropped += s.Count
			delete(m.stats, c)
		}
	}})
	return m
}

// Add learns one entry. It keeps no reference to it.
func (m *Miner) Add(e *api.LogEntry) {
	m.entries++
	message := firstLine(e.Message)
	c := m.tree.Add(message)
	s := m.stats[c]
	if s == nil {
		s = &stats{Example: clip(message, maxExample), Levels: map[string]int64{}, Services: map[string]int64{}}
		m.stats[c] = s
	}
	one := stats{Count: 1, First: e.Time, Last: e.Time}
	s.Count++
	span(s, &one)
	count(s.Levels, e.Level, 1, maxLevels)
	count(s.Services, e.Service, 1, maxServices)
}

// Merge adds what another miner has learned; the other one is not used after.
func (m *Miner) Merge(other *Miner) {
	m.entries += other.entries
	m.dropped += other.dropped
	into := m.tree.Merge(other.tree)
	for _, from := range other.tree.Clusters() {
		theirs, c := other.stats[from], into[from]
		if theirs == nil || c == nil {
			continue
		}
		// What was merged first may have been given up for what came later.
		if m.tree.Has(c) {
			if m.stats[c] == nil {
				m.stats[c] = &stats{Example: theirs.Example, Levels: map[string]int64{}, Services: map[string]int64{}}
			}
			add(m.stats[c], theirs)
		} else {
			m.dropped += theirs.Count
		}
	}
}

// Entries is how many entries were learned; Dropped is how many of them had a
// pattern that was given up.
func (m *Miner) Entries() int64 { return m.entries }

// Dropped is how many entries had a pattern that was given up for memory.
func (m *Miner) Dropped() int64 { return m.dropped }

// Patterns lists the patterns, the commonest first.
func (m *Miner) Patterns() []api.LogPattern {
	byText := map[string]*api.LogPattern{}
	for _, c := range m.tree.Clusters() {
		s := m.stats[c]
		if s == nil {
			continue
		}
		text := c.Template()
		p := byText[text]
		if p == nil {
			p = &api.LogPattern{ID: ID(text), Pattern: text, Example: s.Example, Levels: map[string]int64{}, Services: map[string]int64{}}
			byText[text] = p
		}
		add(p, s)
	}
	out := make([]api.LogPattern, 0, len(byText))
	for _, p := range byText {
		if len(p.Levels) == 0 {
			p.Levels = nil
		}
		if len(p.Services) == 0 {
			p.Services = nil
		}
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b api.LogPattern) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pattern, b.Pattern))
	})
	return out
}

// ID is the id of a template.
func ID(template string) string {
	sum := sha256.Sum256([]byte(template))
	return hex.EncodeToString(sum[:6])
}

func firstLine(s string) string {
	s = strings.TrimLeft(s, " \t\r\n")
	if len(s) > maxMessage {
		s = s[:maxMessage]
	}
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	return s
}

// clip copies at most n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(strings.Clone(s), "\uFFFD")
}

// count adds to a counter; beyond max words the rest counts as others.
func count(m map[string]int64, word string, n int64, most int) {
	if word == "" {
		return
	}
	if _, ok := m[word]; !ok {
		if len(m) >= most {
			word = others
		} else {
			word = strings.Clone(word)
		}
	}
	m[word] += n
}

// add adds the counts and times of b to a.
func add(a, b *api.LogPattern) {
	a.Count += b.Count
	span(a, b)
	for _, level := range slices.Sorted(maps.Keys(b.Levels)) {
		count(a.Levels, level, b.Levels[level], maxLevels)
	}
	for _, service := range slices.Sorted(maps.Keys(b.Services)) {
		count(a.Services, service, b.Services[service], maxServices)
	}
}

// span widens a's times to hold b's; entries without a time say nothing.
func span(a, b *api.LogPattern) {
	if !b.First.IsZero() && (a.First.IsZero() || b.First.Before(a.First)) {
		a.First = b.First
	}
	if b.Last.After(a.Last) {
		a.Last = b.Last
	}
}
