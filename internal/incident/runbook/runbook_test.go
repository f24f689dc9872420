package runbook

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

const example = "---\nalerts: [Slow, Slower]\ntitle: When it is slow\n---\n# Slow\n\n```check\naictl metrics query 'up{service=\"{{ .labels.service }}\"}'\nif failed: goto undo\n```\n\n" +
	"```check\naictl alerts list\ntimeout: 5s\nif failed: next\n```\n\n```sh\nrm -rf /\n```\n\n```act\nname: undo\naictl deploy undo {{ .labels.service }}\nexpect: done\n```\n"

func TestParse(t *testing.T) {
	all, err := Parse(Document{Source: "slow.md", Body: []byte(example)})
	require.NoError(t, err)
	require.Len(t, all, 1)
	r := all[0]
	require.Equal(t, "Slow", r.Name)
	require.Equal(t, "When it is slow", r.Title)
	require.Equal(t, []string{"Slow", "Slower"}, r.Alerts)
	require.Len(t, r.Steps, 3, "a block of another language is text")
	require.Equal(t, []string{"metrics", "query", `up{service="{{ .labels.service }}"}`}, r.Steps[0].Words)
	require.Equal(t, api.RunbookAct, r.Steps[2].Kind)
	require.Equal(t, "undo", r.Steps[2].Name)
	require.Len(t, For(all, "Slower", ""), 1)
	require.Len(t, For(all, "Else", "https://x/RUNBOOKS.md#slow"), 1)
	_, err = Find(all, "none")
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}

func TestSectionsFollowFences(t *testing.T) {
	all, err := Parse(Document{Source: "r.md", Body: []byte("# R\n\n## Group\n\n### One\ntext\n\n```check\naictl alerts list\n```\n\n~~~\n### NoHeading\ntext\n~~~\n\n### Two words\ntext\n\n### Two\ntext\n")})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "One", all[0].Name)
	require.Len(t, all[0].Steps, 1)
	require.Equal(t, "Two", all[1].Name)
}

func TestParseRefuses(t *testing.T) {
	for name, block := range map[string]string{
		"pipe": "aictl alerts list | sh", "redirection": "aictl alerts list > /tmp/x", "second command": "aictl alerts list; id", "background": "aictl alerts list &",
		"substitution": "aictl alerts show $(id)", "backtick": "aictl alerts show `id`", "parameter": "aictl alerts show ${HOME}", "other program": "kubectl get pods",
		"two lines": "aictl alerts list\naictl alerts rules", "no command": "expect: ok", "nothing": "", "open quote": "aictl alerts show 'x", "timeout": "aictl alerts list\ntimeout: soon",
		"goto nowhere": "aictl alerts list\nif failed: goto x", "goto itself": "name: x\naictl alerts list\nif failed: goto x", "template": "aictl alerts show {{ printf .labels }}",
		"private use": "aictl alerts show \uE0F0" + "0\uE0F1", "alone": "aictl",
	} {
		_, err := Parse(Document{Source: "r.md", Body: []byte("---\nalerts: [A]\n---\n```check\n" + block + "\n```\n")})
		require.Error(t, err, name)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%s: %v", name, err)
	}
	_, err := Parse(Document{Source: "r.md", Body: []byte("---\nalerts: [A]\nshell: bash\n---\n")})
	require.Equal(t, fail.Usage, fail.CodeOf(err), "an unknown key is no silent nothing")
	_, err = Parse(Document{Source: "r.md", Body: make([]byte, MaxDocument+1)})
	require.Equal(t, fail.TooLarge, fail.CodeOf(err))
}

// hostile are labels that want to be more than a value.
var hostile = []string{
	"$(touch /tmp/x)", "`id`", "a b", "a  b\tc", `"`, `'`, `a" --yes "b`, "' --yes '", "a\nb", "\n--yes", "a\x00b", "-y", "--yes", "--read-only=false", "-", "--", " --yes", "a;id", "a|id",
	"a&&id", ">/tmp/x", "{{ .alert }}", "{{.labels.service}}", "\uE0F0" + "1\uE0F1", "ü→日本", "\u202e--yes", "‐‐yes", "\\", "\\\"", "*", "~", "$HOME", "a,b", "@/etc/passwd", "", "\xff\xfe", strings.Repeat("x", 1<<20), strings.Repeat("-", 1<<20),
}

// held says that arguments are those of the line, each with its values.
func held(t *testing.T, words []string, value string) {
	t.Helper()
	out, err := Expand(words, Values{Alert: "A", Labels: map[string]string{"service": value}})
	if err != nil {
		require.Contains(t, []fail.Code{fail.Refused, fail.NotFound}, fail.CodeOf(err))
		return
	}
	require.Len(t, out, len(words), "%q", value)
	for i, w := range words {
		require.Equal(t, strings.HasPrefix(w, "-"), strings.HasPrefix(out[i], "-"), "%q became an option", out[i])
		require.Equal(t, strings.ReplaceAll(w, "{{ .labels.service }}", value), out[i], "a value is put in once, and as it is")
		require.False(t, strings.ContainsRune(out[i], 0))
		require.True(t, utf8.ValidString(out[i]))
		require.NotEmpty(t, out[i])
	}
}

