package polish_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops/respond"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// gateDesk is a pipeline's step before a control plane that decides gates.
type gateDesk struct {
	out, err *locked
	vars     map[string]string
	handler  http.Handler
	pipe     *brokenPipe // in place of out
	plain    error       // the last failure, as the command returned it
}

func newGateDesk(t *testing.T, bind func(*op.Registry)) *gateDesk {
	t.Helper()
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC //nolint:gosmopolitan // the goldens show times
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	bind(r)
	return &gateDesk{
		out: &locked{}, err: &locked{},
		vars: map[string]string{"HOME": t.TempDir(), "LC_ALL": "C.UTF-8", "AICTL_SERVER": "http://127.0.0.1:1"},
		handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			r.ServeHTTP(w, req.WithContext(op.WithIdentity(req.Context(), op.Identity{Subject: "tester"})))
		}),
	}
}

// run gives the exit code; a failure is told on stderr as the program does.
func (d *gateDesk) run(ctx context.Context, args ...string) int {
	d.out, d.err = &locked{}, &locked{}
	io, _, _, _ := term.Test()
	if io.Out, io.Err = d.out, d.err; d.pipe != nil {
		io.Out = d.pipe
	}
	env := func(k string) string { return d.vars[k] }
	io.SetEnv(env)
	f := factory.New(io, env)
	f.Now = func() time.Time { return logsNoon }
	f.Cwd = func() (string, error) { return d.vars["HOME"], nil }
	f.Transport = op.InProcess{Handler: d.handler}
	root := cli.NewRoot(f)
	root.SetArgs(args)
	d.plain = root.ExecuteContext(ctx)
	format, err := output.Parse(f.Flags.Output)
	if err != nil {
		format = output.Format{}
	}
	if err := output.WriteError(d.err, format, io.ErrStyles(), d.plain); err != nil {
		return -1
	}
	return fail.CodeOf(d.plain).Exit()
}

// gateTells has the server tell these events, and then fail if that is said.
func gateTells(failure error, events ...api.GateEvent) func(*op.Registry) {
	return func(r *op.Registry) {
		op.BindStream(r, api.GateRun, func(context.Context, api.GateInput) iter.Seq2[api.GateEvent, error] {
			return func(yield func(api.GateEvent, error) bool) {
				for _, e := range events {
					if !yield(e, nil) {
						return
					}
				}
				if failure != nil {
					yield(api.GateEvent{}, failure)
				}
			}
		})
	}
}

// gateDecided is the story of a gate that looked for 90 seconds: every check, and
// the verdict.
func gateDecided(verdict, message string, checks ...api.GateCheck) []api.GateEvent {
	var out []api.GateEvent
	for i := range checks {
		checks[i].Since = logsNoon.Add(-time.Minute)
		if checks[i].Evidence == nil {
			checks[i].Evidence = []api.Fact{}
		}
		out = append(out, api.GateEvent{Type: "check", Time: checks[i].Since, Check: &checks[i]})
	}
	return append(out, api.GateEvent{
		Type: "verdict", Time: logsNoon, Verdict: verdict, Message: message, Checks: checks, From: logsNoon.Add(-90 * time.Second), Looks: 7,
	})
}

// gateLabel is what a label may hold: the ends of XML, HTML, Markdown and
// workflow commands, control and bidirectional characters.
const gateLabel = "a|b ]]> & &lt; <script>`x`</script> 100% \x1b[31m\x1b]0;t\x07\x00\r\n::error::owned\n##[error]owned\u202e"

// gateLine is gateLabel as a line of text.
const gateLine = `a|b ]]> & &lt; <script>` + "`x`" + `</script> 100% ^[[31m^[]0;t^G^@\n::error::owned\n##[error]owned<U+202E>`

func gatePassed() []api.GateEvent {
	return gateDecided(api.GatePass, "2 checks passed",
		api.GateCheck{Kind: "query", Name: "count(up) > 0", State: api.GatePass, Message: "3", Evidence: []api.Fact{{
			ID: "qry-1", Kind: "metric", Source: "metrics", Time: logsNoon, Text: "3", Show: "aictl metrics query 'count(up)'",
		}}},
		api.GateCheck{Kind: "alerts", Name: "severity=critical", State: api.GatePass, Message: "none fires"})
}

func gateFailed() []api.GateEvent {
	return gateDecided(api.GateFail, "failed: errors\n< 1",
		api.GateCheck{Kind: "alerts", Name: "severity=critical", State: api.GatePass, Message: "none fires"},
		api.GateCheck{Kind: "query", Name: "errors\n< 1", State: api.GateFail, Message: gateLabel, Evidence: []api.Fact{{
			ID: "qry-2", Kind: "metric", Source: "metrics", Time: logsNoon, Text: gateLabel, Show: "aictl metrics query errors",
		}}},
		api.GateCheck{Kind: "logs", Name: "new-errors", State: api.GateInconclusive, Message: "there are no lines at all"})
}

