package secrets

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/say"
	"github.com/aictl/aictl/tui/widget"
)

// detail is the page of one secret.
type detail struct {
	context, ref string
	row          row
	listed       bool // the list has it

	history    api.SecretHistory
	historyErr error
	known      bool
	past       []api.SecretRotation
	pastErr    error

	// shown is the value while it is revealed; nil is masked.
	shown     *shown
	revealErr error

	page  *widget.Pager
	dirty bool
	drawn string // the width and skin that it was drawn for
}

// open shows the page of a secret.
func (p *Pane) open(r row) tea.Cmd {
	p.detail = &detail{context: r.context, ref: r.s.Ref, row: r, listed: r.s.Store != "", page: widget.NewPager(), dirty: true}
	p.detail.page.Match = p.env.Theme.Match
	return p.askDetail()
}

func (p *Pane) askDetail() tea.Cmd {
	d := p.detail
	in := []feed.Context{p.env.Context(d.context)}
	return tea.Batch(
		feed.Ask(p.env.Feeds, key(slotHistory), in, api.SecretsHistory, api.SecretHistoryInput{Ref: d.ref}),
		feed.Ask(p.env.Feeds, key(slotPast), in, api.SecretsRotations, api.SecretRotationFilter{}),
	)
}

func (d *detail) take(a feed.Answer, now time.Time) {
	if a.Canceled() {
		return
	}
	d.dirty = true
	switch a.Slot {
	case slotHistory:
		h, err := feed.One[api.SecretHistory](a)
		if d.historyErr = err; err == nil {
			d.history, d.known = h, true
		}
	case slotPast:
		all, err := feed.One[[]api.SecretRotation](a)
		if d.pastErr = err; err != nil {
			return
		}
		d.past = nil
		for _, x := range all {
			if x.Ref == d.ref && !x.Open {
				d.past = append(d.past, x)
			}
		}
	case slotReveal:
		v, err := feed.One[api.SecretValue](a)
		d.reveal(v, err, now)
	}
}

// draw makes the page again where something changed.
func (p *Pane) draw(width int) {
	d := p.detail
	id := fmt.Sprint(width, p.env.Theme.Name)
	if !d.dirty && d.drawn == id {
		return
	}
	d.dirty, d.drawn = false, id
	page := say.NewPage(p.env.Theme, width)
	p.about(page)
	p.users(page)
	p.journals(page)
	p.versions(page)
	d.page.SetLines(page.Lines())
}

// about is what the store says of the secret, and its value, masked.
func (p *Pane) about(page *say.Page) {
	th, d := p.env.Theme, p.detail
	s := d.row.s
	if !d.listed {
		page.Text("", th.Warn, "It is not among the secrets that the stores list.")
	}
	moment := func(name string, t time.Time) {
		if !t.IsZero() {
			page.Field(name, say.Clock(p.env, t)+" ("+ago(p.env, t)+" ago)")
		}
	}
	p.value(page)
	page.Field("Version", s.Version)
	moment("Created", s.Created)
	moment("Updated", s.Updated)
	page.Field("By", s.By)
	moment("Rotated", s.Rotated)
	page.Field("Due", due(p.env, &s))
	if s.MaxAge > 0 {
		page.Field("Max age", say.Long(s.MaxAge))
	}
	page.Field("Tags", say.Labels(s.Tags))
	if s.Managed != "" {
		page.Field("Managed by", s.Managed+", which would undo a write")
	}
	page.Field("Note", s.Note)
	if w := d.history.Writes; len(w) > 0 && w[0].Version == s.Version {
		page.Field("Fingerprint", w[0].Fingerprint)
	}
}

func (p *Pane) users(page *say.Page) {
	th, r := p.env.Theme, &p.detail.row
	page.Head("Consumers")
	switch {
	case !r.asked && p.consumers.Busy():
		page.Text("  ", th.Muted, "asking the engines…")
	case !r.asked:
		page.Text("  ", th.Warn, "not known: the engines did not say")
	case len(r.consumers) == 0:
		page.Text("  ", th.Muted, "no workload refers to it")
	}
	for _, c := range r.consumers {
		page.Text("  ", th.Text, c)
	}
}

func (p *Pane) journals(page *say.Page) {
	d := p.detail
	if x, ok := p.openRotation(d.row); ok {
		page.Head("Rotation, not at its end")
		p.journal(page, x)
	}
	for i, x := range d.past {
		if i == 0 {
			page.Head("Rotations")
		}
		p.journal(page, x)
	}
	if d.pastErr != nil {
		page.Head("Rotations")
		page.Add("  " + say.Err("the journal", d.pastErr).Line(p.env.Theme))
	}
}

func (p *Pane) versions(page *say.Page) {
	th, d := p.env.Theme, p.detail
	page.Head("Versions")
	if d.historyErr != nil {
		page.Add("  " + say.Err("the history", d.historyErr).Line(th))
	}
	switch {
	case !d.known && d.historyErr == nil:
		page.Text("  ", th.Muted, "asking the store…")
	case d.known && len(d.history.Versions) == 0:
		page.Text("  ", th.Muted, "the store keeps none")
	}
	for _, v := range d.history.Versions {
		state, style := versionState(v), th.Muted
		if v.Current {
			style = th.OK
		}
		line := "  " + widget.Fit(term.SafeLine(v.Version), 10) + " " + style.Render(widget.Fit(term.SafeLine(state), 10))
		if !v.Created.IsZero() {
			line += " " + say.Clock(p.env, v.Created)
		}
		if v.By != "" {
			line += th.Muted.Render("  by " + term.SafeLine(v.By))
		}
		page.Add(line)
	}
	for i, w := range d.history.Writes {
		if i == 0 {
			page.Head("Written through aictl")
		}
		line := "  " + widget.Fit(say.Clock(p.env, w.Time), 12) + " " + widget.Fit(term.SafeLine(w.Action), 8) +
			" " + widget.Fit(term.SafeLine(shortVersion(w.Version)), 8) + " " + th.Muted.Render(term.SafeLine(print12(w.Fingerprint)))
		if w.By != "" {
			line += th.Muted.Render("  by " + term.SafeLine(w.By))
		}
		if w.Reason != "" {
			line += "  " + term.SafeLine(w.Reason)
		}
		page.Add(line)
	}
}

// print12 is as much of a fingerprint as people compare.
func print12(fingerprint string) string { return fingerprint[:min(12, len(fingerprint))] }

func versionState(v api.SecretVersion) string {
	switch {
	case v.Revoked:
		return "revoked"
	case v.Current && len(v.Stages) == 0:
		return "current"
	case len(v.Stages) > 0:
		return strings.Join(v.Stages, " ")
	}
	return "kept"
}

// head is the line above the page.
func (d *detail) head(env *pane.Env, width int) string {
	th := env.Theme
	left := th.Bold.Render(term.SafeLine(d.ref))
	if len(env.Contexts) > 1 {
		left += th.Muted.Render(" in " + term.SafeLine(d.context))
	}
	right := th.Muted.Render("masked")
	switch {
	case d.shown != nil && env.Now.Before(d.shown.until):
		right = th.Warn.Render(fmt.Sprintf("SHOWN for %d s more", int(d.shown.until.Sub(env.Now).Seconds())))
	case d.row.s.Overdue:
		right = th.Bad.Render("OVERDUE") + "  " + right
	}
	return widget.Columns(left, right, width)
}
