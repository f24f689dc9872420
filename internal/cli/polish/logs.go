package polish

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

// logsTimeout bounds a question to a log store where --timeout doesn't.
const logsTimeout = 60 * time.Second

type logsCommand struct{ f *factory.Factory }

// windowFlags are the flags of the window; logWindow reads them.
func windowFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().String("since", "", "not before this time (15m, 2h, 3d, now-1h, RFC 3339)")
	cmd.Flags().String("from", "", "not before this time")
	cmd.Flags().String("to", "", "before this time")
}

func logsFlags(f *factory.Factory, cmd *cobra.Command) {
	windowFlags(f, cmd)
	cmd.Flags().BoolP("follow", "f", false, "follow: show what comes, and lose nothing")
	cmd.Flags().Bool("stdin", false, "read a pipe in place of the store: JSON, logfmt or plain text")
	cmd.Flags().String("cursor", "", "with -f, keep the place in this file and go on from it")
	cmd.Flags().String("hold", "", "with -f, wait this long for late entries, so that all are in order (30s)")
	cmd.Flags().StringSlice("columns", nil, "show these columns: time, level, service, message, trace, or any field")
}

// logWindow puts the window of the command line into a filter, and takes any
// spelling of a level.
func logWindow(f *factory.Factory, cmd *cobra.Command, filter *api.LogFilter) error {
	if l := logs.ParseLevel(filter.Level); l != logs.LevelUnknown {
		filter.Level = l.String()
	}
	since, from, to := text(cmd, "since"), text(cmd, "from"), text(cmd, "to")
	if since == "" && from == "" && to == "" {
		return nil
	}
	w, err := when.ParseWindow(since, from, to, f.Now(), time.Local, time.Hour)
	if err != nil {
		return err
	}
	if since != "" || from != "" {
		filter.From = w.From.UTC()
	}
	if to != "" {
		filter.To = w.To.UTC()
	}
	return nil
}

// windowed is the run of an operation whose command adds the window only.
func windowed[In any](f *factory.Factory, d op.Declaration, filter func(*In) *api.LogFilter) Run {
	return func(cmd *cobra.Command, in any) error {
		if err := logWindow(f, cmd, filter(in.(*In))); err != nil { //nolint:forcetypeassert // the declaration says so
			return err
		}
		return f.Run(cmd.Context(), d, in)
	}
}

// run is `aictl logs`: it reads a pipe, follows, or searches.
func (c *logsCommand) run(cmd *cobra.Command, in any) error {
	q := in.(*api.LogSearchInput) //nolint:forcetypeassert // the declaration says so
	if err := logWindow(c.f, cmd, &q.LogFilter); err != nil {
		return err
	}
	last := q.Limit // as it was given: Validate puts the default in the place of 0
	if err := op.Validate(q); err != nil {
		return err
	}
	columns, err := cmd.Flags().GetStringSlice("columns")
	if err != nil {
		return err
	}
	if on, err := cmd.Flags().GetBool("stdin"); err == nil && on {
		return c.stdin(cmd, q, columns)
	}
	if on, err := cmd.Flags().GetBool("follow"); err == nil && on {
		return c.follow(cmd, q, last, columns)
	}
	for _, name := range []string{"cursor", "hold"} {
		if cmd.Flags().Changed(name) {
			return fail.New(fail.Usage, "--%s is for following", name).Hint("aictl logs -f --%s %s", name, text(cmd, name))
		}
	}
	return c.search(cmd.Context(), q, columns)
}

// found is the answer of one context.
type found struct {
	context string
	api.LogAnswer
	err error
}

// answers asks every context at once, each within the time of a search.
func (c *logsCommand) answers(ctx context.Context, ask func(context.Context, op.Caller) (api.LogAnswer, error)) ([]found, error) {
	s, err := c.f.Settings()
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.f.Deadline(ctx, logsTimeout)
	defer cancel()
	answers := make([]found, len(s.Targets))
	var wg sync.WaitGroup
	for i, t := range s.Targets {
		wg.Go(func() {
			answers[i].context = t.Name
			cl, err := c.f.Client(t)
			if err != nil {
				answers[i].err = err
				return
			}
			defer cl.Close()
			answers[i].LogAnswer, answers[i].err = ask(ctx, cl)
		})
	}
	wg.Wait()
	return answers, nil
}

func (c *logsCommand) search(ctx context.Context, q *api.LogSearchInput, columns []string) error {
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	answers, err := c.answers(ctx, func(ctx context.Context, cl op.Caller) (api.LogAnswer, error) {
		return api.LogsSearch.Call(ctx, cl, *q)
	})
	if err != nil {
		return err
	}
	entries, partial := c.merge(answers)
	if partial != nil && fail.CodeOf(partial) != fail.Partial {
		return partial
	}
	if err := c.show(p, q, entries, columns, len(answers) > 1); err != nil {
		return err
	}
	c.remarks(p, q, answers, len(entries))
	return partial
}

