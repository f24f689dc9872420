package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logstorage"
	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
)

// The engine's own columns. Names with _aictl_ in front are ours and don't
// show in an entry.
const (
	fieldNumber  = "_aictl_number" // the order of arrival
	fieldTypes   = "_aictl_types"  // what the texts of the other columns were
	fieldMessage = "_msg"
	fieldTime    = "_time"
	ownPrefix    = "_aictl_"
)

// Bounds of an entry, within the engine's own: a longer one is refused with a
// reason, where the engine would drop it.
const (
	maxEntry  = 1 << 20 // bytes of all names and values
	maxFields = 1000
	maxName   = 128 // bytes
)

// Entry is one entry on its way in: its own members, and the rest of the
// document flattened to dotted names.
type Entry struct {
	Time                           time.Time
	Message, Level, Service, Trace string
	Fields                         []Field

	stamped bool // Time is the document's @timestamp: no other field replaces it
}

// Field is one value of a document.
type Field struct {
	Name, Value string
	// Kind is what the value was: text, a number, true or false, or JSON (a
	// list, an empty object, null).
	Kind Kind
}

// Kind is the type of a field's value.
type Kind byte

// The kinds; the letters are what fieldTypes holds.
const (
	Text   Kind = 0
	Number Kind = 'n'
	Bool   Kind = 'b'
	JSON   Kind = 'j'
)

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return hex.EncodeToString(b[:])
}

// ID is the entry's name in the store.
func entryID(n uint64) string { return strconv.FormatUint(n, 10) }

// tooMuch says which bound the entry is beyond, or nothing.
func (e *Entry) tooMuch() string {
	if len(e.Fields) > maxFields {
		return fmt.Sprintf("it has more than %d fields", maxFields)
	}
	n := len(e.Message) + len(e.Service) + len(e.Trace)
	for i := range e.Fields {
		n += len(e.Fields[i].Name) + len(e.Fields[i].Value)
		if len(e.Fields[i].Name) > maxName-len(aside) {
			return fmt.Sprintf("a field has a name of more than %d bytes", maxName-len(aside))
		}
	}
	if n > maxEntry {
		return fmt.Sprintf("it is longer than %d bytes", maxEntry)
	}
	return ""
}

// aside is put before names that are the engine's, ours or the entry's own, so
// that no document can pass its fields off as these.
const aside = "labels."

func reserved(name string) bool {
	switch name {
	case fieldMessage, fieldTime, "_stream", "_stream_id", "service.name", "log.level", "trace.id", "":
		return true
	}
	return strings.HasPrefix(name, ownPrefix)
}

// settle gives every field a name of its own: reserved ones are put aside, and
// of several with one name the last counts, as most readers of JSON have it.
func (e *Entry) settle() {
	var at map[string]int // where there are many; a few are compared with each other
	if len(e.Fields) > 32 {
		at = make(map[string]int, len(e.Fields))
	}
	kept := e.Fields[:0]
	for _, f := range e.Fields {
		if reserved(f.Name) {
			f.Name = aside + f.Name
		}
		i, twice := at[f.Name]
		if at == nil {
			i = slices.IndexFunc(kept, func(k Field) bool { return k.Name == f.Name })
			twice = i >= 0
		}
		if twice {
			kept[i] = f
			continue
		}
		if at != nil {
			at[f.Name] = len(kept)
		}
		kept = append(kept, f)
	}
	e.Fields = kept
}

// fields are the columns of the row.
func (e *Entry) fields(n uint64) []logstorage.Field {
	out := make([]logstorage.Field, 0, len(e.Fields)+6)
	add := func(name, value string) {
		if value != "" {
			out = append(out, logstorage.Field{Name: name, Value: value})
		}
	}
	add(fieldMessage, e.Message)
	add(fieldNumber, strconv.FormatUint(n, 10))
	add("service.name", e.Service)
	add("log.level", e.Level)
	add("trace.id", e.Trace)
	var types strings.Builder
	for _, f := range e.Fields {
		kind := f.Kind
		value := f.Value
		if value == "" && kind == Text { // the engine does not keep what is empty
			kind, value = JSON, `""`
		}
		add(f.Name, value)
		if kind != Text {
			types.WriteByte(byte(kind))
			types.WriteString(f.Name)
			types.WriteByte('\n')
		}
	}
	add(fieldTypes, types.String())
	return out
}

// entry is what a search would give, for the memory of recent entries.
func (e *Entry) entry(n uint64) api.LogEntry {
	return api.LogEntry{
		ID: entryID(n), Time: e.Time.UTC(), Level: e.Level, Service: e.Service, Message: e.Message, Trace: e.Trace,
		Source: source, Fields: nest(e.Fields),
	}
}

const source = "embedded"

// row is one row of the engine's answer: names and values side by side.
type row struct {
	names  []string
	values []string
}

func (r row) get(name string) string {
	for i, n := range r.names {
		if n == name {
			return r.values[i]
		}
	}
	return ""
}

