package logs

import (
	"regexp"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/nearest"
	"github.com/aictl/aictl/tui/widget"
)

// query is what the pane asks the stores for: the filter of the logs commands,
// but for the window, which is the dashboard's.
type query struct {
	// text is the filter as it was typed, or as format writes it.
	text   string
	filter api.LogFilter
}

// keys are the parts of a query that are no words of the message, in the order
// that format writes them: level:warn, --level warn and --level=warn are one.
var keys = []struct{ name, note string }{
	{"level", "this level and worse"},
	{"service", "only this service"},
	{"trace", "only this trace"},
	{"grep", "regular expression that the message matches"},
	{"where", "typed expression over fields: where(http.status >= 500)"},
	{"raw", "the store's own query language"},
}

// parse reads a query. What is wrong is a usage error that says where.
//
//	timeout level:warn service:cart,chat where(http.status >= 500 && duration > 200ms)
//	timeout --level warn --service cart --where 'http.status >= 500'
//
// A command line of aictl logs is a query, too. Words in quotes are one.
func parse(text string) (query, error) {
	q := query{text: strings.TrimSpace(text)}
	words, err := split(q.text)
	if err != nil {
		return q, err
	}
	if len(words) > 1 && words[0].text == "aictl" && words[1].text == "logs" {
		words = words[2:]
	}
	var said []string
	for i := 0; i < len(words); i++ {
		w := words[i]
		name, value, has := w.part()
		switch {
		case name == "":
			said = append(said, w.text)
			continue
		case name == "follow" || name == "f" || name == "":
			continue
		case !has:
			if i++; i == len(words) {
				return q, fail.New(fail.Usage, "%s needs a value", w.text).Hint("%s", example(name))
			}
			value = words[i].text
		}
		if err := q.set(name, value); err != nil {
			return q, err
		}
	}
	q.filter.Text = strings.Join(said, " ")
	_, err = logs.Compile(q.filter)
	return q, err
}

// set gives a part its value. A second service is one more; a second where
// must hold too.
func (q *query) set(name, value string) error {
	f := &q.filter
	switch name {
	case "level":
		if l := logs.ParseLevel(value); l != logs.LevelUnknown {
			value = l.String()
		}
		f.Level = value
	case "service":
		for s := range strings.SplitSeq(value, ",") {
			if s = strings.TrimSpace(s); s != "" {
				f.Service = append(f.Service, s)
			}
		}
	case "trace":
		f.Trace = value
	case "grep":
		f.Grep = value
	case "raw", "raw-query":
		f.Raw = value
	case "where":
		if f.Where != "" {
			value = "(" + f.Where + ") && (" + value + ")"
		}
		f.Where = value
	case "limit": // of a pasted command: pages come by themselves here
	case "since", "from", "to":
		return fail.New(fail.Usage, "the window of time is the dashboard's, for all panes").Hint("[ and ] move it, + and - zoom, T goes back to now")
	default:
		e := fail.New(fail.Usage, "there is no --%s here", name)
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.name
		}
		if near, ok := nearest.Of(name, names); ok {
			return e.Hint("did you mean --%s?", near)
		}
		return e.Hint("one of: %s", strings.Join(names, ", "))
	}
	return nil
}

func example(name string) string {
	switch name {
	case "level":
		return "level:warn"
	case "where":
		return "where(http.status >= 500)"
	}
	return name + ":VALUE"
}

// word is a word of a query. Quoted words are text, whatever they look like.
type word struct {
	text   string
	quoted bool
}

// part takes a word apart that is no text: --name, --name=value, name:value.
func (w word) part() (name, value string, has bool) {
	if w.quoted || w.text == "-" {
		return "", "", false
	}
	if flag, is := strings.CutPrefix(w.text, "--"); is && flag != "" {
		return strings.Cut(flag, "=")
	}
	if w.text == "-f" {
		return "f", "", true
	}
	for _, k := range keys {
		if value, is := strings.CutPrefix(w.text, k.name+":"); is && value != "" {
			return k.name, value, true
		}
	}
	return "", "", false
}

