package api

import (
	"encoding/json"
	"time"
)

// LogEntry is one log line, whatever store it came from. Time, message and
// the named members are ECS's; Fields holds the rest of the document, nested
// as it was stored.
type LogEntry struct {
	// ID is unique in its store and stable: the key of deduplication.
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Level   string    `json:"level,omitempty" jsonschema:"trace, debug, info, warn, error or fatal; other words as they were"`
	Service string    `json:"service,omitempty"`
	Message string    `json:"message"`
	Trace   string    `json:"trace,omitempty"`
	// Source is the index or stream that holds the entry.
	Source string          `json:"source,omitempty"`
	Fields json.RawMessage `json:"fields,omitempty"`
	// Around and Group are set in an answer with context lines alone.
	Around bool `json:"around,omitempty" jsonschema:"a line around a match, and no match itself"`
	Group  int  `json:"group,omitempty" jsonschema:"lines of one group stand together; between two groups something is left out"`
}

// LogFilter picks log entries; all parts must hold. The zero value picks all.
type LogFilter struct {
	Text    string    `json:"text,omitempty" arg:"?TEXT..." jsonschema:"words that the message must hold, in any case"`
	Service []string  `json:"service,omitempty" complete:"services" jsonschema:"only these services"`
	Level   string    `json:"level,omitempty" enum:"trace,debug,info,warn,error,fatal" jsonschema:"only this level and worse"`
	Where   string    `json:"where,omitempty" jsonschema:"typed expression over fields: http.status >= 500 && duration > 200ms"`
	Grep    string    `json:"grep,omitempty" jsonschema:"regular expression (RE2) that the message must match"`
	Trace   string    `json:"trace,omitempty" jsonschema:"only entries of this trace"`
	Raw     string    `json:"raw_query,omitempty" flag:"raw-query" jsonschema:"query in the store's own language (Lucene query string or LogsQL), added to the rest"`
	From    time.Time `json:"from,omitzero" flag:"-" jsonschema:"not before"`
	To      time.Time `json:"to,omitzero" flag:"-" jsonschema:"before"`
}

// LogGap is a stretch of time in which entries may be missing from a tail.
type LogGap struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
	// Missed is how many entries are known to be missing; 0 is unknown.
	Missed int64 `json:"missed,omitempty"`
}

// LogNotice is something that a person who waits should know: the store is
// away and the tail tries again, or is back.
type LogNotice struct {
	Code    string `json:"code" jsonschema:"reconnecting, reconnected or warning"`
	Message string `json:"message"`
}

// LogEvent is one event of a tail: an entry, a gap (said aloud, never
// silence), a watermark (no entry before it will come any more, but for late
// ones that say so), or a notice.
type LogEvent struct {
	Type      string     `json:"type" jsonschema:"entry, gap, watermark or notice"`
	Entry     *LogEntry  `json:"entry,omitempty"`
	Late      bool       `json:"late,omitempty" jsonschema:"the entry came after its place in the order had passed"`
	Gap       *LogGap    `json:"gap,omitempty"`
	Watermark *time.Time `json:"watermark,omitempty"`
	Notice    *LogNotice `json:"notice,omitempty"`
	// Cursor resumes the tail after this event; opaque.
	Cursor string `json:"cursor,omitempty"`
}

// LogBucket is a count of entries in one step of time.
type LogBucket struct {
	Time   time.Time        `json:"time" jsonschema:"start of the step"`
	Count  int64            `json:"count"`
	Levels map[string]int64 `json:"levels,omitempty"`
}

// LogField is a field of the entries with its commonest values.
type LogField struct {
	Name   string          `json:"name"`
	Type   string          `json:"type,omitempty"`
	Count  int64           `json:"count" jsonschema:"entries that have the field"`
	Values []LogFieldValue `json:"values"`
}

// LogFieldValue is one value of a field.
type LogFieldValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// LogPattern is a template that many entries share, with what is known of
// them. Variable parts stand as <*>.
type LogPattern struct {
	// ID is a digest of the template: equal templates have equal ids in every
	// window and on every store.
	ID       string           `json:"id"`
	Pattern  string           `json:"pattern" jsonschema:"the template; <*> stands for what varies"`
	Count    int64            `json:"count"`
	First    time.Time        `json:"first" jsonschema:"first seen in the window"`
	Last     time.Time        `json:"last" jsonschema:"last seen in the window"`
	Levels   map[string]int64 `json:"levels,omitempty"`
	Services map[string]int64 `json:"services,omitempty"`
	Example  string           `json:"example" jsonschema:"the message of one of the entries"`
}
