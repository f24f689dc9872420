package line

import (
	"encoding/json"
	"strings"
	"time"
	"unsafe"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/where"
)

// slot is a member of an entry that a field of a document fills.
type slot uint8

const (
	slotNone slot = iota
	slotTime
	slotLevel
	slotService
	slotMessage
	slotTrace
	slots
)

// slotOf says what a key means, and how sure that is: the lower rank wins
// where a document has several.
func slotOf(key string) (s slot, rank uint8) {
	switch key {
	case "@timestamp":
		return slotTime, 1
	case "time", "timestamp", "ts":
		return slotTime, 2
	case "t", "datetime", "eventTime", "asctime", "date", "@t", "Timestamp":
		return slotTime, 3
	case "log.level":
		return slotLevel, 1
	case "level", "severity":
		return slotLevel, 2
	case "lvl", "levelname", "loglevel", "log_level", "severity_text", "severityText", "SeverityText", "@l", "Level":
		return slotLevel, 3
	case "service.name":
		return slotService, 1
	case "service", "service_name", "_service", "dd.service":
		return slotService, 2
	case "app", "application", "appname", "app_name":
		return slotService, 3
	case "message":
		return slotMessage, 1
	case "msg", "short_message", "@m", "MESSAGE", "Message":
		return slotMessage, 2
	case "@mt", "log", "text", "body", "event":
		return slotMessage, 3
	case "trace.id":
		return slotTrace, 1
	case "trace_id", "traceId", "traceID", "trace", "dd.trace_id", "TraceId":
		return slotTrace, 2
	}
	return slotNone, 0
}

// pair is a field of a line that is not JSON.
type pair struct{ key, value string }

// record is a line that was taken apart. Its texts are views of the line and
// of the parser's memory: they hold until the parser reads the next line.
type record struct {
	e     api.LogEntry // without Fields, but where a caller gave them
	rank  int          // of the level, as where.LevelRank
	doc   *fastjson.Value
	used  [slots]*fastjson.Value // what of doc stands in e
	pairs []pair
}

func (r *record) reset() {
	*r = record{pairs: r.pairs[:0]}
}

func (r *record) setLevel(word string) {
	r.rank = where.LevelRank(strings.TrimSpace(word))
	if r.rank > 0 {
		word = where.LevelName(r.rank)
	}
	r.e.Level = word
}

// set fills a member from a text; false where it is none, as a time that
// cannot be read.
func (r *record) set(s slot, text string, clock *clock) bool {
	switch s {
	case slotTime:
		t, ok := clock.parse(text)
		if ok {
			r.e.Time = t
		}
		return ok
	case slotLevel:
		r.setLevel(text)
	case slotService:
		r.e.Service = text
	case slotMessage:
		r.e.Message = text
	case slotTrace:
		r.e.Trace = text
	default:
		return false
	}
	return true
}

// own copies what the record views, so that the entry outlives the line.
func (r *record) own() api.LogEntry {
	e := r.e
	for _, s := range []*string{&e.Level, &e.Service, &e.Trace, &e.Message} {
		*s = valid(strings.Clone(*s))
	}
	if r.hasFields() {
		if fields := r.appendFields(nil); len(fields) > len("{}") {
			e.Fields = json.RawMessage(fields)
		}
	}
	return e
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// clock reads times: those without a zone are in loc, those without a year
// are in the last year before now.
type clock struct {
	loc *time.Location
	now func() time.Time
}

// document is the parsed form of all fields, for expressions and columns; a
// line that is not JSON is given one. parser is used for that alone.
func (r *record) document(parser *fastjson.Parser) *fastjson.Value {
	if r.doc == nil && len(r.pairs) > 0 {
		fields := r.appendFields(nil)
		if v, err := parser.ParseBytes(fields); err == nil {
			r.doc, r.pairs = v, r.pairs[:0]
		}
	}
	return r.doc
}
