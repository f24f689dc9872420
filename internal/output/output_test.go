package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

type service struct {
	Name   string            `json:"name"`
	Status string            `json:"status"`
	Calls  int64             `json:"calls"`
	Labels map[string]string `json:"labels,omitempty"`
	Since  time.Time         `json:"since"`
}

var (
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	services = []service{
		{"chat", "ready", 12, map[string]string{"b": "2", "a": "1"}, noon.Add(-5 * time.Minute)},
		{"predict & co", "bad\x1b[31m", 123456789, nil, noon.Add(-50 * time.Hour)},
	}
	view = View[service]{
		Kind: "service",
		Name: func(s service) string { return s.Name },
		Columns: []Column[service]{
			{Header: "name", Value: func(s service, _ Env) string { return s.Name }},
			{
				Header: "status", Value: func(s service, _ Env) string { return s.Status },
				Style: func(s service, _ Env) term.Style {
					if s.Status == "ready" {
						return term.OK
					}
					return term.Bad
				},
			},
			{Header: "calls", Right: true, Value: func(s service, _ Env) string { return Number(float64(s.Calls)) }},
			{Header: "last seen", Value: func(s service, e Env) string { return e.Ago(s.Since) }},
			{Header: "labels", Wide: true, Value: func(s service, _ Env) string { return s.Labels["a"] }},
		},
	}
)

func printer(tb testing.TB, output, jq string, change ...func(*Options)) (*Printer, *bytes.Buffer) {
	tb.Helper()
	var b bytes.Buffer
	o := Options{Output: output, JQ: jq, Out: &b, Now: func() time.Time { return noon }, Zone: time.UTC}
	for _, c := range change {
		c(&o)
	}
	p, err := New(o)
	require.NoError(tb, err)
	return p, &b
}

func TestList(t *testing.T) {
	for _, c := range []struct{ name, output, jq, want string }{
		{"table", "", "", "" +
			"NAME           STATUS        CALLS   LAST SEEN\n" +
			"chat           ready            12   5m\n" +
			"predict & co   bad^[[31m 123456789   2d2h\n"},
		{"wide", "wide", "", "" +
			"NAME           STATUS        CALLS   LAST SEEN   LABELS\n" +
			"chat           ready            12   5m          1\n" +
			"predict & co   bad^[[31m 123456789   2d2h\n"},
		{"name", "name", "", "service/chat\nservice/predict & co\n"},
		{"csv", "csv", "", "name,status,calls,last_seen,labels\nchat,ready,12,5m,1\npredict & co,bad^[[31m,123456789,2d2h,\n"},
		{"jsonl", "jsonl", "", "" +
			`{"name":"chat","status":"ready","calls":12,"labels":{"a":"1","b":"2"},"since":"2026-03-01T11:55:00Z"}` + "\n" +
			`{"name":"predict & co","status":"bad\u001b[31m","calls":123456789,"since":"2026-02-27T10:00:00Z"}` + "\n"},
		{"jq strings are raw", "", ".[].name", "chat\npredict & co\n"},
		{"jq numbers", "json", ".[].calls", "12\n123456789\n"},
		{"jq objects", "json", ".[0].labels", `{"a":"1","b":"2"}` + "\n"},
		{"jq without ESC", "", ".[1].status", "bad^[[31m\n"},
		{"jsonpath", "jsonpath={.items}", "", ""},
		{"jsonpath of kubectl", "jsonpath={range [*]}{.name}={.calls}{\"\\n\"}{end}", "", "chat=12\npredict & co=123456789\n"},
		{"jsonpath without braces", "jsonpath=[*].calls", "", "12 123456789\n"},
		{"jsonpath with a filter", "jsonpath={[?(@.calls>100)].name}", "", "predict & co\n"},
		{"template", "go-template={{range .}}{{.name | upper}} {{.calls}};{{end}}", "", "CHAT 12;PREDICT & CO 123456789;\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, b := printer(t, c.output, c.jq)
			require.NoError(t, List(p, view, services))
			want := strings.ReplaceAll(c.want, "bad^[[31m 123456789", "bad^[[31m   123456789")
			want = strings.ReplaceAll(want, "STATUS        CALLS", "STATUS          CALLS")
			want = strings.ReplaceAll(want, "ready            12", "ready              12")
			require.Equal(t, want, b.String())
		})
	}
}

