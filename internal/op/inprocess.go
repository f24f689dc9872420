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
		t.Handler.ServeHTTP(w, in)
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
		Header: w.sent, Body: w, ContentLength: -1, Request: req,
	}, nil
}

// memoryWriter is the ResponseWriter on the handler's side and the Body on
// the client's.
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

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	})
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
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

// Flush implements http.Flusher: what is written is already visible.
func (w *memoryWriter) Flush() { w.WriteHeader(http.StatusOK) }

// recovered keeps a panic of one handler from ending the whole process, as
// net/http does; what was not answered yet becomes an internal error.
func (w *memoryWriter) recovered() {
	if p := recover(); p != nil {
		fail.WriteProblem(w, fail.New(fail.Internal, "the handler panicked: %v", p))
	}
}

func (w *memoryWriter) finish() {
	w.WriteHeader(http.StatusOK)
	w.mu.Lock()
	w.ended = true
	w.cond.Broadcast()
	w.mu.Unlock()
}

func (w *memoryWriter) Read(p []byte) (int, error) {
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

// Close cancels the handler and waits for it.
func (w *memoryWriter) Close() error {
	w.mu.Lock()
	w.closed = true
	w.cond.Broadcast()
	w.mu.Unlock()
	w.release()
	<-w.done
	return nil
}
