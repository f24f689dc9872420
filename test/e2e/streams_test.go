//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

const (
	streamCount   = 10_000
	streamWords   = 20
	streamWorkers = 200
)

// result is how one answer ended: the pieces in the order they came, and
// either done or the message of a typed error. Neither is a silent end.
type result struct {
	pieces []string
	finish string
	done   bool
	failed string // the typed error
	status int
}

// asker sends chat calls to one server through one connection pool.
type asker struct {
	url, token, model string
	http              *http.Client
}

func newAsker(t testing.TB, url, token, model string) *asker {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: streamWorkers, MaxConnsPerHost: 0}
	t.Cleanup(transport.CloseIdleConnections)
	return &asker{url: url, token: token, model: model, http: &http.Client{Transport: transport}}
}

// ask sends one prompt and reads its answer to the end. The error is of the
// transport or of a malformed answer; an error that the server states is in
// the result.
func (a *asker) ask(ctx context.Context, prompt string, stream bool) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	body := encode(map[string]any{
		"model": a.model, "stream": stream,
		"messages": []any{map[string]any{"role": "user", "content": prompt}},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/v1/chat/completions", strings.NewReader(string(body)))
	if err != nil {
		return result{}, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := a.http.Do(req)
	if err != nil {
		return result{}, err
	}
	defer res.Body.Close()
	r := result{status: res.StatusCode}
	if res.StatusCode != http.StatusOK {
		r.failed, err = typedError(res.Body)
		return r, err
	}
	if stream {
		return r, r.readEvents(res.Body)
	}
	var answer struct {
		Choices []struct {
			Message struct{ Content string }
			Finish  string `json:"finish_reason"`
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return r, fmt.Errorf("a plain answer that is not JSON: %w", err)
	}
	if len(answer.Choices) != 1 {
		return r, errors.New("not one choice")
	}
	r.pieces, r.finish, r.done = []string{answer.Choices[0].Message.Content}, answer.Choices[0].Finish, true
	return r, nil
}

// typedError reads an error answer: OpenAI's form, or problem details.
func typedError(body io.Reader) (string, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return "", err
	}
	var doc struct {
		Error  *struct{ Message string }
		Title  string
		Detail string
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return "", fmt.Errorf("an untyped error %q", raw)
	}
	switch {
	case doc.Error != nil && doc.Error.Message != "":
		return doc.Error.Message, nil
	case doc.Title+doc.Detail != "":
		return doc.Title + ": " + doc.Detail, nil
	}
	return "", fmt.Errorf("an error without a message %q", raw)
}

func (r *result) readEvents(body io.Reader) error {
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue // blank lines, comments, event names
		}
		if r.done || r.failed != "" {
			return fmt.Errorf("data after the end: %q", data)
		}
		if data == "[DONE]" {
			r.done = true
			continue
		}
		var chunk struct {
			Error   *struct{ Message string }
			Choices []struct {
				Delta  struct{ Content string }
				Finish string `json:"finish_reason"`
			}
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			return fmt.Errorf("an event that is not JSON %q: %w", data, err)
		}
		if chunk.Error != nil {
			r.failed = chunk.Error.Message
			continue
		}
		if len(chunk.Choices) > 0 {
			if c := chunk.Choices[0].Delta.Content; c != "" {
				r.pieces = append(r.pieces, c)
			}
			if chunk.Choices[0].Finish != "" {
				r.finish = chunk.Choices[0].Finish
			}
		}
	}
	return lines.Err()
}

// check holds a result against what was asked: a prefix of the words, each
// once and in order; all of them when it is done; never a silent end.
func (r *result) check(want []string) error {
	got, whole := strings.Join(r.pieces, ""), strings.Join(want, "")
	switch {
	case !strings.HasPrefix(whole, got):
		return fmt.Errorf("reordered, duplicated or foreign: %q", got)
	case r.done && r.failed != "":
		return errors.New("done and failed at once")
	case r.done && (got != whole || r.finish != "stop"):
		return fmt.Errorf("said to be done (%q) after %q", r.finish, got)
	case !r.done && r.failed == "":
		return fmt.Errorf("silent after %q", got)
	}
	return nil
}

// many asks n prompts, streamWorkers at a time, and calls each with the result.
func (a *asker) many(ctx context.Context, n int, stream func(i int) bool, each func(i int, r result, err error)) {
	var group errgroup.Group
	group.SetLimit(streamWorkers)
	for i := range n {
		group.Go(func() error {
			r, err := a.ask(ctx, fmt.Sprintf("s%d %d", i, streamWords), stream(i))
			each(i, r, err)
			return nil
		})
	}
	_ = group.Wait()
}

// faults collects the first few complaints of many calls.
type faults struct {
	mu    sync.Mutex
	count int
	first []string
}

