package polish

import (
	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs/line"
	"github.com/aictl/aictl/internal/output"
)

// stdin is `aictl logs --stdin`: a pipe through the same filters and the same
// forms of output, without any store.
func (c *logsCommand) stdin(cmd *cobra.Command, q *api.LogSearchInput, columns []string) error {
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	for _, name := range []string{"raw-query", "cursor", "hold", "after-context", "before-context", "both-context"} {
		if cmd.Flags().Changed(name) {
			return fail.New(fail.Usage, "--%s does not go with --stdin", name).Hint("grep has -A, -B and -C for a pipe")
		}
	}
	if c.f.IO.StdinTTY {
		return fail.New(fail.Usage, "--stdin reads a pipe, and standard input is a terminal").
			Hint("kubectl logs -f deploy/api | aictl logs --stdin --level warn")
	}
	o := line.Options{Filter: q.LogFilter, TTY: c.f.IO.StdoutTTY, Now: c.f.Now}
	if cmd.Flags().Changed("limit") {
		o.Limit = q.Limit
	}
	switch kind := p.Format().Kind; {
	case p.Human():
		o.Render = line.RenderOptions{Styles: c.f.IO.Styles(), Location: p.Env().Zone, Columns: columns}
		if c.f.IO.StdoutTTY && !p.Env().Wide {
			o.Render.Width = c.f.IO.Width
		}
	case c.f.Flags.JQ == "" && (kind == output.JSONL || kind == output.JSON):
		o.Format = line.JSONL
	case kind == output.Raw:
		o.Format = line.Raw
	default:
		return fail.New(fail.Usage, "a pipe is written as table, wide, jsonl or raw").Hint("aictl logs --stdin -o jsonl | jq .entry")
	}
	ctx, cancel := c.f.Deadline(cmd.Context(), 0)
	defer cancel()
	stats, err := line.Pipe(ctx, c.f.IO.In, c.f.IO.Out, o)
	if stats.Gone {
		return nil
	}
	if stats.Cut > 0 {
		c.f.Say("%s longer than 1 MiB and cut", countWord(stats.Cut, "line was", "lines were"))
	}
	if o.Format != line.JSONL {
		return err
	}
	if err != nil {
		if werr := p.Stream().Error(err); werr != nil {
			return werr
		}
		return err
	}
	return p.Stream().Result(map[string]int64{"count": stats.Matched, "lines": stats.Lines}, "")
}
