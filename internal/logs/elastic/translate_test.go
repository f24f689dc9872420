package elastic

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

func testCaps() *fieldCaps {
	f := &fieldCaps{plain: true, uniform: map[string]bool{}, fields: map[string]fieldCap{}}
	for name, kind := range map[string]string{
		"@timestamp": "date", "message": "text", "log.level": "keyword", "service.name": "keyword", "trace.id": "keyword",
		"http.response.status_code": "long", "event.duration": "long", "ratio": "float", "size": "double", "small": "byte",
		"ok": "boolean", "ip": "ip", "user.name": "text", "user.name.keyword": "keyword", "mixed": conflict, "created": "date",
		"items": "nested", "items.name": "keyword", "labels": "flattened", "url": "object", "url.path": "wildcard",
	} {
		f.fields[name] = fieldCap{kind: kind, searchable: true, aggregatable: kind != "text"}
	}
	f.nested = []string{"items"}
	f.findMembers(Mapping{})
	return f
}

// TestTranslation: what a search is asked for (which may take more than the
// expression), and whether that is the expression itself.
func TestTranslation(t *testing.T) {
	const no, yes = false, true
	for _, tc := range []struct {
		where string
		query string
		exact bool
	}{
		{`service == chat`, `{"term":{"service.name":{"value":"chat"}}}`, yes},
		{`service != chat`, `{"bool":{"must_not":[{"term":{"service.name":{"value":"chat"}}}]}}`, yes},
		{`service in (chat, predict)`, `{"bool":{"minimum_should_match":1,"should":[{"term":{"service.name":{"value":"chat"}}},{"term":{"service.name":{"value":"predict"}}}]}}`, yes},
		{`service ~ "^api-(a|b)"`, `{"bool":{"minimum_should_match":1,"should":[{"regexp":{"service.name":{"flags":"NONE","value":"api\\-([a-b]).*"}}},{"terms":{"_ignored":["service.name"]}}]}}`, yes},
		{`service !~ "^api$"`, `{"bool":{"must_not":[{"regexp":{"service.name":{"flags":"NONE","value":"api"}}}]}}`, yes},
		{`http.status == 404`, `{"term":{"http.response.status_code":{"value":404}}}`, yes},
		{`http.status >= 500`, `{"range":{"http.response.status_code":{"gte":500}}}`, yes},
		{`http.status > 499.5`, `{"range":{"http.response.status_code":{"gte":499}}}`, yes},
		{`duration > 200ms`, `{"range":{"event.duration":{"gte":200000000}}}`, yes},
		{`small == 1000`, `{"terms":{"_ignored":["small"]}}`, yes},
		{`small < 1000`, `{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"small"}},{"terms":{"_ignored":["small"]}}]}}`, yes},
		{`size > 2.5`, `{"range":{"size":{"gt":2.5}}}`, yes},
		{`ok == true`, `{"term":{"ok":{"value":true}}}`, yes},
		{`ip == "10.0.0.1"`, `{"term":{"ip":{"value":"10.0.0.1"}}}`, yes},
		{`ip == "10.0.0.0/8"`, `{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"ip"}},{"terms":{"_ignored":["ip"]}}]}}`, no},
		{`labels.tier == gold`, `{"term":{"labels.tier":{"value":"gold"}}}`, yes},
		{`user.name == ann`, `{"bool":{"minimum_should_match":1,"should":[{"term":{"user.name.keyword":{"value":"ann"}}},{"terms":{"_ignored":["user.name.keyword"]}},{"bool":{"filter":[{"exists":{"field":"user.name"}},{"bool":{"must_not":[{"exists":{"field":"user.name.keyword"}}]}}]}}]}}`, yes},
		{`mixed == 3`, `{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"mixed"}},{"terms":{"_ignored":["mixed"]}}]}}`, no},
		{`mixed != 3`, `{"match_all":{}}`, no},
		{`nowhere == 3`, `{"match_all":{}}`, no},
		{`items.name == a`, `{"match_all":{}}`, no},
		{`message ~ "time(out|r)"`, `{"bool":{"filter":[{"wildcard":{"message":{"value":"*time*"}}},{"wildcard":{"message":{"value":"*out*"}}}]}}`, no},
		{`message ~ "connect(ion|or) refused"`, ``, no},
		{`created > 2026-11-23T08:00:00.0005Z`, `{"range":{"created":{"format":"strict_date_optional_time_nanos","gte":"2026-11-23T08:00:00Z"}}}`, yes},
		{`time < 2026-11-23T08:00:00Z`, `{"range":{"@timestamp":{"format":"strict_date_optional_time_nanos","lte":"2026-11-23T08:00:00Z"}}}`, yes},
		{`id == "logs-a/7"`, `{"bool":{"filter":[{"term":{"_index":{"value":"logs-a"}}},{"ids":{"values":["7"]}}]}}`, yes},
		{`url.path ~ "^/v1"`, `{"bool":{"minimum_should_match":1,"should":[{"regexp":{"url.path":{"flags":"NONE","value":"\\/v1.*"}}},{"terms":{"_ignored":["url.path"]}}]}}`, yes},
		{`service ~ "\\bapi\\b"`, `{"bool":{"minimum_should_match":1,"should":[{"exists":{"field":"service.name"}},{"terms":{"_ignored":["service.name"]}}]}}`, no},
	} {
		t.Run(tc.where, func(t *testing.T) {
			e, err := where.Parse(tc.where)
			require.NoError(t, err)
			c := compile(testCaps(), logs.Query{Where: e}, compileOptions{})
			b, err := json.Marshal(c.filter)
			require.NoError(t, err)
			if tc.query != "" && tc.where != `message ~ "time(out|r)"` {
				require.JSONEq(t, tc.query, string(b))
			}
			require.Equal(t, tc.exact, c.exact, "%s", b)
			require.Equal(t, tc.exact, len(c.client) == 0)
		})
	}
}

