package elastic

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

// hit is a document of an answer.
type hit struct {
	Index  string            `json:"_index"`
	ID     string            `json:"_id"`
	SeqNo  int64             `json:"_seq_no"`
	Term   int64             `json:"_primary_term"`
	Source json.RawMessage   `json:"_source"`
	Sort   []json.RawMessage `json:"sort"`
	// Fields holds the time as the index has it, whatever the document's form.
	Fields map[string][]json.RawMessage `json:"fields"`
}

// reader makes entries of documents. It is safe for concurrent use.
type reader struct {
	members Mapping
	parsers sync.Pool
}

func newReader(m Mapping) *reader {
	return &reader{members: m, parsers: sync.Pool{New: func() any { return new(fastjson.Parser) }}}
}

// read makes the entry of a document and decides the query over it, which has
// the document parsed already.
func (r *reader) read(h *hit, want *matcher) (api.LogEntry, bool) {
	e := api.LogEntry{ID: h.Index + "/" + h.ID, Source: h.Index}
	parser, _ := r.parsers.Get().(*fastjson.Parser)
	defer r.parsers.Put(parser)
	doc, err := parser.ParseBytes(h.Source)
	if err != nil || doc.Type() != fastjson.TypeObject { // _source is switched off, or filtered away
		e.Time, e.Message = indexed(h, r.members.Time), "(the index does not keep the document: _source is off)"
		return e, want.matches(&e, nil)
	}
	e.Time = r.timeOf(h, doc)
	e.Message = first(doc, r.members.Message)
	e.Level = logs.Normal(first(doc, r.members.Level))
	e.Service = first(doc, r.members.Service)
	e.Trace = first(doc, r.members.Trace)
	if !want.matches(&e, doc) {
		return e, false
	}
	// The rest of the document, without the two that an entry repeats in full.
	object, err := doc.Object()
	if err == nil {
		if e.Message != "" && object.Get("message") != nil && r.members.Message[0] == "message" {
			object.Del("message")
		}
		if !e.Time.IsZero() {
			object.Del("@timestamp")
		}
		if object.Len() > 0 {
			e.Fields = object.MarshalTo(make([]byte, 0, len(h.Source)))
		}
	}
	return e, true
}

// timeOf is the document's time: as the document writes it where that is RFC
// 3339, which may be finer than the index keeps it, else as the index has it.
func (r *reader) timeOf(h *hit, doc *fastjson.Value) time.Time {
	stored := indexed(h, r.members.Time)
	v := lookup(doc, r.members.Time)
	if v == nil {
		return stored
	}
	switch v.Type() { //nolint:exhaustive // other types hold no time
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		if t, err := time.Parse(time.RFC3339Nano, string(b)); err == nil {
			if stored.IsZero() || t.Sub(stored).Abs() < time.Millisecond {
				return t.UTC()
			}
		}
	case fastjson.TypeNumber:
		if stored.IsZero() {
			t, _ := where.Epoch(v.GetFloat64())
			return t
		}
	}
	return stored
}

// indexed is the time as the index has it, in the form that we ask for.
func indexed(h *hit, name string) time.Time {
	for _, v := range h.Fields[name] {
		var s string
		if json.Unmarshal(v, &s) != nil {
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// first is the text of the first of the fields that the document has.
func first(doc *fastjson.Value, names []string) string {
	for _, name := range names {
		if s := textOf(lookup(doc, name)); s != "" {
			return s
		}
	}
	return ""
}

// textOf is a value as text: the first of several, nothing for an object.
func textOf(v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	switch v.Type() { //nolint:exhaustive // null and objects are no text
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		return string(b)
	case fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
		return string(v.MarshalTo(nil))
	case fastjson.TypeArray:
		items, _ := v.Array()
		for _, item := range items {
			if s := textOf(item); s != "" {
				return s
			}
		}
	}
	return ""
}

// lookup finds a dotted path, nested, flattened or half of each.
func lookup(v *fastjson.Value, path string) *fastjson.Value {
	if v == nil || v.Type() != fastjson.TypeObject {
		return nil
	}
	if at := v.Get(path); at != nil && at.Type() != fastjson.TypeNull {
		return at
	}
	for i := strings.IndexByte(path, '.'); i > 0 && i < len(path); {
		if at := lookup(v.Get(path[:i]), path[i+1:]); at != nil {
			return at
		}
		next := strings.IndexByte(path[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return nil
}
