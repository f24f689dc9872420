package logs

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/where"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// detail is all of one line.
type detail struct {
	open  bool
	pager *widget.Pager
	width int // that its lines are made for; 0 makes them anew
	theme *theme.Theme
	expr  string
}

// show opens the detail of the line under the cursor, which stays there.
func (d *detail) show(p *Pane) {
	if _, ok := p.view.Current(); !ok {
		return
	}
	p.view.Pause()
	d.open, d.width, d.pager = true, 0, widget.NewPager()
}

// find marks what the expression of `/` matches.
func (d *detail) find(expr string) {
	if d.expr = expr; d.pager != nil {
		d.pager.Find(expr)
	}
}

func (d *detail) draw(p *Pane, width, height int) []string {
	if d.width != width || d.theme != p.env.Theme {
		l, ok := p.view.Current()
		if !ok {
			return []string{widget.Cut("the line has gone: newer ones took its place", width)}
		}
		age := ""
		if since := p.env.Now.Sub(l.Time); !l.Time.IsZero() && since >= 0 {
			age = widget.Age(since)
		}
		d.pager.SetLines(widget.LogDetail(p.env.Theme, &l, width, p.env.Zone, age))
		d.pager.Match = p.env.Theme.Match
		d.pager.Find(d.expr)
		d.width, d.theme = width, p.env.Theme
	}
	return splitLines(d.pager.View(width, height))
}

// entryOf is a line as the operations have it.
func entryOf(l *widget.LogLine) any {
	e := api.LogEntry{
		ID: l.ID, Time: l.Time, Level: l.Level, Service: l.Service, Message: l.Message,
		Trace: l.Trace, Source: l.Source, Fields: l.Fields,
	}
	if len(e.Fields) > 0 && !json.Valid(e.Fields) {
		e.Fields, _ = json.Marshal(string(e.Fields)) // a text always encodes
	}
	if l.Origin == "" {
		return e
	}
	return struct {
		Context string `json:"context"`
		api.LogEntry
	}{l.Origin, e}
}

// column gives the values of columns by the names that where knows them by.
func (p *Pane) column() func(l *widget.LogLine, name string) string {
	finders := map[string]*where.Finder{}
	var buf []byte
	return func(l *widget.LogLine, name string) string {
		f := finders[name]
		if f == nil {
			f = where.NewFinder(name)
			finders[name] = f
		}
		e := api.LogEntry{
			ID: l.ID, Time: l.Time, Level: l.Level, Service: l.Service, Message: l.Message,
			Trace: l.Trace, Source: l.Source, Fields: l.Fields,
		}
		out, ok := f.Append(buf[:0], &e)
		if buf = out; !ok {
			return ""
		}
		return string(bytes.TrimSpace(out))
	}
}

// count is "1 entry" or "12 entries".
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped writes a number with a comma every three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
