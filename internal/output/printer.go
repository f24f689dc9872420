package output

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// Options make a Printer. Only Out is required.
type Options struct {
	// Output is the -o value, JQ the --jq expression ("" for none).
	Output, JQ string
	Out        io.Writer
	// Styles colour the table; the zero value does not.
	Styles term.Styles
	// TTY allows tables to be cut to Width columns.
	TTY   bool
	Width int
	// Now is the clock of relative times; time.Now when nil.
	Now func() time.Time
	// Zone is where tables show times; time.Local when nil.
	Zone *time.Location
	// NoHeaders leaves the heads of tables and CSV out.
	NoHeaders bool
	// Extra are the special formats that the command can make.
	Extra []Kind
}

// FromIO fills the options from the streams of the run.
func FromIO(t *term.IO, output, jq string) Options {
	return Options{
		Output: output, JQ: jq, Out: t.Out, Styles: t.Styles(), TTY: t.StdoutTTY, Width: t.Width,
	}
}

// Printer writes results in one format.
type Printer struct {
	format    Format
	out       io.Writer
	expr      expr // jq, jsonpath or template; nil otherwise
	env       Env
	tty       bool
	noHeaders bool
}

// expr is a compiled expression over JSON values.
type expr interface {
	// run writes the result for the JSON document doc.
	run(w io.Writer, doc []byte) error
}

// New parses the format and compiles its expression, so that a wrong one is
// known before any work: it fails with fail.Usage.
func New(o Options) (*Printer, error) {
	f, err := Parse(o.Output)
	if err != nil {
		return nil, err
	}
	if f.Special() && !slices.Contains(o.Extra, f.Kind) {
		e := fail.New(fail.Usage, "this command has no -o %s", f.Kind)
		if f.Kind == Graph {
			e = fail.New(fail.Usage, "-o graph is for what can be drawn: metrics range, metrics plot, predict forecast, predict anomaly")
		}
		return nil, e.Hint("-o table")
	}
	p := &Printer{format: f, out: o.Out, tty: o.TTY, noHeaders: o.NoHeaders}
	now := time.Now
	if o.Now != nil {
		now = o.Now
	}
	p.env = Env{Now: now(), Zone: o.Zone, Width: o.Width, Styles: o.Styles, Wide: f.Kind == Wide}
	if p.env.Zone == nil {
		p.env.Zone = time.Local
	}
	if p.env.Width <= 0 {
		p.env.Width = term.DefaultWidth
	}
	switch {
	case o.JQ != "":
		if !f.Machine() && !f.Human() {
			return nil, fail.New(fail.Usage, "--jq filters JSON and does not go with -o %s", f.Kind).Hint("leave -o out, or -o json")
		}
		p.expr, err = compileJQ(o.JQ)
		p.format = Format{Kind: JSON}
	case f.Kind == JSONPath:
		p.expr, err = compileJSONPath(f.Arg)
	case f.Kind == Template:
		p.expr, err = compileTemplate(f.Arg, p.env)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Format is the format in use; json when --jq is given.
func (p *Printer) Format() Format { return p.format }

// Human says that a person reads: table or wide and no --jq.
func (p *Printer) Human() bool { return p.format.Human() }

// Env is what column functions get; hand-made views use it too.
func (p *Printer) Env() Env { return p.env }

// Out is the writer below, for hand-made views of people's formats.
func (p *Printer) Out() io.Writer { return p.out }

// Print writes one document: any value that encoding/json can marshal. Tables,
// CSV and names are derived from its JSON: a list of objects (or an object
// whose member "items" is one) gives a row each, one object a line a field.
// Commands with columns of their own use List and One.
func (p *Printer) Print(v any) error {
	doc, err := marshal(v)
	if err != nil {
		return err
	}
	return p.printDoc(doc)
}

func (p *Printer) printDoc(doc []byte) error {
	if p.expr != nil {
		return p.expr.run(p.out, doc)
	}
	switch p.format.Kind {
	case JSON:
		return p.write(indent(doc))
	case YAML:
		b, err := toYAML(doc)
		if err != nil {
			return err
		}
		return p.write(b)
	case JSONL:
		return p.printLines(doc)
	case Raw:
		return p.printRaw(doc)
	}
	return p.printDerived(doc)
}

// printRaw writes a list one element a line, anything else as one line: texts
// without quotes, everything else as JSON.
func (p *Printer) printRaw(doc []byte) error {
	items, ok, err := elements(doc)
	if err != nil {
		return err
	}
	if !ok {
		items = []json.RawMessage{doc}
	}
	for _, it := range items {
		line := slices.Concat(it, []byte{'\n'})
		var text string
		if len(it) > 0 && it[0] == '"' && json.Unmarshal(it, &text) == nil {
			line = []byte(term.Safe(text) + "\n")
		}
		if err := p.write(line); err != nil {
			return err
		}
	}
	return nil
}

// printLines writes a list one element a line, anything else as one line.
func (p *Printer) printLines(doc []byte) error {
	items, ok, err := elements(doc)
	if err != nil {
		return err
	}
	if !ok {
		return p.write(append(doc, '\n'))
	}
	for _, it := range items {
		if err := p.write(append(it[:len(it):len(it)], '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (p *Printer) write(b []byte) error {
	_, err := p.out.Write(b)
	return err
}
