// Package theme is how the dashboard looks: a style for each meaning, in
// several skins. Nothing outside it names a colour.
//
// State is never told by colour alone: a skin may have none (mono), and the
// words and signs beside the colour must do without it.
package theme

import (
	"sort"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/aictl/aictl/internal/fail"
)

// Style is the escape sequences around a piece of text. The text must be safe
// (package term) and of one line; styles do not sanitise. The zero value
// writes plain text.
type Style struct{ open, end string }

// Render puts the text into the style.
func (s Style) Render(text string) string {
	if s.open == "" || text == "" {
		return text
	}
	return s.open + text + s.end
}

// Theme is a style for each meaning.
type Theme struct {
	Name string

	Text, Muted, Bold, Title Style
	OK, Warn, Bad, Info      Style
	// Accent is what can be pressed or typed: keys, links, the prompt.
	Accent Style
	// Header is the line of column heads; Bar the line at the top and Danger
	// the same line in a protected context.
	Header, Bar, Danger Style
	// Selected is the row under the cursor, Marked a row that was marked,
	// Match the text that a filter found.
	Selected, Marked, Match Style
	// Added, Removed and Changed are the lines of a diff.
	Added, Removed, Changed Style
	// Series are the curves of a plot, in order.
	Series []Style
	// Border is the frame of an overlay.
	Border Style
}

// palette is what a skin chooses; a colour is an ANSI number or #rrggbb, and
// empty is the terminal's own.
type palette struct {
	muted, ok, warn, bad, info, accent, title string
	barText, barBack, dangerText, dangerBack  string
	selText, selBack, match                   string
	series                                    []string
}

var palettes = map[string]palette{
	"default": {
		muted: "244", ok: "78", warn: "214", bad: "203", info: "75", accent: "81", title: "255",
		barText: "255", barBack: "24", dangerText: "255", dangerBack: "124",
		selText: "255", selBack: "238", match: "220",
		series: []string{"81", "214", "78", "205", "141", "220", "203", "250"},
	},
	"light": {
		muted: "243", ok: "28", warn: "130", bad: "160", info: "25", accent: "26", title: "232",
		barText: "255", barBack: "25", dangerText: "255", dangerBack: "160",
		selText: "232", selBack: "252", match: "130",
		series: []string{"25", "130", "28", "162", "91", "94", "160", "240"},
	},
	// The colours of Okabe and Ito (2008), which people with any of the common
	// forms of colour blindness tell apart.
	"colorblind": {
		muted: "245", ok: "#56B4E9", warn: "#F0E442", bad: "#D55E00", info: "#0072B2", accent: "#56B4E9", title: "255",
		barText: "255", barBack: "#0072B2", dangerText: "16", dangerBack: "#E69F00",
		selText: "255", selBack: "238", match: "#F0E442",
		series: []string{"#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00", "250"},
	},
	"16": {
		muted: "8", ok: "2", warn: "3", bad: "1", info: "4", accent: "6", title: "15",
		barText: "15", barBack: "4", dangerText: "15", dangerBack: "1",
		selText: "0", selBack: "7", match: "3",
		series: []string{"6", "3", "2", "5", "4", "11", "1", "7"},
	},
}

// Mono is the skin without colours; NO_COLOR and --no-color choose it.
const Mono = "mono"

// Names lists the skins.
func Names() []string {
	out := []string{Mono}
	for name := range palettes {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// New makes the theme of a skin; an unknown one is a usage error.
func New(name string) (*Theme, error) {
	if name == Mono {
		return mono(), nil
	}
	if name == "" {
		name = "default"
	}
	p, ok := palettes[name]
	if !ok {
		return nil, fail.New(fail.Usage, "there is no skin %q", name).Hint("one of: %s", strings.Join(Names(), ", "))
	}
	fg := func(c string) lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Color(c)) }
	t := &Theme{
		Name:  name,
		Muted: made(fg(p.muted)), Bold: made(lipgloss.NewStyle().Bold(true)), Title: made(fg(p.title).Bold(true)),
		OK: made(fg(p.ok)), Warn: made(fg(p.warn)), Bad: made(fg(p.bad).Bold(true)), Info: made(fg(p.info)),
		Accent: made(fg(p.accent)), Header: made(fg(p.muted).Bold(true)),
		Bar:      made(fg(p.barText).Background(lipgloss.Color(p.barBack))),
		Danger:   made(fg(p.dangerText).Background(lipgloss.Color(p.dangerBack)).Bold(true)),
		Selected: made(fg(p.selText).Background(lipgloss.Color(p.selBack)).Bold(true)),
		Marked:   made(fg(p.accent).Bold(true)), Match: made(fg(p.match).Bold(true)),
		Added: made(fg(p.ok)), Removed: made(fg(p.bad)), Changed: made(fg(p.warn)),
		Border: made(fg(p.accent)),
	}
	for _, c := range p.series {
		t.Series = append(t.Series, made(fg(c)))
	}
	return t, nil
}

func mono() *Theme {
	plain, bold := Style{}, made(lipgloss.NewStyle().Bold(true))
	reverse := made(lipgloss.NewStyle().Reverse(true))
	return &Theme{
		Name: Mono, Bold: bold, Title: bold, Bad: bold, Header: bold, Accent: bold, Marked: bold,
		Bar: reverse, Danger: reverse, Selected: reverse,
		Match:  made(lipgloss.NewStyle().Underline(true)),
		Series: []Style{plain},
	}
}

// made splits a rendered sample, so that rendering is two concatenations.
func made(s lipgloss.Style) Style {
	open, end, ok := strings.Cut(s.Render("x"), "x")
	if !ok {
		return Style{}
	}
	return Style{open: open, end: end}
}

// Curve is the style of the n-th curve of a plot.
func (t *Theme) Curve(n int) Style { return t.Series[n%len(t.Series)] }

// Severity is the style of an alert's severity or a log line's level.
func (t *Theme) Severity(word string) Style {
	if len(word) > 32 { // no level: a word from outside may be of any length
		return t.Text
	}
	switch strings.ToLower(word) {
	case "critical", "error", "fatal", "page", "failed", "firing", "down":
		return t.Bad
	case "warning", "warn", "degraded", "pending", "progressing", "partial":
		return t.Warn
	case "ok", "ready", "complete", "healthy", "up", "resolved", "success":
		return t.OK
	case "debug", "trace", "paused", "stopped", "silenced", "inhibited":
		return t.Muted
	}
	return t.Text
}
