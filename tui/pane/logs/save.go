package logs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/tui/feed"
	"github.com/aictl/aictl/tui/pane"
	"github.com/aictl/aictl/tui/widget"
)

// saved is what came of saving.
type saved struct {
	path  string
	lines int
}

// askSave asks where to.
func (p *Pane) askSave() tea.Cmd {
	shown := "the lines that are shown"
	which := []string{shown}
	if p.view.Marked() > 0 {
		which = []string{"the marked lines", shown}
	}
	return pane.Send(pane.Ask{
		Title: "Save lines",
		Fields: []pane.Field{
			{Label: "file", Initial: "logs-" + p.env.Now.In(p.zone()).Format("20060102-150405") + ".jsonl", Required: true, Help: "a new file of JSON lines, readable by you alone"},
			{Label: "what", Initial: which[0], Enum: which},
		},
		Then: func(values []string) tea.Cmd { return p.save(values[0], values[1] == "the marked lines") },
	})
}

// save writes the lines outside of the loop.
func (p *Pane) save(path string, marked bool) tea.Cmd {
	if done, all := p.view.Progress(); !marked && done < all {
		return pane.Send(pane.Toast{Text: "the filter is still looking at older lines: save again in a moment", Level: "warn"})
	}
	if p.saving {
		return pane.Send(pane.Toast{Text: "the last file is still being written", Level: "warn"})
	}
	p.saving = true
	each := p.view.Shows(marked)
	work := feed.Do(p.env.Feeds, p.key("save"), p.env.First(), func(ctx context.Context, _ feed.Context) (any, error) {
		return writeLines(ctx, path, each)
	})
	if marked || p.source == fromTail || p.expr != "" {
		return work // no command line gives just these lines
	}
	return tea.Batch(work, pane.Send(pane.Ran{Command: p.Command() + " -o jsonl > " + argv.Line(path)}))
}

// writeLines writes a new file, which only the person can read: logs hold what
// is nobody else's business. A file that is there already stays as it is, and
// one that could not be finished is taken away again.
func writeLines(ctx context.Context, path string, each func(context.Context, func(*widget.LogLine) bool) error) (out saved, err error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return out, fail.Wrap(fail.Usage, err, "finding your home directory")
		}
		path = filepath.Join(home, rest)
	}
	out.path = path
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return out, fail.New(fail.Conflict, "%s is there already, and is not overwritten", path).Hint("choose another name")
	}
	if err != nil {
		return out, fail.Wrap(fail.Usage, err, "making the file")
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fail.Wrap(fail.Internal, cerr, "writing %s", path)
		}
		if err != nil {
			_ = os.Remove(path) // ours, and not whole
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	var failed error
	err = each(ctx, func(l *widget.LogLine) bool {
		failed = enc.Encode(entryOf(l))
		out.lines++
		return failed == nil
	})
	if err = errors.Join(err, failed, w.Flush()); err != nil {
		return out, fail.Wrap(fail.Internal, err, "writing %s", path)
	}
	return out, nil
}

// saved says what came of it.
func (p *Pane) saved(a feed.Answer) tea.Cmd {
	p.saving = false
	out, err := feed.One[saved](a)
	if err != nil {
		text := err.Error()
		if fe := (*fail.Error)(nil); errors.As(err, &fe) && fe.Next != "" {
			text += " (" + fe.Next + ")"
		}
		return pane.Send(pane.Toast{Text: text, Level: "bad"})
	}
	return pane.Send(pane.Toast{Text: "saved " + count(int64(out.lines), "line", "lines") + " to " + out.path, Level: "ok"})
}
