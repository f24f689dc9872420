package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/asked"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
)

// showFor is how long a value is shown.
const showFor = 30 * time.Second

// masked stands for every value.
const masked = "*****"

// shown is a value while it is revealed.
type shown struct {
	value string
	until time.Time
}

// askReveal asks whether the value is to be shown; that is recorded.
func (p *Pane) askReveal() tea.Cmd {
	r, ok := p.current()
	if !ok {
		return nil
	}
	return pane.Send(pane.Ask{
		Title: "Show the value of " + r.s.Ref + " for 30 seconds?",
		Fields: []pane.Field{{
			Label: "Show it", Initial: "no", Required: true, Enum: []string{"no", "yes"},
			Help: "who looked at it is in the audit record",
		}},
		Then: func(values []string) tea.Cmd {
			if values[0] != "yes" {
				return nil
			}
			return p.revealNow(r)
		},
	})
}

func (p *Pane) revealNow(r row) tea.Cmd {
	var cmds []tea.Cmd
	if p.detail == nil || p.detail.row.key() != r.key() {
		cmds = append(cmds, p.open(r))
	}
	p.diff = nil
	p.detail.revealErr = nil
	return tea.Batch(append(cmds,
		feed.Ask(p.env.Feeds, key(slotReveal), []feed.Context{p.env.Context(r.context)}, api.SecretsGet, api.SecretGetInput{Ref: r.s.Ref, Reveal: true}),
		pane.Send(pane.Ran{Command: argv.Line(append([]string{"aictl", "secrets", "get", r.s.Ref, "--reveal"}, asked.Flags(p.env.Contexts, r.context)...)...)}),
	)...)
}

// reveal takes the value, where it is the page's own.
func (d *detail) reveal(v api.SecretValue, err error, now time.Time) {
	d.shown, d.dirty = nil, true
	switch {
	case err != nil:
		d.revealErr = err
	case v.Ref != d.ref:
	case !v.Revealed:
		d.revealErr = fail.New(fail.Refused, "the store does not give the value back").Hint("compare it: press f")
	default:
		d.shown = &shown{value: readable(v), until: now.Add(showFor)}
		d.page.Act("list.top")
	}
}

// readable is the value as a person can read it: bytes that are no text as a
// dump.
func readable(v api.SecretValue) string {
	if v.Encoding != "base64" {
		return v.Value
	}
	raw, err := base64.StdEncoding.DecodeString(v.Value)
	if err != nil {
		return v.Value
	}
	return hex.Dump(raw[:min(len(raw), 1024)])
}

// expire masks the value when its time is over. d may be nil.
func (d *detail) expire(now time.Time) {
	if d != nil && d.shown != nil && !now.Before(d.shown.until) {
		d.hide()
	}
}

// hide forgets the value, and the lines that it was drawn in.
func (d *detail) hide() {
	d.shown, d.dirty = nil, true
	d.page.SetLines(nil)
}

// mask masks what is shown, and drops what is on its way.
func (p *Pane) mask() {
	p.env.Feeds.Stop(key(slotReveal))
	if p.detail != nil && p.detail.shown != nil {
		p.detail.hide()
	}
}

// value is the line, or the lines, of the value.
func (p *Pane) value(page *say.Page) {
	th, d := p.env.Theme, p.detail
	if d.revealErr != nil {
		page.Add(say.Err("the value", d.revealErr).Line(th))
	}
	if d.shown == nil {
		page.Field("Value", masked)
		return
	}
	page.Head("Value")
	for line := range strings.SplitSeq(strings.TrimRight(d.shown.value, "\n"), "\n") {
		page.Text("  ", th.Text, line)
	}
	page.Blank()
}