func TestJSONAndYAML(t *testing.T) {
	p, b := printer(t, "json", "")
	require.NoError(t, List(p, view, services[:1]))
	require.Equal(t, `[
  {
    "name": "chat",
    "status": "ready",
    "calls": 12,
    "labels": {
      "a": "1",
      "b": "2"
    },
    "since": "2026-03-01T11:55:00Z"
  }
]
`, b.String())

	p, b = printer(t, "yaml", "")
	require.NoError(t, List(p, view, services[:1]))
	require.Equal(t, `- calls: 12
  labels:
    a: "1"
    b: "2"
  name: chat
  since: "2026-03-01T11:55:00Z"
  status: ready
`, b.String())
}

func TestEmptyList(t *testing.T) {
	for output, want := range map[string]string{
		"": "NAME   STATUS   CALLS   LAST SEEN\n", "json": "[]\n", "yaml": "[]\n", "jsonl": "", "name": "",
		"csv": "name,status,calls,last_seen,labels\n", "jsonpath=[*].name": "",
	} {
		p, b := printer(t, output, "")
		require.NoError(t, List(p, view, nil))
		require.Equal(t, want, b.String(), output)
	}
	p, b := printer(t, "json", "")
	require.NoError(t, p.Print([]service(nil)))
	require.Equal(t, "[]\n", b.String())
}

func TestOne(t *testing.T) {
	p, b := printer(t, "", "")
	require.NoError(t, One(p, view, services[0]))
	require.Equal(t, "Name:        chat\nStatus:      ready\nCalls:       12\nLast seen:   5m\nLabels:      1\n", b.String())
	p, b = printer(t, "name", "")
	require.NoError(t, One(p, view, services[0]))
	require.Equal(t, "service/chat\n", b.String())
	p, b = printer(t, "jsonpath={.name}", "")
	require.NoError(t, One(p, view, services[0]))
	require.Equal(t, "chat\n", b.String())
}

func TestTableFitsTheTerminal(t *testing.T) {
	long := []service{{Name: strings.Repeat("世", 60), Status: "ready", Since: noon}}
	p, b := printer(t, "", "", func(o *Options) { o.TTY, o.Width = true, 50 })
	require.NoError(t, List(p, view, long))
	for l := range strings.Lines(b.String()) {
		require.LessOrEqual(t, term.Width(strings.TrimSuffix(l, "\n")), 50)
	}
	require.Contains(t, b.String(), "…")
	p, b = printer(t, "", "", func(o *Options) { o.Width = 50 })
	require.NoError(t, List(p, view, long))
	require.Contains(t, b.String(), long[0].Name, "a pipe gets everything")
}

func TestColourIsOnlyOurs(t *testing.T) {
	p, b := printer(t, "", "", func(o *Options) { o.Styles = term.NewStyles(true) })
	require.NoError(t, List(p, view, services))
	require.Contains(t, b.String(), "\x1b[32mready\x1b[0m")
	require.NotContains(t, b.String(), "bad\x1b[31m")
}

func TestDerived(t *testing.T) {
	v := map[string]any{"items": []map[string]any{
		{"name": "a", "kind": "pod", "tags": []string{"x", "y"}, "n": nil}, {"name": "b", "extra_key": 1.5},
	}}
	for output, want := range map[string]string{
		"":     "KIND   N   NAME   EXTRA KEY\npod        a\n           b      1.5\n",
		"wide": "KIND   N   NAME   TAGS   EXTRA KEY\npod        a      x,y\n           b             1.5\n",
		"name": "pod/a\nb\n",
		"csv":  "kind,n,name,tags,extra_key\npod,,a,\"x,y\",\n,,b,,1.5\n",
	} {
		p, b := printer(t, output, "")
		require.NoError(t, p.Print(v))
		require.Equal(t, want, b.String(), output)
	}
	p, b := printer(t, "", "")
	require.NoError(t, p.Print(map[string]any{"version": "1.2", "go": "1.26"}))
	require.Equal(t, "go:        1.26\nversion:   1.2\n", b.String())
	p, _ = printer(t, "name", "")
	require.ErrorIs(t, p.Print(map[string]any{"x": 1, "y": 2}), fail.Usage.Err())
}

