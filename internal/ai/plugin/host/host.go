// Package host serves a built-in service by the protocol of plugins, so that
// the same code that runs in the control plane can run as a replica of its own:
// a process, or a container on Kubernetes. It is the Go twin of the SDKs in
// plugins/sdk.
//
// It promises what they do: /readyz says 503 from SIGTERM on, calls in flight
// are finished, a failure after the first part of a stream is an event of its
// own. It admits everybody: the gateway in front of it does not.
package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// maxBody bounds the input of a call, in bytes.
const maxBody = 64 << 20

// Handler serves s. ready is asked by /readyz.
func Handler(s ai.Service, ready func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, map[string]bool{"live": true}) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		if !ready() {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, map[string]bool{"ready": status == http.StatusOK})
	})
	mux.HandleFunc("POST /invoke/{operation}", func(w http.ResponseWriter, req *http.Request) { invoke(s, w, req) })
	return mux
}

func invoke(s ai.Service, w http.ResponseWriter, req *http.Request) {
	// Read to its end before anything is answered (golang/go#40747).
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		refuse(w, fail.New(fail.TooLarge, "the input is over %d MiB", maxBody>>20))
		return
	}
	reply, err := s.Invoke(req.Context(), ai.Call{
		Service: s.Describe().Name, Operation: req.PathValue("operation"), Input: body,
		Stream: strings.Contains(req.Header.Get("Accept"), "text/event-stream"), Header: req.Header,
	})
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", cmp.Or(reply.ContentType, "application/json"))
	w.WriteHeader(cmp.Or(reply.Status, http.StatusOK))
	out := http.NewResponseController(w)
	for chunk, err := range reply.Chunks {
		if err != nil {
			if reply.Stream {
				_, _ = w.Write(event(err))
			}
			return
		}
		if _, err := w.Write(chunk); err != nil {
			return // the caller has gone
		}
		if reply.Stream {
			_ = out.Flush()
		}
	}
	if reply.Stream {
		_, _ = io.WriteString(w, "event: done\ndata: [DONE]\n\n")
	}
}

// event tells of a failure inside of a stream.
func event(err error) []byte {
	body, _ := json.Marshal(problem(err)) // strings and a number: it cannot fail
	return append(append([]byte("event: error\ndata: "), body...), "\n\n"...)
}

func problem(err error) map[string]any {
	e := fail.From(err)
	detail := e.Error()
	if e.Code == fail.Internal {
		detail = "the call failed; the service's log has the cause"
	}
	return map[string]any{"type": "about:blank", "title": e.Code, "status": e.Code.Status(), "code": e.Code, "detail": detail}
}

func refuse(w http.ResponseWriter, err error) {
	p := problem(err)
	body, _ := json.Marshal(p)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(fail.CodeOf(err).Status())
	_, _ = w.Write(body)
}

func answer(w http.ResponseWriter, status int, v any) {
	body, _ := json.Marshal(v)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Serve listens where the environment says (AICTL_SOCKET, or AICTL_HOST and
// AICTL_PORT) until ctx ends, and then until the calls in flight are answered
// or drain has passed.
func Serve(ctx context.Context, s ai.Service, getenv func(string) string, drain time.Duration) error {
	l, err := listen(ctx, getenv)
	if err != nil {
		return err
	}
	var draining atomic.Bool
	server := &http.Server{
		Handler: Handler(s, func() bool { return !draining.Load() }), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fail.Wrap(fail.Failed, err, "serving %s", s.Describe().Name)
	case <-ctx.Done():
	}
	draining.Store(true)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err = server.Shutdown(limit)
	if err != nil {
		_ = server.Close()
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fail.Wrap(fail.Timeout, err, "calls in flight were cut after %s", drain)
	}
	return nil
}

func listen(ctx context.Context, getenv func(string) string) (net.Listener, error) {
	var lc net.ListenConfig
	if path := getenv("AICTL_SOCKET"); path != "" {
		_ = os.Remove(path) // of a start before; a file that is no socket fails below
		l, err := lc.Listen(ctx, "unix", path)
		if err == nil {
			err = os.Chmod(path, 0o600)
		}
		return l, cannot(err, path)
	}
	port := getenv("AICTL_PORT")
	if port == "" {
		return nil, fail.New(fail.Usage, "neither AICTL_SOCKET nor AICTL_PORT says where to listen").Hint("aictl deploy apply -f plugin.yaml")
	}
	address := net.JoinHostPort(cmp.Or(getenv("AICTL_HOST"), "127.0.0.1"), port)
	l, err := lc.Listen(ctx, "tcp", address)
	return l, cannot(err, address)
}

func cannot(err error, address string) error {
	if err == nil {
		return nil
	}
	return fail.Wrap(fail.Failed, err, "listening on %s", address)
}
