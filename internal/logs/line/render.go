package line

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/where"
	"github.com/aictl/aictl/internal/term"
)

// RenderOptions say how entries are shown to people.
type RenderOptions struct {
	Styles term.Styles
	// Location is of the times; nil is time.Local.
	Location *time.Location
	// Width in columns bounds what one field may take of a terminal's line;
	// 0 shows all of it. Messages and traces of stacks are never cut.
	Width int
	// Columns are the fields to show, in this order, and nothing else. Empty is
	// time, level, service, message, then every other field as key=value.
	Columns []string
}

// Renderer shows entries, one or more lines each:
//
//	2026-01-02 03:04:05.678 WARN  chat request timed out http.status=504
//
// All text of the entry is made safe for a terminal. The further lines of a
// message are indented, as are fields of several lines (stack traces), which
// stand below. Not for concurrent use.
type Renderer struct {
	o        RenderOptions
	columns  []column
	parser   fastjson.Parser
	rec      record
	levels   [7]string // styled and padded, by rank
	muted    [2]string // what begins and what ends the style
	bold     [2]string
	second   int64 // of the time in stamp
	stamp    []byte
	key      []byte
	scratch  []byte
	blocks   []block
	blockBuf []byte
}

type column struct {
	own    where.Own
	finder *where.Finder
}

// block is a field of several lines: places in blockBuf.
type block struct{ key, from, to int }

// NewRenderer makes a renderer.
func NewRenderer(o RenderOptions) *Renderer {
	if o.Location == nil {
		o.Location = time.Local
	}
	r := &Renderer{o: o, second: -1 << 62}
	styles := [...]term.Style{term.Plain, term.Muted, term.Muted, term.OK, term.Warn, term.Bad, term.Bad}
	for rank := range r.levels {
		r.levels[rank] = o.Styles.Apply(styles[rank], term.PadRight(strings.ToUpper(where.LevelName(rank)), 5))
	}
	around := func(s term.Style) [2]string {
		before, after, _ := strings.Cut(o.Styles.Apply(s, "\x00"), "\x00")
		return [2]string{before, after}
	}
	r.muted, r.bold = around(term.Muted), around(term.Bold)
	for _, name := range o.Columns {
		own, _ := where.Canonical(name)
		r.columns = append(r.columns, column{own, where.NewFinder(name)})
	}
	return r
}

// AppendEntry adds the entry as it is shown, with a line feed at the end.
func (r *Renderer) AppendEntry(dst []byte, e *api.LogEntry) []byte {
	r.rec.reset()
	r.rec.e = *e
	r.rec.rank = where.LevelRank(e.Level)
	if len(e.Fields) > 0 && !tooMany(view(e.Fields)) {
		if v, err := r.parser.ParseBytes(e.Fields); err == nil {
			r.rec.doc = v
		}
		if len(e.Fields) > keepParsed {
			defer func() { r.parser = fastjson.Parser{} }()
		}
	}
	return r.appendRecord(dst, &r.rec)
}

func (r *Renderer) appendRecord(dst []byte, rec *record) []byte {
	if len(r.columns) > 0 {
		return r.appendColumns(dst, rec)
	}
	bare := rec.e.Time.IsZero() && rec.e.Level == ""
	if !bare {
		dst = r.appendTime(dst, rec.e.Time)
		dst = append(dst, ' ')
		dst = r.appendLevel(dst, rec)
		dst = append(dst, ' ')
	}
	if rec.e.Service != "" {
		dst = append(dst, r.bold[0]...)
		dst = appendLineSafe(dst, rec.e.Service)
		dst = append(dst, r.bold[1]...)
		dst = append(dst, ' ')
	}
	first, rest, more := strings.Cut(strings.TrimRight(rec.e.Message, "\r\n"), "\n")
	dst = appendSafe(dst, strings.TrimSuffix(first, "\r"))
	dst = r.appendRest(dst, rec)
	dst = append(dst, '\n')
	if more {
		dst = r.appendIndented(dst, rest)
	}
	for _, b := range r.blocks {
		dst = append(dst, "    "...)
		dst = append(dst, r.muted[0]...)
		dst = appendLineSafe(dst, view(r.blockBuf[b.key:b.from]))
		dst = append(dst, ':')
		dst = append(dst, r.muted[1]...)
		dst = append(dst, '\n')
		dst = r.appendIndented(dst, view(r.blockBuf[b.from:b.to]))
	}
	return dst
}

func (r *Renderer) appendIndented(dst []byte, text string) []byte {
	for l := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		dst = append(dst, "    "...)
		dst = appendSafe(dst, strings.TrimSuffix(l, "\r"))
		dst = append(dst, '\n')
	}
	return dst
}

const noTime = "                       " // as wide as a time

// appendTime keeps the text of the second: most entries share it with the one
// before.
func (r *Renderer) appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, noTime...)
	}
	if s := t.Unix(); s != r.second {
		r.second = s
		r.stamp = t.In(r.o.Location).AppendFormat(r.stamp[:0], "2006-01-02 15:04:05")
	}
	ms := t.Nanosecond() / 1e6
	dst = append(dst, r.muted[0]...)
	dst = append(dst, r.stamp...)
	dst = append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	return append(dst, r.muted[1]...)
}

