package line

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/where"
)

// filter is an api.LogFilter, compiled. It is shared by all workers.
type filter struct {
	rank     int
	services []string
	words    []string // in lower case
	trace    string
	grep     *regexp.Regexp
	where    *where.Program
	from, to time.Time
	all      bool // nothing is asked for
}

func newFilter(f api.LogFilter) (*filter, error) {
	out := &filter{
		services: f.Service, words: strings.Fields(strings.ToLower(f.Text)), trace: strings.TrimSpace(f.Trace),
		from: f.From, to: f.To,
	}
	if f.Raw != "" {
		return nil, fail.New(fail.Usage, "--raw-query is in the language of a log store, and standard input is none").
			Hint("--where 'http.status >= 500', or --grep RE")
	}
	if f.Level != "" {
		if out.rank = where.LevelRank(f.Level); out.rank == 0 {
			return nil, fail.New(fail.Usage, "%.40q is no level: trace, debug, info, warn, error or fatal", f.Level).Hint("--level warn")
		}
	}
	if f.Grep != "" {
		re, err := regexp.Compile(f.Grep)
		if err != nil {
			return nil, fail.New(fail.Usage, "--grep is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: ")).
				Hint("the syntax is RE2's; without --grep the words are searched as they stand")
		}
		out.grep = re
	}
	if strings.TrimSpace(f.Where) != "" {
		e, err := where.Parse(f.Where)
		if err != nil {
			return nil, err
		}
		out.where = where.Compile(e)
	}
	out.all = out.rank <= 1 && len(out.services) == 0 && len(out.words) == 0 && out.trace == "" &&
		out.grep == nil && out.where == nil && out.from.IsZero() && out.to.IsZero()
	return out, nil
}

// match decides over a record, the cheap questions first. An entry without a
// level or a time does not pass where one is asked for; "trace" asks for none.
func (f *filter) match(r *record, parser *fastjson.Parser) bool {
	if f.all {
		return true
	}
	if f.rank > 1 && r.rank < f.rank {
		return false
	}
	if len(f.services) > 0 && !slices.Contains(f.services, r.e.Service) {
		return false
	}
	if !f.from.IsZero() && r.e.Time.Before(f.from) || !f.to.IsZero() && (r.e.Time.IsZero() || !r.e.Time.Before(f.to)) {
		return false
	}
	if f.trace != "" && r.e.Trace != f.trace {
		return false
	}
	for _, w := range f.words {
		if !containsFold(r.e.Message, w) {
			return false
		}
	}
	if f.grep != nil && !f.grep.MatchString(r.e.Message) {
		return false
	}
	return f.where == nil || f.where.MatchDocument(&r.e, r.document(parser))
}

// containsFold says whether s holds the word, which is in lower case, in any
// case.
func containsFold(s, word string) bool {
	for i := range len(word) {
		if word[i] >= 0x80 {
			return strings.Contains(strings.ToLower(s), word)
		}
	}
	if word == "" {
		return true
	}
	first := word[0]
	upper := first
	if first >= 'a' && first <= 'z' {
		upper -= 'a' - 'A'
	}
	for i := 0; i+len(word) <= len(s); i++ {
		if c := s[i]; (c == first || c == upper) && equalFold(s[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// equalFold compares with a word of lower-case ASCII.
func equalFold(s, word string) bool {
	for i := range len(word) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