// entry rebuilds an entry, and its number.
func (r row) entry() (api.LogEntry, uint64) {
	kinds := map[string]Kind{}
	for line := range strings.SplitSeq(r.get(fieldTypes), "\n") {
		if line != "" {
			kinds[line[1:]] = Kind(line[0])
		}
	}
	e := api.LogEntry{Source: source}
	var n uint64
	var fields []Field
	for i, name := range r.names {
		value := r.values[i]
		switch name {
		case fieldMessage:
			e.Message = value
		case fieldTime:
			e.Time, _ = time.Parse(time.RFC3339Nano, value) // the engine wrote it
		case fieldNumber:
			n, _ = strconv.ParseUint(value, 10, 64) // we wrote it
		case "service.name":
			e.Service = value
		case "log.level":
			e.Level = value
		case "trace.id":
			e.Trace = value
		default:
			if value != "" && !strings.HasPrefix(name, ownPrefix) && name != "_stream" && name != "_stream_id" {
				fields = append(fields, Field{name, value, kinds[name]})
			}
		}
	}
	e.ID, e.Fields = entryID(n), nest(fields)
	return e, n
}

// nest makes the document of flattened fields. A name that stands in the way
// of another ("a" and "a.b") keeps its dots.
func nest(fields []Field) json.RawMessage {
	if len(fields) == 0 {
		return nil
	}
	root := map[string]any{}
	for _, f := range fields {
		put(root, f.Name, f.value())
	}
	body, err := json.Marshal(root)
	if err != nil {
		return nil // a number or JSON that was damaged in the store; the text is lost, not the entry
	}
	return body
}

func put(root map[string]any, name string, value any) {
	at := root
	rest := name
	for {
		head, tail, more := strings.Cut(rest, ".")
		if !more || head == "" || tail == "" {
			break
		}
		next, isMap := at[head].(map[string]any)
		if at[head] == nil {
			next, isMap = map[string]any{}, true
			at[head] = next
		}
		if !isMap {
			break
		}
		at, rest = next, tail
	}
	if _, taken := at[rest]; taken {
		root[name] = value
		return
	}
	at[rest] = value
}

func (f Field) value() any {
	switch f.Kind {
	case Number, Bool, JSON:
		if json.Valid([]byte(f.Value)) {
			return json.RawMessage(f.Value)
		}
	case Text:
	}
	return f.Value
}

// FromDocument makes an entry of a JSON document in ECS or near it: the time,
// message, level, service and trace are taken out under the names that
// shippers use, the rest is flattened. received is the time where the document
// has none that can be read.
func FromDocument(doc *fastjson.Value, received time.Time) Entry {
	e := Entry{Time: received}
	object, err := doc.Object()
	if err != nil {
		e.Message = string(doc.MarshalTo(nil))
		return e
	}
	e.flatten("", object)
	return e
}

func (e *Entry) flatten(prefix string, object *fastjson.Object) {
	object.Visit(func(key []byte, v *fastjson.Value) {
		name := prefix + string(key)
		switch v.Type() {
		case fastjson.TypeObject:
			inner := v.GetObject()
			if inner.Len() == 0 {
				e.Fields = append(e.Fields, Field{name, "{}", JSON})
				return
			}
			e.flatten(name+".", inner)
		case fastjson.TypeString:
			text := string(v.GetStringBytes())
			if !e.own(name, text) {
				e.Fields = append(e.Fields, Field{name, text, Text})
			}
		case fastjson.TypeNumber:
			text := string(v.MarshalTo(nil))
			if !e.own(name, text) {
				e.Fields = append(e.Fields, Field{name, text, Number})
			}
		case fastjson.TypeTrue, fastjson.TypeFalse:
			e.Fields = append(e.Fields, Field{name, v.String(), Bool})
		case fastjson.TypeArray, fastjson.TypeNull:
			e.Fields = append(e.Fields, Field{name, string(v.MarshalTo(nil)), JSON})
		}
	})
}

// own takes what is the entry's own member.
func (e *Entry) own(name, text string) bool {
	switch name {
	case "@timestamp":
		t, ok := parseTime(text)
		if ok {
			e.Time, e.stamped = t, true
		}
		return ok
	case "timestamp", "time", "ts":
		// "time" is the duration of a request as often: what cannot be the
		// time of a log entry is a field like others.
		t, ok := parseTime(text)
		if !ok || e.stamped || t.Year() < 2000 {
			return false
		}
		e.Time = t
		return true
	case "message", "msg", "log":
		if e.Message != "" {
			return false
		}
		e.Message = text
		return true
	case "log.level", "level", "severity":
		if e.Level != "" {
			return false
		}
		e.Level = logs.Normal(text)
		return true
	case "service.name", "service":
		if e.Service != "" {
			return false
		}
		e.Service = text
		return true
	case "trace.id", "trace_id", "traceId":
		if e.Trace != "" {
			return false
		}
		e.Trace = text
		return true
	}
	return false
}

// parseTime reads RFC 3339 and seconds, milliseconds, microseconds or
// nanoseconds since 1970, told apart by their size.
func parseTime(text string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, true
	}
	if t, err := time.Parse("2006-01-02T15:04:05.999999999-0700", text); err == nil {
		return t, true
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x <= 0 || x > 9e18 {
		return time.Time{}, false
	}
	switch {
	case x < 1e11:
		if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.Unix(whole, 0), true
		}
		return time.Unix(0, int64(x*1e9)), true
	case x < 1e14:
		return time.UnixMicro(int64(x * 1e3)), true
	case x < 1e17:
		return time.UnixMicro(int64(x)), true
	}
	return time.Unix(0, int64(x)), true
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }
