package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/ai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const answer = `{"choices":[{"message":{"content":"hello"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`

// good answers as an OpenAI upstream does, plain and streamed.
func good(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("Accept") != "text/event-stream" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range 5 {
		_, _ = fmt.Fprintf(w, "data: {\"n\":%d,\"in\":%d}\n\n", i, len(body))
		w.(http.Flusher).Flush()
	}
	_, _ = io.WriteString(w, "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n")
}

func upstream(t testing.TB, h http.HandlerFunc) *HTTP {
	t.Helper()
	s := httptest.NewServer(h)
	return upstreamAt(t, s.URL, s.Close)
}

func upstreamAt(t testing.TB, url string, closing func()) *HTTP {
	t.Helper()
	u, err := NewHTTP(HTTPOptions{BaseURL: url})
	require.NoError(t, err)
	t.Cleanup(func() { u.Close(); closing() })
	return u
}

func chatPolicy() Policy {
	return Policy{
		Idempotent: true, Timeout: 10 * time.Second, FirstByte: 150 * time.Millisecond,
		Terminator: "[DONE]", Frame: OpenAIFrame, Usage: OpenAIUsage,
	}
}

// chat makes a gateway whose service chat has one tier for each upstream.
func chat(t testing.TB, o Options, p Policy, ups ...Upstream) *Gateway {
	t.Helper()
	g, err := New(o)
	require.NoError(t, err)
	r := Route{Description: ai.Description{Name: "chat"}, Policies: map[string]Policy{"complete": p}}
	for i, u := range ups {
		r.Tiers = append(r.Tiers, Tier{[]Revision{{Name: fmt.Sprint("v", i), Weight: 1, Replicas: []Replica{{Name: fmt.Sprint("t", i), Upstream: u}}}}})
	}
	_, err = g.SetRoute(r)
	require.NoError(t, err)
	return g
}

func ask(stream bool) ai.Call {
	return ai.Call{Service: "chat", Operation: "complete", Input: []byte(`{"messages":[]}`), Stream: stream}
}

// collect reads the whole answer.
func collect(ctx context.Context, g *Gateway, call ai.Call) (string, error) {
	r, err := g.Do(ctx, call)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	for chunk, err := range r.Chunks {
		if err != nil {
			return b.String(), err
		}
		b.Write(chunk)
	}
	return b.String(), nil
}

func serve(g *Gateway, stream bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		call := ask(stream)
		call.Input, call.Header = body, r.Header
		reply, err := g.Do(r.Context(), call)
		if err != nil {
			WriteError(w, err)
			return
		}
		_ = WriteReply(w, reply)
	}
}
