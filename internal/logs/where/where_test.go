package where_test

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/where"
)

var sameRegexp = cmp.Comparer(func(a, b *regexp.Regexp) bool { return a.String() == b.String() })

func TestString(t *testing.T) {
	for in, want := range map[string]string{
		`http.status>=500&&duration > 200ms`:           `http.status >= 500 && duration > 200ms`,
		`a == 1 or b = 2 and not c = 3`:                `a == 1 || (b == 2 && !(c == 3))`,
		`!(message ~ "timeout|refused")`:               `message !~ "timeout|refused"`,
		`message !~ x`:                                 `message !~ "x"`,
		`msg =~ "a\.b\"\\d"`:                           `msg ~ 'a\.b"\d'`,
		`service in (chat, 'two words', "500") `:       `service in (chat, "two words", "500")`,
		`service NOT IN (chat)`:                        `service not in (chat)`,
		`user.id exists AND "odd field" not exists`:    `user.id exists && "odd field" not exists`,
		`"and" == "or"`:                                `"and" == "or"`,
		`time >= 2026-01-02T03:04:05Z`:                 `time >= 2026-01-02T03:04:05Z`,
		`(a == 1 && (b == 2 && c == 3))`:               `a == 1 && (b == 2 && c == 3)`,
		"a == 'it\"s' || b == `x'y` || c == \"l\\nm\"": `a == 'it"s' || b == "x'y" || c == "l\nm"`,
		`a == "" && b == "true"`:                       `a == "" && b == "true"`,
	} {
		e, err := where.Parse(in)
		require.NoError(t, err, in)
		require.Equal(t, want, e.String(), in)
		again, err := where.Parse(want)
		require.NoError(t, err, want)
		require.Empty(t, cmp.Diff(e, again, sameRegexp), in)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		column   int
	}{
		{"", "expected a field, ! or (, found the end", 1},
		{"a", "after the field a, found the end", 2},
		{"a >=", "expected a value after >=, found the end", 5},
		{"a == 1 b == 2", `expected &&, || or the end, found "b"`, 8},
		{"(a == 1", "expected &&, || or ), found the end", 8},
		{"a == 1)", `found ")"`, 7},
		{"a & b", "write \"&&\"", 3},
		{"é == 'x", "no closing '", 6},
		{"a ~ '('", "missing closing )", 5},
		{"a in 1", "expected ( after in", 6},
		{"a in (1 2)", "expected , or )", 9},
		{"a in ()", "expected a value", 7},
		{"a not ~ b", "expected in or exists after not", 7},
		{"a == and", "put the word in quotes", 6},
		{"a == \x1b", "control character", 6},
		{"\xff", "not valid UTF-8", 1},
		{"'' == 1", "name of a field is empty", 1},
		{strings.Repeat("(", 65) + "a==1" + strings.Repeat(")", 65), "nested deeper", 66},
		{strings.Repeat("a == 1 && ", 1000) + "b == 1", "longer than", 1},
	} {
		_, err := where.Parse(tt.in)
		require.Equal(t, fail.Usage, fail.CodeOf(err), tt.in)
		require.ErrorContains(t, err, tt.want, tt.in)
		var syntax *where.SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.Equal(t, tt.column, syntax.Column(), tt.in)
	}
}

func TestCaret(t *testing.T) {
	_, err := where.Parse("größe >> 5")
	var e *where.SyntaxError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "größe >> 5\n       ^", e.Caret())
	require.Equal(t, "column 8: expected a value after >, found \">\"\n    größe >> 5\n           ^", e.Error())
	long := strings.Repeat("a == 1 && ", 20) + "b == ) && " + strings.Repeat("a == 1 && ", 20) + "c == 1"
	_, err = where.Parse(long)
	require.ErrorAs(t, err, &e)
	require.Equal(t, "… a == 1 && a == 1 && a == 1 && b == ) && a == 1 && a == 1 && a == 1 && a…\n"+
		"                                     ^", e.Caret())
}

