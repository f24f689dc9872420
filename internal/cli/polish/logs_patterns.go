package polish

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

// logViews are the tables of the logs operations.
func logViews(views map[string]factory.View) {
	list(views, api.LogsFields, output.View[api.LogField]{
		Kind: "field", Name: func(f api.LogField) string { return f.Name },
		Columns: []output.Column[api.LogField]{
			col("name", func(f api.LogField) string { return f.Name }),
			col("type", func(f api.LogField) string { return f.Type }),
			num("entries", func(f api.LogField) string { return fmt.Sprint(f.Count) }),
			col("values", fieldValues),
		},
	})
	views[api.LogsPatterns.ID] = showPatterns
	views[api.LogsDiff.ID] = showDiff
}

func fieldValues(f api.LogField) string {
	parts := make([]string, len(f.Values))
	for i, v := range f.Values {
		parts[i] = fmt.Sprintf("%s (%d)", v.Value, v.Count)
	}
	return strings.Join(parts, ", ")
}

// worst is the worst level that a pattern was logged with.
func worst(p api.LogPattern) string {
	best, word := logs.Level(-1), ""
	for _, w := range slices.Sorted(maps.Keys(p.Levels)) {
		if l := logs.ParseLevel(w); l > best {
			best, word = l, w
		}
	}
	return word
}

// services names those that log a pattern, the most talkative first.
func services(p api.LogPattern) string {
	names := slices.Sorted(maps.Keys(p.Services))
	slices.SortStableFunc(names, func(a, b string) int { return int(p.Services[b] - p.Services[a]) })
	if len(names) > 3 {
		names = append(names[:3:3], fmt.Sprintf("+%d", len(names)-3))
	}
	return strings.Join(names, ",")
}

func patternColumns() output.View[api.LogPattern] {
	return output.View[api.LogPattern]{
		Kind: "pattern", Name: func(p api.LogPattern) string { return p.ID },
		Columns: []output.Column[api.LogPattern]{
			num("count", func(p api.LogPattern) string { return fmt.Sprint(p.Count) }),
			col("level", worst),
			col("services", services),
			col("pattern", func(p api.LogPattern) string { return p.Pattern }),
			wide("first", func(p api.LogPattern) string { return timeWord(p.First, false) }),
			wide("last", func(p api.LogPattern) string { return timeWord(p.Last, false) }),
			wide("example", func(p api.LogPattern) string { return p.Example }),
			wide("id", func(p api.LogPattern) string { return p.ID }),
		},
	}
}

func showPatterns(p *output.Printer, out any) error {
	d := out.(api.LogPatterns) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		return output.ListDoc(p, patternColumns(), d, d.Patterns)
	}
	lines := patternLines{env: p.Env()}
	for _, one := range d.Patterns {
		lines.add(fmt.Sprint(one.Count), one)
	}
	var b strings.Builder
	lines.write(&b, "")
	b.WriteString(looked(p.Env(), "", d.Sample))
	if d.More > 0 {
		b.WriteString(p.Env().Styles.Muted(fmt.Sprintf("%d rarer patterns are left out: --limit %d", d.More, len(d.Patterns)+d.More)) + "\n")
	}
	_, err := p.Out().Write([]byte(b.String()))
	return err
}

// looked says what an analysis looked at.
func looked(env output.Env, name string, s api.LogSample) string {
	text := countWord(s.Entries, "entry", "entries")
	if s.Sampled {
		text = fmt.Sprintf("an even sample of %d of %s", s.Looked, text)
	}
	if name != "" {
		name += " "
	}
	return env.Styles.Muted(fmt.Sprintf("%s%s to %s: %s", name, env.Time(s.From), env.Time(s.To), text)) + "\n"
}

// patternLines lays out patterns: figure, level, services, template with its
// variable parts dimmed.
type patternLines struct {
	env  output.Env
	rows []patternRow
}

type patternRow struct {
	figure string
	api.LogPattern
}

func (l *patternLines) add(figure string, p api.LogPattern) {
	l.rows = append(l.rows, patternRow{figure, p})
}

