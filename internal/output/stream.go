package output

import (
	"bytes"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// Stream writes items as they come. In machine formats each is a line of JSON
// with a member "type" (YAML: a document each); the caller ends with Result or
// Error, so that a reader can tell the end from a cut. It is not for
// concurrent use.
type Stream struct {
	p     *Printer
	heads []string // columns of the CSV, fixed by the first item
	ended bool
}

// Stream begins a stream.
func (p *Printer) Stream() *Stream { return &Stream{p: p} }

// Item writes one item. typ becomes its member "type" unless it has one; text
// is what people see, without its line feed: it is made safe here, and an
// empty one shows the derived fields.
func (s *Stream) Item(typ string, v any, text string) error {
	if s.p.expr == nil && s.p.format.Human() && text != "" {
		return s.p.write([]byte(term.Safe(text) + "\n"))
	}
	return s.emit(typ, v)
}

// Styled writes one item like Item; render gets the environment and returns a
// line that is safe already: foreign parts went through term.SafeLine before
// they were styled.
func (s *Stream) Styled(typ string, v any, render func(Env) string) error {
	if s.p.expr == nil && s.p.format.Human() {
		return s.p.write([]byte(render(s.p.env) + "\n"))
	}
	return s.emit(typ, v)
}

// Result ends the stream well. People see nothing of it unless text is set.
func (s *Stream) Result(v any, text string) error {
	s.ended = true
	if s.p.expr == nil && s.p.format.Human() {
		if text == "" {
			return nil
		}
		return s.p.write([]byte(term.Safe(text) + "\n"))
	}
	if !s.p.format.Machine() { // a row, a name, a template: items only
		return nil
	}
	return s.emit("result", v)
}

// Error ends the stream with a failure: in machine formats its document of
// type "error" is the last line. The root command reports err on stderr and
// sets the exit code; Error returns only faults of writing.
func (s *Stream) Error(err error) error {
	s.ended = true
	if s.p.expr != nil || !s.p.format.Machine() {
		return nil
	}
	return s.emit("error", fail.ToDocument(err, "error"))
}

// Ended says whether Result or Error was called.
func (s *Stream) Ended() bool { return s.ended }

func (s *Stream) emit(typ string, v any) error {
	doc, err := marshal(v)
	if err != nil {
		return err
	}
	if doc, err = typed(typ, doc); err != nil {
		return err
	}
	p := s.p
	if p.expr != nil {
		return p.expr.run(p.out, doc)
	}
	switch p.format.Kind {
	case JSON, JSONL, Raw:
		return p.write(append(doc, '\n'))
	case YAML:
		b, err := toYAML(doc)
		if err != nil {
			return err
		}
		return p.write(append([]byte("---\n"), b...))
	case CSV:
		return s.csv(doc)
	case Name:
		row, _, err := members(doc)
		if err != nil {
			return err
		}
		return p.derivedNames([][]member{row})
	}
	row, _, err := members(doc)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for i, m := range row {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.env.Styles.Muted(term.SafeLine(m.key)+"=") + cellText(m.value))
	}
	b.WriteByte('\n')
	return p.write(b.Bytes())
}

// csv writes a row under the columns of the first item.
func (s *Stream) csv(doc []byte) error {
	row, _, err := members(doc)
	if err != nil {
		return err
	}
	g := derivedGrid([][]member{row}, true)
	first := s.heads == nil
	if first {
		s.heads = make([]string, len(row))
		for i, m := range row {
			s.heads[i] = m.key
		}
	}
	values := make(map[string]cell, len(row))
	for i, m := range row {
		if i < len(g.rows[0]) {
			values[m.key] = cell{text: cellText(m.value)}
		}
	}
	out := grid{rows: [][]cell{make([]cell, len(s.heads))}, right: make([]bool, len(s.heads))}
	for i, k := range s.heads {
		out.heads = append(out.heads, cell{text: term.SafeLine(k)})
		out.rows[0][i] = values[k]
	}
	p := *s.p
	p.noHeaders = p.noHeaders || !first
	return p.writeCSV(out)
}

// typed puts the member "type" first, unless the object has one. What is no
// object becomes the member "value".
func typed(typ string, doc []byte) ([]byte, error) {
	list, ok, err := members(doc)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.key == "type" {
			return doc, nil
		}
	}
	name, err := marshal(typ)
	if err != nil {
		return nil, err
	}
	out := append([]byte(`{"type":`), name...)
	switch {
	case !ok:
		out = append(append(append(out, `,"value":`...), doc...), '}')
	case len(list) == 0:
		out = append(out, '}')
	default:
		out = append(append(out, ','), doc[1:]...)
	}
	return out, nil
}
