package chat

import (
	"bytes"
	"encoding/json"
	"iter"

	"github.com/aictl/aictl/internal/ai"
)

// meterLimit bounds what Meter keeps of a plain answer to find its usage.
const meterLimit = 8 << 20

// EstimateTokens approximates the tokens of s as a quarter of its bytes,
// rounded up: the rule of thumb for English with byte-pair encodings. It is
// off by up to a factor of two for other languages and for code; an upstream's
// own count replaces it wherever there is one.
func EstimateTokens(s string) int64 { return int64(len(s)+3) / 4 }

// Meter returns reply with Usage filled and priced. What the reply's own Usage
// or, without one, the body reports counts. Where nothing is reported, the
// input is the given estimate, and the output a quarter of the bytes of the
// text, or of a stream that somebody else reads, a token an event. The chunks
// pass unchanged. price gives the price of the target that answered; it may be
// nil.
func Meter(reply *ai.Reply, input int64, price func(target string) Price) *ai.Reply {
	if reply == nil || reply.Chunks == nil {
		return reply
	}
	m := meter{reply: reply, inner: reply.Chunks, own: reply.Usage}
	out := *reply
	out.Chunks = m.chunks
	out.Usage = func() ai.Usage {
		u := m.usage(input)
		if price != nil {
			p := price(reply.Target)
			u.Cost = (float64(u.InputTokens)*p.Input + float64(u.OutputTokens)*p.Output) / 1e6
		}
		return u
	}
	return &out
}

type meter struct {
	reply    *ai.Reply
	inner    iter.Seq2[[]byte, error]
	own      func() ai.Usage
	kept     []byte // of a plain answer
	reported *usage
	text     int64 // bytes
	events   int64
}

func (m *meter) chunks(yield func([]byte, error) bool) {
	split := splitter{limit: maxEvent}
	for chunk, err := range m.inner {
		if err == nil {
			switch {
			case !m.reply.Stream:
				if len(m.kept)+len(chunk) <= meterLimit {
					m.kept = append(m.kept, chunk...)
				}
			case m.own != nil: // the usage is read already: only count, this is the hot path
				m.events += int64(bytes.Count(chunk, []byte("data:")))
			default:
				for _, e := range split.push(chunk) {
					if u := usageOf(e.data); u != nil {
						m.reported = u // some report in each chunk: the last counts
					}
					m.text += textOf(e.data)
				}
			}
		}
		if !yield(chunk, err) {
			return
		}
	}
}

func (m *meter) usage(input int64) ai.Usage {
	if m.own != nil {
		if u := m.own(); u.InputTokens+u.OutputTokens > 0 {
			return u
		}
	}
	if !m.reply.Stream && m.reported == nil {
		if m.reported = usageOf(m.kept); m.reported == nil {
			m.text = textOf(m.kept)
		}
	}
	if m.reported != nil {
		return ai.Usage{InputTokens: max(0, m.reported.Prompt), OutputTokens: max(0, m.reported.Completion)}
	}
	return ai.Usage{InputTokens: input, OutputTokens: max((m.text+3)/4, m.events)}
}

func usageOf(body []byte) *usage {
	if !bytes.Contains(body, []byte(`"usage"`)) {
		return nil
	}
	var c struct {
		Usage *usage `json:"usage"`
	}
	if json.Unmarshal(body, &c) != nil {
		return nil
	}
	return c.Usage
}

// textOf counts the bytes of text and of tool arguments in an answer.
func textOf(body []byte) int64 {
	var c completion
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &c) != nil {
		return 0
	}
	var n int64
	for _, ch := range c.Choices {
		for _, d := range []*delta{ch.Delta, ch.Message} {
			if d == nil {
				continue
			}
			if d.Content != nil {
				n += int64(len(*d.Content))
			}
			for _, t := range d.ToolCalls {
				n += int64(len(t.Function.Arguments) + len(t.Function.Name))
			}
		}
	}
	return n
}
