package chat

import (
	"bytes"
	"encoding/json"

	"github.com/aictl/aictl/internal/ai"
)

// meterLimit bounds what Meter keeps of a plain answer to find its usage.
const meterLimit = 8 << 20

// EstimateTokens approximates the tokens of s as a quarter of its bytes,
// rounded up: the rule of thumb for English with byte-pair encodings. It is
// off by up to a factor of two for other languages and for code; an upstream's
// own count replaces it wherever there is one.
func EstimateTokens(s string) int64 { return int64(len(s)+3) / 4 }

// Meter returns reply with Usage filled from what the upstream reports, in the
// body or in a chunk of the stream. Where it reports nothing, the input is the
// given estimate and the output a quarter of the bytes of the text. The chunks
// pass unchanged. price gives the price of the target that answered; it may be
// nil. A reply that has a Usage already keeps it.
func Meter(reply *ai.Reply, input int64, price func(target string) Price) *ai.Reply {
	if reply == nil || reply.Usage != nil || reply.Chunks == nil {
		return reply
	}
	out, inner := *reply, reply.Chunks
	var reported *usage
	var text int64
	out.Chunks = func(yield func([]byte, error) bool) {
		var kept []byte
		split := splitter{limit: maxEvent}
		for chunk, err := range inner {
			if err == nil {
				if reply.Stream {
					for _, e := range split.push(chunk) {
						if u := usageOf(e.data); u != nil {
							reported = u // some report in each chunk: the last counts
						}
						text += textOf(e.data)
					}
				} else if len(kept)+len(chunk) <= meterLimit {
					kept = append(kept, chunk...)
				}
			}
			if !yield(chunk, err) {
				break
			}
		}
		if !reply.Stream {
			if reported = usageOf(kept); reported == nil {
				text = textOf(kept)
			}
		}
	}
	out.Usage = func() ai.Usage {
		u := ai.Usage{InputTokens: input, OutputTokens: (text + 3) / 4}
		if reported != nil {
			u.InputTokens, u.OutputTokens = max(0, reported.Prompt), max(0, reported.Completion)
		}
		if price != nil {
			p := price(reply.Target)
			u.Cost = (float64(u.InputTokens)*p.Input + float64(u.OutputTokens)*p.Output) / 1e6
		}
		return u
	}
	return &out
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
