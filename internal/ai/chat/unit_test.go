package chat

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

func TestSplice(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"replaced", `{"model":"a","x":1}`, `{"model":"b","x":1}`},
		{"spaces stay", " {\n \"x\" : 1.0 , \"model\" :  \"a\"  }\n", " {\n \"x\" : 1.0 , \"model\" :  \"b\"  }\n"},
		{"added", `{"x":1}`, `{"model":"b","x":1}`},
		{"added to nothing", `{ }`, `{"model":"b" }`},
		{"nested ones stay", `{"tools":[{"model":"a"}],"model":"a"}`, `{"tools":[{"model":"a"}],"model":"b"}`},
		{"each repeated one", `{"model":"a","model":"c"}`, `{"model":"b","model":"b"}`},
		{"escaped key", `{"mod\u0065l":"a"}`, `{"mod\u0065l":"b"}`},
		{"in a string", `{"x":"\"model\":\"a\"","model":null}`, `{"x":"\"model\":\"a\"","model":"b"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Splice([]byte(c.in), "b")
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}
	for _, bad := range []string{"", "[]", "1", `{"model":`, `{} {}`, `"x"`} {
		_, err := Splice([]byte(bad), "b")
		require.ErrorIs(t, err, fail.Usage.Err(), bad)
	}
}

// Property: whatever the object and the name, only the model's value changes.
func TestSpliceChangesNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		before, after := randomMembers(r), randomMembers(r)
		join := func(value string) string {
			all := append(append(append([]string{}, before...), `"model" : `+value), after...)
			return "{" + strings.Join(all, ", ") + "}"
		}
		name := string(rune('a'+r.IntN(26))) + `"\ é` + string(rune(r.IntN(0xd000)))
		value, err := json.Marshal(name)
		require.NoError(t, err)
		got, err := Splice([]byte(join(`"old"`)), name)
		require.NoError(t, err)
		require.Equal(t, join(string(value)), string(got))
	}
}

func randomMembers(r *rand.Rand) []string {
	values := []string{`1.50`, `"a\u00e9"`, `[ 1,{"model":"n"}]`, `null`, `{"model" : "old"}`, `"}{\"model\":"`, `-0`, `1e400`}
	out := []string{}
	for i := range r.IntN(4) {
		out = append(out, `"k`+string(rune('a'+i))+`" :`+values[r.IntN(len(values))])
	}
	return out
}

func FuzzSplice(f *testing.F) {
	for _, s := range []string{`{"model":"a"}`, `{"x":{"model":1}}`, `{}`, `[`, "{\"model\":\"\xff\"}"} {
		f.Add([]byte(s), "b")
	}
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		was := bytes.Clone(body)
		got, err := Splice(body, name)
		require.Equal(t, was, body, "the input is not changed")
		if err != nil {
			require.ErrorIs(t, err, fail.Usage.Err())
			return
		}
		require.True(t, json.Valid(got))
		h, err := readHead(got)
		require.NoError(t, ignoreStream(err))
		if err == nil {
			value, err := json.Marshal(name) // bytes that are not UTF-8 become U+FFFD each
			require.NoError(t, err)
			var want string
			require.NoError(t, json.Unmarshal(value, &want))
			require.Equal(t, want, h.Model)
		}
	})
}

func ignoreStream(err error) error {
	if err != nil && strings.Contains(err.Error(), "member stream") {
		return nil
	}
	return err
}

func stream(parts ...string) *ai.Reply {
	return &ai.Reply{Stream: true, Chunks: func(yield func([]byte, error) bool) {
		for _, p := range parts {
			if !yield([]byte(p), nil) {
				return
			}
		}
	}}
}

func TestEvents(t *testing.T) {
	delta := `data: {"model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}`
	for _, c := range []struct {
		name  string
		parts []string
		types string
		code  fail.Code
	}{
		{"whole", []string{delta + "\n\ndata: [DONE]\n\n"}, "delta done", fail.OK},
		{"byte by byte", strings.Split(delta+"\r\n\r\ndata: [DONE]\r\n\r\n", ""), "delta done", fail.OK},
		{"comments", []string{": ping\n\n" + delta + "\n\n", "data:[DONE]\n\n"}, "delta done", fail.OK},
		{"cut", []string{delta + "\n\n"}, "delta error", fail.Unavailable},
		{"empty", nil, "error", fail.Unavailable},
		{"problem", []string{"event: error\ndata: {\"type\":\"error\",\"code\":\"timeout\",\"message\":\"slow\"}\n\n"}, "error", fail.Timeout},
		{"openai error", []string{"data: {\"error\":{\"message\":\"no\"}}\n\n"}, "error", fail.Unavailable},
		{"garbage", []string{"data: {{{\n\n"}, "error", fail.Failed},
		{"after done", []string{"data: [DONE]\n\n" + delta + "\n\n"}, "done", fail.OK},
		{"usage", []string{"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n"}, "usage done", fail.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			types := []string{}
			var last error
			for e, err := range Events(stream(c.parts...)) {
				types, last = append(types, e.Type), err
			}
			require.Equal(t, c.types, strings.Join(types, " "))
			require.Equal(t, c.code, fail.CodeOf(last))
		})
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n"), uint8(3))
	f.Add([]byte("event: error\rdata: x\r\r"), uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, cut uint8) {
		n := min(int(cut), len(body))
		ends := 0
		for e, err := range Events(stream(string(body[:n]), string(body[n:]))) {
			require.Zero(t, ends, "nothing follows the end")
			require.Equal(t, err != nil, e.Type == EventError)
			if e.Type == EventError || e.Type == EventDone {
				ends++
			}
		}
		require.Equal(t, 1, ends)
	})
}

