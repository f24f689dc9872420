package polish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// Bounds on what is read into a prompt, in bytes.
const (
	maxPrompt = 1 << 20
	maxFile   = 4 << 20
)

type chatCommand struct{ f *factory.Factory }

func chatFlags(_ *factory.Factory, cmd *cobra.Command) {
	cmd.Flags().StringArrayP("file", "f", nil, "put a file into the question; - is standard input")
	cmd.Flags().String("schema", "", "file with a JSON Schema that the answer must satisfy")
	cmd.Flags().String("tools", "", "file with tool definitions, a JSON array in OpenAI's form")
}

// answer is a whole answer, for -o json.
type answer struct {
	Answer   string         `json:"answer"`
	Model    string         `json:"model"`
	Session  string         `json:"session,omitempty"`
	Finish   string         `json:"finish"`
	Tools    []api.ChatTool `json:"tools"`
	Evidence []api.Evidence `json:"evidence"`
	Usage    *api.ChatUsage `json:"usage,omitempty"`
}

func (c *chatCommand) run(cmd *cobra.Command, in any) error {
	q := in.(*api.ChatInput) //nolint:forcetypeassert // the declaration says so
	p, err := c.f.Printer()
	if err != nil {
		return err
	}
	if err := c.attach(cmd, q); err != nil {
		return err
	}
	if q.Prompt == "" && c.f.IO.StdinTTY {
		if !p.Human() || !c.f.IO.StdoutTTY {
			return fail.New(fail.Usage, "a conversation needs a terminal; give the question as an argument").
				Hint("aictl chat \"what is running?\"")
		}
		return c.repl(cmd.Context(), *q)
	}
	if q.Prompt == "" {
		if q.Prompt, err = readAll(c.f.IO.In, maxPrompt, "the question"); err != nil {
			return err
		}
		q.Prompt = strings.TrimRight(q.Prompt, "\n")
	}
	if err := op.Validate(q); err != nil {
		return err
	}
	ctx, cancel := c.f.Deadline(cmd.Context(), 0)
	defer cancel()
	return c.ask(ctx, p, *q)
}

// attach reads the files that the flags name, before anything is sent.
func (c *chatCommand) attach(cmd *cobra.Command, q *api.ChatInput) error {
	files, err := cmd.Flags().GetStringArray("file")
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, name := range files {
		body, err := c.readFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n\n--- %s ---\n%s", filepath.Base(name), body)
	}
	if b.Len() > 0 {
		if q.Prompt == "" {
			return fail.New(fail.Usage, "a file is attached, but nothing is asked about it").
				Hint("aictl chat --file %s \"what went wrong here?\"", files[0])
		}
		q.Prompt += b.String()
	}
	if path := text(cmd, "schema"); path != "" {
		if err := c.readJSON(path, &q.Schema, "--schema"); err != nil {
			return err
		}
	}
	if path := text(cmd, "tools"); path != "" {
		if err := c.readJSON(path, &q.Tools, "--tools"); err != nil {
			return err
		}
	}
	return nil
}

func (c *chatCommand) readJSON(path string, into any, flag string) error {
	body, err := c.readFile(strings.TrimPrefix(path, "@"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		return fail.Wrap(fail.Usage, err, "%s: %s is not the JSON that is wanted", flag, path)
	}
	return nil
}

func (c *chatCommand) readFile(name string) (string, error) {
	if name == "-" {
		return readAll(c.f.IO.In, maxFile, "standard input")
	}
	file, err := os.Open(name)
	if err != nil {
		return "", fail.Wrap(fail.Usage, err, "reading the attached file")
	}
	defer func() { _ = file.Close() }()
	return readAll(file, maxFile, name)
}

func readAll(r io.Reader, limit int64, what string) (string, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", fail.Wrap(fail.Failed, err, "reading %s", what)
	}
	if int64(len(body)) > limit {
		return "", fail.New(fail.TooLarge, "%s is over %d MiB", what, limit>>20)
	}
	return string(body), nil
}

