// Package line reads single log lines of any format, joins those that belong
// together, shows entries to people, and does all of it to a pipe at pipe
// speed.
//
// Known formats: JSON (Elastic Common Schema nested or flattened, bunyan,
// pino, zap, logrus, zerolog, slog, GELF, Docker's json-file), logfmt, klog,
// syslog (RFC 5424 and 3164), access logs (common and combined), the CRI and
// compose prefixes before any of them, and text with a time and a level at
// its head. What is none of them is a message.
//
// It promises that no line is lost, whatever it holds; that no control
// character of a line reaches a terminal; that memory does not grow with the
// input: JSON of more than 20 000 values is shown as text, for what a parsed
// one costs. It does not guess services from texts, and reads no file itself.
package line

import (
	"bytes"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
)

// Parser reads lines. It is not for concurrent use.
type Parser struct {
	json  [2]fastjson.Parser // the line, and a document within it
	clock clock
	rec   record
}

// keepParsed is the longest line in bytes whose parsed form is kept in memory
// for the next one.
const keepParsed = 128 << 10

// manyValues is the greatest number of values in a document that is parsed: a
// value costs fastjson some 80 bytes, five times over while it grows.
const manyValues = 20_000

// tooMany says whether a document has more values than are parsed: it is shown
// as the text that it is.
func tooMany(s string) bool {
	return len(s) > manyValues && strings.Count(s, ",")+strings.Count(s, "[")+strings.Count(s, "{") > manyValues
}

// NewParser makes a parser. Times without a zone are in loc (nil is UTC),
// those without a year are in the last year before now (nil is time.Now).
func NewParser(loc *time.Location, now func() time.Time) *Parser {
	if loc == nil {
		loc = time.UTC
	}
	if now == nil {
		now = time.Now
	}
	return &Parser{clock: clock{loc: loc, now: now}}
}

// Parse reads one line, or several that belong together, without the line
// feed at the end. It never fails: what is not understood is the message. The
// entry has no ID. Time is in UTC, and zero where the line has none.
func (p *Parser) Parse(line []byte) api.LogEntry {
	return p.parse(bytes.Clone(line)).own()
}

// parse reads a line into the parser's record, which views the line.
func (p *Parser) parse(line []byte) *record {
	p.rec.reset()
	p.read(&p.rec, view(bytes.TrimRight(line, "\r\n")), 0)
	return &p.rec
}

func (p *Parser) read(r *record, s string, depth int) {
	s = strings.TrimPrefix(s, "\uFEFF")
	body := strings.TrimLeft(s, " \t")
	if strings.HasPrefix(body, "{") && p.readJSON(r, body, depth) {
		return
	}
	if strings.IndexByte(s, 0x1b) >= 0 {
		s = colours.ReplaceAllString(s, "")
	}
	if depth < len(p.json) && (p.readCRI(r, s, depth) || p.readCompose(r, s, depth)) {
		return
	}
	switch {
	case p.readSyslog(r, s, depth), p.readKlog(r, s), p.readAccess(r, s), p.readLogfmt(r, s):
	default:
		p.readText(r, s)
	}
}

// colours are the sequences that programs colour their lines with: they are
// taken out of a text before it is read; all other sequences are kept for
// term.Safe to show.
var colours = regexp.MustCompile("\x1b\\[[0-9;:]*m")

// readInner reads a line that stands within another: what the outer one knew
// stays where the inner one does not say it.
func (p *Parser) readInner(r *record, s string, depth int) {
	outer := r.e
	rank := r.rank
	r.e, r.rank = api.LogEntry{}, 0
	p.read(r, s, depth+1)
	if r.e.Time.IsZero() {
		r.e.Time = outer.Time
	}
	if r.e.Level == "" {
		r.e.Level, r.rank = outer.Level, rank
	}
	if r.e.Service == "" {
		r.e.Service = outer.Service
	}
}

