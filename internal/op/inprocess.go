package op

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/aictl/aictl/internal/fail"
)

// InProcess is an http.RoundTripper that runs a handler in this process: the
// same handler that serves the network, for contexts without a server.
// Streams pass through a bounded buffer; a full one makes the handler wait.
type InProcess struct{ Handler http.Handler }

// queueBytes bounds what a handler may be ahead of its reader.
const queueBytes = 64 << 10

// RoundTrip implements http.RoundTripper. The handler's goroutine ends when
// it returns, and closing the response's body cancels its context and waits
// for it.
func (t InProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	w := &memoryWriter{header: http.Header{}, ready: make(chan struct{}), done: make(chan struct{}), cancel: cancel}
	w.cond.L = &w.mu
	in := req.Clone(ctx)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = in.URL.RequestURI()
	go func() {
		defer close(w.done)
		defer w.finish()
		defer w.recovered()
		t.Handler.ServeHTTP(responseWriter{w}, in)
	}()
	stop := context.AfterFunc(ctx, func() { w.mu.Lock(); w.cond.Broadcast(); w.mu.Unlock() })
	w.release = func() { stop(); cancel() }
	w.ctx = ctx
	select {
	case <-w.ready:
	case <-ctx.Done():
		<-w.done
		w.release()
		return nil, ctx.Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: responseBody{w}, ContentLength: -1, Request: req,
	}, nil
}

// responseWriter is the handler's side, responseBody the client's. They are
// apart, because handlers close a writer that can be closed, and that would
// wait for the handler itself.
type (
	responseWriter struct{ m *memoryWriter }
	responseBody   struct{ m *memoryWriter }
)

func (w responseWriter) Header() http.Header         { return w.m.header }
func (w responseWriter) WriteHeader(status int)      { w.m.writeHeader(status) }
func (w responseWriter) Write(p []byte) (int, error) { return w.m.write(p) }

// Flush implements http.Flusher: what is written is already visible.
func (w responseWriter) Flush() { w.m.writeHeader(http.StatusOK) }

func (b responseBody) Read(p []byte) (int, error) { return b.m.read(p) }
func (b responseBody) Close() error               { return b.m.close() }

// memoryWriter is what the two sides share.
type memoryWriter struct {
	header, sent http.Header
	status       int
	ready, done  chan struct{}
	once         sync.Once
	ctx          context.Context //nolint:containedctx // it is the call's own, and ends with it
	cancel       context.CancelFunc
	release      func()

	mu     sync.Mutex // guards buf, ended, closed
	cond   sync.Cond
	buf    []byte
	ended  bool
	closed bool
}

func (w *memoryWriter) writeHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	})
}

func (w *memoryWriter) write(p []byte) (int, error) {
	w.writeHeader(http.StatusOK)
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.buf) > 0 && len(w.buf)+len(p) > queueBytes && !w.closed {
		w.cond.Wait()
	}
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	w.buf = append(w.buf, p...)
	w.cond.Broadcast()
	return len(p), nil
}

// recovered keeps a panic of one handler from ending the whole process, as
// net/http does; what was not answered yet becomes an internal error.
func (w *memoryWriter) recovered() {
	if p := recover(); p != nil {
		fail.WriteProblem(responseWriter{w}, fail.New(fail.Internal, "the handler panicked: %v", p))
	}
}

func (w *memoryWriter) finish() {
	w.writeHeader(http.StatusOK)
	w.mu.Lock()
	w.ended = true
	w.cond.Broadcast()
	w.mu.Unlock()
}

func (w *memoryWriter) read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.buf) == 0 {
		if w.ended {
			return 0, io.EOF
		}
		if err := w.ctx.Err(); err != nil {
			return 0, err
		}
		w.cond.Wait()
	}
	n := copy(p, w.buf)
	w.buf = append(w.buf[:0], w.buf[n:]...)
	w.cond.Broadcast()
	return n, nil
}

// close cancels the handler and waits for it.
func (w *memoryWriter) close() error {
	w.mu.Lock()
	w.closed = true
	w.cond.Broadcast()
	w.mu.Unlock()
	w.release()
	<-w.done
	return nil
}
