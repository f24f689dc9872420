package polish

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs/where"
)

// Bounds on what is shown of one entry's document.
const (
	maxFieldDepth = 12
	maxFields     = 500
)

// logField is one field of an entry: its dotted path and its value, a text
// without quotes or JSON.
type logField struct{ path, value string }

// flatten lists the fields of a document in its order, objects as dotted
// paths. What is nested too deep stays JSON, and null is no value.
func flatten(doc json.RawMessage) []logField {
	var out []logField
	flattenInto(&out, "", doc, 0)
	return out
}

func flattenInto(out *[]logField, path string, doc json.RawMessage, depth int) {
	doc = bytes.TrimSpace(doc)
	switch {
	case len(doc) == 0 || len(*out) >= maxFields || string(doc) == "null":
		return
	case doc[0] == '"':
		var text string
		if json.Unmarshal(doc, &text) == nil {
			*out = append(*out, logField{path, text})
			return
		}
	case doc[0] == '{' && depth < maxFieldDepth:
		dec := json.NewDecoder(bytes.NewReader(doc))
		if _, err := dec.Token(); err != nil {
			return
		}
		for dec.More() {
			key, err := dec.Token()
			var value json.RawMessage
			if err != nil || dec.Decode(&value) != nil {
				return
			}
			name, _ := key.(string)
			if path != "" {
				name = path + "." + name
			}
			flattenInto(out, name, value, depth+1)
		}
		return
	}
	var compact bytes.Buffer
	if json.Compact(&compact, doc) == nil {
		*out = append(*out, logField{path, compact.String()})
	}
}

// columnOf gives an entry's value of a column: a member of its own, or a field
// by the names that --where knows it by.
func columnOf(e *api.LogEntry, name string, clock func(time.Time) string) string {
	own, _ := where.Canonical(name)
	switch own {
	case where.OwnTime:
		return clock(e.Time)
	case where.OwnLevel:
		return e.Level
	case where.OwnService:
		return e.Service
	case where.OwnMessage:
		return e.Message
	case where.OwnTrace:
		return e.Trace
	case where.OwnID:
		return e.ID
	case where.OwnSource:
		return e.Source
	case where.None:
	}
	fields := flatten(e.Fields)
	for _, candidate := range where.Names(name) {
		for _, f := range fields {
			if f.path == candidate {
				return f.value
			}
		}
	}
	return ""
}

// hiddenFields are what every shipper adds to every entry: shown with -o wide
// only. A name that ends with a dot stands for all below it.
var hiddenFields = []string{
	"@version", "agent.", "cloud.", "container.", "data_stream.", "ecs.", "elastic_agent.", "event.created",
	"event.dataset", "event.ingested", "event.kind", "event.module", "fileset.", "host.", "input.", "kubernetes.",
	"log.file.", "log.iostream", "log.logger", "log.offset", "log.origin.", "log.syslog.", "orchestrator.", "os.",
	"pid", "hostname", "v", "process.", "service.", "stream", "tags", "telemetry.", "_",
}

func hiddenField(path string) bool {
	for _, h := range hiddenFields {
		if path == h || strings.HasSuffix(h, ".") && strings.HasPrefix(path, h) || h == "_" && strings.HasPrefix(path, "_") {
			return true
		}
	}
	return false
}

// pair writes a field as logfmt does: quotes only where they are needed. The
// parts are safe already.
func pair(path, value string) string {
	if value == "" || strings.ContainsAny(value, " =\"") && !strings.HasPrefix(value, "{") && !strings.HasPrefix(value, "[") {
		value = `"` + strings.ReplaceAll(value, `"`, `\"`) + `"`
	}
	return path + "=" + value
}

// looksBig says that a text has more lines than one, such as a stack trace.
func looksBig(value string) bool { return strings.Contains(strings.TrimRight(value, "\n"), "\n") }

// countWord is "1 entry" or "12 entries".
func countWord(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}
