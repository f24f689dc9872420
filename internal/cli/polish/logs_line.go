package polish

import (
	"regexp"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// logLines shows entries to a person: time, level, service, message, then the
// fields dimmed; further lines of a message, and fields of several lines, are
// indented below. Everything foreign is made safe before it is styled. It
// learns the width of the services as they come, and is not for concurrent
// use.
type logLines struct {
	env     output.Env
	now     func() time.Time
	wide    bool
	columns []string
	match   *regexp.Regexp // what is highlighted in messages; nil is nothing
	// around marks matches among the lines of context.
	around bool
	// contexts shows the name of the context that an entry came from.
	contexts bool

	service int
	widths  []int
	group   int
	first   bool
}

// Bounds of what is aligned, in columns.
const (
	maxServiceWidth = 24
	maxColumnWidth  = 40
)

func newLogLines(p *output.Printer, now func() time.Time) *logLines {
	return &logLines{env: p.Env(), now: now, wide: p.Env().Wide, first: true}
}

// shownEntry is an entry with what is shown beside it.
type shownEntry struct {
	api.LogEntry
	late    bool
	context string
}

// render gives the lines of an entry, without the last line feed; before it
// the separator of groups where one begins.
func (l *logLines) render(e shownEntry) string {
	var b strings.Builder
	if e.Group != l.group && !l.first {
		b.WriteString(l.env.Styles.Muted("--") + "\n")
	}
	l.group, l.first = e.Group, false
	if len(l.columns) > 0 {
		l.cells(&b, e)
		return b.String()
	}
	st := l.env.Styles
	if l.around {
		mark := "> "
		if e.Around {
			mark = "  "
		}
		b.WriteString(mark)
	}
	b.WriteString(st.Muted(l.clock(e.Time)))
	if l.contexts {
		b.WriteString(" " + st.Muted(term.SafeLine(e.context)))
	}
	word, style := levelWord(e.Level)
	b.WriteString(" " + st.Apply(style, word) + strings.Repeat(" ", max(0, 5-term.Width(word))))
	service := term.Truncate(term.SafeLine(e.Service), maxServiceWidth)
	l.service = max(l.service, term.Width(service))
	if l.service > 0 {
		b.WriteString(" " + st.Accent(service) + strings.Repeat(" ", l.service-term.Width(service)))
	}
	if e.late {
		b.WriteString(" " + st.Warn("(late)"))
	}
	l.message(&b, e)
	return strings.TrimRight(b.String(), " ")
}

// message writes the message with its fields.
func (l *logLines) message(b *strings.Builder, e shownEntry) {
	st := l.env.Styles
	text := strings.TrimRight(term.Safe(e.Message), "\n\t ")
	first, rest, _ := strings.Cut(text, "\n")
	b.WriteString(" " + l.highlight(first))
	var blocks []logField
	if e.Trace != "" {
		b.WriteString(" " + st.Muted(pair("trace", term.SafeLine(e.Trace))))
	}
	for _, f := range flatten(e.Fields) {
		switch {
		case !l.wide && hiddenField(f.path):
		case looksBig(f.value):
			blocks = append(blocks, f)
		default:
			b.WriteString(" " + st.Muted(pair(term.SafeLine(f.path), term.SafeLine(f.value))))
		}
	}
	if l.wide {
		b.WriteString(" " + st.Muted(pair("source", term.SafeLine(e.Source))+" "+pair("id", term.SafeLine(e.ID))))
	}
	if rest != "" {
		for line := range strings.SplitSeq(rest, "\n") {
			b.WriteString("\n    " + l.highlight(line))
		}
	}
	for _, f := range blocks {
		b.WriteString("\n    " + st.Muted(term.SafeLine(f.path)+":"))
		for line := range strings.SplitSeq(strings.TrimRight(term.Safe(f.value), "\n\t "), "\n") {
			b.WriteString("\n      " + st.Muted(line))
		}
	}
}

// cells writes the chosen columns, aligned to the widest seen so far.
func (l *logLines) cells(b *strings.Builder, e shownEntry) {
	if l.widths == nil {
		l.widths = make([]int, len(l.columns))
	}
	for i, name := range l.columns {
		text := term.SafeLine(columnOf(&e.LogEntry, name, l.clock))
		w := term.Width(text)
		l.widths[i] = max(l.widths[i], min(w, maxColumnWidth))
		style := term.Plain
		if name == "level" {
			_, style = levelWord(e.Level)
		}
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(l.env.Styles.Apply(style, text))
		if i < len(l.columns)-1 {
			b.WriteString(strings.Repeat(" ", max(0, l.widths[i]-w)))
		}
	}
}

// clock is the time of day to the millisecond in the person's zone, with the
// date on another day.
func (l *logLines) clock(t time.Time) string {
	zone := l.env.Zone
	if zone == nil {
		zone = time.UTC
	}
	t, now := t.In(zone), l.now().In(zone)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05.000")
	}
	return t.Format("2006-01-02 15:04:05.000")
}

// highlight makes bold what was searched for.
func (l *logLines) highlight(line string) string {
	if l.match == nil || !l.env.Styles.Enabled() {
		return line
	}
	var b strings.Builder
	at := 0
	for _, m := range l.match.FindAllStringIndex(line, -1) {
		if m[1] > m[0] {
			b.WriteString(line[at:m[0]] + l.env.Styles.Bold(line[m[0]:m[1]]))
			at = m[1]
		}
	}
	return b.String() + line[at:]
}

// searched is the expression of what a filter looks for in messages.
func searched(f api.LogFilter) *regexp.Regexp {
	var parts []string
	if f.Grep != "" {
		if re, err := regexp.Compile(f.Grep); err == nil {
			parts = append(parts, "(?:"+re.String()+")")
		}
	}
	for word := range strings.FieldsSeq(f.Text) {
		parts = append(parts, "(?i:"+regexp.QuoteMeta(word)+")")
	}
	if len(parts) == 0 {
		return nil
	}
	re, err := regexp.Compile(strings.Join(parts, "|"))
	if err != nil {
		return nil
	}
	return re
}

// levelWord is how a level is shown: the word says it, the colour helps.
func levelWord(level string) (string, term.Style) {
	l := logs.ParseLevel(level)
	switch l {
	case logs.LevelTrace, logs.LevelDebug:
		return strings.ToUpper(l.String()), term.Muted
	case logs.LevelInfo:
		return "INFO", term.OK
	case logs.LevelWarn:
		return "WARN", term.Warn
	case logs.LevelError, logs.LevelFatal:
		return strings.ToUpper(l.String()), term.Bad
	case logs.LevelUnknown:
	}
	return term.Truncate(strings.ToUpper(term.SafeLine(level)), 8), term.Plain
}
