package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/embedded"
)

func open(t *testing.T) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(embedded.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func found(t *testing.T, s *embedded.Store) []api.LogEntry {
	t.Helper()
	r, err := s.Search(t.Context(), logs.Query{Limit: 1000})
	require.NoError(t, err)
	return r.Entries
}

func send(t *testing.T, h http.Handler, method, path, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// The bodies have the shapes that the shippers send.
func filebeat(now time.Time) string {
	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	return `{"create":{"_index":"filebeat-8.17.0"}}
{"@timestamp":"` + at + `","log":{"offset":1,"file":{"path":"/var/log/app.log"},"level":"error"},"message":"upstream timed out","service":{"name":"chat"},"trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736"},"http":{"response":{"status_code":504}},"ecs":{"version":"8.0.0"},"host":{"name":"web-1"},"agent":{"type":"filebeat"}}
{"create":{"_index":"filebeat-8.17.0"}}
{"@timestamp":"` + at + `","message":"second","service":{"name":"chat"}}
`
}

func TestFilebeat(t *testing.T) {
	s := open(t)
	h := Elasticsearch(s, Options{Prefix: "/elasticsearch"})
	for _, probe := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/elasticsearch/", 200},
		{"HEAD", "/elasticsearch/", 200},
		{"GET", "/elasticsearch/_license", 200},
		{"GET", "/elasticsearch/_ilm/policy/filebeat", 200},
		{"PUT", "/elasticsearch/_ilm/policy/filebeat", 200},
		{"HEAD", "/elasticsearch/_index_template/filebeat-8.17.0", 200},
		{"PUT", "/elasticsearch/_index_template/filebeat-8.17.0", 200},
		{"HEAD", "/elasticsearch/_data_stream/filebeat", 200},
		{"HEAD", "/elasticsearch/filebeat-8.17.0", 200},
		{"GET", "/elasticsearch/_cluster/health", 200},
		{"GET", "/elasticsearch/_xpack", 200},
		{"DELETE", "/elasticsearch/x", 404},
		{"POST", "/elasticsearch/x/_search", 404},
	} {
		w := send(t, h, probe.method, probe.path, "application/json", "")
		require.Equal(t, probe.status, w.Code, "%s %s", probe.method, probe.path)
		require.Equal(t, "Elasticsearch", w.Header().Get("X-Elastic-Product"))
	}
	w := send(t, h, "POST", "/elasticsearch/_bulk", "application/x-ndjson", filebeat(time.Now()))
	require.Equal(t, 200, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `"errors":false`)
	require.Equal(t, 2, strings.Count(w.Body.String(), `{"create":{"_index":"filebeat-8.17.0","status":201,"result":"created"}}`))
	got := found(t, s)
	require.Len(t, got, 2)
	e := got[0]
	require.Equal(t, []string{"upstream timed out", "chat", "error", "4bf92f3577b34da6a3ce929d0e0e4736"}, []string{e.Message, e.Service, e.Level, e.Trace})
	require.Contains(t, string(e.Fields), `"status_code":504`)
	require.Contains(t, string(e.Fields), `"dataset":"filebeat-8.17.0"`)
}

func TestOtherShippers(t *testing.T) {
	s := open(t)
	h := Elasticsearch(s, Options{})
	// Fluent Bit: the index in the path or in the action, @timestamp, a line in "log".
	w := send(t, h, "POST", "/_bulk", "application/x-ndjson", `{"create":{"_index":"fluent-bit"}}`+"\n"+`{"@timestamp":"`+time.Now().UTC().Format(time.RFC3339Nano)+`","log":"GET / 200","stream":"stdout"}`+"\n")
	require.Contains(t, w.Body.String(), `"errors":false`)
	// rsyslog's omelasticsearch: index, no time of its own spelling, CRLF.
	w = send(t, h, "POST", "/system/_bulk", "application/json", "{\"index\":{\"_type\":\"_doc\"}}\r\n{\"message\":\"sshd started\",\"severity\":\"notice\",\"host\":\"web-1\"}\r\n")
	require.Contains(t, w.Body.String(), `"index":{"_index":"system","status":201`)
	got := found(t, s)
	require.Len(t, got, 2)
	require.ElementsMatch(t, []string{"GET / 200", "sshd started"}, []string{got[0].Message, got[1].Message})
}

func TestItemsAreJudgedOneByOne(t *testing.T) {
	s := open(t)
	h := Elasticsearch(s, Options{MaxLine: 300})
	body := strings.Join([]string{
		`{"create":{"_index":"a"}}`, `{"message":"fine"}`,
		`{"create":{"_index":"a"}}`, `{"message":`,
		`{"create":{"_index":"a"}}`, `[1]`,
		`{"create":{"_index":"a"}}`, `{"message":"` + strings.Repeat("x", 400) + `"}`,
		`{"update":{"_index":"a","_id":"1"}}`, `{"doc":{}}`,
		`{"delete":{"_index":"a","_id":"1"}}`,
		`{"create":{"_index":"a"}}`, `{"@timestamp":"2001-01-01T00:00:00Z","message":"old"}`,
		``, `{"index":{"_index":"a"}}`, `{"message":"fine too"}`, ``,
	}, "\n")
	w := send(t, h, "POST", "/_bulk", "application/x-ndjson", body)
	require.Equal(t, 200, w.Code)
	var out struct {
		Errors bool
		Items  []map[string]item
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	require.True(t, out.Errors)
	var codes []int
	for _, one := range out.Items {
		for _, i := range one {
			codes = append(codes, i.Status)
			if i.Status != 201 {
				require.NotEmpty(t, i.Error.Reason)
			}
		}
	}
	require.Equal(t, []int{201, 400, 400, 400, 400, 400, 400, 201}, codes)
	require.Len(t, found(t, s), 2)
}

func TestWhatIsNoBulk(t *testing.T) {
	h := Elasticsearch(open(t), Options{MaxBody: 100})
	for body, status := range map[string]int{
		"not json\n": 400, `{"create":{}}` + "\n": 400, `{"frobnicate":{}}` + "\n{}\n": 400, "": 200, "\n\n": 200,
		`{"create":{}}` + "\n" + `{"message":"` + strings.Repeat("x", 200) + "\"}\n": 413,
	} {
		require.Equal(t, status, send(t, h, "POST", "/_bulk", "application/x-ndjson", body).Code, "%.40s", body)
	}
}

// full is a store that takes n entries and then pushes back.
type full struct{ left int }

func (f *full) Ingest(_ context.Context, list []embedded.Entry) (embedded.Refused, error) {
	if f.left -= len(list); f.left < 0 {
		return embedded.Refused{}, fail.New(fail.Limited, "the disk is nearly full")
	}
	return embedded.Refused{}, nil
}

func TestAStoreThatPushesBack(t *testing.T) {
	one := `{"create":{"_index":"a"}}` + "\n" + `{"message":"x"}` + "\n"
	w := send(t, Elasticsearch(&full{}, Options{}), "POST", "/_bulk", "application/x-ndjson", one)
	require.Equal(t, 429, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	w = send(t, Elasticsearch(&full{left: batch}, Options{}), "POST", "/_bulk", "application/x-ndjson", strings.Repeat(one, batch+10))
	require.Equal(t, 200, w.Code, "what was taken must not be sent again")
	require.Equal(t, batch, strings.Count(w.Body.String(), `"status":201`))
	require.Equal(t, 10, strings.Count(w.Body.String(), `"status":429`))
}

func request(at time.Time) *collector.ExportLogsServiceRequest {
	str := func(s string) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
	}
	trace, _ := hex.DecodeString("4bf92f3577b34da6a3ce929d0e0e4736")
	span, _ := hex.DecodeString("00f067aa0ba902b7")
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*otlp.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: str("predict")}, {Key: "host.name", Value: str("web-1")}}},
		ScopeLogs: []*otlp.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "my.logger"}, LogRecords: []*otlp.LogRecord{
			{
				TimeUnixNano: uint64(at.UnixNano()), SeverityNumber: 17, SeverityText: "ERROR", Body: str("it failed"), TraceId: trace, SpanId: span,
				Attributes: []*common.KeyValue{
					{Key: "http.response.status_code", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 500}}},
					{Key: "ok", Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: false}}},
					{Key: "list", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{str("a"), str("b")}}}}},
				},
			},
			{ObservedTimeUnixNano: uint64(at.UnixNano()), SeverityText: "Warning", Body: &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{
				Values: []*common.KeyValue{{Key: "what", Value: str("structured")}},
			}}}},
			{TimeUnixNano: 1, Body: str("too old")},
		}}},
	}}}
}