func gateUntold() []api.GateEvent {
	return gateDecided(api.GateInconclusive, "cannot be told: a < 1; b < 1",
		api.GateCheck{Kind: "query", Name: "a < 1", State: api.GateInconclusive, Message: "no data"},
		api.GateCheck{Kind: "query", Name: "b < 1", State: "paused", Message: "a word of tomorrow"})
}

var gateFormats = []string{"table", "wide", "json", "jsonl", "yaml", "csv", "raw", "junit", "github", "md"}

// TestGateExits: the exit code is the verdict's in every format, and no format
// lets what was found reach a terminal as a control sequence, coloured or not.
func TestGateExits(t *testing.T) {
	for _, c := range []struct {
		events         []api.GateEvent
		exit           int
		message, state string
	}{
		{gatePassed(), 0, "", "pass"},
		{gateFailed(), 10, `error: the gate failed: errors\n< 1` + "\n", "fail"},
		{gateUntold(), 11, "error: the gate is inconclusive: cannot be told: a < 1; b < 1\nnext: aictl doctor\n", "inconclusive"},
	} {
		d := newGateDesk(t, gateTells(nil, c.events...))
		for _, format := range gateFormats {
			require.Equal(t, c.exit, d.run(t.Context(), "gate", "--query", "x > 0", "-o", format), "%s: %s", format, d.err)
			require.NotEmpty(t, d.out.String(), format)
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b", format)
			require.NotContains(t, d.out.String()+d.err.String(), "\x07", format)
			require.NotContains(t, d.out.String()+d.err.String(), "\u202e", format)
			switch format {
			case "json", "jsonl", "yaml":
			default:
				require.Equal(t, c.message, d.err.String(), format)
			}
		}
		require.Equal(t, c.exit, d.run(t.Context(), "gate", "--query", "x > 0", "-o", "json", "--jq", ".verdict // empty"))
		require.Equal(t, c.state+"\n", d.out.String())

		d.vars["CLICOLOR_FORCE"] = "1"
		for _, format := range []string{"json", "jsonl", "junit", "github", "md"} {
			require.Equal(t, c.exit, d.run(t.Context(), "gate", "--query", "x > 0", "-o", format))
			require.NotContains(t, d.out.String(), "\x1b", "documents have no colour: %s", format)
		}
	}
}

func TestGateShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []api.GateEvent
		want   string
	}{
		{"pass", gatePassed(), `
11:59:00 pass         query count(up) > 0: 3
11:59:00 pass         alerts severity=critical: none fires
PASS 2 checks passed
`},
		{"fail", gateFailed(), `
11:59:00 pass         alerts severity=critical: none fires
11:59:00 fail         query errors\n< 1: ` + gateLine + `
11:59:00 inconclusive logs new-errors: there are no lines at all
FAIL failed: errors\n< 1
`},
		{"inconclusive", gateUntold(), `
11:59:00 inconclusive query a < 1: no data
11:59:00 paused       query b < 1: a word of tomorrow
INCONCLUSIVE cannot be told: a < 1; b < 1
`},
		{"a state that is hostile", gateDecided("\x1b[2Jmaybe", "m", api.GateCheck{Kind: "k", Name: "n", State: "\x1b[2J\n", Message: "m"}), `
11:59:00 ^[[2J\n      k n: m
^[[2JMAYBE m
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newGateDesk(t, gateTells(nil, c.events...))
			d.run(t.Context(), "gate", "--query", "x > 0")
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
			require.NotContains(t, d.err.String(), "\x1b")
		})
	}
}

// TestGateLines: a line a change, and the verdict as the result.
func TestGateLines(t *testing.T) {
	for _, format := range []string{"json", "jsonl"} {
		d := newGateDesk(t, gateTells(nil, gatePassed()...))
		require.Equal(t, 0, d.run(t.Context(), "gate", "--query", "count(up) > 0", "--alerts", "severity=critical", "-o", format))
		require.Equal(t, `{"type":"check","time":"2026-03-01T11:59:00Z","check":{"kind":"query","name":"count(up) > 0","state":"pass","message":"3","since":"2026-03-01T11:59:00Z","evidence":[{"id":"qry-1","kind":"metric","source":"metrics","time":"2026-03-01T12:00:00Z","text":"3","show":"aictl metrics query 'count(up)'"}]}}
{"type":"check","time":"2026-03-01T11:59:00Z","check":{"kind":"alerts","name":"severity=critical","state":"pass","message":"none fires","since":"2026-03-01T11:59:00Z","evidence":[]}}
{"type":"result","time":"2026-03-01T12:00:00Z","verdict":"pass","message":"2 checks passed","checks":[{"kind":"query","name":"count(up) > 0","state":"pass","message":"3","since":"2026-03-01T11:59:00Z","evidence":[{"id":"qry-1","kind":"metric","source":"metrics","time":"2026-03-01T12:00:00Z","text":"3","show":"aictl metrics query 'count(up)'"}]},{"kind":"alerts","name":"severity=critical","state":"pass","message":"none fires","since":"2026-03-01T11:59:00Z","evidence":[]}],"from":"2026-03-01T11:58:30Z","looks":7}
`, d.out.String())
		require.Empty(t, d.err.String())

		d = newGateDesk(t, gateTells(nil, gateFailed()...))
		require.Equal(t, 10, d.run(t.Context(), "gate", "--query", "x > 0", "-o", format))
		lines := jsonLines(t, d.out.String())
		require.Equal(t, []any{"check", "check", "check", "result"}, []any{lines[0]["type"], lines[1]["type"], lines[2]["type"], lines[3]["type"]})
		require.Equal(t, gateLabel, lines[1]["check"].(map[string]any)["message"], "a program gets what was found")
		require.Equal(t, "fail", lines[3]["verdict"])
		require.Equal(t, `{"type":"aictl.error","code":"false","message":"the gate failed: errors\\n< 1","cause":[],"next":"","exit":10}`+"\n", d.err.String())
	}
}

func jsonLines(t *testing.T, s string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(s) {
		var v map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &v), line)
		out = append(out, v)
	}
	return out
}

func TestGateJUnit(t *testing.T) {
	for _, c := range []struct {
		name    string
		events  []api.GateEvent
		message string
		want    string
	}{
		{"pass", gatePassed(), "", `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="aictl gate" tests="2" failures="0" errors="0" time="90.000" timestamp="2026-03-01T11:58:30Z">
    <testcase classname="aictl.gate.query" name="count(up) &gt; 0" time="90.000">
      <system-out>3&#xA;3&#xA;  aictl metrics query &#39;count(up)&#39;</system-out>
    </testcase>
    <testcase classname="aictl.gate.alerts" name="severity=critical" time="90.000">
      <system-out>none fires</system-out>
    </testcase>
  </testsuite>
</testsuites>
`},
		{"fail", gateFailed(), gateLine, `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="aictl gate" tests="3" failures="1" errors="1" time="90.000" timestamp="2026-03-01T11:58:30Z">
    <testcase classname="aictl.gate.alerts" name="severity=critical" time="90.000">
      <system-out>none fires</system-out>
    </testcase>
    <testcase classname="aictl.gate.query" name="errors\n&lt; 1" time="90.000">
      <failure message="HOSTILE" type="fail">HOSTILE&#xA;HOSTILE&#xA;  aictl metrics query errors</failure>
    </testcase>
    <testcase classname="aictl.gate.logs" name="new-errors" time="90.000">
      <error message="there are no lines at all" type="inconclusive">there are no lines at all</error>
    </testcase>
  </testsuite>
</testsuites>
`},
		{"what XML cannot hold", gateDecided(api.GateFail, "m", api.GateCheck{Kind: "\x1b", Name: "\ufffe\x0b", State: api.GateFail, Message: "\uffff\x00"}), "\ufffd^@", `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="aictl gate" tests="1" failures="1" errors="0" time="90.000" timestamp="2026-03-01T11:58:30Z">
    <testcase classname="aictl.gate.^[" name="�^K" time="90.000">
      <failure message="�^@" type="fail">�^@</failure>
    </testcase>
  </testsuite>
</testsuites>
`},
		{"inconclusive", gateUntold(), "", `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="aictl gate" tests="2" failures="0" errors="2" time="90.000" timestamp="2026-03-01T11:58:30Z">
    <testcase classname="aictl.gate.query" name="a &lt; 1" time="90.000">
      <error message="no data" type="inconclusive">no data</error>
    </testcase>
    <testcase classname="aictl.gate.query" name="b &lt; 1" time="90.000">
      <error message="a word of tomorrow" type="inconclusive">a word of tomorrow</error>
    </testcase>
  </testsuite>
</testsuites>
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newGateDesk(t, gateTells(nil, c.events...))
			d.run(t.Context(), "gate", "--query", "x > 0", "-o", "junit")
			in := `a|b ]]&gt; &amp; &amp;lt; &lt;script&gt;` + "`x`" + `&lt;/script&gt; 100% ^[[31m^[]0;t^G^@\n::error::owned\n##[error]owned&lt;U+202E&gt;`
			require.Equal(t, strings.ReplaceAll(c.want, "HOSTILE", in), d.out.String())

			var doc struct {
				XMLName xml.Name `xml:"testsuites"`
				Suites  []struct {
					Tests    int `xml:"tests,attr"`
					Failures int `xml:"failures,attr"`
					Errors   int `xml:"errors,attr"`
					Cases    []struct {
						Name    string `xml:"name,attr"`
						Failure *struct {
							Message string `xml:"message,attr"`
						} `xml:"failure"`
						Error *struct{} `xml:"error"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			require.NoError(t, xml.Unmarshal([]byte(d.out.String()), &doc))
			require.Len(t, doc.Suites, 1)
			s, failures, errors := doc.Suites[0], 0, 0
			for _, one := range s.Cases {
				if one.Failure != nil {
					failures++
					require.Equal(t, c.message, one.Failure.Message, "a reader of the report gets what was found")
				}
				if one.Error != nil {
					errors++
				}
			}
			require.Equal(t, []int{len(s.Cases), failures, errors}, []int{s.Tests, s.Failures, s.Errors})
		})
	}
}

// workflowCommand reads a line as the runner of GitHub's workflows does: "::" at
// the beginning of the line, or else the older "##[" anywhere in it.
func workflowCommand(line string) (name, title, data string, ok bool) {
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	line = strings.TrimLeft(line, " \t")
	if rest, is := strings.CutPrefix(line, "::"); is {
		if head, data, is := strings.Cut(rest, "::"); is {
			name, properties, _ := strings.Cut(head, " ")
			for p := range strings.SplitSeq(properties, ",") {
				if v, is := strings.CutPrefix(p, "title="); is {
					title = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(v)
				}
			}
			return name, title, unescape.Replace(data), true
		}
	}
	if _, rest, is := strings.Cut(line, "##["); is {
		name, data, is := strings.Cut(rest, "]")
		return name, "", data, is
	}
	return "", "", "", false
}

// TestGateAnnotations: a line a check, and no label makes a command of its own.
func TestGateAnnotations(t *testing.T) {
	for _, c := range []struct {
		name     string
		events   []api.GateEvent
		want     string
		commands [][3]string
	}{
		{"pass", gatePassed(), `
::notice title=gate query pass::count(up) > 0: 3
::notice title=gate alerts pass::severity=critical: none fires
`, [][3]string{{"notice", "gate query pass", "count(up) > 0: 3"}, {"notice", "gate alerts pass", "severity=critical: none fires"}}},
		{"fail", gateFailed(), `
::notice title=gate alerts pass::severity=critical: none fires
::error title=gate query fail::errors\n< 1: ` + strings.ReplaceAll(gateLine, "%", "%25") + `
::warning title=gate logs inconclusive::new-errors: there are no lines at all
`, [][3]string{
			{"notice", "gate alerts pass", "severity=critical: none fires"},
			{"error", "gate query fail", `errors\n< 1: ` + gateLine},
			{"warning", "gate logs inconclusive", "new-errors: there are no lines at all"},
		}},
		{"inconclusive", gateUntold(), `
::warning title=gate query inconclusive::a < 1: no data
::warning title=gate query paused::b < 1: a word of tomorrow
`, [][3]string{{"warning", "gate query inconclusive", "a < 1: no data"}, {"warning", "gate query paused", "b < 1: a word of tomorrow"}}},
		{"escapes that are there already", gateDecided(api.GateFail, "failed: x", api.GateCheck{
			Kind: "query,file=a::stop-commands::x%0A", Name: "%0A::error::owned", State: api.GateFail, Message: "%250A\u2028::error::owned",
		}), `
::error title=gate query%2Cfile=a%3A%3Astop-commands%3A%3Ax%250A fail::%250A::error::owned: %25250A<U+2028>::error::owned
`, [][3]string{{"error", "gate query,file=a::stop-commands::x%0A fail", "%0A::error::owned: %250A<U+2028>::error::owned"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newGateDesk(t, gateTells(nil, c.events...))
			d.run(t.Context(), "gate", "--query", "x > 0", "-o", "github")
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), d.out.String())
			var commands [][3]string
			for line := range strings.Lines(d.out.String()) {
				require.NotContains(t, line, "\r")
				name, title, data, ok := workflowCommand(strings.TrimSuffix(line, "\n"))
				require.True(t, ok, line)
				commands = append(commands, [3]string{name, title, data})
			}
			require.Equal(t, c.commands, commands)
			for line := range strings.Lines(d.err.String()) { // the runner reads it too
				name, _, _, ok := workflowCommand(line)
				require.False(t, ok, name)
			}
		})
	}
}

func TestGateMarkdown(t *testing.T) {
	const table = "\n\n| check | state | found |\n|---|---|---|\n"
	for _, c := range []struct {
		name   string
		events []api.GateEvent
		want   string
		cells  []string // of the last row, as a reader sees them
	}{
		{
			"pass", gatePassed(), "## Gate: pass\n\n2 checks passed" + table +
				"| query count\\(up\\) \\> 0 | pass | 3 |\n| alerts severity=critical | pass | none fires |\n",
			[]string{"alerts severity=critical", "pass", "none fires"},
		},
		{
			"inconclusive", gateUntold(), "## Gate: inconclusive\n\ncannot be told: a \\< 1; b \\< 1" + table +
				"| query a \\< 1 | inconclusive | no data |\n| query b \\< 1 | paused | a word of tomorrow |\n",
			[]string{"query b < 1", "paused", "a word of tomorrow"},
		},
		{
			"fail", gateDecided(api.GateFail, gateLabel, api.GateCheck{Kind: "query", Name: gateLabel, State: api.GateFail, Message: gateLabel}),
			"## Gate: fail\n\nHOSTILE" + table + "| query HOSTILE | fail | HOSTILE |\n",
			[]string{"query " + gateLine, "fail", gateLine},
		},
		{
			"a state that is hostile", gateDecided("<b>|\n# x", "m", api.GateCheck{Kind: "|", Name: "|", State: "|\n|", Message: `\`}),
			"## Gate: \\<b\\>\\|\\\\n\\# x\n\nm" + table + "| \\| \\| | \\|\\\\n\\| | \\\\ |\n",
			[]string{"| |", `|\n|`, `\`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newGateDesk(t, gateTells(nil, c.events...))
			d.run(t.Context(), "gate", "--query", "x > 0", "-o", "md")
			in := `a\|b \]\]\> \& \&lt; \<script\>` + "\\`x\\`" + `\</script\> 100% ^\[\[31m^\[\]0;t^G^@\\n::error::owned\\n\#\#\[error\]owned\<U\+202E\>`
			require.Equal(t, strings.ReplaceAll(c.want, "HOSTILE", in), d.out.String())

			lines := strings.Split(strings.TrimSuffix(d.out.String(), "\n"), "\n")
			require.Len(t, lines, 6+len(c.events)-1, "a row a check, whatever they hold")
			var cells []string
			for _, cell := range gateCells.FindAllString(lines[len(lines)-1], -1) {
				cells = append(cells, gateEscaped.ReplaceAllString(strings.TrimSpace(cell), "$1"))
			}
			require.Equal(t, c.cells, cells)
			for _, line := range append(lines[6:], lines[0], lines[2]) {
				require.NotRegexp(t, "[`<>&\\[\\]]", gateEscaped.ReplaceAllString(line, ""), "nothing of it is Markdown or HTML")
			}
		})
	}
}

var (
	gateCells   = regexp.MustCompile(`(?:\\.|[^|\\])+`)
	gateEscaped = regexp.MustCompile(`\\(.)`)
)

// TestGateSummary: -o github adds the report to the step's summary, after what
// is there; stdout holds the annotations only.
func TestGateSummary(t *testing.T) {
	d := newGateDesk(t, gateTells(nil, gateUntold()...))
	path := filepath.Join(t.TempDir(), "summary.md")
	d.vars["GITHUB_STEP_SUMMARY"] = path
	for _, format := range []string{"table", "junit", "md", "json"} {
		require.Equal(t, 11, d.run(t.Context(), "gate", "--query", "x > 0", "-o", format))
		require.NoFileExists(t, path, format)
	}
	require.Equal(t, 11, d.run(t.Context(), "gate", "--query", "x > 0", "-o", "md"))
	report := d.out.String()
	require.NoError(t, os.WriteFile(path, []byte("before\n\n"), 0o600))
	require.Equal(t, 11, d.run(t.Context(), "gate", "--query", "x > 0", "-o", "github"))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before\n\n"+report, string(got))
	require.NotContains(t, d.out.String(), "##")

	d.vars["GITHUB_STEP_SUMMARY"] = filepath.Join(path, "no")
	require.Equal(t, 1, d.run(t.Context(), "gate", "--query", "x > 0", "-o", "github"))
	require.Contains(t, d.err.String(), "writing the step's summary")
}

// signals is what a gate looks at, by the words of the query.
type signals struct {
	metrics.Querier
	pager pager
}

type pager struct {
	alerts.Manager
	firing []api.Alert
}

func (s signals) Instant(_ context.Context, query string, at time.Time) (metrics.Result, error) {
	one := func(v float64, label string) metrics.Result {
		return metrics.Result{Series: []api.MetricSeries{{Labels: map[string]string{"job": label}, Samples: []api.MetricSample{{Time: at, Value: api.Number(v)}}}}}
	}
	switch query {
	case "good":
		return one(0.25, "web"), nil
	case "bad":
		return one(5, gateLabel), nil
	case "away":
		return metrics.Result{}, fail.New(fail.Unavailable, "prometheus is away\x1b[2J")
	}
	return metrics.Result{}, nil
}

func (p pager) Alerts(context.Context) ([]api.Alert, []api.BackendFailure, error) {
	return p.firing, nil, nil
}

func (s signals) bind(r *op.Registry) {
	respond.Bind(r, respond.Deps{
		Metrics: func(context.Context) (metrics.Querier, error) { return s, nil },
		Alerts:  func(context.Context) (alerts.Manager, error) { return s.pager, nil },
	})
}

// TestGateDecides goes through the gate itself: what the flags mean arrives, and
// the verdict comes back.
func TestGateDecides(t *testing.T) {
	d := newGateDesk(t, signals{pager: pager{firing: []api.Alert{{
		Fingerprint: "f1", Name: gateLabel, State: "firing", Started: logsNoon, Labels: map[string]string{"alertname": gateLabel, "severity": "critical"},
	}}}}.bind)
	for _, c := range []struct {
		name, want string
		args       []string
		exit       int
	}{
		{"pass", "PASS 2 checks passed", []string{"--query", "good < 1", "--alerts", "severity=page"}, 0},
		{"an alert", `FAIL failed: severity=critical`, []string{"--query", "good < 1", "--alerts", "severity=critical"}, 10},
		{"a query", "FAIL failed: bad < 1", []string{"--query", "good < 1", "--query", "bad < 1"}, 10},
		{"commas are not lists", "PASS 1 checks passed", []string{"--alerts", "severity=page,team=a"}, 0},
		{"no data", "INCONCLUSIVE cannot be told: nothing < 1", []string{"--query", "nothing < 1"}, 11},
		{"no data counts as well", "PASS 1 checks passed", []string{"--query", "nothing < 1", "--missing", "pass"}, 0},
		{"no data counts as bad", "FAIL failed: nothing < 1", []string{"--query", "nothing < 1", "--missing", "fail"}, 10},
		{"no answer", "INCONCLUSIVE cannot be told: away < 1", []string{"--query", "away < 1"}, 11},
		{"for a while", "PASS 1 checks passed", []string{"--query", "good < 1", "--for", "300ms", "--interval", "200ms"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"gate"}, c.args...)
			require.Equal(t, c.exit, d.run(t.Context(), args...), d.err)
			lines := strings.Split(strings.TrimSuffix(d.out.String(), "\n"), "\n")
			require.Equal(t, c.want, lines[len(lines)-1])
			if c.name == "for a while" {
				return // long enough
			}
			for _, format := range gateFormats[2:] {
				require.Equal(t, c.exit, d.run(t.Context(), append(args, "-o", format)...), format)
				require.NotContains(t, d.out.String()+d.err.String(), "\x1b", format)
			}
		})
	}
}

