package polish

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/term"
)

// TestChatShowsWhatTheModelLooksAt: calls and their commands go to standard
// error while the answer comes, whatever they hold, and the text that was
// before them is shown before them.
func TestChatShowsWhatTheModelLooksAt(t *testing.T) {
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	op.BindStream(r, api.ChatAsk, func(context.Context, api.ChatInput) iter.Seq2[api.ChatEvent, error] {
		return func(yield func(api.ChatEvent, error) bool) {
			for _, e := range []api.ChatEvent{
				{Type: "delta", Text: "Let me look.\n\n"},
				{Type: "tool", Tool: &api.ChatTool{Index: 0, Name: "logs_search", Arguments: "{\"text\":\"\x1b[2J\n\"}"}},
				{Type: "tool", Tool: &api.ChatTool{Index: 1, Name: "alerts_list", Arguments: strings.Repeat("x", 1000)}},
				{Type: "evidence", Evidence: []api.Evidence{{Source: "logs", ID: "search", Command: "aictl logs"}}},
				{Type: "notice", Text: "no \x1b[31mmore"},
				{Type: "delta", Text: "Nothing."},
				{Type: "done", Finish: "stop"},
			} {
				if !yield(e, nil) {
					return
				}
			}
		}
	})
	io, _, _, errs := term.Test()
	c := &chatCommand{f: factory.New(io, func(string) string { return "" })}
	ctx := op.WithIdentity(t.Context(), op.Identity{Subject: "al"})

	var both bytes.Buffer // as a terminal shows them
	io.Err = &both
	w := newMarkdown(&both, 80, term.Styles{})
	a, err := c.stream(ctx, op.Within{Registry: r}, api.ChatInput{Prompt: "x"}, w)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	shown := both.String()
	require.NotContains(t, shown, "\x1b")
	last := -1
	for _, part := range []string{"Let me look.", `The model asks for logs_search({"text":"^[[2J\n"}).`, "alerts_list(xxx", "the same for you: aictl logs", "note: no ^[[31mmore", "Nothing."} {
		at := strings.Index(shown, part)
		require.Greater(t, at, last, "%q in %q", part, shown)
		last = at
	}
	require.Less(t, len(shown), 1000)
	require.Equal(t, "Let me look.\n\nNothing.", a.Answer)
	require.Len(t, a.Tools, 2)

	// The caller's own tools come in parts, and are said when they are whole.
	io.Err = errs
	_, err = c.stream(ctx, op.Within{Registry: r}, api.ChatInput{Prompt: "x", Tools: []json.RawMessage{json.RawMessage(`{}`)}}, &bytes.Buffer{})
	require.NoError(t, err)
	require.Contains(t, errs.String(), "The model asks for the tool logs_search(")
}