func check(t *testing.T, s *embedded.Store) {
	t.Helper()
	got := found(t, s)
	require.Len(t, got, 2)
	e := got[0]
	if e.Message != "it failed" {
		e = got[1]
	}
	require.Equal(t, []string{"it failed", "predict", "error", "4bf92f3577b34da6a3ce929d0e0e4736"}, []string{e.Message, e.Service, e.Level, e.Trace})
	require.JSONEq(t, `{"host":{"name":"web-1"},"span":{"id":"00f067aa0ba902b7"},"log":{"logger":"my.logger"},"http":{"response":{"status_code":500}},"ok":false,"list":["a","b"]}`, string(e.Fields))
}

func TestOTLPProtobuf(t *testing.T) {
	s := open(t)
	body, err := proto.Marshal(request(time.Now()))
	require.NoError(t, err)
	w := send(t, OTLP(s, Options{}), "POST", "/otlp/v1/logs", "application/x-protobuf", string(body))
	require.Equal(t, 200, w.Code)
	var out collector.ExportLogsServiceResponse
	require.NoError(t, proto.Unmarshal(w.Body.Bytes(), &out))
	require.EqualValues(t, 1, out.GetPartialSuccess().GetRejectedLogRecords())
	require.Contains(t, out.GetPartialSuccess().GetErrorMessage(), "retention")
	check(t, s)
}

