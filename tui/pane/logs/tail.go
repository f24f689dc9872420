package logs

import (
	"fmt"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/widget"
)

// follow opens the tail of a context behind what the search found.
func (p *Pane) follow(context string, from time.Time, found []widget.LogLine) tea.Cmd {
	t := &tail{place: &atomic.Pointer[string]{}, seen: logs.NewSeen(24*time.Hour, recentIDs)}
	p.tails[context] = t
	for i := range found {
		if l := &found[i]; l.ID != "" && (l.Origin == "" || l.Origin == context) {
			t.seen.Add(l.ID, p.env.Now)
		}
	}
	in := api.LogTailInput{LogFilter: p.query.filter}
	in.From = from
	place := t.place
	return feed.Open(p.env.Feeds, p.key("tail/"+context), p.env.Context(context), api.LogsTail, in, feed.StreamOptions[api.LogTailInput, api.LogEvent]{
		Retry: true,
		// Only watermarks have a cursor, and what came after it comes again:
		// seen hides it.
		Resume: func(in api.LogTailInput, last *api.LogEvent) api.LogTailInput {
			if cursor := place.Load(); cursor != nil {
				in.Cursor = *cursor
			} else if last != nil && last.Entry != nil {
				in.From = last.Entry.Time
			}
			return in
		},
	})
}

// came takes what a tail brought since the last frame.
func (p *Pane) came(b feed.Batch) tea.Cmd {
	t := p.tails[b.Context]
	if t == nil {
		return nil
	}
	origin := ""
	if p.several() {
		origin = b.Context
	}
	events := feed.Items[api.LogEvent](b)
	lines := make([]widget.LogLine, 0, len(events)+1)
	if t.broken != nil && len(events) > 0 {
		t.broken = nil
		lines = append(lines, p.notice(origin, "the connection is back; what came meanwhile follows"))
	}
	for i := range events {
		lines = p.event(lines, t, &events[i], origin)
	}
	if b.Err != nil {
		if t.broken == nil && !b.Done {
			lines = append(lines, p.notice(origin, "the connection broke, trying again: "+b.Err.Error()))
		}
		t.broken, t.retry = b.Err, p.env.Now.Add(b.Retry)
	}
	if t.ended = b.Done; b.Done {
		text := "the tail ended; r follows again"
		if b.Err != nil {
			text = "the tail ended: " + b.Err.Error()
		}
		lines = append(lines, p.notice(origin, text))
	}
	p.view.Append(lines...)
	return p.work()
}

// event adds what an event of a tail shows.
func (p *Pane) event(lines []widget.LogLine, t *tail, e *api.LogEvent, origin string) []widget.LogLine {
	if e.Cursor != "" {
		t.place.Store(&e.Cursor)
	}
	if e.Watermark != nil {
		t.mark = *e.Watermark
	}
	if e.Notice != nil {
		lines = append(lines, p.notice(origin, e.Notice.Code+": "+e.Notice.Message))
	}
	if g := e.Gap; g != nil {
		text := fmt.Sprintf("%s to %s: %s", p.clock(g.From), p.clock(g.To), g.Reason)
		if g.Missed > 0 {
			text += fmt.Sprintf(", %s missing", count(g.Missed, "entry", "entries"))
		}
		lines = append(lines, widget.LogLine{Kind: widget.LogGap, Message: of(origin, text), Origin: origin})
	}
	if e.Entry == nil {
		return lines
	}
	if e.Entry.ID != "" {
		if fresh, _ := t.seen.Add(e.Entry.ID, p.env.Now); !fresh {
			return lines
		}
	}
	l := lineOf(e.Entry, origin)
	l.Late = e.Late
	p.hist.add(e.Entry)
	return append(lines, l)
}

// notice is a line that the pane says itself.
func (p *Pane) notice(origin, text string) widget.LogLine {
	return widget.LogLine{Kind: widget.LogNotice, Time: p.env.Now, Message: of(origin, text), Origin: origin}
}

// clock is a time of day in the person's zone.
func (p *Pane) clock(t time.Time) string { return t.In(p.zone()).Format("15:04:05") }

func (p *Pane) zone() *time.Location {
	if p.env.Zone == nil {
		return time.UTC
	}
	return p.env.Zone
}

// toCursor shows the lines at the window's cursor.
func (p *Pane) toCursor() tea.Cmd {
	at := p.env.Window.Cursor
	if p.loading {
		p.want = at
		return nil
	}
	oldest, ok := p.view.Oldest()
	if ok && (!at.Before(oldest.Time) || !p.older.more) && !p.beyond(at) {
		p.view.GoTo(at)
		return p.work()
	}
	p.want, p.beyondBy = at, max(p.env.Window.Span/30, overlap)
	return p.load()
}

// beyond: the lines around another moment of the past end before this one.
func (p *Pane) beyond(at time.Time) bool {
	if p.source != fromPast {
		return false
	}
	buf := p.view.Buf()
	return at.After(buf.Time(buf.End() - 1))
}

// work is what there is to do after lines came or the place changed: a piece
// of the filter, a page from above.
func (p *Pane) work() tea.Cmd {
	return tea.Batch(p.scan(), p.olderPage())
}
