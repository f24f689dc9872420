package runtime

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// outgoing is the way of a service to others: a Unix socket that speaks the
// protocol of plugins (POST /invoke/SERVICE/OPERATION) and sends the call
// through the gateway, so that it is admitted, routed, measured and traced as
// any other. A service may call those that its manifest names, and no other.
type outgoing struct {
	path   string
	key    []byte
	server *http.Server
	done   chan struct{}
}

// maxOutgoing bounds the body of a call that a service makes.
const maxOutgoing = 8 << 20

func (r *Runtime) serveOutgoing() (*outgoing, error) {
	o := &outgoing{path: filepath.Join(r.sockets, "gw.sock"), key: make([]byte, 32), done: make(chan struct{})}
	_, _ = rand.Read(o.key) // it cannot fail (crypto/rand)
	_ = os.Remove(o.path)
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", o.path)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "opening the socket for calls between services")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /invoke/{service}/{operation}", r.outgoingCall)
	o.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	go func() {
		defer close(o.done)
		if err := o.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.o.Logger.Error("calls between services cannot be served any more", "error", err)
		}
	}()
	return o, nil
}

func (o *outgoing) close(ctx context.Context) error {
	if o == nil {
		return nil
	}
	err := o.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fail.Wrap(fail.Timeout, err, "waiting for the calls between services"), o.server.Close())
	}
	<-o.done
	return err
}

// token proves which service calls; it is good as long as this process lives.
func (o *outgoing) token(service string) string {
	mac := hmac.New(sha256.New, o.key)
	mac.Write([]byte(service))
	return service + "." + hex.EncodeToString(mac.Sum(nil))
}

// caller is the service that a token was given to.
func (o *outgoing) caller(req *http.Request) (string, bool) {
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	name, _, found := strings.Cut(token, ".")
	return name, ok && found && hmac.Equal([]byte(token), []byte(o.token(name)))
}

// mayCall says whether a revision of the service that runs names the other.
func (r *Runtime) mayCall(caller, service string) bool {
	s, ok := r.find(caller)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rec.Revisions {
		if slices.Contains(s.rec.Revisions[i].Manifest.Calls, service) {
			return true
		}
	}
	return false
}

func (r *Runtime) outgoingCall(w http.ResponseWriter, req *http.Request) {
	caller, ok := r.outgoing.caller(req)
	if !ok {
		fail.WriteProblem(w, fail.New(fail.Auth, "the token is not of a service that runs here").Hint("send AICTL_GATEWAY_TOKEN as the bearer"))
		return
	}
	service := req.PathValue("service")
	if !r.mayCall(caller, service) {
		fail.WriteProblem(w, fail.New(fail.Forbidden, "%s may not call %s: its manifest does not name it", caller, service).
			Hint("add it under calls: in plugin.yaml, and apply it"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxOutgoing))
	if err != nil {
		fail.WriteProblem(w, fail.Wrap(fail.TooLarge, err, "reading the input"))
		return
	}
	ctx := req.Context()
	if r.o.As != nil {
		ctx = r.o.As(ctx, caller)
	}
	header := http.Header{}
	for _, name := range []string{"Traceparent", "Tracestate", "X-Request-Id"} {
		if v := req.Header.Get(name); v != "" {
			header.Set(name, v)
		}
	}
	reply, err := r.o.Gateway.Do(ctx, ai.Call{
		Service: service, Operation: req.PathValue("operation"), Input: body, Caller: caller, Header: header,
		Stream: strings.Contains(req.Header.Get("Accept"), "text/event-stream"),
	})
	if err != nil {
		fail.WriteProblem(w, err)
		return
	}
	relay(w, reply)
}

// relay sends an answer on. What fails after the first byte of a plain answer
// cuts the connection, so that nobody takes half of it for the whole.
func relay(w http.ResponseWriter, reply *ai.Reply) {
	w.Header().Set("Content-Type", reply.ContentType)
	w.WriteHeader(reply.Status)
	flusher, _ := w.(http.Flusher)
	for chunk, err := range reply.Chunks {
		if err != nil {
			if !reply.Stream {
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write(failedEvent(err))
			return
		}
		if _, err := w.Write(chunk); err != nil {
			return // the service that asked has gone
		}
		if reply.Stream && flusher != nil {
			flusher.Flush()
		}
	}
}

// failedEvent tells of a failure inside of a stream, as the protocol says.
func failedEvent(err error) []byte {
	e := fail.From(err)
	body, _ := json.Marshal(map[string]any{"code": e.Code, "detail": e.Error(), "next": e.Next}) // strings: it cannot fail
	return append(append([]byte("event: error\ndata: "), body...), "\n\n"...)
}