func TestOTLPJSON(t *testing.T) {
	s := open(t)
	at := time.Now().UnixNano()
	body := `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"predict"}},{"key":"host.name","value":{"stringValue":"web-1"}}]},
	"scopeLogs":[{"scope":{"name":"my.logger"},"logRecords":[{"timeUnixNano":"` + jsonNumber(at) + `","severityNumber":17,"severityText":"ERROR","body":{"stringValue":"it failed"},
	"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00f067aa0ba902b7","attributes":[{"key":"http.response.status_code","value":{"intValue":"500"}},{"key":"ok","value":{"boolValue":false}},
	{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}}]},{"observedTimeUnixNano":"` + jsonNumber(at) + `","body":{"stringValue":"x \"traceId\":\"abcd\""},"unknown":1}]}]}]}`
	w := send(t, OTLP(s, Options{}), "POST", "/otlp/v1/logs", "application/json; charset=utf-8", body)
	require.Equal(t, 200, w.Code, w.Body)
	require.JSONEq(t, `{}`, w.Body.String())
	check(t, s)
	require.Contains(t, found(t, s)[0].Message+found(t, s)[1].Message, `"traceId":"abcd"`, "text is left alone")
}

func jsonNumber(n int64) string { b, _ := json.Marshal(n); return string(b) }

func TestOTLPRefusals(t *testing.T) {
	h := OTLP(&full{}, Options{MaxBody: 1000})
	for _, c := range []struct {
		method, kind, body string
		status             int
	}{
		{"GET", "application/json", "", 405},
		{"POST", "text/plain", "{}", 415},
		{"POST", "", "{}", 415},
		{"POST", "application/json", "{", 400},
		{"POST", "application/x-protobuf", "\xff\xff", 400},
		{"POST", "application/json", strings.Repeat(" ", 2000), 413},
		{"POST", "application/json", "{}", 200},
		{"POST", "application/json", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`, 429},
	} {
		require.Equal(t, c.status, send(t, h, c.method, "/", c.kind, c.body).Code, "%+v", c)
	}
}

func FuzzBulk(f *testing.F) {
	f.Add([]byte(filebeat(time.Unix(1e9, 0))))
	f.Add([]byte("{\"index\":{}}\n{\"a\":[{\"b\":1e999}]}\n"))
	f.Add([]byte("{\"create\":{}}\n"))
	h := Elasticsearch(&full{left: 1 << 30}, Options{MaxLine: 1 << 16})
	f.Fuzz(func(t *testing.T, body []byte) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_bulk", bytes.NewReader(body))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}

func FuzzOTLPJSON(f *testing.F) {
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"zz","body":{"kvlistValue":{"values":[{"key":"a"}]}}}]}]}]}`))
	h := OTLP(&full{left: 1 << 30}, Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}

func TestPackedBodiesAreBoundedAndWhole(t *testing.T) {
	one := `{"create":{"_index":"a"}}` + "\n" + `{"message":"x"}` + "\n"
	packed := func(n int) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(strings.Repeat(one, n)))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return b.String()
	}
	sink := &full{left: 1 << 30}
	h := Elasticsearch(sink, Options{MaxBody: int64(10 * len(one))})
	ask := func(body string) int {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_bulk", strings.NewReader(body))
		req.Header.Set("Content-Encoding", "gzip")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Code
	}
	require.Equal(t, 200, ask(packed(10)))
	require.Equal(t, 1<<30-10, sink.left)
	require.Equal(t, 413, ask(packed(11)))
	require.Equal(t, 1<<30-10, sink.left, "nothing of a refused body is taken")
	require.Equal(t, 400, ask("not gzip"))
	whole := packed(5)
	require.Equal(t, 400, ask(whole[:len(whole)-8]))
}
