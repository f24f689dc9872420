package timeline

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/aictl/aictl/internal/api"
)

// The picture's measures, in pixels.
const (
	svgWidth = 1000
	svgLeft  = 150
	svgRight = 20
	svgTop   = 50
	svgLane  = 34
	svgAxis  = 30
)

// lanes group kinds, from what people did to what was seen.
var lanes = []struct {
	name  string
	kinds []string
	color string
}{
	{"alerts", []string{"alert", "resolved"}, "#b2182b"},
	{"metrics", []string{"metric", "onset"}, "#e08214"},
	{"logs", []string{"pattern"}, "#8073ac"},
	{"rollouts", []string{"rollout", "canary", "pause", "delete"}, "#2166ac"},
	{"scale", []string{"scale", "autoscale"}, "#4393c3"},
	{"configuration", []string{"config", "secret", "settings", "node"}, "#1b7837"},
	{"people", []string{"ack", "silence", "action", "note"}, "#555555"},
}

// SVG draws a timeline: a lane a kind, time to the right. It is one picture
// without scripts, fonts or references to anything outside; every mark has a
// title that readers and screen readers show.
func SVG(t api.Timeline, zone *time.Location) string {
	var b strings.Builder
	height := svgTop + svgLane*len(lanes) + svgAxis
	span := max(t.To.Sub(t.From), time.Second)
	x := func(at time.Time) float64 {
		f := float64(at.Sub(t.From)) / float64(span)
		return svgLeft + max(0, min(1, f))*(svgWidth-svgLeft-svgRight)
	}
	title := fmt.Sprintf("What happened between %s and %s", t.From.In(zone).Format("2006-01-02 15:04:05 MST"), t.To.In(zone).Format("15:04:05 MST"))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s" font-family="sans-serif" font-size="12">`+"\n",
		svgWidth, height, svgWidth, height, escape(title))
	fmt.Fprintf(&b, "<title>%s</title>\n", escape(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", svgWidth, height)
	fmt.Fprintf(&b, `<text x="10" y="24" font-size="15" fill="#222222">%s</text>`+"\n", escape(title))
	for i := range 6 {
		at := t.From.Add(span * time.Duration(i) / 5)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`+"\n", x(at), svgTop-8, x(at), height-svgAxis)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555555">%s</text>`+"\n", x(at), height-svgAxis+16, at.In(zone).Format("15:04:05"))
	}
	for i, lane := range lanes {
		y := svgTop + i*svgLane
		fmt.Fprintf(&b, `<text x="10" y="%d" fill="#222222">%s</text>`+"\n", y+15, lane.name)
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#eeeeee"/>`+"\n", svgLeft, y+22, svgWidth-svgRight, y+22)
		for _, r := range t.Rows {
			if !has(lane.kinds, r.Kind) {
				continue
			}
			fmt.Fprintf(&b, `<g><title>%s</title>`, escape(words(r, zone)))
			switch r.Kind {
			case "alert":
				end := t.To
				if r.End != nil {
					end = *r.End
				}
				fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="12" fill="%s" fill-opacity="0.6"/>`, x(r.Time), y+5, max(x(end)-x(r.Time), 2), lane.color)
			case "resolved":
				fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="2"/>`, x(r.Time), y+2, x(r.Time), y+20, lane.color)
			default:
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%d" r="5" fill="%s"/>`, x(r.Time), y+11, lane.color)
			}
			b.WriteString("</g>\n")
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func has(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// words is a row in one line.
func words(r api.TimelineRow, zone *time.Location) string {
	out := r.Time.In(zone).Format("15:04:05") + "  " + r.Title
	if r.Actor != "" {
		out += " by " + r.Actor
	}
	if r.Reason != "" {
		out += " (" + r.Reason + ")"
	}
	return out
}

// escape makes foreign text fit for XML: control characters go, and those that
// XML 1.0 does not allow.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r), r == unicode.ReplacementChar, r >= 0xfffe && r <= 0xffff, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Markdown writes a timeline as a table.
func Markdown(t api.Timeline, zone *time.Location) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| time (%s) | kind | service | what | who | shown by |\n|---|---|---|---|---|---|\n", t.From.In(zone).Format("MST"))
	for _, r := range t.Rows {
		what := r.Title
		if r.Reason != "" {
			what += " (" + r.Reason + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.Time.In(zone).Format("2006-01-02 15:04:05"), r.Kind, Cell(r.Service), Cell(what), Cell(r.Actor), code(r.Show))
	}
	if t.More > 0 {
		fmt.Fprintf(&b, "\n%d earlier rows are left out.\n", t.More)
	}
	for _, f := range t.Failed {
		fmt.Fprintf(&b, "\nNo data from %s: %s\n", Cell(f.Backend), Cell(f.Message))
	}
	return b.String()
}

// Cell makes foreign text fit for one cell of a Markdown table: it is text
// there, and no markup.
func Cell(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>()#+!|~", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsControl(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code writes a command as code in a table's cell.
func code(s string) string {
	if s == "" {
		return ""
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	ticks := "`"
	for strings.Contains(s, ticks) {
		ticks += "`"
	}
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	return ticks + pad + strings.ReplaceAll(s, "|", "\\|") + pad + ticks
}
