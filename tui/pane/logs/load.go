package logs

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/widget"
)

const (
	// pageLines are asked for at a time.
	pageLines = 1000
	// overlap is how far before the end of a search the tail begins: what was
	// on its way into the store then is not missed.
	overlap = 10 * time.Second
	// recentIDs are remembered a context, to hide what comes twice.
	recentIDs = 20_000
)

// olderPages says what there is above the oldest line.
type olderPages struct {
	more    bool
	before  time.Time // entries up to this time are held, as far as they go
	loading bool
}

// load asks for the lines of the window from scratch.
func (p *Pane) load() tea.Cmd {
	p.stop()
	p.loaded = p.asked()
	p.view.Clear()
	p.view.Columns.Origin = p.several()
	p.view.Highlight = searched(p.query.filter)
	p.failed, p.remarks, p.older, p.detail.open = nil, nil, olderPages{}, false
	p.loading = true
	from, to := p.env.Bounds()
	cursor := p.env.Window.Cursor
	p.source = fromTail
	switch {
	case !cursor.IsZero() && p.want.Equal(cursor): // it was not among the newest lines
		p.source = fromPast
		to = minTime(to, cursor.Add(p.beyondBy))
	case !p.env.Window.Live:
		p.source = fromWindow
	}
	p.want = cursor
	return tea.Batch(p.search("search", from, to), p.sides())
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// stop ends what is on its way.
func (p *Pane) stop() {
	for context := range p.tails {
		p.env.Feeds.Stop(p.key("tail/" + context))
	}
	clear(p.tails)
	p.env.Feeds.Stop(p.key("search"))
	p.env.Feeds.Stop(p.key("older"))
	p.env.Feeds.Stop(p.key("scan"))
	p.scans = false
}

func (p *Pane) search(slot string, from, to time.Time) tea.Cmd {
	in := api.LogSearchInput{LogFilter: p.query.filter, Limit: pageLines}
	in.From, in.To = from, to
	return feed.Ask(p.env.Feeds, p.key(slot), p.env.Contexts, api.LogsSearch, in)
}

// page is what a search found in all contexts, in order.
type page struct {
	lines []widget.LogLine
	more  bool
	// floor is the oldest time down to which every context is complete: where
	// one has more, older lines of the others would stand above a hole.
	floor   time.Time
	failed  []failure
	remarks []string
}

func gather(a feed.Answer, several bool) page {
	var out page
	type entry struct {
		api.LogEntry
		context string
	}
	var all []entry
	for _, r := range a.Results {
		answer, ok := r.Out.(api.LogAnswer)
		if r.Err != nil || !ok {
			if fail.CodeOf(r.Err) != fail.Canceled {
				out.failed = append(out.failed, failure{r.Context, r.Err})
			}
			continue
		}
		origin := ""
		if several {
			origin = r.Context
		}
		if answer.More && len(answer.Entries) > 0 {
			out.more = true
			if first := answer.Entries[0].Time; first.After(out.floor) {
				out.floor = first
			}
		}
		for _, e := range answer.Entries {
			all = append(all, entry{e, origin})
		}
		for _, w := range answer.Warnings {
			out.remarks = append(out.remarks, of(origin, w))
		}
		if len(answer.Client) > 0 {
			out.remarks = append(out.remarks, of(origin, "not evaluated by the store but after it: "+joined(answer.Client)))
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return logs.Compare(&a.LogEntry, &b.LogEntry) })
	for i := range all {
		if out.more && all[i].Time.Before(out.floor) {
			continue
		}
		out.lines = append(out.lines, lineOf(&all[i].LogEntry, all[i].context))
	}
	return out
}

// of names the context that a text is from, where there are several.
func of(context, text string) string {
	if context == "" {
		return text
	}
	return context + ": " + text
}

func joined(parts []string) string {
	out := ""
	for i, s := range parts {
		if i > 0 {
			out += "; "
		}
		out += s
	}
	return out
}

func lineOf(e *api.LogEntry, context string) widget.LogLine {
	return widget.LogLine{
		Time: e.Time, Level: e.Level, Service: e.Service, Message: e.Message, ID: e.ID, Trace: e.Trace,
		Source: e.Source, Origin: context, Fields: e.Fields,
	}
}

// found takes the first page.
func (p *Pane) found(a feed.Answer) tea.Cmd {
	p.loading = false
	got := gather(a, p.several())
	p.failed, p.remarks = got.failed, got.remarks
	p.view.Append(got.lines...)
	p.older = olderPages{more: got.more, before: got.floor}
	if !p.want.IsZero() && p.view.Len() > 0 {
		if got.more && got.lines[0].Time.After(p.want) {
			// The cursor is further back: around it, and closer where a page is
			// not as long as what lies behind it.
			if p.source == fromPast {
				p.beyondBy /= 8
			} else {
				p.beyondBy = max(p.env.Window.Span/30, overlap)
			}
			if p.beyondBy > time.Millisecond {
				return p.load()
			}
		}
		p.view.GoTo(p.want)
	}
	p.want = time.Time{}
	if p.source != fromTail {
		return p.work()
	}
	cmds := []tea.Cmd{p.work()}
	_, to := p.env.Bounds()
	for _, r := range a.Results {
		if r.Err != nil && !passing(r.Err) {
			continue
		}
		from := to.Add(-overlap)
		if got.more && got.floor.After(from) {
			from = got.floor
		}
		cmds = append(cmds, p.follow(r.Context, from, got.lines))
	}
	return tea.Batch(cmds...)
}

// passing errors may be gone with the next try.
func passing(err error) bool {
	switch fail.CodeOf(err) { //nolint:exhaustive // every other failure lasts
	case fail.Unavailable, fail.Timeout, fail.Limited, fail.Internal, fail.Partial:
		return true
	}
	return false
}

// olderPage asks for what is above the oldest line when the person is there.
func (p *Pane) olderPage() tea.Cmd {
	if !p.older.more || p.older.loading || p.loading || p.mode != showLines || !p.view.AtTop() {
		return nil
	}
	p.older.loading = true
	from, _ := p.env.Bounds()
	// Entries of the same time may be on both sides of the page's edge.
	return p.search("older", from, p.older.before.Add(time.Nanosecond))
}

// foundOlder takes a page from above.
func (p *Pane) foundOlder(a feed.Answer) tea.Cmd {
	p.older.loading = false
	got := gather(a, p.several())
	if len(got.failed) > 0 {
		// Without all contexts there would be holes: the page is asked for
		// again when the person asks for it.
		p.failed = got.failed
		return nil
	}
	known := map[string]bool{}
	buf := p.view.Buf()
	for n := buf.First(); n < buf.End() && !buf.Time(n).After(p.older.before); n++ {
		if l, ok := buf.Full(n); ok {
			known[l.Origin+"\n"+l.ID] = true
		}
	}
	lines := slices.DeleteFunc(got.lines, func(l widget.LogLine) bool { return l.ID != "" && known[l.Origin+"\n"+l.ID] })
	before := p.older.before
	p.older.more = got.more
	if got.more {
		p.older.before = got.floor
	}
	if len(lines) == 0 && got.more && !got.floor.Before(before) {
		// More entries at one moment than a page holds: go on below them.
		p.older.before = before.Add(-time.Nanosecond)
	}
	if p.view.Prepend(lines) < len(lines) {
		p.older.more = false
		p.remarks = append(p.remarks, "there is no room for older lines: a narrower window or query shows them")
	}
	return p.work()
}