func (f *faults) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if len(f.first) < 10 {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

func (f *faults) require(t *testing.T) {
	t.Helper()
	require.Zero(t, f.count, "%d faults, the first:\n%s", f.count, strings.Join(f.first, "\n"))
}

func always(int) bool { return true }

func TestTenThousandStreamsAreWhole(t *testing.T) {
	up := newUpstream(t)
	server := startServer(t, config{providers: []provider{{name: "main", url: up.URL}}})
	a := newAsker(t, server.url, server.token, "echo-model")
	var bad faults
	a.many(t.Context(), streamCount, always, func(i int, r result, err error) {
		if err == nil {
			err = r.check(words(fmt.Sprintf("s%d", i), streamWords))
		}
		if err != nil || !r.done {
			bad.add("stream %d: %v (status %d, %s)", i, err, r.status, r.failed)
		}
	})
	bad.require(t)
	require.EqualValues(t, streamCount, up.calls.Load(), "one upstream call a stream")
	t.Logf("%d streams of %d words, %d at once: none cut", streamCount, streamWords, streamWorkers)
}

func TestTenThousandCutStreamsAreHonest(t *testing.T) {
	up := newUpstream(t)
	var seed atomic.Uint64
	up.setFault(func(w http.ResponseWriter, _ *http.Request, ask question) bool {
		random := rand.New(rand.NewPCG(1, seed.Add(1)))
		return cutAfter(w, ask, random.Float64(), random.IntN(2) == 0)
	})
	server := startServer(t, config{providers: []provider{{name: "main", url: up.URL}}, noBreaker: true})
	a := newAsker(t, server.url, server.token, "echo-model")
	var bad faults
	var whole, broken, refused atomic.Int64
	a.many(t.Context(), streamCount, always, func(i int, r result, err error) {
		if err == nil {
			err = r.check(words(fmt.Sprintf("s%d", i), streamWords))
		}
		switch {
		case err != nil:
			bad.add("stream %d: %v", i, err)
		case r.done:
			whole.Add(1)
		case r.status == http.StatusOK:
			broken.Add(1)
		default:
			refused.Add(1)
		}
	})
	bad.require(t)
	require.Positive(t, broken.Load(), "no stream was cut in the middle: the fault did not reach the gateway")
	t.Logf("%d streams with a cut upstream: %d whole, %d ended by a typed error event, %d by an error answer; 0 silent",
		streamCount, whole.Load(), broken.Load(), refused.Load())
}

// TestFallback: the first target fails before the first byte, in each of the
// ways a model server does; every call succeeds by the second.
func TestFallback(t *testing.T) {
	answer := func(status int, header ...string) func(http.ResponseWriter, *http.Request, question) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ question) bool {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":{"message":"not today","type":"server_error"}}`)
			return true
		}
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, question) bool{
		"500": answer(http.StatusInternalServerError),
		"429": answer(http.StatusTooManyRequests, "Retry-After", "30"),
		"hang": func(_ http.ResponseWriter, r *http.Request, _ question) bool {
			<-r.Context().Done()
			return true
		},
		"reset": func(w http.ResponseWriter, _ *http.Request, ask question) bool { return cutAfter(w, ask, 0, true) },
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newUpstream(t), newUpstream(t)
			first.setFault(fault)
			server := startServer(t, config{
				providers:  []provider{{name: "first", url: first.URL}, {name: "second", url: second.URL}},
				firstToken: time.Second,
			})
			a := newAsker(t, server.url, server.token, "echo-model")
			var bad faults
			const calls = 200
			a.many(t.Context(), calls, func(i int) bool { return i%2 == 0 }, func(i int, r result, err error) {
				if err == nil {
					err = r.check(words(fmt.Sprintf("s%d", i), streamWords))
				}
				if err != nil || !r.done {
					bad.add("call %d (streaming %v): %v (status %d, %s)", i, i%2 == 0, err, r.status, r.failed)
				}
			})
			bad.require(t)
			require.Positive(t, first.calls.Load(), "the first target was never tried")
			require.EqualValues(t, calls, second.calls.Load(), "each call is answered once by the second target")
		})
	}
}

// TestLeavingClientCancelsUpstream: a client that goes away frees its model
// server within 100 ms (and some slack for a busy machine).
func TestLeavingClientCancelsUpstream(t *testing.T) {
	up := newUpstream(t)
	up.pace.Store(int64(20 * time.Millisecond))
	server := startServer(t, config{providers: []provider{{name: "main", url: up.URL}}})
	body := encode(map[string]any{
		"model": "echo-model", "stream": true,
		"messages": []any{map[string]any{"role": "user", "content": "leave 5000"}},
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.url+"/v1/chat/completions", strings.NewReader(string(body)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+server.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	_, err = res.Body.Read(make([]byte, 1))
	require.NoError(t, err)
	leave()
	start := time.Now()
	require.Eventually(t, func() bool { return up.gone.Load() == 1 }, 2*time.Second, 5*time.Millisecond, "the upstream is still busy")
	t.Logf("upstream cancelled after %s", time.Since(start).Round(time.Millisecond))
	require.Less(t, time.Since(start), 300*time.Millisecond)
}