func TestCSVNeverStartsAFormula(t *testing.T) {
	p, b := printer(t, "csv", "")
	require.NoError(t, p.Print([]map[string]string{{"v": "=cmd|' /C calc'!A0"}, {"v": "@x"}, {"v": "-5.5"}, {"v": "-"}, {"v": "+a"}, {"v": `say "hi", all`}}))
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{{"v"}, {"'=cmd|' /C calc'!A0"}, {"'@x"}, {"-5.5"}, {"-"}, {"'+a"}, {`say "hi", all`}}, rows)
}

func TestWrongFormatsAreUsageBeforeAnyWork(t *testing.T) {
	for _, c := range []struct{ output, jq, next string }{
		{"jsn", "", "-o json"},
		{"yml", "", "-o yaml"},
		{"tabel", "", "-o table"},
		{"xml", "", "aictl help formatting"},
		{"json=x", "", "-o json"},
		{"jsonpath", "", ""},
		{"jsonpath=", "", ""},
		{"go-template=", "", ""},
		{"jsonpath={.a[", "", ""},
		{"go-template={{", "", ""},
		{"", ".[", ""},
		{"", "nosuch(1)", ""},
		{"csv", ".x", ""},
		{"=", "", ""},
	} {
		_, err := New(Options{Output: c.output, JQ: c.jq, Out: &bytes.Buffer{}})
		require.ErrorIs(t, err, fail.Usage.Err(), "%+v", c)
		require.NotEmpty(t, fail.From(err).Next)
		if c.next != "" {
			require.Equal(t, c.next, fail.From(err).Next)
		}
	}
	p, _ := printer(t, "", ".name")
	require.ErrorIs(t, p.Print([]int{1}), fail.Usage.Err())
	for _, k := range Kinds() {
		f, err := Parse(k + map[bool]string{true: "{.x}"}[strings.HasSuffix(k, "=")])
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(f.String(), k))
	}
}

func TestStream(t *testing.T) {
	run := func(output, jq string) string {
		p, b := printer(t, output, jq)
		s := p.Stream()
		require.NoError(t, s.Item("delta", map[string]any{"text": "hi\x1b"}, "hi\x1b"))
		require.NoError(t, s.Item("delta", map[string]any{"type": "own", "text": "x"}, "x"))
		require.NoError(t, s.Item("n", 7, "7"))
		require.NoError(t, s.Result(map[string]any{"total": 2}, ""))
		require.True(t, s.Ended())
		return b.String()
	}
	lines := `{"type":"delta","text":"hi\u001b"}` + "\n" + `{"text":"x","type":"own"}` + "\n" +
		`{"type":"n","value":7}` + "\n" + `{"type":"result","total":2}` + "\n"
	require.Equal(t, lines, run("json", ""))
	require.Equal(t, lines, run("jsonl", ""))
	require.Equal(t, "hi^[\nx\n7\n", run("", ""))
	require.Equal(t, "delta\nown\nn\nresult\n", run("", ".type"))
	require.Equal(t, "type,text\ndelta,hi^[\nown,x\nn,\n", run("csv", ""))
	require.Equal(t, 4, strings.Count(run("yaml", ""), "---\n"))

	p, b := printer(t, "json", "")
	require.NoError(t, p.Stream().Error(fail.New(fail.Timeout, "slow").Hint("again")))
	var d fail.Document
	require.NoError(t, json.Unmarshal(b.Bytes(), &d))
	require.Equal(t, fail.Document{Type: "error", Code: fail.Timeout, Message: "slow", Cause: []string{}, Next: "again", Exit: 8}, d)
}

func TestWriteError(t *testing.T) {
	err := fail.Wrap(fail.Unavailable, errors.New("dial\x1b]0;x\x07"), "asking the server").Hint("aictl doctor").WithRequest("r-1")
	var b bytes.Buffer
	require.NoError(t, WriteError(&b, Format{}, term.Styles{}, err))
	require.Equal(t, "error: asking the server\n  because: dial^[]0;x^G\n  request: r-1\nnext: aictl doctor\n", b.String())
	b.Reset()
	require.NoError(t, WriteError(&b, Format{Kind: JSON}, term.NewStyles(true), err))
	require.Equal(t, `{"type":"aictl.error","code":"unavailable","message":"asking the server",`+
		`"cause":["dial\u001b]0;x\u0007"],"next":"aictl doctor","exit":12,"request":"r-1"}`+"\n", b.String())
	b.Reset()
	require.NoError(t, WriteError(&b, Format{}, term.Styles{}, nil))
	require.NoError(t, WriteError(&b, Format{}, term.Styles{}, term.ErrPipe))
	require.Empty(t, b.String())
}

