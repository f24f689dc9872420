// Package guard runs the goroutines of an embedded engine so that none is
// lost and none takes the process down.
//
// It promises: every goroutine started through a Group is joined by Wait, and
// a panic in one is logged with its stack, remembered for Err, and ends that
// goroutine alone. It cannot guard goroutines that an engine starts itself.
package guard

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/aictl/aictl/internal/fail"
)

// Group is a set of goroutines with one owner. The zero value works but logs
// nowhere. Safe for concurrent use.
type Group struct {
	Logger *slog.Logger

	wg  sync.WaitGroup
	mu  sync.Mutex // guards err
	err error
}

// Go runs f in a goroutine of its own; what names it in the log.
func (g *Group) Go(what string, f func()) {
	g.wg.Go(func() {
		defer g.recovered(what)
		f()
	})
}

// Wait returns when every goroutine has ended.
func (g *Group) Wait() { g.wg.Wait() }

// Err is the first panic (fail.Internal), or nil.
func (g *Group) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Handler answers 500 where h panics, logs the stack, and keeps serving. The
// abort that net/http knows passes through.
func (g *Group) Handler(what string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // the sentinel is compared as net/http does
				panic(p)
			}
			g.log(what+" handler", p)
			http.Error(w, what+": internal error", http.StatusInternalServerError)
		}()
		h.ServeHTTP(w, r)
	})
}

func (g *Group) recovered(what string) {
	p := recover()
	if p == nil {
		return
	}
	g.log(what, p)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = fail.New(fail.Internal, "the embedded %s stopped: it panicked: %v", what, p).
			Hint("the server's log has the stack; restart the server to bring it back")
	}
}

func (g *Group) log(what string, p any) {
	if g.Logger != nil {
		g.Logger.Error("an embedded engine panicked", "part", what, "panic", p, "stack", string(debug.Stack()))
	}
}
