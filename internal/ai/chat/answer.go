package chat

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// answer lets the built-in assistant answer, in OpenAI's wire form.
func (s *Service) answer(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	req, turns, err := readRequest(call.Input)
	if err != nil {
		return nil, err
	}
	got, err := s.assistant.Ask(ctx, turns)
	if err != nil {
		return nil, fail.From(err)
	}
	var in int64
	for _, t := range turns {
		in += EstimateTokens(t.Text)
	}
	out := EstimateTokens(got.Text)
	count := &usage{Prompt: in, Completion: out, Total: in + out}
	base := completion{ID: s.newID(), Created: s.now().Unix(), Model: BuiltinModel}
	used := func() ai.Usage { return ai.Usage{InputTokens: in, OutputTokens: out} }

	if !call.Stream && !req.Stream {
		stop := "stop"
		base.Object, base.Usage = "chat.completion", count
		base.Choices = []choice{{Message: &delta{Role: "assistant", Content: &got.Text}, Finish: &stop}}
		base.Aictl = &extra{Evidence: got.Evidence}
		reply, err := plain(base)
		if err != nil {
			return nil, err
		}
		reply.Usage, reply.Target = used, Builtin
		return reply, nil
	}
	base.Object = "chat.completion.chunk"
	withUsage := req.StreamOptions != nil && req.StreamOptions.IncludeUsage
	return &ai.Reply{
		Status: http.StatusOK, ContentType: "text/event-stream", Stream: true, Usage: used, Target: Builtin,
		Chunks: chunks(ctx, base, got.Text, &extra{Evidence: got.Evidence}, count, withUsage),
	}, nil
}

// chunks yields the stream: the role, the text in parts, the evidence, the
// finish, the usage where it was asked for, [DONE].
func chunks(ctx context.Context, base completion, text string, evidence *extra, count *usage, withUsage bool) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		send := func(c completion) bool {
			if err := context.Cause(ctx); err != nil {
				yield(nil, fail.Wrap(fail.CodeOf(err), err, "the answer was not read to its end"))
				return false
			}
			body, err := json.Marshal(c)
			if err != nil {
				yield(nil, fail.Wrap(fail.Internal, err, "encoding the answer"))
				return false
			}
			return yield([]byte("data: "+string(body)+"\n\n"), nil)
		}
		part := func(d delta, finish *string) completion {
			c := base
			c.Choices = []choice{{Delta: &d, Finish: finish}}
			return c
		}
		none, stop := "", "stop"
		if !send(part(delta{Role: "assistant", Content: &none}, nil)) {
			return
		}
		for piece := range pieces(text) {
			if !send(part(delta{Content: &piece}, nil)) {
				return
			}
		}
		proof := part(delta{}, nil)
		proof.Aictl = evidence
		if !send(proof) || !send(part(delta{}, &stop)) {
			return
		}
		if withUsage {
			c := base
			c.Choices, c.Usage = []choice{}, count
			if !send(c) {
				return
			}
		}
		yield([]byte("data: [DONE]\n\n"), nil)
	}
}

// pieces cuts text into words, each with the space after it.
func pieces(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			n := strings.IndexAny(text, " \n")
			if n < 0 {
				yield(text)
				return
			}
			for n < len(text) && (text[n] == ' ' || text[n] == '\n') {
				n++
			}
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}
