package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/sse"
)

// readStream gives the data events, and the type of the error event if any.
func readStream(ctx context.Context, c *http.Client, url string) (data []string, failed bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(strings.Repeat("x", 1000)))
	if err != nil {
		return nil, false, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, true, nil // a typed error before the first byte
	}
	for r := sse.NewReader(resp.Body, 0); ; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return data, failed, nil
		}
		if err != nil {
			return data, failed, err
		}
		if failed {
			return data, failed, errors.New("an event after the error")
		}
		if e.Type == "error" {
			failed = true
			continue
		}
		data = append(data, string(e.Data))
	}
}

// streams is how many streams a test makes, and how many at a time.
func streams() (total, batch int) {
	if os.Getenv("AICTL_E2E") != "" {
		return 10000, 2500
	}
	if underRace {
		return 300, 100 // several times slower
	}
	return 1000, 250
}

func runStreams(t *testing.T, up http.HandlerFunc, check func(data []string, failed bool) error) {
	t.Helper()
	p := chatPolicy()
	p.FirstByte = 30 * time.Second
	p.Timeout = 30 * time.Second
	g := chat(t, Options{Breaker: BreakerOptions{Failures: 1 << 30, Ratio: 2}}, p, upstream(t, up))
	s := httptest.NewServer(serve(g, true))
	defer s.Close()
	tr := &http.Transport{MaxIdleConnsPerHost: 256}
	defer tr.CloseIdleConnections()
	total, batch := streams()
	var group errgroup.Group
	group.SetLimit(batch)
	for range total {
		group.Go(func() error {
			data, failed, err := readStream(t.Context(), &http.Client{Transport: tr}, s.URL)
			if err != nil {
				return fmt.Errorf("cut without a word after %d events: %w", len(data), err)
			}
			return check(data, failed)
		})
	}
	require.NoError(t, group.Wait())
	require.NoError(t, g.Drain(t.Context()))
}

func TestNoStreamIsCut(t *testing.T) {
	runStreams(t, good, func(data []string, failed bool) error {
		if failed || len(data) != 7 || data[6] != "[DONE]" {
			return fmt.Errorf("cut: %v %v", data, failed)
		}
		return nil
	})
}

func TestUpstreamKilledAtAnyByte(t *testing.T) {
	var whole bytes.Buffer
	for i := range 10 {
		fmt.Fprintf(&whole, "data: event-%d\n\n", i)
	}
	whole.WriteString("data: [DONE]\n\n")
	var asked, cut, ended atomic.Int64
	runStreams(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		n := rand.IntN(whole.Len() + 1) //nolint:gosec // a test's dice
		if asked.Add(1)%10 == 0 {
			n = whole.Len() // both outcomes are seen in every run, not in most
		}
		_, _ = w.Write(whole.Bytes()[:n])
		w.(http.Flusher).Flush()
		if n < whole.Len() && n%2 == 0 {
			reset(w, r)
		} // else: an end that looks clean
	}, func(data []string, failed bool) error {
		for i, d := range data {
			if want := fmt.Sprintf("event-%d", i); d != want && (i != 10 || d != "[DONE]") {
				return fmt.Errorf("event %d is %q", i, d)
			}
		}
		if whole := len(data) == 11; whole == failed {
			return fmt.Errorf("%d events, failed %v: silence", len(data), failed)
		}
		if failed {
			cut.Add(1)
		} else {
			ended.Add(1)
		}
		return nil
	})
	require.Positive(t, cut.Load())
	require.Positive(t, ended.Load())
}

func TestALeavingClientCancelsTheUpstream(t *testing.T) {
	gone := make(chan time.Time, 1)
	g := chat(t, Options{}, chatPolicy(), upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- time.Now()
	}))
	s := httptest.NewServer(serve(g, true))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	require.NoError(t, err)
	var got []byte
	for buf := make([]byte, 1000); !bytes.Contains(got, []byte("data: 1")); {
		n, err := c.Read(buf)
		require.NoError(t, err)
		got = append(got, buf[:n]...)
	}
	left := time.Now()
	require.NoError(t, c.Close())
	require.Less(t, (<-gone).Sub(left), 100*time.Millisecond)
	require.NoError(t, g.Drain(t.Context()))
}

func TestAStalledReaderIsCut(t *testing.T) {
	cut := make(chan error, 1)
	chunk := append(bytes.Repeat([]byte("x"), 64<<10), '\n', '\n')
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cut <- writeReply(w, &ai.Reply{Status: 200, Stream: true, Chunks: func(yield func([]byte, error) bool) {
			for yield(chunk, nil) {
				continue
			}
		}}, 200*time.Millisecond)
	}))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	select {
	case err := <-cut:
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(5 * time.Second):
		t.Fatal("the stalled reader was not cut")
	}
}

