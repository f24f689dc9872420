package widget

import (
	"strings"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// logWidths is how the columns of a page are laid out.
type logWidths struct {
	signs                  int
	time, level            int
	origin, service, field int // of each
	before, message        int
	layout                 string // of times
}

const (
	mostService = 20
	mostField   = 24
	// leastMessage is what a message keeps: columns give way to it.
	leastMessage = 24
)

// lay gives the columns of the visible rows their widths. Where it is narrow
// the time loses its fraction, then service, time and level go; the level
// keeps its first letter to the last.
func (v *LogView) lay(width int) logWidths {
	w := logWidths{signs: 2, layout: "15:04:05.000", level: 5}
	if width < 30 {
		w.signs = 1
	}
	first, _ := v.nearest(v.top)
	last, _ := v.at()
	// Of another day, in short or with the year.
	for _, t := range []int64{first, last} {
		if at := v.buf.Time(t); !at.IsZero() && v.day(at) != v.day(v.Now) {
			w.layout = "01-02 15:04:05.000"
			if at.In(v.zone()).Year() != v.Now.In(v.zone()).Year() {
				w.layout = "2006-01-02 15:04:05.000"
				break
			}
		}
	}
	v.measure(&w)
	if v.Columns.NoLevel {
		w.level = 0
	}
	if v.Columns.NoService {
		w.service = 0
	}
	w.time = len(w.layout)
	if v.Columns.NoTime {
		w.time = 0
	}
	if !v.Columns.Origin {
		w.origin = 0
	}
	total := func() int {
		sum := w.signs
		for _, c := range []int{w.time, w.level, w.origin, w.service} {
			if c > 0 {
				sum += c + 1
			}
		}
		return sum + len(v.Columns.Fields)*(w.field+1)*min(w.field, 1)
	}
	for _, give := range []func(){
		func() {
			if w.time > 0 {
				w.layout = strings.TrimSuffix(w.layout, ".000")
				w.time = len(w.layout)
			}
		},
		func() { w.field = min(w.field, 10) },
		func() { w.service, w.origin = min(w.service, 10), min(w.origin, 8) },
		func() { w.field = 0 },
		func() {
			if w.time > 8 {
				w.layout = "15:04:05"
				w.time = 8
			}
		},
		func() { w.origin = 0 },
		func() { w.service = 0 },
		func() { w.level = min(w.level, 1) },
		func() { w.time = 0 },
	} {
		if width-total() >= leastMessage {
			break
		}
		give()
	}
	w.before = min(total(), max(width-1, 0))
	w.message = max(width-w.before, 1)
	return w
}

// measure finds the widths of words on the page.
func (v *LogView) measure(w *logWidths) {
	n, ok := v.nearest(v.top)
	for range v.page {
		if !ok {
			break
		}
		l, _ := v.buf.At(n)
		w.service = max(w.service, min(Width(term.SafeLine(clipText(l.Service, mostService))), mostService))
		w.origin = max(w.origin, min(Width(term.SafeLine(clipText(l.Origin, mostService))), mostService))
		n, ok = v.next(n + 1)
	}
	// Their heads fit, too.
	if w.service > 0 {
		w.service = max(w.service, len("SERVICE"))
	}
	if w.origin > 0 {
		w.origin = max(w.origin, len("CONTEXT"))
	}
	// Widths that shrank with every line would make the page flicker.
	w.service = max(w.service, v.service)
	v.service = w.service
	if len(v.Columns.Fields) > 0 {
		w.field = mostField
	}
}

// cells writes what stands before the message.
func (v *LogView) cells(b *strings.Builder, l *LogLine, plain theme.Style, current, around bool) {
	th, w := v.th(), &v.columns
	cell := func(width int, text string, style theme.Style) {
		if width == 0 {
			return
		}
		if current || around {
			style = plain
		}
		b.WriteString(style.Render(Fit(text, width) + " "))
	}
	if w.time > 0 {
		cell(w.time, v.clock(l.Time, w.layout), th.Muted)
	}
	if w.level > 0 {
		cell(w.level, levelWord(l.Level), th.Severity(l.Level))
	}
	cell(w.origin, term.SafeLine(clipText(l.Origin, 4*mostService)), th.Muted)
	cell(w.service, term.SafeLine(clipText(l.Service, 4*mostService)), th.Info)
	if w.field > 0 {
		for _, name := range v.Columns.Fields {
			cell(w.field, term.SafeLine(clipText(v.Field(l, name), 4*mostField)), th.Muted)
		}
	}
}

// headLine names the columns.
func (v *LogView) headLine(width int) string {
	w := &v.columns
	var b strings.Builder
	b.WriteString(spaces(w.signs))
	for _, c := range []struct {
		width int
		name  string
	}{{w.time, "TIME"}, {w.level, "LEVEL"}, {w.origin, "CONTEXT"}, {w.service, "SERVICE"}} {
		if c.width > 0 {
			b.WriteString(Fit(c.name, c.width) + " ")
		}
	}
	if w.field > 0 {
		for _, name := range v.Columns.Fields {
			b.WriteString(Fit(strings.ToUpper(term.SafeLine(name)), w.field) + " ")
		}
	}
	b.WriteString("MESSAGE")
	return v.th().Header.Render(Cut(b.String(), width))
}

// levelWord is how a level is shown: the word says it, the colour helps.
func levelWord(level string) string {
	switch level {
	case "info":
		return "INFO"
	case "warn":
		return "WARN"
	case "error":
		return "ERROR"
	case "debug":
		return "DEBUG"
	}
	return strings.ToUpper(term.SafeLine(clipText(level, 16)))
}

// severe are the levels of an error and of what is worse.
func severe(level string) bool {
	switch level {
	case "error", "fatal", "ERROR", "FATAL", "critical", "panic":
		return true
	}
	return false
}

// clipText is the beginning of a text, by bytes: what a cell does not show is
// not looked at, however long it is.
func clipText(s string, bytes int) string {
	if len(s) <= bytes {
		return s
	}
	return s[:runeStart(s, bytes)]
}
