package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

func TestBoardOfAPlatform(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{}))
	got := d.view(200, 57)
	require.Contains(t, got, "Services · board 1 of 3")
	require.Contains(t, got, "> Calls a second")
	for _, want := range []string{"Failed calls", "Duration, p95", "Waiting calls", "Refused by limits", `a {service="chat"`, "threshold 5%", "deployment chat v2"} {
		require.Contains(t, got, want)
	}
	require.Contains(t, d.view(80, 21), "plots 1 to 4 of 6")
	require.Equal(t, `aictl metrics plot 'sum by (service) (rate(aictl_gateway_requests_total[5m]))' --since 1h`, d.p.Command())
	d.act("list.right")
	require.Contains(t, d.p.Command(), "--threshold 0.05 --unit ratio")
}

func TestTheGridFollowsTheCursor(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{}))
	d.view(80, 21) // two columns, two lines
	for _, c := range []struct {
		key  string
		want int
	}{
		{"list.down", 2},
		{"list.down", 4},
		{"list.down", 4},
		{"list.right", 5},
		{"list.up", 3},
		{"list.left", 2},
		{"list.top", 0},
		{"list.bottom", 5},
		{"list.pageup", 1},
		{"list.up", 1},
	} {
		d.act(c.key)
		require.Equal(t, c.want, d.p.at, c.key)
		d.view(80, 21)
	}
	d.act("list.bottom")
	require.Contains(t, d.view(80, 21), "plots 3 to 6 of 6")
	box := d.p.lay.cells[0]
	d.do(d.p.Click(box.x+1, box.y+1))
	require.Equal(t, 2, d.p.at)
	require.False(t, d.p.zoomed)
	d.do(d.p.Click(box.x+1, box.y+1))
	require.True(t, d.p.zoomed, "a second click opens")
	require.Contains(t, d.view(80, 21), "plot 3 of 6")
	require.True(t, d.p.Escape())
	require.False(t, d.p.Escape())
	d.p.Scroll(-1)
	require.Equal(t, 0, d.p.at)
}

func TestAnExpressionIsTypedWithItsWords(t *testing.T) {
	b := &backend{}
	d := drive(t, b)
	d.do(d.p.Open(pane.Subject{}))
	d.act("metrics.add")
	d.keys("sum(go_")
	got := d.view(100, 30)
	require.Contains(t, got, "PromQL> sum(go_")
	require.Contains(t, got, " go_goroutines")
	require.Contains(t, got, "How many.")
	d.keys("go", "<tab>", "{j", "<tab>", `="`)
	require.Contains(t, d.view(100, 30), " predict")
	require.Equal(t, api.MetricLabelsInput{Selector: "go_goroutines", Label: "job"}, b.label[len(b.label)-1])
	d.keys("<down>", "<down>", "<enter>")
	require.True(t, d.p.Typing(), "enter takes the word that was chosen")
	d.keys(`"})`)
	before := len(b.asked)
	d.keys("<enter>")
	require.False(t, d.p.Typing())
	require.Len(t, b.asked, before+1, "only the new plot is asked for")
	require.Equal(t, `sum(go_goroutines{job="predict"})`, b.asked[before].Query)
	require.Equal(t, 1, d.p.at)
	require.Contains(t, d.view(100, 40), `> sum(go_goroutines{job="predict"})`)
	require.Contains(t, d.said, tea.Msg(pane.Ran{Command: `aictl metrics plot 'sum(go_goroutines{job="predict"})' --since 1h`}))
	require.Contains(t, d.view(100, 40), "Services (changed)")

	d.act("metrics.add")
	d.keys("<up>")
	require.Contains(t, d.view(100, 30), `PromQL> sum(go_goroutines{job="predict"})`, "the history")
	require.True(t, d.p.Escape())
	require.False(t, d.p.Typing())
}