func TestDrainEndsStreamsWithATypedError(t *testing.T) {
	g := chat(t, Options{}, chatPolicy(), upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	reply, err := g.Do(t.Context(), ask(true))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Error(t, g.Drain(ctx))
	var last error
	for _, err := range reply.Chunks {
		last = err
	}
	require.Equal(t, fail.Unavailable, fail.CodeOf(last))
	require.ErrorContains(t, last, "shutting down")
	require.NoError(t, g.Drain(t.Context()))
}

func TestPanicsAndSilenceOfAService(t *testing.T) {
	g := chat(t, Options{}, Policy{Idle: 50 * time.Millisecond}, Builtin(service(func(ctx context.Context, c ai.Call) (*ai.Reply, error) {
		if !c.Stream {
			panic("boom")
		}
		return &ai.Reply{Stream: true, Chunks: func(yield func([]byte, error) bool) {
			if yield([]byte("data: 1\n\n"), nil) && string(c.Input) == "hang" {
				<-ctx.Done()
				return
			}
			panic("late")
		}}, nil
	})))
	_, err := collect(t.Context(), g, ask(false))
	require.Equal(t, fail.Internal, fail.CodeOf(err))
	got, err := collect(t.Context(), g, ask(true))
	require.Equal(t, fail.Internal, fail.CodeOf(err))
	require.Equal(t, "data: 1\n\n", got)
	call := ask(true)
	call.Input = []byte("hang")
	_, err = collect(t.Context(), g, call)
	require.Equal(t, fail.Timeout, fail.CodeOf(err))
	require.NoError(t, g.Drain(t.Context()))
}

type service func(context.Context, ai.Call) (*ai.Reply, error)

func (service) Describe() ai.Description {
	return ai.Description{Name: "chat", Operations: []ai.Operation{{Name: "complete"}}}
}
func (s service) Invoke(ctx context.Context, c ai.Call) (*ai.Reply, error) { return s(ctx, c) }

func TestConcurrencyAndBudgetAreExact(t *testing.T) {
	var running, most, reserved, settled atomic.Int64
	var once sync.Map
	const limit = 4
	budget := BudgetFunc(func(context.Context, string, *ai.Call) (func(*ai.Usage), error) {
		if reserved.Add(10) > 200 {
			reserved.Add(-10)
			return nil, fail.New(fail.Limited, "no budget left")
		}
		n := reserved.Load()
		var called atomic.Bool
		once.Store(&called, n)
		return func(used *ai.Usage) {
			if called.Swap(true) {
				panic("settled twice")
			}
			settled.Add(used.InputTokens + used.OutputTokens)
		}, nil
	})
	g := chat(t, Options{Budget: budget}, Policy{Concurrency: limit, Queue: 1000, QueueWait: 5 * time.Second},
		Builtin(service(func(context.Context, ai.Call) (*ai.Reply, error) {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				continue
			}
			time.Sleep(time.Millisecond) // the work
			r, err := ai.JSON(1)
			r.Usage = func() ai.Usage { return ai.Usage{InputTokens: 3, OutputTokens: 4} }
			return r, err
		})))
	var done, refused atomic.Int64
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			call := ask(false)
			if _, err := collect(t.Context(), g, call); err == nil {
				done.Add(1)
			} else if fail.CodeOf(err) == fail.Limited {
				refused.Add(1)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 20, done.Load())
	require.EqualValues(t, 80, refused.Load())
	require.EqualValues(t, 20*7, settled.Load())
	require.LessOrEqual(t, most.Load(), int64(limit))
	require.NoError(t, g.Drain(t.Context()))
	s := g.Stats()[0]
	require.EqualValues(t, 100, s.Requests)
	require.Zero(t, s.InFlight)
	require.EqualValues(t, 60, s.InputTokens)
}

func TestAFullQueueRefusesAtOnce(t *testing.T) {
	q := &queue{}
	q.resize(1, 1)
	require.NoError(t, q.acquire(t.Context(), time.Second))
	err := q.acquire(t.Context(), 20*time.Millisecond)
	require.ErrorContains(t, err, "no slot became free")
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { first <- q.acquire(ctx, time.Minute) }()
	require.Eventually(t, func() bool { _, w := q.depths(); return w == 1 }, time.Second, time.Millisecond)
	err = q.acquire(t.Context(), time.Minute)
	require.Equal(t, fail.Limited, fail.CodeOf(err))
	require.Positive(t, fail.RetryAfter(err))
	cancel()
	require.Equal(t, fail.Canceled, fail.CodeOf(<-first))
	q.release()
	running, waiting := q.depths()
	require.Zero(t, running+waiting)
}

// Whoever stops at the last word has the whole answer: that is no failure.
func TestAReaderThatStopsAtTheEndIsASuccess(t *testing.T) {
	g := chat(t, Options{}, chatPolicy(), upstream(t, good))
	reply, err := g.Do(t.Context(), ask(true))
	require.NoError(t, err)
	for chunk, err := range reply.Chunks {
		require.NoError(t, err)
		if bytes.Contains(chunk, []byte("[DONE]")) {
			break
		}
	}
	require.EqualValues(t, 1, g.Stats()[0].Requests)
	require.Zero(t, g.Stats()[0].Errors)
	require.NoError(t, g.Drain(t.Context()))
}
