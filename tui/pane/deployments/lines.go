package deployments

import (
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

const (
	linesSlot = "lines"
	// maxLine bounds what is kept of one line, in bytes: nobody reads more of
	// it here.
	maxLine = 4 << 10
	// defaultLines is how many are held where the settings say nothing.
	defaultLines = 5000
	// tailLines is how many of each container's latest the view begins with.
	tailLines = 500
)

// lines is the screen of what a workload's replicas write.
type lines struct {
	p       *Pane
	t       target
	replica string // of one alone; empty is all
	before  bool   // of the containers before those that run

	in    api.DeployLogsInput
	span  time.Duration // of the window that was asked
	held  []string      // styled, the oldest first
	seen  map[string]bool
	count int
	err   error
	retry time.Duration
	done  bool
	head  heading
	pager *widget.Pager
}

func newLines(p *Pane, t target, replica string) *lines {
	return &lines{p: p, t: t, replica: replica, pager: widget.NewPager()}
}

func (*lines) id() string { return "lines" }

// input is what is asked: the lines of the window, and what comes where it is
// live.
func (l *lines) input() api.DeployLogsInput {
	in := api.DeployLogsInput{
		Name: l.t.name, Namespace: l.t.namespace, Engine: l.t.engine, Replica: l.replica,
		Previous: l.before, Tail: tailLines,
	}
	if l.before { // what crashed wrote when it did: the window says nothing about it
		return in
	}
	in.From, in.To = l.p.env.Bounds()
	if l.p.env.Window.Live {
		in.Follow, in.To = true, time.Time{}
	}
	return in
}

func (l *lines) open() tea.Cmd {
	l.in, l.span = l.input(), l.p.env.Window.Span
	l.held, l.seen, l.count, l.err, l.retry, l.done = nil, map[string]bool{}, 0, nil, 0, false
	l.pager.SetLines(nil)
	return feed.Open(l.p.env.Feeds, feed.Key{Pane: Name, Slot: linesSlot}, l.p.env.Context(l.t.context), api.DeployLogs, l.in,
		feed.StreamOptions[api.DeployLogsInput, api.LogEvent]{Retry: l.in.Follow, Resume: resumeLines})
}

// resumeLines takes a cut stream up at its last line; what comes twice is
// dropped by its id.
func resumeLines(in api.DeployLogsInput, last *api.LogEvent) api.DeployLogsInput {
	if last != nil && last.Entry != nil && last.Entry.Time.After(in.From) {
		in.From = last.Entry.Time
	}
	return in
}

// refresh opens the stream again where it ended, or where the window is
// another; one that follows the same window goes on.
func (l *lines) refresh() tea.Cmd {
	w := l.p.env.Window
	if !l.done && l.err == nil && (l.before || l.in.Follow && w.Live && w.Span == l.span) {
		return nil
	}
	return l.open()
}

func (l *lines) update(msg tea.Msg) tea.Cmd {
	b, ok := msg.(feed.Batch)
	if !ok || b.Slot != linesSlot {
		return nil
	}
	follow := l.pager.AtBottom()
	items := feed.Items[api.LogEvent](b)
	for i := range items {
		l.take(&items[i])
	}
	if len(items) > 0 {
		l.err, l.retry, l.head.at = nil, 0, l.p.env.Now
	}
	if b.Err != nil {
		l.err, l.retry = b.Err, b.Retry
	}
	l.done = l.done || b.Done
	limit := l.p.env.Settings.LogLines
	if limit <= 0 || limit > 50_000 {
		limit = defaultLines
	}
	if over := len(l.held) - limit; over > 0 {
		// A copy lets go of what was dropped, and is rare: a tenth goes at once.
		l.held = append([]string(nil), l.held[min(len(l.held), over+limit/10):]...)
	}
	l.pager.SetLines(l.held)
	if follow {
		l.pager.ToBottom()
	}
	return nil
}

func (l *lines) take(e *api.LogEvent) {
	th := l.p.env.Theme
	switch {
	case e.Entry != nil:
		if id := e.Entry.ID; id != "" {
			if l.seen[id] {
				return
			}
			if len(l.seen) > 4*defaultLines { // only a cut stream repeats, and only its newest
				l.seen = map[string]bool{}
			}
			l.seen[id] = true
		}
		l.count++
		l.held = append(l.held, l.line(e.Entry))
	case e.Gap != nil:
		text := "lines are missing: " + e.Gap.Reason
		if e.Gap.Missed > 0 {
			text = plural(int(e.Gap.Missed), "line") + " missing: " + e.Gap.Reason
		}
		l.held = append(l.held, th.Warn.Render("--- "+safe(text)))
	case e.Notice != nil:
		l.held = append(l.held, th.Muted.Render("--- "+safe(e.Notice.Message)))
	}
}

// line is an entry as it is shown.
func (l *lines) line(e *api.LogEntry) string {
	th := l.p.env.Theme
	level, message := e.Level, e.Message
	if len(message) > maxLine {
		message = message[:maxLine] + "…"
	}
	out := th.Muted.Render(l.p.clock(e.Time)) + " "
	if len(level) > 5 {
		level = level[:5]
	}
	out += th.Severity(e.Level).Render(widget.Fit(safe(level), 5)) + " "
	if l.replica == "" && e.Source != "" {
		out += th.Curve(hash(e.Source)).Render(safe(e.Source)) + " "
	}
	return out + term.SafeLine(message)
}

// hash gives a source its colour.
func hash(s string) int {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return int(h >> 8)
}

// previous goes between the containers that run and those before them.
func (l *lines) previous() tea.Cmd {
	l.before = !l.before
	return tea.Batch(l.open(), pane.Send(pane.Ran{Command: l.command()}))
}

func (l *lines) act(id string) tea.Cmd {
	l.pager.Act(id)
	return nil
}

func (l *lines) filter(expr string)     { l.pager.Find(expr) }
func (l *lines) target() (target, bool) { return l.t, true }
func (l *lines) scroll(n int)           { l.pager.Scroll(n) }
func (l *lines) leave()                 { l.p.env.Feeds.Stop(feed.Key{Pane: Name, Slot: linesSlot}) }

func (l *lines) subject() pane.Subject {
	s := l.t.subject()
	if l.replica != "" {
		s.Labels = map[string]string{"pod": l.replica}
	}
	return s
}

func (l *lines) command() string {
	flags := []string{"--tail", strconv.Itoa(tailLines)}
	if l.replica != "" {
		flags = append(flags, "--replica", l.replica)
	}
	switch w := l.p.env.Window; {
	case l.before:
		flags = append(flags, "--previous")
	case w.Live:
		flags = append(flags, "-f", "--since", pane.Short(w.Span))
	default:
		from, to := l.p.env.Bounds()
		flags = append(flags, "--from", from.UTC().Format(time.RFC3339), "--to", to.UTC().Format(time.RFC3339))
	}
	return l.p.line(l.t, "logs", flags...)
}

func (l *lines) view(width, height int) string {
	what := "logs"
	if l.replica != "" {
		what += " of " + l.replica
	}
	if l.before {
		what += ", before the last restart"
	}
	head := l.head.lines(l.p, l.t, what+l.state(), l.err, width, height)
	l.pager.Match = l.p.env.Theme.Match
	body := ""
	if len(l.held) == 0 {
		body = l.p.env.Theme.Muted.Render(l.nothing())
	} else {
		follow := l.pager.AtBottom()
		body = l.pager.View(width, height-len(head))
		if follow && !l.pager.AtBottom() { // the screen became smaller
			l.pager.ToBottom()
			body = l.pager.View(width, height-len(head))
		}
	}
	return widget.Join(append(head, widget.Clip(body, width, height-len(head))...))
}

func (l *lines) state() string {
	dot := l.p.signs().dot
	switch {
	case l.retry > 0:
		return dot + "again in " + widget.Age(l.retry)
	case l.done:
		return dot + plural(l.count, "line")
	case l.pager.AtBottom():
		return dot + "following"
	}
	return dot + "G goes on following"
}

func (l *lines) nothing() string {
	switch {
	case l.err != nil:
		return "Not known."
	case !l.done && l.in.Follow:
		return "Waiting for lines…"
	case !l.done:
		return "Asking…"
	}
	return "No lines."
}