func TestEval(t *testing.T) {
	entry := &api.LogEntry{
		ID: "i1", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Level: "WARNING", Service: "chat",
		Message: "request timed out", Trace: "abc", Source: "logs-1",
		Fields: json.RawMessage(`{"http":{"response":{"status_code":503},"url.path":"/v1"},"http.version":"1.1",
			"event.duration":250000000,"took_ms":12.5,"wait":"1.5s","bytes":2048,"size":"2MiB","n":"42","ok":true,"yes":"True",
			"null":null,"tags":["a","b"],"empty":{},"none":[],"errors":[{"code":1},{"code":"E2"}],"labels.tier":"gold",
			"at":"2026-01-02T03:04:05+00:00","epoch":1767323045000,"esc\"key":1,"deep":{"a.b":{"c":[[3]]}}}`),
	}
	for _, tt := range []struct {
		in   string
		want bool
	}{
		{"service == chat", true},
		{"service.name == chat && trace.id == abc && id == i1 && source == logs-1", true},
		{"level == warn", true},
		{"level >= warn && log.level < error && level != info", true},
		{"level > 30 && level <= 40", true},
		{"level in (WARN, error)", true},
		{"level == bogus", false},
		{"message ~ 'time[d ]'", true},
		{"message !~ timed", false},
		{"http.status >= 500", true},
		{"http.response.status_code == 503", true},
		{`http.status == "503"`, true},
		{"http.status in (200, 503)", true},
		{"http.status not in (200, 503)", false},
		{"http.url.path == /v1", true},
		{"http.version == 1.1", true},
		{"http.version < 1.2", true},
		{"http.version == 1.10", true},
		{"http exists && labels exists", true},
		{"duration > 200ms", true},
		{"event.duration == 250ms", true},
		{"duration > 250000000", false},
		{"took_ms > 12ms && took_ms < 13ms && took_ms == 12.5", true},
		{"wait == 1500ms", true},
		{"bytes >= 2KiB && bytes < 2.1kB", true},
		{"size == 2MiB", true},
		{"n == 42 && n > 41.5", true},
		{"ok == true && ok != false && ok == 'true'", true},
		{"ok > false", false},
		{"yes == true", true},
		{"null exists", false},
		{"null == x", false},
		{"null != x", true},
		{"gone exists", false},
		{"gone == 1", false},
		{"gone != 1", true},
		{"gone < 1", false},
		{"gone >= 1", false},
		{"gone ~ '.*'", false},
		{"gone !~ x", true},
		{"gone in (1)", false},
		{"gone not in (1)", true},
		{"tags == b", true},
		{"tags == c", false},
		{"tags != b", false},
		{"empty exists", false},
		{"none exists", false},
		{"errors.code == 1 && errors.code == E2", true},
		{"errors.code == 3", false},
		{"labels.tier == gold", true},
		{"deep.a.b.c == 3", true},
		{`'esc"key' == 1`, true},
		{"time >= 2026-01-02T03:04:05Z", true},
		{"time < '2026-01-02T03:04:05Z'", false},
		{"time > 2026-01-02T04:04:05+02:00", true},
		{"time == 1767323045", true},
		{"at == 2026-01-02T03:04:05Z", true},
		{"epoch == 2026-01-02T03:04:05Z", true},
		{"http.status ~ '^5'", true},
		{"time ~ '^2026'", true},
		{"ok ~ tr", true},
		{"service == Chat", false},
		{"service < chaz", true},
	} {
		e, err := where.Parse(tt.in)
		require.NoError(t, err, tt.in)
		require.Equal(t, tt.want, where.Eval(e, entry), tt.in)
		require.Equal(t, !tt.want, where.Eval(&where.Not{Of: e}, entry), tt.in)
	}
	for _, fields := range []string{"", "{", "[]", "3", `{"a":`} {
		require.False(t, where.Eval(&where.Exists{Field: "a"}, &api.LogEntry{Fields: json.RawMessage(fields)}))
	}
}

func TestLevelFromTheDocument(t *testing.T) {
	e, err := where.Parse("level >= error")
	require.NoError(t, err)
	for _, doc := range []string{`{"log":{"level":"CRITICAL"}}`, `{"level":50}`, `{"severity":"err"}`, `{"log.level":"Error"}`} {
		if doc[2] == 's' {
			e, err = where.Parse("severity >= error")
			require.NoError(t, err)
		}
		require.True(t, where.Eval(e, &api.LogEntry{Fields: json.RawMessage(doc)}), doc)
	}
}

// TestLevelsAreThoseOfLogs holds the two tables of spellings together.
func TestLevelsAreThoseOfLogs(t *testing.T) {
	for _, s := range logs.Levels(logs.LevelTrace) {
		require.Equal(t, int(logs.ParseLevel(s)), where.LevelRank(s), s)
	}
	for r := 1; r <= 6; r++ {
		require.Equal(t, logs.Level(r).String(), where.LevelName(r))
	}
	require.Zero(t, where.LevelRank("whatever"))
}

func TestScale(t *testing.T) {
	for field, want := range map[string]float64{
		"event.duration": 1, "duration": 1, "took_ms": 1e6, "a.millis": 1e6, "durationMs": 1e6, "ms": 1,
		"latency_seconds": 1e9, "x.s": 1e9, "elapsed_us": 1e3, "items": 1, "http_request_duration-seconds": 1e9, "bytes_ns": 1,
	} {
		require.InDelta(t, want, where.Scale(field), 0, field)
	}
}

func TestEpoch(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.UTC)
	for _, n := range []float64{1767323045.678, 1767323045678, 1767323045678000, 1767323045678000000} {
		got, ok := where.Epoch(n)
		require.True(t, ok)
		require.WithinDuration(t, at, got, time.Microsecond)
	}
	_, ok := where.Epoch(-1)
	require.False(t, ok)
}

