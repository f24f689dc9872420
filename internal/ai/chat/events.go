package chat

import (
	"bytes"
	"encoding/json"
	"iter"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat/assistant"
	"github.com/aictl/aictl/internal/fail"
)

// The types of events.
const (
	EventDelta    = "delta"
	EventTool     = "tool"
	EventEvidence = "evidence"
	EventNotice   = "notice" // of who asks, not of the upstream: Events yields none
	EventUsage    = "usage"
	EventDone     = "done"
	EventError    = "error"
)

// Event is one part of an answer. The fields beside Type depend on it.
type Event struct {
	Type     string
	Text     string               // delta
	Tool     *ToolCall            // tool
	Evidence []assistant.Evidence // evidence
	Usage    *ai.Usage            // usage
	Model    string               // done
	Finish   string               // done: stop, length, tool_calls, content_filter
}

// ToolCall is a call of a tool that the model asks for; Arguments come in
// parts while they stream, joined by Index.
type ToolCall struct {
	Index     int
	ID        string
	Name      string
	Arguments string
}

const (
	maxEvent = 8 << 20  // bytes of one event of a stream
	maxPlain = 64 << 20 // bytes of one plain answer
)

// Events decodes the answer of operation complete, plain or streamed, into
// typed events. The last is done, or error together with the error (a
// *fail.Error): the upstream's own, or that the stream ended before [DONE] or
// was not understood. Only the first choice is decoded. The sequence ranges
// over reply.Chunks, so it can be ranged over once.
func Events(reply *ai.Reply) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		d := decoder{yield: yield}
		if reply.Stream {
			d.stream(reply.Chunks)
		} else {
			d.plain(reply.Chunks)
		}
	}
}

type decoder struct {
	yield  func(Event, error) bool
	model  string
	finish string
	over   bool // the consumer has gone, or the last event is out
}

func (d *decoder) emit(e Event) bool {
	if !d.over && !d.yield(e, nil) {
		d.over = true
	}
	return !d.over
}

func (d *decoder) fail(err error) {
	if !d.over {
		d.over = true
		d.yield(Event{Type: EventError}, fail.From(err))
	}
}

func (d *decoder) done() {
	if d.emit(Event{Type: EventDone, Model: d.model, Finish: d.finish}) {
		d.over = true
	}
}

func (d *decoder) stream(chunks iter.Seq2[[]byte, error]) {
	split := splitter{limit: maxEvent}
	for chunk, err := range chunks {
		if err != nil {
			d.fail(err)
			return
		}
		for _, e := range split.push(chunk) {
			switch {
			case string(e.data) == "[DONE]":
				d.done()
			case e.name == "error":
				d.fail(errorOf(e.data))
			default:
				d.part(e.data)
			}
			if d.over {
				return
			}
		}
		if split.tooLong {
			d.fail(fail.New(fail.Failed, "the upstream sent an event of more than %d bytes", maxEvent))
			return
		}
	}
	d.fail(fail.New(fail.Unavailable, "the answer was cut: its stream ended before [DONE]").
		Hint("ask again; aictl providers test measures the upstream"))
}

func (d *decoder) plain(chunks iter.Seq2[[]byte, error]) {
	var body []byte
	for chunk, err := range chunks {
		if err != nil {
			d.fail(err)
			return
		}
		if len(body)+len(chunk) > maxPlain {
			d.fail(fail.New(fail.Failed, "the upstream sent an answer of more than %d bytes", maxPlain))
			return
		}
		body = append(body, chunk...)
	}
	if d.part(body); !d.over {
		d.done()
	}
}