func TestAMistakeIsShownAtItsPlace(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{Query: "rate(up("}))
	got := d.view(100, 20)
	require.Regexp(t, `\n  rate\(up\( *\n {10}\^`, got)
	require.Contains(t, got, "parse error")
	require.Contains(t, got, "next: aictl metrics list")
	require.Contains(t, got, "! failed")
	d.act("metrics.edit")
	require.Equal(t, len("rate(up("), d.p.entry.in.Cursor())
	d.keys("<clear>", "up", "<enter>")
	require.NotContains(t, d.view(100, 20), "parse error")
	require.Contains(t, d.p.Command(), "plot up ")
}

func TestWhatFailedKeepsWhatWasKnown(t *testing.T) {
	b := &backend{}
	d := drive(t, b)
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	require.Contains(t, d.view(100, 24), `a {service="chat"}`)
	b.down = fail.New(fail.Unavailable, "the control plane does not answer").Hint("aictl status")
	d.tick(2 * time.Minute)
	got := d.view(100, 24)
	require.Contains(t, got, "! failed, 2m old")
	require.Contains(t, got, "the control plane does not answer")
	require.Contains(t, got, "next: aictl status")
	require.Contains(t, got, `a {service="chat"}`, "the old curves")
	b.down = nil
	d.tick(2 * time.Minute)
	require.NotContains(t, d.view(100, 24), "does not answer")
}

func TestSeveralContexts(t *testing.T) {
	one, two := &backend{}, &backend{}
	d := drive(t, one, two)
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	got := d.view(120, 30)
	require.Contains(t, got, `{context="ctx0", service="chat"}`)
	require.Contains(t, got, `{context="ctx1", service="predict"}`)
	require.Contains(t, got, "(ctx1)", "a mark says whose it is")
	require.Equal(t, "ctx0", d.p.Subject().Context)
	two.down = fail.New(fail.Timeout, "too slow")
	d.tick(time.Minute)
	got = d.view(120, 30)
	require.Contains(t, got, "! 1 of 2 failed")
	require.Contains(t, got, "ctx1: too slow")
}

func TestOtherContextsShowNothingOfThose(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	require.Contains(t, d.view(100, 24), "chat")
	down := drive(t, &backend{down: fail.New(fail.Unavailable, "gone")})
	d.env.Contexts = []feed.Context{{Name: "other", Caller: down.env.Contexts[0].Caller}}
	d.do(d.p.Refresh())
	got := d.view(100, 24)
	require.NotContains(t, got, "chat")
	require.Contains(t, got, "gone")
}

func TestTheWindowsCursorAndComparison(t *testing.T) {
	b := &backend{}
	d := drive(t, b)
	d.env.Window.Compare = 24 * time.Hour
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	require.Len(t, b.asked, 2)
	require.Equal(t, b.asked[0].From.Add(-24*time.Hour), b.asked[1].From)
	require.Equal(t, []string{"none"}, b.asked[1].Marks)
	got := d.view(120, 30)
	require.Contains(t, got, `c {service="chat"} 1d ago`)
	require.Contains(t, got, "with 1d ago")
	d.env.Window.Cursor = noon.Add(-30 * time.Minute)
	d.env.Window.Marks = []time.Time{noon.Add(-10 * time.Minute)}
	got = d.view(120, 30)
	require.Contains(t, got, "at 11:30:00")
	require.Contains(t, got, `b {service="predict"} no value at 11:30:00`, "a gap is a gap")
	require.Contains(t, got, "your mark")
	require.Equal(t, noon.Add(-30*time.Minute), d.p.Subject().At)
}

func TestJumpsGoFromTheChosenCurve(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	require.Equal(t, "chat", d.p.Subject().Service)
	require.Contains(t, d.view(100, 24), `jumps go from {service="chat"} (1 of 2`)
	d.act("list.down")
	s := d.p.Subject()
	require.Equal(t, "predict", s.Service)
	require.Equal(t, "shop", s.Namespace)
	require.Equal(t, "up", s.Query)
	require.Equal(t, map[string]string{"service": "predict", "namespace": "shop"}, s.Labels)
}