func (r *Renderer) appendLevel(dst []byte, rec *record) []byte {
	if rec.rank > 0 || rec.e.Level == "" {
		return append(dst, r.levels[rec.rank]...)
	}
	at := len(dst)
	dst = appendLineSafe(dst, rec.e.Level)
	for i := utf8.RuneCount(dst[at:]); i < 5; i++ {
		dst = append(dst, ' ')
	}
	return dst
}

func (r *Renderer) appendColumns(dst []byte, rec *record) []byte {
	for i, c := range r.columns {
		if i > 0 {
			dst = append(dst, "  "...)
		}
		switch c.own {
		case where.OwnTime:
			dst = r.appendTime(dst, rec.e.Time)
		case where.OwnLevel:
			dst = r.appendLevel(dst, rec)
		default:
			var ok bool
			if r.scratch, ok = c.finder.AppendDocument(r.scratch[:0], &rec.e, rec.document(&r.parser)); !ok {
				dst = append(dst, '-')
			}
			dst = r.appendCut(dst, r.scratch, c.own != where.None)
		}
	}
	return append(dst, '\n')
}

// appendCut adds one line of text, at most as wide as the options say.
func (r *Renderer) appendCut(dst, text []byte, whole bool) []byte {
	if whole || r.o.Width <= 0 || len(text) <= r.o.Width {
		return appendLineSafe(dst, view(text))
	}
	return append(dst, term.Truncate(term.SafeLine(view(text)), r.o.Width)...)
}

// appendRest adds the other fields as key=value and gathers those of several
// lines in blocks.
func (r *Renderer) appendRest(dst []byte, rec *record) []byte {
	r.blocks, r.blockBuf = r.blocks[:0], r.blockBuf[:0]
	at := len(dst)
	dst = append(dst, r.muted[0]...)
	start := len(dst)
	r.key = r.key[:0]
	if rec.doc != nil {
		dst = r.appendObject(dst, rec, rec.doc)
	}
	for _, f := range rec.pairs {
		r.key = append(r.key[:0], f.key...)
		dst = r.appendText(dst, bytesOf(f.value))
	}
	if len(dst) == start {
		return dst[:at]
	}
	return append(dst, r.muted[1]...)
}

func (r *Renderer) appendObject(dst []byte, rec *record, v *fastjson.Value) []byte {
	object, err := v.Object()
	if err != nil {
		return dst
	}
	prefix := len(r.key)
	object.Visit(func(key []byte, v *fastjson.Value) {
		if rec.isUsed(v) {
			return
		}
		r.key = append(r.key[:prefix], key...)
		if isNoise(view(r.key)) {
			return
		}
		switch v.Type() {
		case fastjson.TypeNull:
		case fastjson.TypeObject:
			r.key = append(r.key, '.')
			dst = r.appendObject(dst, rec, v)
		case fastjson.TypeString:
			dst = r.appendText(dst, v.GetStringBytes())
		case fastjson.TypeArray:
			r.scratch = rec.appendValue(r.scratch[:0], v)
			dst = r.appendPair(dst, r.scratch, looks(r.scratch)&^hasBreak)
		default: // a number, true or false
			r.scratch = v.MarshalTo(r.scratch[:0])
			dst = r.appendPair(dst, r.scratch, 0)
		}
	})
	r.key = r.key[:prefix]
	return dst
}

// isNoise names fields that shippers and schemas add to every line and that
// say nothing of the event.
func isNoise(key string) bool {
	if key == "" || strings.IndexByte("@_adeil", key[0]) < 0 {
		return false
	}
	switch key {
	case "ecs.version", "ecs", "@version", "agent", "data_stream", "input", "input.type", "log.offset", "log.file.path", "_p":
		return true
	}
	return strings.HasPrefix(key, "agent.") || strings.HasPrefix(key, "data_stream.")
}

// appendText adds a text, which is quoted where it would be read as several;
// one of several lines becomes a block.
func (r *Renderer) appendText(dst, text []byte) []byte {
	found := looks(text)
	if len(text) == 0 {
		found = hasBreak
	}
	if found&hasLine != 0 && bytes.IndexByte(text, '\n') < len(text)-1 {
		b := block{key: len(r.blockBuf)}
		r.blockBuf = append(r.blockBuf, r.key...)
		b.from = len(r.blockBuf)
		r.blockBuf = append(r.blockBuf, text...)
		b.to = len(r.blockBuf)
		r.blocks = append(r.blocks, b)
		return dst
	}
	return r.appendPair(dst, text, found)
}

// appendPair adds key=value; found is what looks has found in the value.
func (r *Renderer) appendPair(dst, value []byte, found uint8) []byte {
	dst = append(dst, ' ')
	dst = appendLineSafe(dst, view(r.key))
	dst = append(dst, '=')
	if found&hasBreak != 0 {
		dst = append(dst, '"')
	}
	if found&hasOdd == 0 && (r.o.Width <= 0 || len(value) <= r.o.Width) {
		dst = append(dst, value...)
	} else {
		dst = r.appendCut(dst, value, false)
	}
	if found&hasBreak != 0 {
		dst = append(dst, '"')
	}
	return dst
}

func appendLineSafe(dst []byte, s string) []byte {
	if isPrintable(s) {
		return append(dst, s...)
	}
	return append(dst, term.SafeLine(s)...)
}

func appendSafe(dst []byte, s string) []byte { return append(dst, term.Safe(s)...) }
