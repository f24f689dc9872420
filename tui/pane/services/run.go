package services

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/theme"
	"github.com/aictl/aictl/tui/widget"
)

// What a stream's answer is bounded by; what is over it is counted, and not
// kept.
const (
	mostEvents = 20_000
	mostBytes  = 16 << 20
)

// run is one call, and what it answered.
type run struct {
	streams bool
	started time.Time
	took    time.Duration
	busy    bool
	err     error

	out    json.RawMessage   // of a plain call
	events []json.RawMessage // of a stream
	text   strings.Builder   // what the events say, where they say text
	size   int
	lost   int // events that were not kept

	asEvents bool // show the events, where there is text
	page     *widget.Pager
	drawn    drawn
}

// drawn is how much of the answer is in the page's lines, and for what.
type drawn struct {
	width  int
	theme  string
	events bool
	upto   int // events, or bytes of text up to the end of a line
	lines  []string
	valid  bool
	whole  bool // nothing came since
}

func newRun(streams bool, now time.Time) *run {
	return &run{streams: streams, started: now, busy: true, page: widget.NewPager()}
}

func (c *call) answer(a feed.Answer, _ time.Time) {
	r := c.run
	if r == nil || a.Canceled() {
		return
	}
	r.busy, r.took = false, a.Took
	r.out, r.err = feed.One[json.RawMessage](a)
	r.drawn = drawn{}
}

func (c *call) batch(b feed.Batch, now time.Time) {
	r := c.run
	if r == nil {
		return
	}
	for _, e := range feed.Items[api.InvokeEvent](b) {
		r.event(e.Data)
	}
	r.drawn.whole = false
	if r.took = now.Sub(r.started); b.Done {
		r.busy = false
	}
	if b.Err != nil {
		r.err = b.Err
	}
}

func (r *run) event(v json.RawMessage) {
	if len(r.events) >= mostEvents || r.size+len(v) > mostBytes {
		r.lost++
		return
	}
	r.events = append(r.events, v)
	r.size += len(v)
	r.text.WriteString(delta(v))
}

// delta is the text of a part of a chat completion, as OpenAI's API streams
// them; nothing of any other event.
func delta(v json.RawMessage) string {
	var chunk struct {
		Choices []struct {
			Delta struct {
				Content string `json:"content"`
			} `json:"delta"`
		} `json:"choices"`
	}
	if json.Unmarshal(v, &chunk) != nil || len(chunk.Choices) == 0 {
		return ""
	}
	return chunk.Choices[0].Delta.Content
}

// says reports whether the stream is shown as the text that it says.
func (r *run) says() bool { return r.text.Len() > 0 && !r.asEvents }

// status is one line about the call.
func (r *run) status(th *theme.Theme, now time.Time) string {
	var parts []string
	switch {
	case r.err != nil && fail.CodeOf(r.err) == fail.Canceled:
		parts = append(parts, th.Warn.Render("stopped"))
	case r.err != nil:
		parts = append(parts, th.Bad.Render("failed"))
	case r.busy:
		parts = append(parts, th.Info.Render("running "+widget.Age(now.Sub(r.started))))
	default:
		parts = append(parts, th.OK.Render("ok")+" in "+r.lasted())
	}
	if r.streams {
		parts = append(parts, fmt.Sprintf("%d events", len(r.events)+r.lost))
	}
	if r.lost > 0 {
		parts = append(parts, th.Warn.Render(fmt.Sprintf("%d of them not kept", r.lost)))
	}
	return strings.Join(parts, ", ")
}

// lasted is how long the call took. A stream's time is that of the dashboard's
// clock, which goes by seconds.
func (r *run) lasted() string {
	switch {
	case r.streams && r.took < time.Second:
		return "under a second"
	case r.took < time.Second:
		return fmt.Sprintf("%d ms", r.took.Milliseconds())
	}
	return r.took.Round(100 * time.Millisecond).String()
}

// draw brings the page's lines up to what came. Only what is new is drawn, and
// the line that was not finished.
func (r *run) draw(th *theme.Theme, width int) {
	d := &r.drawn
	if !d.valid || d.width != width || d.theme != th.Name || d.events != r.asEvents || (!d.events && d.upto > 0 && !r.says() && r.streams) {
		*d = drawn{width: width, theme: th.Name, events: r.asEvents, valid: true}
	}
	if d.whole {
		return
	}
	d.whole = true
	follow := r.page.AtBottom() && r.streams
	var lines []string
	switch {
	case !r.streams && r.out != nil:
		d.lines = pretty(th, r.out)
		lines = d.lines
	case r.says():
		lines = r.prose(width)
	default:
		for ; d.upto < len(r.events); d.upto++ {
			d.lines = append(d.lines, term.SafeLine(string(compact(r.events[d.upto]))))
		}
		lines = d.lines
	}
	if r.err != nil && fail.CodeOf(r.err) != fail.Canceled {
		lines = append(lines[:len(lines):len(lines)], failure(th, r.err, width)...)
	}
	r.page.SetLines(lines)
	if follow {
		r.page.ToBottom()
	}
}

// prose wraps the text. Lines that are finished are wrapped once.
func (r *run) prose(width int) []string {
	d := &r.drawn
	rest := r.text.String()[d.upto:]
	if end := strings.LastIndexByte(rest, '\n'); end >= 0 {
		for line := range strings.SplitSeq(rest[:end], "\n") {
			d.lines = append(d.lines, widget.Wrap(term.SafeLine(line), width)...)
		}
		d.upto += end + 1
		rest = rest[end+1:]
	}
	if rest == "" {
		return d.lines
	}
	return append(d.lines[:len(d.lines):len(d.lines)], widget.Wrap(term.SafeLine(rest), width)...)
}

// failure is an error with what to do next.
func failure(th *theme.Theme, err error, width int) []string {
	e := fail.From(err)
	p := say.NewPage(th, width)
	p.Text("", th.Bad, string(e.Code)+": "+e.Error())
	if e.Next != "" {
		p.Text("", th.Muted, "→ "+e.Next)
	}
	if e.Request != "" {
		p.Text("", th.Muted, "request "+e.Request)
	}
	return p.Lines()
}

// whole is the answer, for a copy.
func (r *run) whole() string {
	switch {
	case !r.streams:
		var b bytes.Buffer
		if json.Indent(&b, r.out, "", "  ") != nil {
			return string(r.out)
		}
		return b.String()
	case r.says():
		return r.text.String()
	}
	var b strings.Builder
	for _, e := range r.events {
		b.Write(compact(e))
		b.WriteByte('\n')
	}
	return b.String()
}

// stop says that the person ended the call. What came stays.
func (r *run) stop() {
	r.busy, r.err = false, fail.New(fail.Canceled, "stopped")
}