func (l *patternLines) write(b *strings.Builder, indent string) {
	figure, service := 0, 0
	for _, r := range l.rows {
		figure = max(figure, term.Width(r.figure))
		service = max(service, min(maxServiceWidth, term.Width(term.SafeLine(services(r.LogPattern)))))
	}
	st := l.env.Styles
	for _, r := range l.rows {
		word, style := levelWord(worst(r.LogPattern))
		name := term.Truncate(term.SafeLine(services(r.LogPattern)), maxServiceWidth)
		b.WriteString(indent + term.PadLeft(r.figure, figure) + "  " + st.Apply(style, word) + strings.Repeat(" ", max(0, 5-term.Width(word))))
		b.WriteString("  " + st.Accent(name) + strings.Repeat(" ", service-term.Width(name)) + "  ")
		b.WriteString(l.template(term.SafeLine(r.Pattern)) + "\n")
		if l.env.Wide {
			pad := indent + strings.Repeat(" ", figure+2)
			b.WriteString(pad + st.Muted(fmt.Sprintf("%s to %s  %s", l.env.Time(r.First), l.env.Time(r.Last), term.SafeLine(r.ID))) + "\n")
			b.WriteString(pad + st.Muted(term.SafeLine(r.Example)) + "\n")
		}
	}
}

// template dims what varies. The text is safe already.
func (l *patternLines) template(text string) string {
	if !l.env.Styles.Enabled() {
		return text
	}
	return strings.ReplaceAll(text, "<*>", l.env.Styles.Muted("<*>"))
}

func diffFlags(f *factory.Factory, cmd *cobra.Command) {
	windowFlags(f, cmd)
	cmd.Flags().String("baseline", "", "compare with this long before the window (24h), or with FROM..TO")
	cmd.Flags().String("around", "", "compare what came after this time, or after a workload's newest revision, with what came before it")
}

// diff is `aictl logs diff`: it works out the two windows.
func (c *logsCommand) diff(cmd *cobra.Command, in any) error {
	q := in.(*api.LogDiffInput) //nolint:forcetypeassert // the declaration says so
	around, baseline := text(cmd, "around"), text(cmd, "baseline")
	if around != "" {
		if baseline != "" || text(cmd, "from") != "" || text(cmd, "to") != "" {
			return fail.New(fail.Usage, "--around gives both windows; --from, --to and --baseline do not go with it").
				Hint("aictl logs diff --around now-20m --since 20m")
		}
		return c.diffAround(cmd, q, around)
	}
	if err := logWindow(c.f, cmd, &q.LogFilter); err != nil {
		return err
	}
	now := c.f.Now()
	if q.To.IsZero() {
		q.To = now.UTC()
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-time.Hour)
	}
	if from, to, both := strings.Cut(baseline, ".."); both {
		w, err := when.ParseWindow("", from, to, now, time.Local, time.Hour)
		if err != nil {
			return err
		}
		q.BaseFrom, q.BaseTo = w.From.UTC(), w.To.UTC()
	} else if baseline != "" {
		d, err := when.Duration(baseline)
		if err != nil {
			return err
		}
		q.BaseFrom, q.BaseTo = q.From.Add(-d.Abs()), q.From
	}
	return c.f.Run(cmd.Context(), api.LogsDiff, q)
}

// diffAround compares the time since a moment, or --since after it, with as
// long before it.
func (c *logsCommand) diffAround(cmd *cobra.Command, q *api.LogDiffInput, around string) error {
	now := c.f.Now()
	at, err := when.Parse(around, now, time.Local)
	if err != nil {
		if at, err = c.deployed(cmd, around, err); err != nil {
			return err
		}
	}
	span := min(time.Hour, now.Sub(at))
	if since := text(cmd, "since"); since != "" {
		if span, err = when.Duration(since); err != nil {
			return err
		}
		span = min(span.Abs(), now.Sub(at))
	}
	if span <= 0 {
		return fail.New(fail.Usage, "--around %s is not in the past: nothing came after it", around).Hint("--around now-20m")
	}
	if l := logs.ParseLevel(q.Level); l != logs.LevelUnknown {
		q.Level = l.String()
	}
	q.From, q.To = at.UTC(), at.Add(span).UTC()
	q.BaseFrom, q.BaseTo = at.Add(-span).UTC(), at.UTC()
	return c.f.Run(cmd.Context(), api.LogsDiff, q)
}

