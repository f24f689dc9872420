package redact

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const canary = "cAn4ryQ7vX2mLp9ZkT3wHs8R"

// templates are places where a secret stands, %s.
var templates = []string{
	"aictl_%s",
	"Authorization: Bearer %s",
	"authorization: basic %s",
	"Cookie: session=x; id=%s",
	"bearer %s",
	"sk-proj-%s",
	"ghp_%s", "glpat-%s", "hf_%s", "xoxb-%s", "AIzaSyA0123456%s",
	"eyJhbGciOiJIUzI1NiJ9.%s.%[1]s",
	"postgres://al:%s@db:5432/x?sslmode=disable",
	"redis://:%s@host/0",
	"https://al:p@ss%s@host/",
	"password=%s", "PASSWORD: %s", "--db-password %[2]s=%[1]s",
	"aws_secret_access_key = %s",
	`{"api_key":"%s"}`, `{"password": "a\"b%s"}`, `{"client-secret" : "\\%s"}`, `{'token': '%s'}`,
	`{"body":"{\"password\":\"%s\"}"}`, `{"body":"{\"password\":\"x\\\"%s\"}"}`,
	`{"a":{"access_token":"%s"},"b":1}`,
	"x-api-key: %s",
	"?token=%s&x=1",
	"-----BEGIN RSA PRIVATE KEY-----\nMII%s\n-----END RSA PRIVATE KEY-----",
	`"-----BEGIN PRIVATE KEY-----\nMII%s\n-----END PRIVATE KEY-----\n"`,
	"-----BEGIN OPENSSH PRIVATE KEY-----\n%s", // cut
}

func fill(template, secret string) string {
	if strings.Contains(template, "[2]") {
		return fmt.Sprintf(template, secret, "pwd")
	}
	return fmt.Sprintf(template, secret)
}

func TestNoCanaryPasses(t *testing.T) {
	r := New()
	for _, template := range templates {
		in := fill(template, canary)
		for _, around := range []string{"%s", "x%sy", "start %s end", "\xff%s\x00", "token=%s", `password="%s"`, "a: %s\nb: c", "%[1]s %[1]s"} {
			text := fmt.Sprintf(around, in)
			got := r.String(text)
			require.NotContains(t, got, canary, text)
			require.Contains(t, got, Mask)
			require.NotContains(t, string(r.JSON([]byte(text))), canary, text)
			quoted, err := json.Marshal(map[string]any{"x": []any{in}})
			require.NoError(t, err)
			require.NotContains(t, r.String(string(quoted)), canary, string(quoted))
			masked := r.JSON(quoted)
			require.NotContains(t, string(masked), canary)
			require.True(t, json.Valid(masked), string(masked))
		}
	}
}

func TestWhatStays(t *testing.T) {
	for _, s := range []string{
		"", "GET /v1/models 200 in 3 ms", "max_tokens=100 prompt_tokens: 35", `{"token_id":"tok_12","tokens":5}`,
		"invalid token: expired", "the password is wrong", "https://host:8080/path?x=1", "the key: none of these",
		"a passage about secrets and cookies", `{"password":null,"secret":{},"token":true}`, "2026-03-01T09:00:00Z sk-1",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "\xff\xfe\x00",
	} {
		require.Equal(t, s, New().String(s))
	}
}

func TestWhatIsLeftAround(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://al:hunter2@db/x":                 "postgres://al:[redacted]@db/x",
		"Authorization: Bearer abcdef123456":         "Authorization: [redacted]",
		`{"password":"x","user":"al"}`:               `{"password":"[redacted]","user":"al"}`,
		`{"password":12345,"user":"al"}`:             `{"password":"[redacted]","user":"al"}`,
		`{"password":"","user":"al"}`:                `{"password":"[redacted]","user":"al"}`,
		`{"password":"a\\","user":"al"}`:             `{"password":"[redacted]","user":"al"}`,
		"password=x user=al":                         "password=[redacted] user=al",
		"AKIAIOSFODNN7EXAMPLE in eu-west-1":          "[redacted] in eu-west-1",
		"password=[redacted]":                        "password=[redacted]",
		`"-----BEGIN PRIVATE KEY-----\nMII", "b": 1`: `"[redacted]", "b": 1`,
	} {
		require.Equal(t, want, New().String(in))
	}
}