func TestAServicesBoard(t *testing.T) {
	b := &backend{}
	d := drive(t, b)
	d.do(d.p.Open(pane.Subject{Service: "chat", Namespace: "shop", At: noon.Add(-3 * time.Hour)}))
	got := d.view(120, 50)
	require.Contains(t, got, "Service chat · board 4 of 4")
	require.Contains(t, got, "Pods: memory")
	require.Len(t, b.asked, 8)
	require.Contains(t, b.asked[0].Query, `{service="chat"}`)
	w, ok := d.said[0].(pane.SetWindow)
	require.True(t, ok)
	require.Equal(t, noon.Add(-3*time.Hour), w.Window.Cursor)
	d.do(d.p.Open(pane.Subject{}))
	require.Contains(t, d.view(120, 50), "Service chat", "a visit without a subject changes nothing")
	d.act("metrics.board")
	require.Contains(t, d.view(120, 50), "Services · board 1 of 4")
}

func TestRefreshKeepsToTheStep(t *testing.T) {
	b := &backend{}
	d := drive(t, b)
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	n := len(b.asked)
	for range 59 {
		d.tick(time.Second)
	}
	require.Len(t, b.asked, n, "a step of a minute brings nothing new within it")
	d.tick(time.Second)
	require.Len(t, b.asked, n+1)
	require.Equal(t, d.env.Now, b.asked[n].To)
	d.env.Window.Live, d.env.Window.End = false, noon
	d.do(d.p.Refresh())
	require.Len(t, b.asked, n+2)
	d.tick(time.Hour)
	require.Len(t, b.asked, n+2, "a stretch that is over is asked for once")
}

func TestChangesOfABoardAreKept(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{}))
	d.act("metrics.remove")
	d.act("metrics.on")
	d.act("metrics.options")
	ask, ok := d.said[len(d.said)-1].(pane.Ask)
	require.True(t, ok)
	d.do(ask.Then([]string{"Errors", "ratio", "0.1, 0.5"}))
	require.Equal(t, []string{"Duration, p95", "Errors"}, []string{d.p.plots[0].spec.Title, d.p.plots[1].spec.Title})
	d.do(ask.Then([]string{"Errors", "ratio", "many"}))
	require.Equal(t, pane.Toast{Level: "bad", Text: `"many" is not a number`}, d.said[len(d.said)-1])
	d.act("metrics.board")
	raw, err := json.Marshal(d.p.Save())
	require.NoError(t, err)

	again := drive(t, &backend{})
	again.p.Restore(raw)
	again.do(again.p.Open(pane.Subject{}))
	require.Contains(t, again.view(120, 40), "Processes")
	again.act("metrics.board-back")
	require.Equal(t, []float64{0.1, 0.5}, again.p.plots[1].spec.Threshold)
	require.Len(t, again.p.plots, 5)
	again.act("metrics.reset")
	require.Len(t, again.p.plots, 6)
	for _, bad := range []string{"", "[]", `{"boards":{"services":[{"query":""}]},"at":-4}`, `{"boards":7}`} {
		p := New(again.env)
		p.Restore([]byte(bad))
		require.Empty(t, p.custom, bad)
		require.GreaterOrEqual(t, p.at, 0)
	}
}

func TestMarksCanBeHidden(t *testing.T) {
	b := &backend{}
	d := drive(t, b)
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	require.Contains(t, d.view(100, 30), "deployment chat v2")
	d.act("metrics.marks")
	require.NotContains(t, d.view(100, 30), "deployment chat v2")
	require.Contains(t, d.p.Command(), "--marks none")
}

func TestTop(t *testing.T) {
	b := &backend{}
	d := drive(t, b)
	d.do(d.p.Open(pane.Subject{}))
	d.act("metrics.top")
	got := d.view(110, 20)
	require.Contains(t, got, "Top: sum by (service) (calls)")
	require.Contains(t, got, "2 of 40 series")
	require.Contains(t, got, `mem_bytes{job="api"}`)
	require.Contains(t, got, "+1 GiB")
	require.Contains(t, got, "+50.0%")
	require.Equal(t, "aictl metrics top --window 1h", d.p.Command())
	require.Equal(t, "api", d.p.Subject().Service)
	d.act("metrics.least")
	require.True(t, b.tops[len(b.tops)-1].Bottom)
	d.act("metrics.edit")
	d.keys("up", "<enter>")
	require.Equal(t, "up", b.tops[len(b.tops)-1].Query)
	require.Equal(t, "aictl metrics top up --window 1h --bottom", d.p.Command())
	d.p.Filter("mem")
	require.NotContains(t, d.view(110, 20), `{service="chat"}`)
	d.p.top.table.Select("ctx0\x00" + `mem_bytes{job="api"}`)
	d.act("metrics.zoom")
	require.Equal(t, `mem_bytes{job="api"}`, b.asked[len(b.asked)-1].Query)
	require.Contains(t, d.view(110, 20), "Expression")
	b.down = fail.New(fail.Unavailable, "gone")
	d.act("metrics.top")
	d.tick(time.Minute)
	require.Contains(t, d.view(110, 20), "! gone")
}

