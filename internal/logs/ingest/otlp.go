package ingest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/embedded"
)

// OTLP is the handler of OTLP/HTTP for logs, in protobuf and in JSON
// (https://opentelemetry.io/docs/specs/otlp/).
func OTLP(store Store, o Options) http.Handler {
	o = o.withDefaults()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		inJSON := kind == "application/json"
		switch {
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			reject(w, inJSON, http.StatusMethodNotAllowed, "logs are POSTed here")
			return
		case err != nil || !inJSON && kind != "application/x-protobuf":
			reject(w, true, http.StatusUnsupportedMediaType, "send application/x-protobuf or application/json")
			return
		}
		body, err := io.ReadAll(read(w, r, o.MaxBody))
		if err != nil {
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				reject(w, inJSON, http.StatusRequestEntityTooLarge, "the request is longer than is taken at once")
				return
			}
			reject(w, inJSON, http.StatusBadRequest, "the request broke off")
			return
		}
		var in collector.ExportLogsServiceRequest
		if inJSON {
			err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(hexIDs(body), &in)
		} else {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil {
			reject(w, inJSON, http.StatusBadRequest, "the request is not an ExportLogsServiceRequest")
			return
		}
		var out collector.ExportLogsServiceResponse
		entries := entriesOf(&in, o.Now())
		for begin := 0; begin < len(entries); begin += batch {
			refused, err := store.Ingest(r.Context(), entries[begin:min(begin+batch, len(entries))])
			if err != nil {
				code := http.StatusServiceUnavailable
				if fail.CodeOf(err) == fail.Limited {
					code = http.StatusTooManyRequests
				}
				w.Header().Set("Retry-After", "5")
				reject(w, inJSON, code, err.Error())
				return
			}
			for _, why := range refused.Why {
				if out.PartialSuccess == nil {
					out.PartialSuccess = &collector.ExportLogsPartialSuccess{ErrorMessage: why}
				}
				out.PartialSuccess.RejectedLogRecords++
			}
		}
		write(w, inJSON, http.StatusOK, &out)
	})
}

// hexID finds the ids in OTLP's JSON, which writes them in hexadecimal where
// the JSON form of protobuf has base64.
var hexID = regexp.MustCompile(`"(traceId|trace_id|spanId|span_id)"\s*:\s*"([0-9a-fA-F]*)"`)

func hexIDs(body []byte) []byte {
	return hexID.ReplaceAllFunc(body, func(m []byte) []byte {
		parts := hexID.FindSubmatch(m)
		id, err := hex.DecodeString(string(parts[2]))
		if err != nil {
			return m
		}
		return fmt.Appendf(nil, `"%s":"%s"`, parts[1], base64.StdEncoding.EncodeToString(id))
	})
}

// reject answers with a google.rpc.Status, as the protocol demands.
func reject(w http.ResponseWriter, inJSON bool, code int, message string) {
	write(w, inJSON, code, &status.Status{Message: message})
}

func write(w http.ResponseWriter, inJSON bool, code int, m proto.Message) {
	kind, encode := "application/x-protobuf", proto.Marshal
	if inJSON {
		kind, encode = "application/json", protojson.Marshal
	}
	body, err := encode(m)
	if err != nil {
		code, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	_, _ = w.Write(body) // a collector that has gone asks again
}

func entriesOf(in *collector.ExportLogsServiceRequest, now time.Time) []embedded.Entry {
	var out []embedded.Entry
	for _, resource := range in.GetResourceLogs() {
		var base embedded.Entry
		flatten(&base, "", resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				out = append(out, entryOf(base, scope.GetScope().GetName(), record, now))
			}
		}
	}
	return out
}

