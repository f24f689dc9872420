package widget

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/theme"
)

// Bounds of a detail: what is longer is cut, and said to be.
const (
	detailLines = 5000
	detailDepth = 32
	detailText  = 1 << 20 // bytes of one text
)

// LogDetail draws all that is known of a line: its own members, the message and
// the document with its nesting. A text of several lines, such as a stack
// trace, stands as these lines. age says how long ago that was; "" leaves it
// out.
func LogDetail(th *theme.Theme, l *LogLine, width int, zone *time.Location, age string) []string {
	d := detail{th: th, width: max(width, 1)}
	if zone == nil {
		zone = time.UTC
	}
	if !l.Time.IsZero() {
		at := l.Time.In(zone).Format("2006-01-02 15:04:05.000000 MST")
		if age != "" {
			at += "  (" + age + " ago)"
		}
		d.member("time", at, th.Text)
	}
	if l.Level != "" {
		d.member("level", levelWord(l.Level), th.Severity(l.Level))
	}
	for _, m := range []struct{ name, value string }{
		{"service", l.Service}, {"context", l.Origin}, {"trace", l.Trace}, {"source", l.Source}, {"id", l.ID},
	} {
		if m.value != "" {
			d.member(m.name, term.SafeLine(m.value), th.Text)
		}
	}
	if l.Late {
		d.member("late", "it came after its place in the order had passed", th.Warn)
	}
	d.add("")
	d.block("", l.Message, th.Bold)
	if len(l.Fields) > 0 {
		d.add("")
		d.document(l.Fields)
	}
	return d.out
}

type detail struct {
	th    *theme.Theme
	width int
	out   []string
}

func (d *detail) full() bool { return len(d.out) >= detailLines }

func (d *detail) add(line string) {
	switch {
	case len(d.out) < detailLines-1:
		d.out = append(d.out, line)
	case len(d.out) == detailLines-1:
		d.out = append(d.out, d.th.Muted.Render("… more is left out here; o saves all of it"))
	}
}

func (d *detail) member(name, value string, style theme.Style) {
	room := max(d.width-9, 1)
	for i, part := range Wrap(value, room) {
		head := spaces(9)
		if i == 0 {
			head = d.th.Muted.Render(Fit(name, 8)) + " "
		}
		d.add(head + style.Render(part))
	}
}

// block writes a text as the lines that it has, wrapped and indented.
func (d *detail) block(indent, text string, style theme.Style) {
	cut := clipText(text, detailText)
	room := max(d.width-len(indent), 1)
	for line := range strings.SplitSeq(strings.TrimRight(term.Safe(cut), "\n\t "), "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		lead := line[:len(line)-len(strings.TrimLeft(line, " "))]
		if Width(line) <= room || len(lead) > room/2 {
			lead = ""
		}
		for i, part := range Wrap(line, room) {
			if i > 0 && len(lead) > 0 && Width(lead+part) <= room {
				part = lead + part // a frame of a stack stays under its head
			}
			if d.add(indent + style.Render(part)); d.full() {
				return
			}
		}
	}
	if len(cut) < len(text) {
		d.add(indent + d.th.Muted.Render("… cut after 1 MiB"))
	}
}

// document writes JSON with its members in their order; what is none as text.
func (d *detail) document(doc json.RawMessage) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	at := len(d.out)
	if err := d.value(dec, "", "", 0); err != nil {
		d.out = d.out[:min(at, len(d.out))]
		d.block("", string(doc), d.th.Text)
	}
}

// value writes the next value. key is what stands before it, styled.
func (d *detail) value(dec *json.Decoder, indent, key string, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, nested := token.(json.Delim)
	if !nested {
		d.scalar(indent, key, token)
		return nil
	}
	closing := "}"
	if open == '[' {
		closing = "]"
	}
	if !dec.More() {
		_, err = dec.Token()
		d.add(indent + key + d.th.Muted.Render(open.String()+closing))
		return err
	}
	d.add(indent + key + d.th.Muted.Render(open.String()))
	// Nested deeper than the screen is wide, it stays where it is.
	inner := indent
	if depth < detailDepth && len(indent)+2 < d.width/2 {
		inner += "  "
	}
	for dec.More() {
		name := ""
		if open == '{' {
			token, err := dec.Token()
			if err != nil {
				return err
			}
			text, _ := token.(string)
			name = d.th.Accent.Render(Cut(term.SafeLine(clipText(text, 4*d.width)), max(d.width-len(inner)-2, 1))) + d.th.Muted.Render(": ")
		}
		if err := d.value(dec, inner, name, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	d.add(indent + d.th.Muted.Render(closing))
	return err
}

func (d *detail) scalar(indent, key string, token json.Token) {
	switch value := token.(type) {
	case string:
		text := term.SafeLine(clipText(value, 4*d.width))
		if strings.Contains(strings.TrimRight(value, "\n"), "\n") || Width(indent)+Width(plainOf(key))+Width(text)+2 > d.width {
			d.add(indent + key)
			d.block(indent+"  ", value, d.th.Text)
			return
		}
		d.add(indent + key + d.th.Text.Render(`"`+text+`"`))
	case json.Number:
		d.add(indent + key + d.th.Info.Render(Cut(value.String(), d.width)))
	case bool:
		word := "false"
		if value {
			word = "true"
		}
		d.add(indent + key + d.th.Info.Render(word))
	default:
		d.add(indent + key + d.th.Muted.Render("null"))
	}
}
