package tuitest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/feed"
)

// Recorder is a Caller that answers every operation with the same body, and
// remembers what it was asked.
type Recorder struct {
	Body string

	mu   sync.Mutex // guards sent: several contexts ask at once
	sent []Sent
}

// Sent is a request that reached a Recorder.
type Sent struct {
	Operation string
	Query     url.Values
	Body      string
}

// Send implements op.Caller.
func (r *Recorder) Send(_ context.Context, s *op.Spec, req *http.Request) (*http.Response, error) {
	sent := Sent{Operation: s.ID, Query: req.URL.Query()}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		sent.Body = string(body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, sent)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(r.Body))}, nil
}

// Sent are the requests so far.
func (r *Recorder) Sent() []Sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Sent(nil), r.sent...)
}

// Contexts are contexts that all reach the recorder.
func (r *Recorder) Contexts(names ...string) []feed.Context {
	var out []feed.Context
	for _, n := range names {
		out = append(out, feed.Context{Name: n, Caller: r})
	}
	return out
}

// Messages runs a command and what it holds, to the messages.
func Messages(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case nil:
		return nil
	case tea.BatchMsg:
		var out []tea.Msg
		for _, c := range msg {
			out = append(out, Messages(c)...)
		}
		return out
	default:
		return []tea.Msg{msg}
	}
}

// First is the first message of a kind that a command gives.
func First[T any](t testing.TB, cmd tea.Cmd) T {
	t.Helper()
	for _, m := range Messages(cmd) {
		if got, ok := m.(T); ok {
			return got
		}
	}
	t.Fatalf("no %T among the messages", *new(T))
	panic("unreachable")
}