// deployed gives the time of a workload's newest revision, for what is no time;
// a word that names no workload is the wrong time that it was.
func (c *logsCommand) deployed(cmd *cobra.Command, name string, wrong error) (time.Time, error) {
	caller, target, err := c.f.One()
	if err != nil {
		return time.Time{}, err
	}
	defer caller.Close()
	ctx, cancel := c.f.Deadline(cmd.Context(), 10*time.Second)
	defer cancel()
	list, err := api.DeployList.Call(ctx, caller, api.WorkloadFilter{Namespace: target.Namespace})
	if err != nil {
		return time.Time{}, wrong
	}
	for _, w := range list.Workloads {
		if (w.Name == name || strings.ToLower(w.Kind)+"/"+w.Name == name) && !w.Changed.IsZero() {
			c.f.Say("around revision %s of %s, made %s", w.Revision, term.SafeLine(w.Name), w.Changed.Local().Format(time.DateTime))
			return w.Changed, nil
		}
	}
	return time.Time{}, wrong
}

// changedPattern is a row of the diff for spreadsheets.
type changedPattern struct {
	change string
	api.LogChange
}

func showDiff(p *output.Printer, out any) error {
	d := out.(api.LogDiff) //nolint:forcetypeassert // the declaration says so
	if !p.Human() {
		var rows []changedPattern
		for change, list := range map[string][]api.LogChange{"1new": d.New, "2surging": d.Surging, "3gone": d.Gone} {
			for _, one := range list {
				rows = append(rows, changedPattern{change, one})
			}
		}
		slices.SortStableFunc(rows, func(a, b changedPattern) int { return strings.Compare(a.change, b.change) })
		return output.ListDoc(p, output.View[changedPattern]{
			Kind: "pattern", Name: func(c changedPattern) string { return c.ID },
			Columns: []output.Column[changedPattern]{
				col("change", func(c changedPattern) string { return c.change[1:] }),
				num("count", func(c changedPattern) string { return fmt.Sprint(c.Count) }),
				num("baseline", func(c changedPattern) string { return fmt.Sprint(c.Baseline) }),
				num("rate", func(c changedPattern) string { return output.Number(c.Rate) }),
				num("base rate", func(c changedPattern) string { return output.Number(c.BaseRate) }),
				col("level", func(c changedPattern) string { return worst(c.LogPattern) }),
				col("services", func(c changedPattern) string { return services(c.LogPattern) }),
				col("pattern", func(c changedPattern) string { return c.Pattern }),
			},
		}, d, rows)
	}
	env := p.Env()
	var b strings.Builder
	for _, section := range []struct {
		title  string
		list   []api.LogChange
		figure func(api.LogChange) string
	}{
		{"New", d.New, func(c api.LogChange) string { return fmt.Sprint(c.Count) }},
		{"Surging", d.Surging, func(c api.LogChange) string {
			return fmt.Sprintf("%s/h, was %s/h", output.Number(c.Rate), output.Number(c.BaseRate))
		}},
		{"Gone", d.Gone, func(c api.LogChange) string { return fmt.Sprintf("was %d", c.Baseline) }},
	} {
		b.WriteString(env.Styles.Bold(fmt.Sprintf("%s (%d)", section.title, len(section.list))) + "\n")
		lines := patternLines{env: env}
		for _, one := range section.list {
			lines.add(section.figure(one), one.LogPattern)
		}
		lines.write(&b, "  ")
	}
	b.WriteString(env.Styles.Muted(countWord(int64(d.Same), "pattern did not change", "patterns did not change")) + "\n")
	b.WriteString(looked(env, "window:", d.Window) + looked(env, "baseline:", d.Baseline))
	for _, w := range d.Warnings {
		b.WriteString(env.Styles.Warn("warning:") + " " + term.SafeLine(w) + "\n")
	}
	_, err := p.Out().Write([]byte(b.String()))
	return err
}
