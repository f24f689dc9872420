package chat

import (
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// mostAnswer bounds what is held of one answer, in bytes.
const mostAnswer = 256 << 10

// turn is a question with its answer.
type turn struct {
	question string
	asked    time.Time

	raw  strings.Builder // the answer as it came, for the next question
	text strings.Builder // the same, made safe
	safe *term.SafeWriter
	cut  bool // the answer is longer than what is held

	tools    []api.ChatTool
	evidence []api.Evidence
	notices  []string // about how the answer came
	usage    *api.ChatUsage
	model    string
	finish   string
	err      *fail.Error
	canceled bool
	busy     bool
	took     time.Duration

	version int // counts what came
	shown   shown
}

func newTurn(question string) *turn {
	t := &turn{question: question}
	t.safe = term.NewSafeWriter(&t.text)
	return t
}

// write adds a part of the answer. An escape sequence, or a character, may be
// split between two parts.
func (t *turn) write(part string) {
	t.version++
	if room := mostAnswer - t.raw.Len(); len(part) > room {
		part, t.cut = part[:max(room, 0)], true
	}
	t.raw.WriteString(part)
	_, _ = t.safe.Write([]byte(part)) // a strings.Builder takes everything
}

// take adds one event of the stream.
func (t *turn) take(e api.ChatEvent) {
	t.version++
	if e.Model != "" {
		t.model = e.Model
	}
	switch e.Type {
	case "delta":
		t.write(e.Text)
	case "tool":
		t.addTool(e.Tool)
	case "evidence":
		t.evidence = append(t.evidence, e.Evidence...)
	case "notice":
		t.notices = append(t.notices, e.Text)
	case "usage":
		t.usage = e.Usage
	case "done":
		t.finish = e.Finish
		if e.Usage != nil {
			t.usage = e.Usage
		}
	}
}

// addTool joins the parts of a tool call, which comes in pieces by index.
func (t *turn) addTool(part *api.ChatTool) {
	if part == nil {
		return
	}
	for i := range t.tools {
		if t.tools[i].Index == part.Index {
			t.tools[i].Name += part.Name
			t.tools[i].Arguments += part.Arguments
			return
		}
	}
	t.tools = append(t.tools, *part)
}

// end says that nothing more will come.
func (t *turn) end(now time.Time) {
	_ = t.safe.Flush()
	t.busy, t.took = false, now.Sub(t.asked)
	t.version++
}

// whole reports whether the answer came as it should: only then it is told to
// the model with the next question.
func (t *turn) whole() bool { return !t.busy && !t.canceled && t.err == nil && !t.cut }

// turnsOf makes turns of a session's messages.
func turnsOf(history []api.ChatMessage) []*turn {
	var out []*turn
	for _, m := range history {
		switch m.Role {
		case "user":
			out = append(out, newTurn(m.Content))
		case "assistant":
			if len(out) == 0 {
				out = append(out, newTurn(""))
			}
			out[len(out)-1].write(m.Content)
		}
	}
	for _, t := range out {
		_ = t.safe.Flush()
	}
	return out
}