func TestKnownValues(t *testing.T) {
	secret := "it's <a> \"p&ss\" /é\n!"
	r := New(secret, "abc", "", "hunter2", "hunter22")
	for _, spelled := range []string{
		secret, "x" + secret + "y", "it%27s+%3Ca%3E+%22p%26ss%22+%2F%C3%A9%0A%21",
		`it's <a> \"p&ss\" /é\n!`, `it's \u003ca\u003e \"p\u0026ss\" /é\n!`,
	} {
		got := r.String("say " + spelled)
		require.NotContains(t, got, "ss")
		require.Contains(t, got, Mask)
	}
	require.Equal(t, "abc", r.String("abc"), "too short to be told from text")
	require.Equal(t, "[redacted] [redacted]", r.String("hunter2 hunter22"))
	require.Equal(t, `{"n":"[redacted]"}`, string(New("123456").JSON([]byte(`{"n":123456}`))))
}

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":1.50,"a":{"password":{"x":[1]},"tokens":3}}`: `{"a":{"password":"[redacted]","tokens":3},"b":1.50}`,
		`[1, "aictl_0123456789abc", null]`:                 `[1,"[redacted]",null]`,
		`{"z":1, "a":"<b>"}`:                               `{"z":1, "a":"<b>"}`, // nothing to mask: as it was
		`{"token":null}`:                                   `{"token":null}`,
		`{"aictl_0123456789abc":1}`:                        `{"[redacted]":1}`,
		`not json, password=x`:                             `not json, password=[redacted]`,
		`{"a":1} password=x`:                               `{"a":1} password=[redacted]`,
		``:                                                 ``,
	} {
		require.Equal(t, want, string(New().JSON([]byte(in))))
	}
}

func TestHeader(t *testing.T) {
	h := http.Header{
		"Authorization": {"Bearer x"}, "Cookie": {"a=b", "c=d"}, "X-Api-Key": {"k"}, "X-Auth-Token": {"t"}, "Proxy-Authorization": {"Basic x"},
		"Accept": {"*/*"}, "Referer": {"https://x/?token=abc"}, "Set-Cookie": {"s=1"},
	}
	got := New().Header(h)
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "Proxy-Authorization", "Set-Cookie"} {
		for _, v := range got[name] {
			require.Equal(t, Mask, v, name)
		}
	}
	require.Equal(t, []string{"*/*"}, got["Accept"])
	require.Equal(t, []string{"https://x/?token=" + Mask}, got["Referer"])
	require.Equal(t, "Bearer x", h.Get("Authorization"), "the original is left alone")
	require.Nil(t, New().Header(nil))
}

func TestTheZeroValue(t *testing.T) {
	var r Redactor
	require.Equal(t, "password=[redacted]", r.String("password=x"))
}

// Four times the text takes about four times as long, not sixteen.
func TestHostileTextTakesLinearTime(t *testing.T) {
	r := New("aaaaaaaaaaaaaaaa")
	for _, unit := range []string{
		"password=", `token="`, `token=\"`, `token='token="`, "cookie: ", "authorization:", "-----BEGIN PRIVATE KEY", "://a:", `\`,
		"[", "aaaa", "token", "eyJaaaaaaaa.", `"password":`,
	} {
		cost := func(size int) time.Duration {
			text := strings.Repeat(unit, size/len(unit)) + "token="
			best := time.Hour
			for range 3 {
				begin := time.Now()
				_ = r.String(text)
				best = min(best, time.Since(begin))
			}
			return best
		}
		// A busy machine can make one measurement look square, not ten of them.
		linear := func() bool { return cost(40_000) < 10*cost(10_000)+20*time.Millisecond }
		for try := 0; !linear(); try++ {
			require.Less(t, try, 10, "%s", unit)
		}
	}
}

func FuzzCanary(f *testing.F) {
	for i := range templates {
		f.Add(i, "before ", " after")
	}
	f.Add(2, `token="`, `"`)
	f.Add(16, `\`, `\"`)
	r, known := New(), New(canary)
	f.Fuzz(func(t *testing.T, which int, before, after string) {
		if strings.Contains(before+after, canary) {
			return
		}
		// A word boundary: what runs into the name is another name.
		template := templates[uint(which)%uint(len(templates))]
		text := before + "\n" + fill(template, canary) + "\n" + after
		if got := r.String(text); strings.Contains(got, canary) {
			t.Fatalf("%q gives %q", text, got)
		}
		if got := known.String(before + canary + after); strings.Contains(got, canary) {
			t.Fatalf("%q", got)
		}
		body, err := json.Marshal(map[string]string{before: "x", "y": after})
		if err == nil && !json.Valid(r.JSON(body)) {
			t.Fatalf("%s gives %s", body, r.JSON(body))
		}
	})
}

func BenchmarkNothingToMask(b *testing.B) {
	r := New("hunter2hunter2")
	line := strings.Repeat("GET /v1/chat/completions answered 200 in 31 ms; ", 4)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		_ = r.String(line)
	}
}

func BenchmarkMask(b *testing.B) {
	r := New()
	line := strings.Repeat("GET /v1/models answered 200; ", 6) + "Authorization: Bearer " + canary
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		_ = r.String(line)
	}
}