// merge puts the answers of all contexts into one order. Some failures make a
// Partial error, nothing but failures the first of them.
func (c *logsCommand) merge(answers []found) ([]shownEntry, error) {
	var entries []shownEntry
	var failed []string
	var first error
	groups := 0
	for _, a := range answers {
		if a.err != nil {
			failed = append(failed, a.context)
			if first == nil {
				first = a.err
			}
			if len(answers) > 1 {
				c.f.Say("context %s: %s", a.context, term.SafeLine(a.err.Error()))
			}
			continue
		}
		top := groups
		for _, e := range a.Entries {
			if e.Group > 0 { // groups of several contexts stay apart
				e.Group += top
				groups = max(groups, e.Group)
			}
			entries = append(entries, shownEntry{LogEntry: e, context: a.context})
		}
	}
	if len(failed) == len(answers) {
		return nil, first
	}
	if groups == 0 && len(answers) > 1 {
		slices.SortStableFunc(entries, func(a, b shownEntry) int { return logs.Compare(&a.LogEntry, &b.LogEntry) })
	}
	if len(failed) > 0 {
		return entries, fail.New(fail.Partial, "%d of %d contexts did not answer: %s", len(failed), len(answers), strings.Join(failed, ", ")).
			Hint("aictl doctor --context %s", failed[0])
	}
	return entries, nil
}

// show writes the entries. In every format it is the list of them.
func (c *logsCommand) show(p *output.Printer, q *api.LogSearchInput, entries []shownEntry, columns []string, several bool) error {
	switch {
	case p.Human() && len(columns) == 0:
		lines := newLogLines(p, c.f.Now)
		lines.match, lines.contexts = searched(q.LogFilter), several
		lines.around = q.After > 0 || q.Before > 0 || q.Around > 0
		for _, e := range entries {
			lines.service = max(lines.service, min(maxServiceWidth, term.Width(term.SafeLine(e.Service))))
		}
		var b strings.Builder
		for _, e := range entries {
			b.WriteString(lines.render(e) + "\n")
		}
		_, err := p.Out().Write([]byte(b.String()))
		return err
	case p.Format().Kind == output.Raw:
		messages := make([]string, len(entries))
		for i, e := range entries {
			messages[i] = e.Message
		}
		return p.Print(messages)
	}
	docs := make([]any, len(entries))
	for i, e := range entries {
		if docs[i] = e.LogEntry; several {
			docs[i] = taggedEntry{e.context, e.LogEntry}
		}
	}
	return output.ListDoc(p, entryColumns(p, columns, several, c.f.Now), docs, entries)
}

// taggedEntry is an entry of one of several contexts.
type taggedEntry struct {
	Context string `json:"context"`
	api.LogEntry
}

// entryColumns are the table's and the CSV's columns: the chosen ones, or all.
func entryColumns(p *output.Printer, columns []string, several bool, now func() time.Time) output.View[shownEntry] {
	clock := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	if p.Human() {
		clock = newLogLines(p, now).clock
	}
	v := output.View[shownEntry]{Kind: "log", Name: func(e shownEntry) string { return e.ID }}
	if several {
		v.Columns = append(v.Columns, col("context", func(e shownEntry) string { return e.context }))
	}
	all := len(columns) == 0
	if all {
		columns = []string{"time", "level", "service", "message", "trace", "source", "id"}
	}
	for _, name := range columns {
		one := col(name, func(e shownEntry) string { return columnOf(&e.LogEntry, name, clock) })
		if name == "level" {
			one.Style = func(e shownEntry, _ output.Env) term.Style { _, s := levelWord(e.Level); return s }
		}
		v.Columns = append(v.Columns, one)
	}
	if all {
		v.Columns = append(v.Columns, col("fields", func(e shownEntry) string { return compactJSON(e.Fields) }))
	}
	return v
}

func compactJSON(doc json.RawMessage) string {
	if len(doc) == 0 {
		return ""
	}
	return string(doc)
}

// remarks say on stderr what the list cannot: what is left out, what ran here,
// what may be missing.
func (c *logsCommand) remarks(p *output.Printer, q *api.LogSearchInput, answers []found, n int) {
	more := false
	for _, a := range answers {
		more = more || a.More
		if len(a.Client) > 0 {
			c.f.Say("not evaluated by the store but after it: %s", term.SafeLine(strings.Join(a.Client, "; ")))
		}
		for _, w := range a.Warnings {
			c.f.Say("warning: %s", term.SafeLine(w))
		}
	}
	if !p.Human() {
		return
	}
	switch {
	case n == 0 && q.From.IsZero():
		c.f.Say("Nothing matches in the last hour. Look further back: --since 24h")
	case n == 0:
		c.f.Say("Nothing matches.")
	case more:
		c.f.Say("The newest %d are shown, and older ones match: --limit %d, or a narrower filter", q.Limit, q.Limit*10)
	}
}