// split splits a query into words. Quotes keep blanks; where( goes on to its
// closing parenthesis.
func split(text string) ([]word, error) {
	var out []word
	for i := 0; i < len(text); {
		if text[i] == ' ' {
			i++
			continue
		}
		if strings.HasPrefix(text[i:], "where(") {
			end, ok := closing(text, i+len("where"))
			if !ok {
				return nil, fail.New(fail.Usage, "where( is not closed").Hint("%s", example("where"))
			}
			out = append(out, word{text: "where:" + text[i+len("where("):end]})
			i = end + 1
			continue
		}
		var b strings.Builder
		quoted := text[i] == '"' || text[i] == '\''
		for i < len(text) && text[i] != ' ' {
			if c := text[i]; c == '"' || c == '\'' {
				end := strings.IndexByte(text[i+1:], c)
				if end < 0 {
					return nil, fail.New(fail.Usage, "the quote %c at column %d is not closed", c, i+1)
				}
				b.WriteString(text[i+1 : i+1+end])
				i += end + 2
				continue
			}
			b.WriteByte(text[i])
			i++
		}
		out = append(out, word{b.String(), quoted})
	}
	return out, nil
}

// closing finds the parenthesis that closes the one at from; those in quotes
// do not count.
func closing(text string, from int) (int, bool) {
	depth, quote := 0, byte(0)
	for i := from; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote && text[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i, true
			}
		}
	}
	return 0, false
}

// format writes a filter so that parse reads it.
func format(f api.LogFilter) string {
	var out []string
	for w := range strings.FieldsSeq(f.Text) {
		if name, _, _ := (word{text: w}).part(); name != "" || strings.ContainsAny(w, `"'`) || strings.HasPrefix(w, "where(") {
			w = quote(w)
		}
		out = append(out, w)
	}
	add := func(name, value string) {
		if value == "" {
			return
		}
		if strings.ContainsAny(value, ` "'`) {
			value = quote(value)
		}
		out = append(out, name+":"+value)
	}
	add("level", f.Level)
	add("service", strings.Join(f.Service, ","))
	add("trace", f.Trace)
	add("grep", f.Grep)
	if f.Where != "" {
		out = append(out, "where("+f.Where+")")
	}
	add("raw", f.Raw)
	return strings.Join(out, " ")
}

// quote puts a text into the quotes that it does not hold. A text with both
// kinds keeps the outer ones for its parts: 'a'"'"'b', as a shell has it.
func quote(s string) string {
	if !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	if !strings.Contains(s, `"`) {
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}

// flags are a filter as words of a command line.
func flags(f api.LogFilter) []string {
	var out []string
	for _, p := range []struct{ name, value string }{
		{"--level", f.Level},
		{"--service", strings.Join(f.Service, ",")},
		{"--trace", f.Trace},
		{"--grep", f.Grep},
		{"--where", f.Where},
		{"--raw-query", f.Raw},
	} {
		if p.value != "" {
			out = append(out, p.name, p.value)
		}
	}
	if f.Text != "" {
		// After -- a word that is also a subcommand is a word.
		out = append(append(out, "--"), strings.Fields(f.Text)...)
	}
	return out
}

// commandLine is `aictl logs …` for a filter.
func commandLine(words []string, f api.LogFilter) string {
	return argv.Line(append(append([]string{"aictl", "logs"}, words...), flags(f)...)...)
}

// searched is what a filter looks for in messages, to be marked there.
func searched(f api.LogFilter) widget.Filter {
	var parts []string
	if f.Grep != "" {
		parts = append(parts, "(?:"+f.Grep+")")
	}
	for w := range strings.FieldsSeq(f.Text) {
		parts = append(parts, "(?i:"+regexp.QuoteMeta(w)+")")
	}
	return widget.NewFilter(strings.Join(parts, "|"))
}