// TestGateThatCannotBegin: nothing was looked at, and stdout says nothing of it
// but the error of a stream in a machine format.
func TestGateThatCannotBegin(t *testing.T) {
	bound := newGateDesk(t, signals{}.bind)
	bare := newGateDesk(t, func(r *op.Registry) { respond.Bind(r, respond.Deps{}) })
	away := newGateDesk(t, func(*op.Registry) {})
	away.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail.WriteProblem(w, fail.New(fail.Unavailable, "the server is away\x1b[2J"))
	})
	stranger := newGateDesk(t, func(*op.Registry) {})
	stranger.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail.WriteProblem(w, fail.New(fail.Auth, "not signed in"))
	})
	for _, c := range []struct {
		name, want string
		desk       *gateDesk
		args       []string
		exit       int
	}{
		{"no check", "a gate without a check would always pass", bound, nil, 2},
		{"the last rollout of nothing", "--baseline previous needs the workload", bound, []string{"--query", "good < 1", "--baseline", "previous"}, 2},
		{"no comparison", "good", bound, []string{"--query", "good"}, 2},
		{"no such baseline", `invalid value "never" for baseline`, bound, []string{"--query", "good < 1", "--baseline", "never"}, 2},
		{"no such count of missing data", `invalid value "never" for missing`, bound, []string{"--query", "good < 1", "--missing", "never"}, 2},
		{"too often", "--interval is at least", bound, []string{"--query", "good < 1", "--interval", "1ms"}, 2},
		{"no logs", "no log store", bound, []string{"--logs", "new-errors"}, 12},
		{"no metrics", "this context has no metrics backend", bare, []string{"--query", "good < 1"}, 12},
		{"no alerts", "this context has no Alertmanager", bare, []string{"--alerts", "severity=critical"}, 12},
		{"no server", "the server is away^[[2J", away, []string{"--query", "good < 1"}, 12},
		{"no name", "not signed in", stranger, []string{"--query", "good < 1"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"gate"}, c.args...)
			formats := []string{"table", "junit", "github", "md", "csv"}
			if c.desk == away {
				formats = formats[:2] // the client tries for a while
			}
			for _, format := range formats {
				require.Equal(t, c.exit, c.desk.run(t.Context(), append(args, "-o", format)...), c.desk.err)
				require.Empty(t, c.desk.out.String(), format)
				require.Contains(t, c.desk.err.String(), c.want)
				require.NotContains(t, c.desk.err.String(), "\x1b")
			}
			require.Equal(t, c.exit, c.desk.run(t.Context(), append(args, "-o", "json")...))
			require.Len(t, jsonLines(t, c.desk.err.String()), 1)
			for _, line := range jsonLines(t, c.desk.out.String()) {
				require.Equal(t, "error", line["type"])
				require.EqualValues(t, c.exit, line["exit"])
			}
		})
	}
	for _, wrong := range [][]string{{"-o", "svg"}, {"-o", "graph"}, {"-o", "junti"}, {"-o", "junit=x"}, {"-o", "github", "--jq", "."}} {
		require.Equal(t, 2, bound.run(t.Context(), append([]string{"gate", "--query", "good < 1"}, wrong...)...), wrong)
		require.Empty(t, bound.out.String())
	}
}