func TestFilterOfPlots(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{}))
	d.p.Filter("queue")
	got := d.view(100, 30)
	require.Contains(t, got, "> Waiting calls")
	require.Contains(t, got, "5 filtered out")
	d.p.Filter("nothing like it")
	require.Contains(t, d.view(100, 30), "No plot of this board matches")
	require.Zero(t, d.p.Subject())
	for _, a := range d.p.Actions() {
		if a.ID == "metrics.zoom" || a.ID == "metrics.remove" {
			require.NotEmpty(t, a.Disabled)
		}
	}
	d.p.Filter("")
	require.Contains(t, d.view(100, 30), "> Waiting calls")
}

func TestBoardsOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boards.yaml")
	require.NoError(t, os.WriteFile(path, []byte("boards:\n- name: mine\n  title: My board\n  plots:\n  - query: up\n    unitt: ratio\n"), 0o600))
	d := drive(t, &backend{})
	d.env.Settings.Boards = path
	require.Contains(t, d.view(100, 30), "Reading the boards file")
	d.do(d.p.Open(pane.Subject{}))
	got := d.view(160, 30)
	require.Contains(t, got, `unknown field "unitt"`)
	require.Contains(t, got, "[6:5]", "its place")
	require.Contains(t, got, "Calls a second", "the built-in boards stand in")
	require.NoError(t, os.WriteFile(path, []byte("boards:\n- name: mine\n  title: My board\n  plots:\n  - query: up\n"), 0o600))
	d.do(d.p.Refresh())
	got = d.view(160, 30)
	require.Contains(t, got, "My board")
	require.NotContains(t, got, "unknown field")
	d.act("metrics.copy")
	boards, err := parseBoards("x", []byte(d.said[len(d.said)-1].(pane.Copy).Text))
	require.NoError(t, err)
	require.Equal(t, "up", boards[0].Plots[0].Query)
}

func TestASubjectWaitsForTheBoards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boards.yaml")
	d := drive(t, &backend{})
	d.env.Settings.Boards = path
	d.do(d.p.Open(pane.Subject{Query: "up"}))
	got := d.view(100, 30)
	require.Contains(t, got, "> up")
	require.Contains(t, got, "there is no boards file")
}

func TestParseBoards(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "0 boards"},
		{"no YAML", "boards: [", "boards file f"},
		{"no name", "boards: [{plots: [{query: up}]}]", "board 1 has no name"},
		{"twice", "boards: [{name: a, plots: [{query: up}]}, {name: a, plots: [{query: up}]}]", `two boards are named "a"`},
		{"no plots", "boards: [{name: a}]", "has no plots"},
		{"no query", "boards: [{name: a, plots: [{title: x}]}]", "plot 1: it has no query"},
		{"unit", "boards: [{name: a, plots: [{query: up, unit: miles}]}]", "is not a unit"},
		{"threshold", "boards: [{name: a, plots: [{query: up, threshold: [.nan]}]}]", "finite"},
		{"too many", "boards: [{name: a, plots: [" + strings.Repeat("{query: up},", maxPlots+1) + "]}]", "at most"},
		{"unknown", "boards: [{name: a, plots: [{query: up}], panels: 1}]", "panels"},
	} {
		_, err := parseBoards("f", []byte(c.text))
		require.ErrorContains(t, err, c.want, c.name)
		require.Equal(t, fail.Usage, fail.CodeOf(err), c.name)
	}
}

