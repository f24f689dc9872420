package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/theme"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// backend answers the operations of metrics as a control plane does, over the
// wire's JSON.
type backend struct {
	mu    sync.Mutex // guards asked
	asked []api.MetricPlotInput
	tops  []api.MetricTopInput
	label []api.MetricLabelsInput
	down  error
	// plot overrides what a query gives.
	plot func(in api.MetricPlotInput) (api.MetricPlot, error)
}

func (b *backend) Send(_ context.Context, s *op.Spec, req *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil {
		return nil, b.down
	}
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	var out any
	var err error
	switch s.ID {
	case api.MetricsPlot.ID:
		var in api.MetricPlotInput
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		b.asked = append(b.asked, in)
		if out, err = b.curves(in); err != nil {
			return nil, err
		}
	case api.MetricsTop.ID:
		var in api.MetricTopInput
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		b.tops = append(b.tops, in)
		out = ranked(in)
	case api.MetricsList.ID:
		out = []api.Metric{{Name: "go_goroutines", Help: "How many."}, {Name: "go_gc_duration_seconds"}, {Name: "up", Help: "Is it\x1b[2J up."}}
	case api.MetricsLabels.ID:
		q := req.URL.Query()
		in := api.MetricLabelsInput{Selector: q.Get("selector"), Label: q.Get("label")}
		b.label = append(b.label, in)
		out = []api.MetricLabel{{Name: "job"}, {Name: "instance"}}
		if in.Label != "" {
			out = []api.MetricLabel{{Name: in.Label, Value: "chat"}, {Name: in.Label, Value: "predict"}}
		}
	default:
		return nil, fmt.Errorf("the pane asked for %s", s.ID)
	}
	text, err := json.Marshal(out)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(text))}, err
}

// curves are two services: one breathes, one has a gap in the middle.
func (b *backend) curves(in api.MetricPlotInput) (api.MetricPlot, error) {
	if b.plot != nil {
		return b.plot(in)
	}
	if strings.HasSuffix(in.Query, "(") {
		return api.MetricPlot{}, fail.New(fail.Usage, `prometheus refuses the expression: %d:%d: parse error: unexpected end of input`, 1, len(in.Query)+1).Hint("aictl metrics list")
	}
	r := api.MetricPlot{MetricRange: api.MetricRange{Query: in.Query, From: in.From, To: in.To, Step: op.Duration(in.To.Sub(in.From) / 60)}}
	for _, t := range in.Threshold {
		r.Thresholds = append(r.Thresholds, api.Number(t))
	}
	for n, service := range []string{"chat", "predict"} {
		s := api.MetricSeries{Labels: map[string]string{"service": service, "namespace": "shop"}}
		for i := range 61 {
			if n == 1 && i > 20 && i < 40 {
				continue
			}
			at := in.From.Add(time.Duration(i) * time.Duration(r.Step))
			s.Samples = append(s.Samples, api.MetricSample{Time: at, Value: api.Number(10*float64(n+1) + 5*math.Sin(float64(i)/8))})
		}
		r.Series = append(r.Series, s)
	}
	if len(in.Marks) == 0 {
		r.Annotations = []api.Annotation{{Kind: "deployment", Time: in.From.Add(in.To.Sub(in.From) / 3), Title: "chat", Text: "v2"}}
	}
	return r, nil
}

func ranked(in api.MetricTopInput) api.MetricTop {
	query := in.Query
	if query == "" {
		query = "sum by (service) (calls)"
	}
	return api.MetricTop{Query: query, Window: in.Window, Total: 40, Rows: []api.MetricTopRow{
		{Labels: map[string]string{"__name__": "mem_bytes", "job": "api"}, Value: 3 << 30, Before: 2 << 30, Change: 1 << 30, Recent: []api.Number{1, 2, 3}},
		{Labels: map[string]string{"service": "chat"}, Value: 7, Before: api.Number(math.NaN()), Change: api.Number(math.NaN())},
	}}
}

// driver runs a pane as the app does, without a terminal.
type driver struct {
	t    *testing.T
	env  *pane.Env
	p    *Pane
	said []tea.Msg // what the pane sent to the app
}

func drive(t *testing.T, backends ...*backend) *driver {
	t.Helper()
	th, err := theme.New(theme.Mono)
	require.NoError(t, err)
	feeds := feed.New(t.Context())
	t.Cleanup(feeds.Close)
	env := &pane.Env{Feeds: feeds, Theme: th, Now: noon, Zone: time.UTC, Window: pane.Window{Span: time.Hour, Live: true}}
	for i, b := range backends {
		env.Contexts = append(env.Contexts, feed.Context{Name: fmt.Sprint("ctx", i), Caller: b})
	}
	return &driver{t: t, env: env, p: New(env)}
}

// do runs commands until none is left.
func (d *driver) do(cmd tea.Cmd) {
	d.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.do(c)
		}
	case feed.Answer:
		if d.env.Feeds.Current(msg.Key, msg.Gen) {
			d.do(d.p.Update(msg))
		}
	default:
		d.said = append(d.said, msg)
	}
}

// tick lets time pass.
func (d *driver) tick(by time.Duration) {
	d.env.Now = d.env.Now.Add(by)
	d.do(d.p.Update(pane.Tick{Now: d.env.Now}))
}

// act does an action, which must be one that can be done.
func (d *driver) act(id string) {
	d.t.Helper()
	for _, a := range d.p.Actions() {
		if a.ID == id {
			require.Empty(d.t, a.Disabled, id)
		}
	}
	d.do(d.p.Act(id))
}

// keys types: a word in <> is a key, everything else text.
func (d *driver) keys(keys ...string) {
	d.t.Helper()
	for _, k := range keys {
		require.True(d.t, d.p.Typing(), "a key for a pane that does not type: %s", k)
		switch k {
		case "<enter>":
			d.do(d.p.Update(tea.KeyPressMsg{Code: tea.KeyEnter}))
		case "<tab>":
			d.do(d.p.Update(tea.KeyPressMsg{Code: tea.KeyTab}))
		case "<up>":
			d.do(d.p.Update(tea.KeyPressMsg{Code: tea.KeyUp}))
		case "<down>":
			d.do(d.p.Update(tea.KeyPressMsg{Code: tea.KeyDown}))
		case "<clear>":
			d.do(d.p.Update(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl}))
		default:
			for _, r := range k {
				d.do(d.p.Update(tea.KeyPressMsg{Code: r, Text: string(r)}))
			}
		}
	}
}

// view is the pane as text; its bounds hold.
func (d *driver) view(width, height int) string {
	d.t.Helper()
	text := d.p.View(width, height)
	lines := strings.Split(text, "\n")
	require.LessOrEqual(d.t, len(lines), height, "%d×%d", width, height)
	for _, l := range lines {
		require.LessOrEqual(d.t, ansi.StringWidth(l), width, "%d×%d: %q", width, height, l)
	}
	return ansi.Strip(text)
}
