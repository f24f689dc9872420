package polish

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

const (
	// followLast is how many entries stand before what comes, as tail has it.
	followLast = 10
	// recentIDs is how many ids are remembered to hide what a server gives
	// again after its connection was cut.
	recentIDs = 50_000
	// sayAfter is how long the server may be away before it is said.
	sayAfter = 2 * time.Second
)

// follower is one `aictl logs -f`. What it promises is the tail's (package
// logs); it adds the same over the way from the server: a cut connection is
// resumed from the last cursor, and what was shown already is not shown again.
type follower struct {
	c      *logsCommand
	in     api.LogTailInput
	p      *output.Printer
	stream *output.Stream
	lines  *logLines
	file   *logs.CursorFile // nil without --cursor
	shown  *logs.Seen
	count  int64
	// heard says that the server has answered.
	heard bool
}

func (c *logsCommand) follow(cmd *cobra.Command, q *api.LogSearchInput, last int, columns []string) error {
	if q.After > 0 || q.Before > 0 || q.Around > 0 {
		return fail.New(fail.Usage, "lines of context do not go with -f").Hint("leave -A, -B and -C out, or -f")
	}
	if !q.To.IsZero() {
		return fail.New(fail.Usage, "what is followed has no end: --to does not go with -f").Hint("leave -f out")
	}
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	t := &follower{
		c: c, in: api.LogTailInput{LogFilter: q.LogFilter}, p: p, stream: p.Stream(),
		lines: newLogLines(p, c.f.Now), shown: logs.NewSeen(24*time.Hour, recentIDs),
	}
	t.lines.columns, t.lines.match = columns, searched(q.LogFilter)
	if hold := text(cmd, "hold"); hold != "" {
		d, err := when.Duration(hold)
		if err != nil {
			return err
		}
		t.in.Hold = op.Duration(d)
	}
	if path := text(cmd, "cursor"); path != "" {
		if t.file, t.in.Cursor, err = logs.OpenCursorFile(path); err != nil {
			return err
		}
	}
	if t.in.From.IsZero() && t.in.Cursor == "" {
		if t.in.Last = followLast; cmd.Flags().Changed("limit") {
			t.in.Last = last
		}
	}
	return t.run(cmd.Context())
}

// run follows until Ctrl-C or a failure that lasts. The last cursor is kept on
// every way out.
func (t *follower) run(ctx context.Context) (err error) {
	cl, _, err := t.c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := t.c.f.Deadline(ctx, 0)
	defer cancel()
	if t.file != nil {
		defer func() {
			if kept := t.file.Flush(); err == nil {
				err = kept
			}
		}()
	}
	err = t.resume(ctx, cl)
	if err == nil {
		return t.stream.Result(map[string]int64{"count": t.count}, "")
	}
	if term.IsPipe(err) {
		return err
	}
	if werr := t.stream.Error(err); werr != nil {
		return werr
	}
	return err
}

// resume follows over cut connections.
func (t *follower) resume(ctx context.Context, cl *client.Client) error {
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = 200*time.Millisecond, 10*time.Second
	var away time.Time
	said := false
	for {
		before := t.count
		heard, err := t.once(ctx, cl, func() {
			if said {
				t.notice("reconnected", "the server answers again")
			}
			away, said = time.Time{}, false
			again.Reset()
		})
		t.heard = t.heard || heard
		if err == nil || ctx.Err() != nil || !t.passing(err) {
			return err
		}
		now := t.c.f.Now()
		if away.IsZero() || t.count > before {
			away = now
		}
		wait := max(again.NextBackOff(), fail.RetryAfter(err))
		if !said && now.Add(wait).Sub(away) >= sayAfter {
			said = true
			t.notice("reconnecting", "the server does not answer, trying again: "+err.Error())
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fail.From(ctx.Err())
		}
	}
}

// writing marks a failure of our own output: trying again cannot mend it.
type writing struct{ error }

func (w writing) Unwrap() error { return w.error }