func (p *Parser) readJSON(r *record, s string, depth int) bool {
	if depth >= len(p.json) || tooMany(s) {
		return false
	}
	parser := &p.json[depth]
	if len(s) > keepParsed { // its values would stay in memory
		parser = new(fastjson.Parser)
	}
	v, err := parser.Parse(s)
	if err != nil || v.Type() != fastjson.TypeObject {
		return false
	}
	object, _ := v.Object()
	if object.Len() <= 3 { // {"log":"…\n","stream":"stdout","time":"…"} of Docker
		inner, stream := object.Get("log"), object.Get("stream")
		if inner != nil && stream != nil && inner.Type() == fastjson.TypeString && stream.Type() == fastjson.TypeString {
			if t := object.Get("time"); t != nil && t.Type() == fastjson.TypeString {
				if at, ok := p.clock.parse(view(t.GetStringBytes())); ok {
					r.e.Time = at
				}
			}
			r.pairs = append(r.pairs, pair{"stream", view(stream.GetStringBytes())})
			p.readInner(r, strings.TrimRight(view(inner.GetStringBytes()), "\r\n"), depth)
			return true
		}
	}
	r.doc = v
	p.pick(r, object)
	return true
}

// pick finds the members of the entry among the fields of a document.
func (p *Parser) pick(r *record, object *fastjson.Object) {
	var ranks [slots]uint8
	offer := func(s slot, rank uint8, v *fastjson.Value) {
		if ranks[s] == 0 || rank < ranks[s] {
			switch v.Type() {
			case fastjson.TypeString, fastjson.TypeNumber:
				r.used[s], ranks[s] = v, rank
			}
		}
	}
	var name *fastjson.Value // bunyan's and pino's name of the logger, beside pid
	pid := false
	object.Visit(func(key []byte, v *fastjson.Value) {
		k := view(key)
		s, rank := slotOf(k)
		switch {
		case s != slotNone && v.Type() != fastjson.TypeObject:
			offer(s, rank, v)
			return
		case k == "name":
			name = v
		case k == "pid":
			pid = true
		}
		switch k {
		case "log", "service", "trace", "dd", "kubernetes":
		default:
			return
		}
		nested, err := v.Object()
		if err != nil {
			return
		}
		switch k {
		case "log":
			offerAt(offer, slotLevel, nested, "level")
		case "service":
			offerAt(offer, slotService, nested, "name")
		case "trace":
			offerAt(offer, slotTrace, nested, "id")
		case "dd":
			offerAt(offer, slotTrace, nested, "trace_id")
			offerAt(offer, slotService, nested, "service")
		}
	})
	if name != nil && pid && r.used[slotService] == nil {
		offer(slotService, 9, name)
	}
	for s, v := range r.used {
		if v == nil {
			continue
		}
		text := ""
		if v.Type() == fastjson.TypeString {
			text = view(v.GetStringBytes())
		} else {
			text = view(v.MarshalTo(nil))
		}
		if !r.set(slot(s), text, &p.clock) { //nolint:gosec // an index of an array of slots
			r.used[s] = nil
		}
	}
	if r.used[slotMessage] == nil {
		p.messageElsewhere(r, object)
	}
}

// messageElsewhere takes error.message, or what a person would read first, of
// a document that has no message.
func (p *Parser) messageElsewhere(r *record, object *fastjson.Object) {
	for _, key := range [...]string{"error.message", "error", "err", "exception"} {
		v := object.Get(key)
		if v == nil {
			continue
		}
		if v.Type() == fastjson.TypeObject {
			v = v.Get("message")
		}
		if v != nil && v.Type() == fastjson.TypeString {
			r.used[slotMessage] = v
			r.e.Message = view(v.GetStringBytes())
			return
		}
	}
}

func offerAt(offer func(slot, uint8, *fastjson.Value), s slot, o *fastjson.Object, key string) {
	if v := o.Get(key); v != nil {
		offer(s, 1, v)
	}
}

// valid makes s UTF-8.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