// TestGateThatBreaks: what was seen before a failure is no verdict.
func TestGateThatBreaks(t *testing.T) {
	check := gatePassed()[0]
	raw := func(lines ...string) *gateDesk {
		d := newGateDesk(t, func(*op.Registry) {})
		d.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jsonl")
			_, _ = w.Write([]byte(strings.Join(lines, "\n"))) // the command reads what came
		})
		return d
	}
	first, err := json.Marshal(check)
	require.NoError(t, err)
	for _, c := range []struct {
		name, want string
		desk       *gateDesk
		exit       int
	}{
		{"the server fails", "the metrics went away^[[2J", newGateDesk(t, gateTells(fail.New(fail.Unavailable, "the metrics went away\x1b[2J").Hint("aictl doctor"), check)), 12},
		{"the right is taken back", "not any more", newGateDesk(t, gateTells(fail.New(fail.Forbidden, "not any more"), check)), 3},
		{"no verdict", "the gate ended without a verdict", newGateDesk(t, gateTells(nil, check)), 12},
		{"the stream is cut", "the stream was cut before its end", raw(string(first), `{"type":"verdict","verdict":"pa`), 12},
		{"no JSON", "a line that is not JSON", raw(string(first), "<html>\x1b[2J", ""), 12},
		{"another form", "an item of another form", raw(string(first), `{"type":"verdict","verdict":7}`, ""), 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, format := range []string{"junit", "github", "md"} {
				require.Equal(t, c.exit, c.desk.run(t.Context(), "gate", "--query", "x > 0", "-o", format), c.desk.err)
				require.Empty(t, c.desk.out.String(), "half a report is none: %s", format)
				require.Contains(t, c.desk.err.String(), c.want)
				require.NotContains(t, c.desk.err.String(), "\x1b")
			}
			require.Equal(t, c.exit, c.desk.run(t.Context(), "gate", "--query", "x > 0"))
			require.Equal(t, "11:59:00 pass         query count(up) > 0: 3\n", c.desk.out.String())
			require.Contains(t, c.desk.err.String(), c.want)
			require.NotContains(t, c.desk.err.String(), "\x1b")

			require.Equal(t, c.exit, c.desk.run(t.Context(), "gate", "--query", "x > 0", "-o", "jsonl"))
			lines := jsonLines(t, c.desk.out.String())
			require.Len(t, lines, 2)
			require.Equal(t, "check", lines[0]["type"])
			require.Equal(t, "error", lines[1]["type"])
			require.EqualValues(t, c.exit, lines[1]["exit"])
			require.NotContains(t, c.desk.out.String()+c.desk.err.String(), "\x1b")
		})
	}

	t.Run("an item that says nothing", func(t *testing.T) {
		events := gatePassed()
		d := newGateDesk(t, gateTells(nil, append([]api.GateEvent{{Type: "check"}, {Type: "tomorrow"}}, events...)...))
		require.Equal(t, 0, d.run(t.Context(), "gate", "--query", "x > 0"), d.err)
		require.Equal(t, 3, strings.Count(d.out.String(), "\n"))
	})
	t.Run("the reader goes", func(t *testing.T) {
		d := newGateDesk(t, gateTells(nil, gateFailed()...))
		for _, format := range gateFormats {
			d.pipe = &brokenPipe{}
			d.run(t.Context(), "gate", "--query", "x > 0", "-o", format)
			require.ErrorIs(t, d.plain, syscall.EPIPE, format)
			require.True(t, term.IsPipe(d.plain), format)
			require.Empty(t, d.err.String(), format)
		}
	})
}