func TestTheExampleIsABoardsFile(t *testing.T) {
	text, err := os.ReadFile("../../../docs/examples/boards.yaml")
	require.NoError(t, err)
	boards, err := parseBoards("boards.yaml", text)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(boards), 2)
}

func TestBuiltinBoardsAreBoards(t *testing.T) {
	for _, b := range append(builtin(), boardOf(pane.Subject{Service: "a\"b", Namespace: "n"})) {
		require.NoError(t, b.check())
		require.NotEmpty(t, b.Name)
	}
}

func FuzzParseBoards(f *testing.F) {
	f.Add([]byte("boards:\n- name: a\n  plots:\n  - query: up\n    threshold: [1]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		boards, err := parseBoards("f", text)
		if err == nil && len(boards) == 0 {
			t.Fatal("no boards and no error")
		}
	})
}

func TestKeysAreThePanesOwn(t *testing.T) {
	d := drive(t, &backend{})
	taken := map[string]string{}
	for _, k := range strings.Fields(": / ? esc tab shift+tab 1 2 3 4 5 6 7 8 9 0 q ctrl+c ctrl+k ctrl+z ctrl+l r w l m d [ ] + - , . M Y T @ !") {
		taken[k] = "the app"
	}
	for _, a := range append(widget.ListActions(), d.p.Actions()...) {
		for _, k := range a.Keys {
			require.Empty(t, taken[k], k)
			taken[k] = a.ID
		}
		require.NotEmpty(t, a.Short)
		require.NotEmpty(t, a.Help)
	}
}

func TestBounds(t *testing.T) {
	hostile := "x\x1b[31m\x1b]0;t\x07日本語é́́\u202e" + strings.Repeat("W", 300)
	b := &backend{plot: func(in api.MetricPlotInput) (api.MetricPlot, error) {
		r := api.MetricPlot{MetricRange: api.MetricRange{Query: in.Query, From: in.From, To: in.To, Step: op.Duration(time.Minute), Warnings: []string{hostile}}}
		for i := range 12 {
			s := api.MetricSeries{Labels: map[string]string{"service": hostile, "n": fmt.Sprint(i)}}
			for m := range 60 {
				s.Samples = append(s.Samples, api.MetricSample{Time: in.From.Add(time.Duration(m) * time.Minute), Value: api.Number(m * i)})
			}
			r.Series = append(r.Series, s)
		}
		r.Annotations = []api.Annotation{{Kind: "alert", Time: in.From.Add(time.Minute), Title: hostile}}
		return r, nil
	}}
	broken := &backend{down: fail.New(fail.Unavailable, "%s", hostile).Hint("%s", hostile)}
	d := drive(t, b, broken)
	d.do(d.p.Open(pane.Subject{}))
	d.p.plots[0].spec.Title = hostile
	d.env.Window.Cursor = noon.Add(-20 * time.Minute)
	states := []func(){
		func() {},
		func() { d.p.zoomed = true },
		func() { d.act("metrics.add"); d.keys("u") },
		func() { d.p.Escape(); d.p.Escape(); d.act("metrics.top") },
		func() { d.p.Escape(); d.env.ASCII = true },
		func() { d.p.fileErr = fail.New(fail.Usage, "%s", hostile) },
		func() { d.p.plots = nil },
	}
	for _, state := range states {
		state()
		for _, w := range []int{1, 2, 5, 19, 20, 21, 39, 40, 76, 80, 130, 151, 245} {
			for _, h := range []int{1, 2, 3, 5, 6, 7, 9, 10, 12, 20, 45} {
				text := d.p.View(w, h)
				require.NotContains(t, text, "\x1b]0")
				require.NotContains(t, text, "\u202e")
				d.view(w, h)
			}
		}
	}
}

func TestOneLineStillSaysSomething(t *testing.T) {
	d := drive(t, &backend{})
	d.do(d.p.Open(pane.Subject{}))
	require.Contains(t, d.view(20, 3), "> Calls a second")
	require.Contains(t, d.view(40, 3), `{service="chat"`, "a curve is a line where a chart has no room")
}