func TestValidateAnswer(t *testing.T) {
	schema := `{"type":"object","required":["a"],"properties":{"a":{"type":"array","items":{"type":"integer"}}}}`
	for _, c := range []struct {
		name, schema, answer string
		code                 fail.Code
		say                  string
	}{
		{"fits", schema, `{"a":[1,2]}`, fail.OK, ""},
		{"fenced", schema, "Here:\n```json\n{\"a\":[1]}\n```\nDone.", fail.OK, ""},
		{"place", schema, `{"a":[1,"x"]}`, fail.False, "/a/1"},
		{"missing", schema, `{}`, fail.False, "'a'"},
		{"prose", schema, `I cannot`, fail.False, "not JSON"},
		{"bad schema", `{"type":"nonsense"}`, `{}`, fail.Usage, "schema"},
		{"no schema", `{`, `{}`, fail.Usage, "schema"},
		{"outside", `{"$ref":"file:///etc/passwd"}`, `{}`, fail.Usage, "schema"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := ValidateAnswer([]byte(c.schema), c.answer)
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			if err != nil {
				require.Contains(t, err.Error(), c.say)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	ok := Config{
		Upstreams: []Upstream{
			{Name: "a", URL: "http://a/v1", Models: map[string]string{"m": "M", "n": ""}, Weight: 2},
			{Name: "b", URL: "http://b/v1", Models: map[string]string{"m": ""}, Weight: 1},
		},
		Aliases: map[string][]Target{"fast": {{Upstream: "a", Model: "x", Weight: 1}, {Upstream: "b", Model: "y", Weight: 3}, {Upstream: "b", Model: "z"}}},
	}
	require.NoError(t, ok.Validate())
	for _, c := range []struct {
		model string
		want  []Target
	}{
		{"fast", []Target{{"a", "x", 1, 0}, {"b", "y", 3, 0}, {"b", "z", 0, 1}}},
		{"m", []Target{{"a", "M", 2, 0}, {"b", "m", 1, 0}}},
		{"b/other/model", []Target{{"b", "other/model", 1, 0}}},
		{"a/m", []Target{{"a", "M", 2, 0}}},
		{"", []Target{{"a", "M", 2, 0}, {"b", "m", 1, 0}}},
		{BuiltinModel, []Target{{Builtin, BuiltinModel, 0, 0}}},
	} {
		got, err := ok.Resolve(c.model)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.model)
	}
	got, err := Config{}.Resolve("")
	require.NoError(t, err)
	require.True(t, got[0].Builtin())

	bad := Config{
		Upstreams: []Upstream{{Name: "A b", URL: "ftp://x"}, {Name: "good", URL: "http://u:p@h", KeyEnv: "sk-123", KeyFile: "f", Weight: -1}, {Name: "good", URL: "http://h"}},
		Aliases:   map[string][]Target{"x": {}, "y": {{Upstream: "goood", Model: "m"}}},
		Prices:    map[string]Price{"m": {Input: -1}},
	}
	err = bad.Validate()
	require.ErrorIs(t, err, fail.Usage.Err())
	for _, want := range []string{"upstreams[0].name", "upstreams[0].url", "upstreams[1].url", "key_env", "is taken", "aliases.x", `did you mean "good"`, "prices.m"} {
		require.Contains(t, err.Error(), want)
	}
	require.NotContains(t, err.Error(), "sk-123")
}

func TestTrim(t *testing.T) {
	m := []Message{{Role: "system", Text: "s"}, {Role: "user", Text: strings.Repeat("a", 400)}, {Role: "assistant", Text: "b"}, {Role: "user", Text: "c"}}
	require.Equal(t, m, Trim(m, 0))
	require.Equal(t, m, Trim(m, 1000))
	require.Equal(t, []Message{m[0], m[3]}, Trim(m, 50), "an answer without its question goes too")
	require.Equal(t, []Message{m[0], m[3]}, Trim(m, 1), "the last is always kept")
}