func TestTranslationOfLevels(t *testing.T) {
	e, err := where.Parse("level >= warn")
	require.NoError(t, err)
	c := compile(testCaps(), logs.Query{Where: e}, compileOptions{})
	b, err := json.Marshal(c.filter)
	require.NoError(t, err)
	require.Contains(t, string(b), `"must_not":[{"terms":{"log.level":[`)
	require.Contains(t, string(b), `"INFO"`)
	require.NotContains(t, string(b), `"ERROR"`)
	require.True(t, c.exact)
	require.Empty(t, spelled(func(int) bool { return false }))
	require.Contains(t, spelled(func(rank int) bool { return rank == 5 }), "Err")
}

func TestLucene(t *testing.T) {
	for expression, want := range map[string]string{
		"abc": ".*abc.*", "^abc": "abc.*", "abc$": ".*abc", "^abc$": "abc", "^$": "()", "": ".*().*",
		"a.c": ".*a[^\n]c.*", "(?s)a.c": ".*a.c.*", "a+b*c?": ".*(a)+(b)*(c)?.*", "a{2,3}": ".*(a){2,3}.*", "a{2,}": ".*(a){2,}.*",
		`\d`: ".*[0-9].*", "[^a]": ".*[^a].*", "(?i)ab": ".*[Aa][Bb].*", "^a|b$": "(a.*|.*b)", `a"b`: `.*a\"b.*`,
		`x#~@&<>\\`: `.*x\#\~\@\&\<\>\\.*`, "[]-]": `.*[\-\]].*`, "日本": ".*日本.*", "a b": ".*a b.*", "(?U)a+": ".*(a)+.*",
	} {
		got, ok := lucene(expression)
		require.True(t, ok, expression)
		require.Equal(t, want, got, expression)
	}
	for _, expression := range []string{`\bword`, "(?m)^a", "a^b", "x$y", `(?i)\pL+\pN`, "a{1000}b", "(", `\B`} {
		got, ok := lucene(expression)
		if expression == "a{1000}b" {
			require.True(t, ok, "a count is short to write")
			continue
		}
		require.False(t, ok, "%s: %s", expression, got)
	}
}

func FuzzLucene(f *testing.F) {
	f.Add(`^a(b|c)+[^d-f]?.*$`)
	f.Add("(?i)x\\.y{2,}")
	f.Fuzz(func(t *testing.T, expression string) {
		if _, err := regexp.Compile(expression); err != nil {
			return
		}
		if out, ok := lucene(expression); ok {
			require.LessOrEqual(t, len(out), maxRegexp)
			require.NotEmpty(t, out)
		}
	})
}

func TestMembersAreFound(t *testing.T) {
	f := &fieldCaps{fields: map[string]fieldCap{
		"time": {kind: "date", searchable: true}, "msg": {kind: "text", searchable: true}, "lvl": {kind: "keyword", searchable: true},
		"level": {kind: "long", searchable: true}, "service": {kind: "object", searchable: true}, "app": {kind: "keyword", searchable: true},
	}}
	f.findMembers(Mapping{Trace: []string{"tid"}})
	require.Equal(t, Mapping{Time: "time", Message: []string{"msg"}, Level: []string{"level", "lvl"}, Service: []string{"app"}, Trace: []string{"tid"}}, f.members)
	require.NoError(t, f.checkTime())
	f.fields["time"] = fieldCap{kind: "keyword"}
	require.ErrorContains(t, f.checkTime(), "not a date")
}

func TestEntry(t *testing.T) {
	r := newReader(Mapping{Time: "ts", Message: []string{"message", "msg"}, Level: []string{"log.level", "severity"}, Service: []string{"service.name"}, Trace: []string{"trace.id"}})
	every := newMatcher(logs.Query{})
	at := time.Date(2026, 11, 23, 8, 0, 0, 123456789, time.UTC)
	for _, tc := range []struct{ source, want string }{
		{`{"ts":"2026-11-23T08:00:00.123456789Z","msg":"hello","log":{"level":"WARN"},"service.name":"chat","trace":{"id":"t"}}`, "chat warn hello t"},
		{`{"ts":"2026-11-23T08:00:00.123456789Z","message":["a","b"],"severity":3,"service":{"name":"x"}}`, "x error a "},
		{`{"ts":"2026-11-23T08:00:00.123456789Z","log":"text","log.level":null}`, "   "},
	} {
		e, ok := r.read(&hit{Index: "i", ID: "1", Source: json.RawMessage(tc.source)}, every)
		require.True(t, ok)
		require.Equal(t, tc.want, e.Service+" "+e.Level+" "+e.Message+" "+e.Trace)
		require.Equal(t, at, e.Time)
	}
	e, ok := r.read(&hit{Index: "i", ID: "1", Fields: map[string][]json.RawMessage{"ts": {json.RawMessage(`"2026-11-23T08:00:00.123Z"`)}}}, every)
	require.True(t, ok)
	require.Contains(t, e.Message, "_source is off")
	require.Equal(t, at.Truncate(time.Millisecond), e.Time)
}