// passing reports whether following again can help: the server was there, or
// there is a place to resume from, and what failed is the way to it.
func (t *follower) passing(err error) bool {
	if _, ours := err.(writing); ours { //nolint:errorlint // only what once returns as such
		return false
	}
	if !t.heard && t.in.Cursor == "" {
		return false
	}
	switch fail.CodeOf(err) { //nolint:exhaustive // every other failure lasts
	case fail.Unavailable, fail.Timeout, fail.Limited, fail.Canceled: // Canceled is the server's: it stops
		return true
	}
	return false
}

// once follows one connection to its end.
func (t *follower) once(ctx context.Context, cl op.Caller, alive func()) (heard bool, err error) {
	for e, err := range api.LogsTail.Each(ctx, cl, t.in) {
		if err != nil {
			return heard, err
		}
		if !heard {
			heard = true
			alive()
		}
		if err := t.event(e); err != nil {
			return heard, writing{err}
		}
	}
	return heard, nil
}

// event shows one event, and only then keeps its cursor.
func (t *follower) event(e api.LogEvent) error {
	if e.Type == "entry" && e.Entry != nil {
		if e.Entry.ID != "" {
			if fresh, _ := t.shown.Add(e.Entry.ID, t.c.f.Now()); !fresh {
				return nil
			}
		}
		t.count++
	}
	if err := t.write(e); err != nil {
		return err
	}
	if e.Cursor == "" {
		return nil
	}
	t.in.Cursor, t.in.Last = e.Cursor, 0
	if t.file == nil {
		return nil
	}
	return t.file.Keep(e.Cursor, t.c.f.Now())
}

// flatEntry is an entry as a row of CSV.
type flatEntry struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Service string    `json:"service"`
	Message string    `json:"message"`
	Trace   string    `json:"trace"`
	Source  string    `json:"source"`
	ID      string    `json:"id"`
	Late    bool      `json:"late"`
	Fields  string    `json:"fields"`
}

func (t *follower) write(e api.LogEvent) error {
	if e.Gap != nil {
		t.c.f.Say("gap: %s, %s to %s%s", term.SafeLine(e.Gap.Reason), t.lines.clock(e.Gap.From), t.lines.clock(e.Gap.To), missed(e.Gap.Missed))
	}
	if e.Notice != nil {
		t.c.f.Say("%s: %s", term.SafeLine(e.Notice.Code), term.SafeLine(e.Notice.Message))
	}
	kind := t.p.Format().Kind
	structured := t.p.Format().Machine() || kind == output.JSONPath || kind == output.Template
	switch {
	case structured: // every event, also with --jq
		if t.file != nil { // the cursor has its place, and is long
			e.Cursor = ""
		}
		return t.stream.Item(e.Type, e, "")
	case e.Type != "entry" || e.Entry == nil:
		return nil
	case t.p.Human():
		shown := shownEntry{LogEntry: *e.Entry, late: e.Late}
		return t.stream.Styled("entry", e, func(output.Env) string { return t.lines.render(shown) })
	case kind == output.Raw:
		return t.p.Print(e.Entry.Message)
	case kind == output.Name:
		return output.List(t.p, entryColumns(t.p, nil, false, t.c.f.Now), []shownEntry{{LogEntry: *e.Entry}})
	case len(t.lines.columns) > 0:
		return t.stream.Item("entry", t.row(e.Entry), "")
	}
	return t.stream.Item("entry", flatEntry{
		e.Entry.Time, e.Entry.Level, e.Entry.Service, e.Entry.Message, e.Entry.Trace, e.Entry.Source, e.Entry.ID, e.Late, string(e.Entry.Fields),
	}, "")
}

// row holds the chosen columns in their order.
func (t *follower) row(e *api.LogEntry) json.RawMessage {
	out := []byte{'{'}
	for i, name := range t.lines.columns {
		key, kerr := json.Marshal(name)
		value, verr := json.Marshal(columnOf(e, name, func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }))
		if kerr != nil || verr != nil {
			continue // a string always encodes
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}')
}

func missed(n int64) string {
	if n == 0 {
		return ""
	}
	return ": " + countWord(n, "entry is missing", "entries are missing")
}

// notice says what happens on our side of the server, in the form that the
// tail's own notices have.
func (t *follower) notice(code, message string) {
	e := api.LogEvent{Type: "notice", Notice: &api.LogNotice{Code: code, Message: message}}
	_ = t.write(e) // a broken output is found by the next entry
}