func entryOf(base embedded.Entry, logger string, r *otlp.LogRecord, now time.Time) embedded.Entry {
	e := embedded.Entry{Time: now, Service: base.Service, Fields: append([]embedded.Field(nil), base.Fields...)}
	for _, ns := range []uint64{r.GetTimeUnixNano(), r.GetObservedTimeUnixNano()} {
		if ns > 0 && ns < 1<<63 {
			e.Time = time.Unix(0, int64(ns))
			break
		}
	}
	switch e.Level = severity(int32(r.GetSeverityNumber())); {
	case e.Level == "":
		e.Level = logs.Normal(r.GetSeverityText())
	case r.GetSeverityText() != "" && logs.Normal(r.GetSeverityText()) != e.Level:
		e.Fields = append(e.Fields, embedded.Field{Name: "log.original_level", Value: r.GetSeverityText()})
	}
	if id := r.GetTraceId(); len(id) == 16 {
		e.Trace = hex.EncodeToString(id)
	}
	if id := r.GetSpanId(); len(id) == 8 {
		e.Fields = append(e.Fields, embedded.Field{Name: "span.id", Value: hex.EncodeToString(id)})
	}
	if logger != "" {
		e.Fields = append(e.Fields, embedded.Field{Name: "log.logger", Value: logger})
	}
	if s, is := r.GetBody().GetValue().(*common.AnyValue_StringValue); is {
		e.Message = s.StringValue
	} else if r.GetBody() != nil {
		flatten(&e, "body", []*common.KeyValue{{Key: "", Value: r.GetBody()}})
		if e.Message == "" {
			e.Message = text(r.GetBody())
		}
	}
	flatten(&e, "", r.GetAttributes())
	return e
}

// severity gives the level of OpenTelemetry's severity numbers: 1 to 4 trace,
// 5 to 8 debug, 9 to 12 info, 13 to 16 warn, 17 to 20 error, 21 to 24 fatal.
func severity(n int32) string {
	if n < 1 || n > 24 {
		return ""
	}
	return logs.Level((n-1)/4 + 1).String()
}

// maxDepth bounds the nesting that is flattened; what is deeper stays JSON.
const maxDepth = 16

// flatten puts attributes into the entry; service.name is its own.
func flatten(e *embedded.Entry, prefix string, list []*common.KeyValue) {
	flattenTo(e, prefix, list, 0)
}

func flattenTo(e *embedded.Entry, prefix string, list []*common.KeyValue, depth int) {
	for _, kv := range list {
		name := kv.GetKey()
		switch {
		case prefix != "" && name != "":
			name = prefix + "." + name
		case prefix != "":
			name = prefix
		}
		f := embedded.Field{Name: name}
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			if name == "service.name" {
				e.Service = v.StringValue
				continue
			}
			f.Value = v.StringValue
		case *common.AnyValue_BoolValue:
			f.Value, f.Kind = strconv.FormatBool(v.BoolValue), embedded.Bool
		case *common.AnyValue_IntValue:
			f.Value, f.Kind = strconv.FormatInt(v.IntValue, 10), embedded.Number
		case *common.AnyValue_DoubleValue:
			body, err := json.Marshal(v.DoubleValue) // NaN and infinities have no JSON
			if f.Value, f.Kind = string(body), embedded.Number; err != nil {
				f.Value, f.Kind = strconv.FormatFloat(v.DoubleValue, 'g', -1, 64), embedded.Text
			}
		case *common.AnyValue_KvlistValue:
			if depth < maxDepth {
				flattenTo(e, name, v.KvlistValue.GetValues(), depth+1)
				continue
			}
			f.Value, f.Kind = text(kv.GetValue()), embedded.Text
		case *common.AnyValue_ArrayValue:
			if f.Value, f.Kind = text(kv.GetValue()), embedded.JSON; fastjson.Validate(f.Value) != nil {
				f.Kind = embedded.Text
			}
		case *common.AnyValue_BytesValue:
			f.Value = base64.StdEncoding.EncodeToString(v.BytesValue)
		default:
			continue
		}
		if f.Name != "" {
			e.Fields = append(e.Fields, f)
		}
	}
}

// text writes a value as JSON.
func text(v *common.AnyValue) string { return textTo(v, 0) }

func textTo(v *common.AnyValue, depth int) string {
	if depth > maxDepth {
		return `"…"`
	}
	quote := func(s string) string {
		body, _ := json.Marshal(s) // a string always encodes
		return string(body)
	}
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return quote(v.StringValue)
	case *common.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *common.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *common.AnyValue_DoubleValue:
		if body, err := json.Marshal(v.DoubleValue); err == nil {
			return string(body)
		}
		return quote(strconv.FormatFloat(v.DoubleValue, 'g', -1, 64))
	case *common.AnyValue_BytesValue:
		return quote(base64.StdEncoding.EncodeToString(v.BytesValue))
	case *common.AnyValue_ArrayValue:
		parts := []string{}
		for _, one := range v.ArrayValue.GetValues() {
			parts = append(parts, textTo(one, depth+1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case *common.AnyValue_KvlistValue:
		parts := []string{}
		for _, kv := range v.KvlistValue.GetValues() {
			parts = append(parts, quote(kv.GetKey())+":"+textTo(kv.GetValue(), depth+1))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "null"
}