// TestGateThatTakesTooLong: a gate that is not decided when --timeout comes, or
// when the caller has enough of it.
func TestGateThatTakesTooLong(t *testing.T) {
	d := newGateDesk(t, signals{}.bind)
	for _, format := range []string{"table", "junit", "jsonl"} {
		args := []string{"gate", "--query", "good < 1", "--for", "1h", "--interval", "200ms", "-o", format}
		require.Equal(t, 8, d.run(t.Context(), append(args, "--timeout", "500ms")...), d.err)
		require.NotContains(t, d.out.String(), "PASS")
		if format == "junit" {
			require.Empty(t, d.out.String())
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		require.Equal(t, 5, d.run(ctx, args...), d.err)
		if format == "jsonl" {
			lines := jsonLines(t, d.out.String())
			require.Equal(t, "error", lines[len(lines)-1]["type"])
		}
	}
}

// TestWait is `aictl wait`, by what it waits for.
func TestWait(t *testing.T) {
	d := newGateDesk(t, signals{pager: pager{firing: []api.Alert{{
		Fingerprint: "f1", Name: "Full", State: "firing", Started: logsNoon, Labels: map[string]string{"alertname": "Full"},
	}}}}.bind)
	for _, c := range []struct {
		name  string
		args  []string
		exit  int
		want  string
		state string // of the result
		err   string
	}{
		{name: "satisfied", args: []string{"--until", "metric: good < 1", "--until", "alert: Empty absent"}, state: api.DeployComplete, want: `
true      metric: good < 1: 0.25
true      alert: Empty absent: 0 fire
complete  metric: good < 1: 0.25; alert: Empty absent: 0 fire
`},
		{name: "failed", args: []string{"--until", "metric: good > 1", "--fail-if", "alert: Full firing"}, exit: 10, state: api.DeployFailed, err: "error: the wait has failed: alert: Full firing: 1 fires\n", want: `
false     metric: good > 1: 0.25
true      alert: Full firing: 1 fires
failed    alert: Full firing: 1 fires
`},
		{name: "too long", args: []string{"--until", "metric: good > 1", "--until", "metric: away > 1", "--interval", "100ms", "--timeout", "1s"}, exit: 8, err: `error: the wait for the expressions was not decided in time; metric: away > 1 is unknown (prometheus is away^[[2J); metric: good > 1 is false (0.25)
next: aictl doctor, or a longer --timeout
`, want: `
false     metric: good > 1: 0.25
unknown   metric: away > 1: prometheus is away^[[2J
`},
		{name: "for nothing", exit: 2, err: "error: nothing is waited for\nnext: aictl wait --until 'metric: up == 1'\n"},
		{name: "for a workload", args: []string{"--until", "rollout=complete"}, exit: 2},
		{name: "for no comparison", args: []string{"--until", "metric: good"}, exit: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"wait"}, c.args...)
			require.Equal(t, c.exit, d.run(t.Context(), args...), d.err)
			var lines strings.Builder
			for line := range strings.Lines(d.out.String()) {
				lines.WriteString(line[len("12:00:00 "):])
			}
			require.Equal(t, strings.TrimPrefix(c.want, "\n"), lines.String())
			if c.err != "" || c.exit == 0 {
				require.Equal(t, c.err, d.err.String())
			}
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b")

			require.Equal(t, c.exit, d.run(t.Context(), append(args, "-o", "json")...))
			got := jsonLines(t, d.out.String())
			for i, line := range got {
				switch {
				case i < len(got)-1:
					require.Equal(t, "expression", line["type"])
				case c.state != "":
					require.Equal(t, "result", line["type"])
					require.Equal(t, c.state, line["state"])
				default:
					require.Equal(t, "error", line["type"])
					require.EqualValues(t, c.exit, line["exit"])
				}
			}
			if c.exit != 0 {
				require.EqualValues(t, c.exit, jsonLines(t, d.err.String())[0]["exit"])
			}
			require.NotContains(t, d.out.String()+d.err.String(), "\x1b")
		})
	}
	bare := newGateDesk(t, func(r *op.Registry) { respond.Bind(r, respond.Deps{}) })
	require.Equal(t, 12, bare.run(t.Context(), "wait", "--until", "metric: good < 1"))
	require.Equal(t, 2, d.run(t.Context(), "wait", "--until", "metric: good < 1", "-o", "junit"), "reports are the gate's")

	for state, exit := range map[string]int{api.DeployInconclusive: 11, "": 12} {
		scripted := newGateDesk(t, func(r *op.Registry) {
			op.BindStream(r, api.WaitFor, func(context.Context, api.WaitInput) iter.Seq2[api.DeployWaitEvent, error] {
				return func(yield func(api.DeployWaitEvent, error) bool) {
					if state != "" {
						yield(api.DeployWaitEvent{Type: "verdict", Time: logsNoon, State: state, Message: "no\x1b data"}, nil)
					}
				}
			})
		})
		require.Equal(t, exit, scripted.run(t.Context(), "wait", "--until", "metric: good < 1"))
		require.NotContains(t, scripted.out.String()+scripted.err.String(), "\x1b")
	}
}