func TestHumanForms(t *testing.T) {
	e := Env{Now: noon, Zone: time.UTC}
	require.Equal(t, "-", e.Ago(time.Time{}))
	require.Equal(t, "in 3h", e.Ago(noon.Add(3*time.Hour)))
	require.Equal(t, "11:59:00", e.Time(noon.Add(-time.Minute)))
	require.Equal(t, "2026-02-28 12:00:00", e.Time(noon.Add(-24*time.Hour)))
	for d, want := range map[time.Duration]string{
		0: "0s", 900: "900ns", 250 * time.Millisecond: "250ms", 90 * time.Second: "90s", 330 * time.Second: "5m30s",
		time.Hour: "60m", 5*time.Hour + time.Minute: "5h1m", 47 * time.Hour: "47h", 72 * time.Hour: "3d",
		800 * 24 * time.Hour: "2y70d", -time.Second: "-1s", -1 << 63: "-292y",
	} {
		require.Equal(t, want, Duration(d))
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 40: "1.0 TiB", -1 << 63: "-8.0 EiB"} {
		require.Equal(t, want, Bytes(n))
	}
	require.Equal(t, "12.5%", Percent(0.125))
	require.Equal(t, "0.3333", Number(1.0/3))
}

var ownSGR = regexp.MustCompile("\x1b\\[[0-9]+m")

// Whatever comes in, in every format: without our own colours there is no
// control character but LF and TAB, and JSON and YAML give the text back.
func FuzzOutput(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b]0;x\x07", "\u009b2J\x7f", "a\u202Eb\u2028", "\xff\xc3", "👨\u200D👩", "=1+1", "\r\n\t", `\uFFFE`, "\u0085: x", "- a\n- b"} {
		f.Add(s)
	}
	formats := []string{"", "wide", "json", "yaml", "jsonl", "name", "csv", "jsonpath={..name}", "go-template={{.}}"}
	f.Fuzz(func(t *testing.T, s string) {
		item := service{Name: s, Status: s, Labels: map[string]string{s: s, "a": s}, Since: noon}
		for i, output := range append(formats, "jq") {
			jq := ""
			if output == "jq" {
				output, jq = "", ".. | select(type == \"string\")"
			}
			p, b := printer(t, output, jq, func(o *Options) { o.Styles, o.TTY = term.NewStyles(true), i%2 == 0 })
			require.NoError(t, List(p, view, []service{item}))
			require.NoError(t, One(p, view, item))
			if output != "name" || s != "" { // without a name there is no name to print
				require.NoError(t, p.Print(map[string]any{"items": []service{item}}))
				require.NoError(t, p.Stream().Item(s, item, s))
			}
			for _, r := range ownSGR.ReplaceAllString(b.String(), "") {
				require.False(t, unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r), "%q in %s", r, output)
			}
		}
		for _, output := range []string{"json", "yaml"} {
			p, b := printer(t, output, "")
			require.NoError(t, p.Print(map[string]string{"v": s}))
			var back map[string]string
			require.NoError(t, yaml.Unmarshal(b.Bytes(), &back))
			if utf8.ValidString(s) {
				require.Equal(t, s, back["v"])
			}
		}
		var b bytes.Buffer
		require.NoError(t, WriteError(&b, Format{Kind: Table}, term.Styles{}, fail.New(fail.Failed, "%s", s).Hint("%s", s)))
		require.False(t, strings.ContainsAny(b.String(), "\x1b\x7f\r"))
	})
}

// TestYAMLOfWhatYAMLMayNotHold: JSON's strings may have what YAML's may not.
func TestYAMLOfWhatYAMLMayNotHold(t *testing.T) {
	for _, text := range []string{"\uFFFF", "a\uFFFEb", "\uFEFF", "\x7f", "\u0085", "\U0010FFFF", `back\slash`} {
		doc, err := marshal(map[string]string{"text": text})
		require.NoError(t, err)
		out, err := toYAML(doc)
		require.NoError(t, err, "%q", text)
		var back map[string]string
		require.NoError(t, yaml.Unmarshal(out, &back), "%s", out)
		require.Equal(t, text, back["text"])
	}
}