// random makes any tree; texts and names hold what is awkward to write.
func random(r *rand.Rand, depth int) where.Expr {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	field := pick("a", "http.status", "in", "two words", `q"uote`, "it's", "`", "größe", "level", "-", "1.5")
	value := func() where.Value {
		return []where.Value{
			{Kind: where.Text, Text: pick("", "x", "true", "500", "10MiB", "not", "a b", `\`, `\n`, "\n\t", `"`, `'"`, "é", "2026-01-02T03:04:05Z", "!", "a,b")},
			{Kind: where.Number, Text: "-2.5e3", Number: -2500},
			{Kind: where.Bool, Text: "false"},
			{Kind: where.Duration, Text: "1h30m", Number: 5400e9},
			{Kind: where.Size, Text: "1.5KiB", Number: 1536},
			{Kind: where.Time, Text: "2026-01-02T03:04:05.5Z", Time: time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC)},
		}[r.IntN(6)]
	}
	n := 8
	if depth == 0 {
		n = 4
	}
	switch r.IntN(n) {
	case 0:
		return &where.Compare{Field: field, Op: where.Op(pick("==", "!=", "<", "<=", ">", ">=")), Value: value()}
	case 1:
		return &where.In{Field: field, Values: []where.Value{value(), value()}[r.IntN(2):]}
	case 2:
		return &where.Match{Field: field, Re: regexp.MustCompile(pick("", `\d+`, `a|b`, `"x"`, `'`, `\\"'`, "^é\n"))}
	case 3:
		return &where.Exists{Field: field}
	case 4:
		return &where.Not{Of: random(r, depth-1)}
	case 5:
		return &where.And{Of: []where.Expr{random(r, depth-1), random(r, depth-1)}}
	default:
		return &where.Or{Of: []where.Expr{random(r, depth-1), random(r, depth-1), random(r, depth-1)}}
	}
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		e := random(r, 4)
		got, err := where.Parse(e.String())
		if len(e.String()) > where.MaxLength {
			continue
		}
		require.NoError(t, err, e)
		require.Empty(t, cmp.Diff(e, got, sameRegexp), e)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`http.status >= 500 && duration > 200ms`, `{"http":{"status":500}}`)
	f.Add(`!(a in (1, "x", 5MiB)) or b !~ '^x' and c not exists`, `{"a":[1,{"b":null}]}`)
	f.Add(`time < 2026-01-02T03:04:05Z`, `{"@timestamp":1}`)
	f.Fuzz(func(t *testing.T, s, doc string) {
		e, err := where.Parse(s)
		if err != nil {
			require.Equal(t, fail.Usage, fail.CodeOf(err))
			return
		}
		again, err := where.Parse(e.String())
		if len(e.String()) > where.MaxLength {
			return
		}
		require.NoError(t, err, e)
		require.Equal(t, e.String(), again.String())
		entry := &api.LogEntry{Fields: json.RawMessage(doc), Message: doc, Level: s}
		require.Equal(t, where.Eval(e, entry), where.Eval(again, entry))
	})
}

func BenchmarkMatch(b *testing.B) {
	e, err := where.Parse("http.status >= 500 && duration > 200ms && service in (chat, predict)")
	require.NoError(b, err)
	p := where.Compile(e)
	entry := &api.LogEntry{Service: "chat", Fields: json.RawMessage(`{"http":{"status":500},"event":{"duration":300000000},"user":{"id":"x"}}`)}
	b.ReportAllocs()
	for b.Loop() {
		if !p.Match(entry) {
			b.Fatal("no match")
		}
	}
}

func TestFinder(t *testing.T) {
	entry := &api.LogEntry{
		Service: "chat", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Fields: json.RawMessage(`{"http":{"response":{"status_code":503}},"tags":["a","b"],"ok":false,"n":null}`),
	}
	for field, want := range map[string]string{
		"service": "chat", "time": "2026-01-02T03:04:05Z", "http.status": "503", "tags": "a", "ok": "false", "n": "", "gone": "",
	} {
		got, ok := where.NewFinder(field).Append([]byte("> "), entry)
		require.Equal(t, "> "+want, string(got), field)
		require.Equal(t, want != "", ok, field)
	}
}

// An alias finds fields of several units: the name that was found decides.
func TestAliasesScaleByTheNameFound(t *testing.T) {
	for _, doc := range []string{
		`{"duration_ms":250}`, `{"event":{"duration":250000000}}`, `{"duration_seconds":0.25}`, `{"duration":"250ms"}`, `{"duration":250000000}`,
	} {
		entry := &api.LogEntry{Fields: json.RawMessage(doc)}
		for text, want := range map[string]bool{"duration > 200ms": true, "duration > 300ms": false, "duration in (250ms)": true, "duration != 250ms": false} {
			expr, err := where.Parse(text)
			require.NoError(t, err)
			require.Equal(t, want, where.Eval(expr, entry), "%s on %s", text, doc)
		}
	}
}