// ask prints one answer in the form that was asked for.
func (c *chatCommand) ask(ctx context.Context, p *output.Printer, q api.ChatInput) error {
	cl, _, err := c.f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	switch {
	case p.Human():
		w := c.writer()
		_, err := c.stream(ctx, cl, q, w)
		return errors.Join(err, w.Close())
	case p.Format().Kind == output.JSONL:
		return c.f.Run(ctx, api.ChatAsk, &q)
	}
	a, err := c.stream(ctx, cl, q, nil)
	if err != nil {
		return err
	}
	return p.Print(a)
}

// writer is where an answer is shown: rendered on a terminal, the bare bytes
// (made safe) elsewhere.
func (c *chatCommand) writer() io.WriteCloser {
	if c.f.IO.StdoutTTY && c.f.IO.ColorEnabled && !c.f.IO.Accessible {
		return newMarkdown(c.f.IO.Out, c.f.IO.Width, c.f.IO.Styles())
	}
	if c.f.IO.StdoutTTY {
		return &lineEnd{SafeWriter: term.NewSafeWriter(c.f.IO.Out), out: c.f.IO.Out}
	}
	return term.NewSafeWriter(c.f.IO.Out)
}

// lineEnd closes the last line on a terminal, so that the prompt is not
// behind the answer.
type lineEnd struct {
	*term.SafeWriter
	out io.Writer
}

func (l *lineEnd) Close() error {
	err := l.SafeWriter.Close()
	_, werr := io.WriteString(l.out, "\n")
	return errors.Join(err, werr)
}

// stream collects an answer and shows its text as it comes; w may be nil.
func (c *chatCommand) stream(ctx context.Context, caller op.Caller, q api.ChatInput, w io.Writer) (answer, error) {
	a := answer{Tools: []api.ChatTool{}, Evidence: []api.Evidence{}}
	var b strings.Builder
	looks := len(q.Tools) == 0 // calls of tools are the platform's own then, each whole
	for e, err := range api.ChatAsk.Each(ctx, caller, q) {
		if err != nil {
			return a, err
		}
		if e.Model != "" {
			a.Model = e.Model
		}
		switch e.Type {
		case "delta":
			b.WriteString(e.Text)
			if w != nil {
				if _, err := io.WriteString(w, e.Text); err != nil {
					return a, err
				}
			}
		case "tool":
			a.addTool(e.Tool)
			if w != nil && looks {
				if err := flush(w); err != nil {
					return a, err
				}
				c.f.Say("The model asks for %s.", toolLine(*e.Tool))
			}
		case "evidence":
			a.Evidence = append(a.Evidence, e.Evidence...)
			if w != nil && looks && len(a.Tools) > 0 {
				for _, v := range e.Evidence {
					c.f.Say("  the same for you: %s", term.SafeLine(v.Command))
				}
			}
		case "notice":
			if err := flush(w); err != nil {
				return a, err
			}
			c.f.Say("note: %s", term.SafeLine(e.Text))
		case "usage":
			a.Usage = e.Usage
		case "done":
			a.Finish, a.Session = e.Finish, e.Session
			if e.Usage != nil {
				a.Usage = e.Usage
			}
		}
	}
	a.Answer = b.String()
	if w != nil && !looks {
		for _, t := range a.Tools {
			c.f.Say("The model asks for the tool %s.", toolLine(t))
		}
	}
	return a, nil
}

// toolLine is a call of a tool in one line.
func toolLine(t api.ChatTool) string {
	const most = 300
	line := term.SafeLine(t.Name + "(" + t.Arguments + ")")
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "…"
	}
	return line
}

// flush shows what a writer holds back, before something else is said.
func flush(w io.Writer) error {
	if f, ok := w.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}

// addTool joins the parts of a tool call, which comes in pieces by index.
func (a *answer) addTool(t *api.ChatTool) {
	if t == nil {
		return
	}
	for i := range a.Tools {
		if a.Tools[i].Index == t.Index {
			a.Tools[i].Name += t.Name
			a.Tools[i].Arguments += t.Arguments
			return
		}
	}
	a.Tools = append(a.Tools, *t)
}