var lines = []string{
	`aictl alerts show {{ .labels.service }}`, `aictl logs --service {{ .labels.service }} --level error`, `aictl logs --service={{ .labels.service }}`,
	`aictl metrics query 'up{service="{{ .labels.service }}"}'`, `aictl logs "{{ .labels.service }}" '{{ .labels.service }}'`, `aictl logs {{ .labels.service }}{{ .labels.service }}`,
}

func TestInjection(t *testing.T) {
	for _, line := range lines {
		words, err := Split(line)
		require.NoError(t, err)
		for _, value := range hostile {
			held(t, words, value)
		}
	}
	whole, err := Split(lines[0])
	require.NoError(t, err)
	out, err := Expand(whole, Values{Labels: map[string]string{"service": "$(id) `x` \"q\""}})
	require.NoError(t, err, "a value alone may hold anything that is text")
	require.Equal(t, "$(id) `x` \"q\"", out[3])
	for value, code := range map[string]fail.Code{"--yes": fail.Refused, "@/etc/passwd": fail.Refused, "": fail.NotFound} {
		_, err = Expand(whole, Values{Labels: map[string]string{"service": value}})
		require.Equal(t, code, fail.CodeOf(err), value)
	}
}

func FuzzInjection(f *testing.F) {
	for _, value := range hostile {
		if len(value) < 1<<16 {
			f.Add(value, 0)
			f.Add(value, 3)
		}
	}
	f.Fuzz(func(t *testing.T, value string, i int) {
		words, err := Split(lines[uint(i)%uint(len(lines))])
		require.NoError(t, err)
		held(t, words, value)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("### A\n```check\naictl x '\n```"))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := Parse(Document{Source: "f.md", Body: body})
		if err != nil {
			return
		}
		for _, r := range all {
			require.LessOrEqual(t, len(r.Steps), maxSteps)
			for _, s := range r.Steps {
				require.NotEmpty(t, s.Words)
			}
		}
	})
}

func runner(ran *[]string, exits map[string]int) Runner {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return Runner{
		Now: func() time.Time { now = now.Add(time.Second); return now },
		Exec: func(_ context.Context, kind string, argv []string) (Executed, error) {
			line := kind + " " + strings.Join(argv, " ")
			*ran = append(*ran, line)
			return Executed{Exit: exits[argv[0]], Output: []byte("done\n")}, nil
		},
		Redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "[redacted]") },
	}
}

func TestRun(t *testing.T) {
	all, err := Parse(Document{Source: "slow.md", Body: []byte(example)})
	require.NoError(t, err)
	v := Values{Alert: "Slow", Labels: map[string]string{"service": "web"}}

	var ran []string
	run, err := runner(&ran, nil).Run(t.Context(), all[0], v)
	require.NoError(t, err)
	require.Equal(t, []string{`check metrics query up{service="web"}`, "check alerts list", "act deploy undo web"}, ran)
	require.Equal(t, "done", run.Outcome)
	require.Equal(t, time.Second, time.Duration(run.Results[0].Took))

	ran = nil
	run, err = runner(&ran, map[string]int{"metrics": 7}).Run(t.Context(), all[0], v)
	require.NoError(t, err)
	require.Equal(t, []string{`check metrics query up{service="web"}`, "act deploy undo web"}, ran, "a failure went to its place")
	require.False(t, run.Results[0].OK)
	require.Equal(t, 7, run.Results[0].Exit)

	ran = nil
	run, err = runner(&ran, map[string]int{"deploy": 5}).Run(t.Context(), all[0], v)
	require.Equal(t, fail.Failed, fail.CodeOf(err))
	require.Equal(t, "failed", run.Outcome)
	require.Len(t, run.Results, 3, "the transcript is whole")

	ran = nil
	_, err = runner(&ran, nil).Run(t.Context(), all[0], Values{Alert: "Slow", Labels: map[string]string{"service": "-y"}})
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	require.Empty(t, ran, "nothing is run where a later step would be refused")
}

func TestOutputIsBoundedAndMasked(t *testing.T) {
	all, err := Parse(Document{Source: "r.md", Body: []byte("---\nalerts: [A]\n---\n```check\naictl alerts list\n```\n")})
	require.NoError(t, err)
	r := Runner{
		Now: func() time.Time { return time.Time{} },
		Exec: func(context.Context, string, []string) (Executed, error) {
			return Executed{Output: []byte("hunter2" + strings.Repeat("x", 2*MaxOutput))}, nil
		},
		Redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "[redacted]") },
	}
	run, err := r.Run(t.Context(), all[0], Values{Alert: "A"})
	require.NoError(t, err)
	require.True(t, run.Results[0].Truncated)
	require.NotContains(t, run.Results[0].Output, "hunter2")
	require.LessOrEqual(t, len(run.Results[0].Output), MaxOutput+20)
}