// part decodes one completion or one chunk of one.
func (d *decoder) part(body []byte) {
	var c struct {
		completion
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		d.fail(fail.New(fail.Failed, "the upstream's answer is not a chat completion (%d bytes)", len(body)).
			Hint("aictl providers test"))
		return
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		d.fail(errorOf(body))
		return
	}
	if c.Model != "" {
		d.model = c.Model
	}
	for _, ch := range c.Choices {
		if ch.Index != 0 {
			continue
		}
		for _, m := range []*delta{ch.Delta, ch.Message} {
			if m != nil && !d.content(m) {
				return
			}
		}
		if ch.Finish != nil && *ch.Finish != "" {
			d.finish = *ch.Finish
		}
	}
	if c.Aictl != nil && len(c.Aictl.Evidence) > 0 && !d.emit(Event{Type: EventEvidence, Evidence: c.Aictl.Evidence}) {
		return
	}
	if c.Usage != nil {
		d.emit(Event{Type: EventUsage, Usage: &ai.Usage{InputTokens: c.Usage.Prompt, OutputTokens: c.Usage.Completion}})
	}
}

func (d *decoder) content(m *delta) bool {
	for _, text := range []*string{m.Content, m.Refusal} {
		if text != nil && *text != "" && !d.emit(Event{Type: EventDelta, Text: *text}) {
			return false
		}
	}
	for i, t := range m.ToolCalls {
		call := &ToolCall{Index: t.Index, ID: t.ID, Name: t.Function.Name, Arguments: t.Function.Arguments}
		if m.Role != "" && call.Index == 0 { // a plain answer numbers nothing
			call.Index = i
		}
		if !d.emit(Event{Type: EventTool, Tool: call}) {
			return false
		}
	}
	return true
}

// errorOf reads an error event: a problem document, OpenAI's {"error": {…}},
// or anything else.
func errorOf(body []byte) error {
	var doc fail.Document
	if json.Unmarshal(body, &doc) == nil && doc.Code != "" && doc.Message != "" {
		return fail.FromDocument(doc)
	}
	var o struct {
		Error struct {
			Message string          `json:"message"`
			Type    string          `json:"type"`
			Code    json.RawMessage `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &o) == nil && o.Error.Message != "" {
		return fail.New(fail.Unavailable, "the upstream failed: %s", clip(o.Error.Message, 300))
	}
	var text struct {
		Error string `json:"error"` // Ollama and llama.cpp, at times
	}
	if json.Unmarshal(body, &text) == nil && text.Error != "" {
		return fail.New(fail.Unavailable, "the upstream failed: %s", clip(text.Error, 300))
	}
	return fail.New(fail.Unavailable, "the upstream failed in the middle of the answer")
}

// splitter finds the events in a stream that arrives in pieces, by the rules
// of the HTML standard's event streams that matter here: data and event
// fields, comments, and the three line ends.
type splitter struct {
	limit   int
	tooLong bool
	line    []byte
	cur     sse
	hasData bool
	afterCR bool
}

type sse struct {
	name string
	data []byte
}

// push takes the next piece and gives the events that it completes.
func (s *splitter) push(piece []byte) []sse {
	var out []sse
	for len(piece) > 0 && !s.tooLong {
		if s.afterCR && piece[0] == '\n' {
			s.afterCR, piece = false, piece[1:]
			continue
		}
		s.afterCR = false
		n := bytes.IndexAny(piece, "\r\n")
		if n < 0 {
			s.line = append(s.line, piece...)
			piece = nil
		} else {
			s.line = append(s.line, piece[:n]...)
			s.afterCR = piece[n] == '\r'
			piece = piece[n+1:]
			if e, ok := s.endLine(); ok {
				out = append(out, e)
			}
		}
		s.tooLong = len(s.line)+len(s.cur.data) > s.limit
	}
	return out
}

func (s *splitter) endLine() (sse, bool) {
	line := s.line
	defer func() { s.line = s.line[:0] }()
	if len(line) == 0 {
		e, ok := s.cur, s.hasData
		s.cur, s.hasData = sse{}, false
		return e, ok
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(name) {
	case "data":
		if s.hasData {
			s.cur.data = append(s.cur.data, '\n')
		}
		s.cur.data, s.hasData = append(s.cur.data, value...), true
	case "event":
		s.cur.name = string(value)
	}
	return sse{}, false
}
