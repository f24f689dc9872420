package runtime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/gateway"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/deploy"
)

// TestMain runs the test binary again as a service: what it does is said by
// variables of its environment.
func TestMain(m *testing.M) {
	if os.Getenv("HELPER") != "" {
		helper()
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // most of a test is waiting
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func helper() {
	mode := os.Getenv("HELPER")
	number := func(name string) int { n, _ := strconv.Atoi(os.Getenv(name)); return n }
	fmt.Println(`{"log.level":"info","message":"starting","born":"` + strconv.FormatInt(time.Now().UnixNano(), 10) + `"}`)
	switch mode {
	case "exit":
		fmt.Fprintln(os.Stderr, "panic: the configuration is wrong")
		os.Exit(3)
	case "abort":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // a Go program ends SIGABRT itself
		time.Sleep(time.Minute)
	case "supervisor": // a control plane, to be killed
		supervise()
	case "silent": // never listens
		wait(time.Minute)
	case "linger": // a child of its own, which must go with it
		c, err := os.StartProcess("/bin/sleep", []string{"sleep", "987"}, &os.ProcAttr{Env: os.Environ()})
		if err == nil {
			fmt.Println("child", c.Pid)
		}
	}
	if os.Getenv("ONCE") != "" { // the first start only
		f, err := os.OpenFile(os.Getenv("ONCE"), os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = f.Close()
			os.Exit(4)
		}
	}
	time.Sleep(time.Duration(number("SLOW_MS")) * time.Millisecond)
	l, err := listen()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if mode == "garbage" {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
			_ = c.Close()
		}
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	var draining atomic.Bool
	if mode == "exit-after-ready" {
		go func() { time.Sleep(time.Duration(number("AFTER_MS")) * time.Millisecond); os.Exit(5) }()
	}
	if mode == "fat" {
		go func() {
			time.Sleep(100 * time.Millisecond)
			var held [][]byte
			for range 40 {
				b := bytes.Repeat([]byte{1}, 8<<20)
				held = append(held, b)
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(time.Minute)
			_ = held
		}()
	}
	var calls atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		_, closed := os.Stat(os.Getenv("CLOSED"))
		if mode == "never" || draining.Load() || os.Getenv("CLOSED") != "" && closed == nil {
			w.WriteHeader(503)
		}
	})
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		if mode == "lifeless" || mode == "dead" && calls.Load() > 0 {
			w.WriteHeader(503)
		}
	})
	mux.HandleFunc("POST /invoke/{op}", func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		time.Sleep(time.Duration(number("LATENCY_US")) * time.Microsecond)
		w.Header().Set("Content-Type", "application/json")
		switch r.PathValue("op") {
		case "slow":
			var in struct{ MS int }
			_ = json.Unmarshal(body, &in)
			time.Sleep(time.Duration(in.MS) * time.Millisecond)
		case "print":
			var in struct{ Lines []string }
			_ = json.Unmarshal(body, &in)
			for _, l := range in.Lines {
				fmt.Println(l)
			}
		case "die":
			os.Exit(9)
		case "stream":
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
			}
			if mode == "broken-stream" {
				fmt.Fprint(w, "event: error\ndata: {\"code\":\"timeout\",\"detail\":\"the model was too slow\"}\n\n")
				return
			}
			fmt.Fprint(w, "event: done\ndata: [DONE]\n\n")
			return
		}
		if every := number("ERROR_EVERY"); every > 0 && n%int64(every) == 0 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(500)
			fmt.Fprint(w, `{"code":"internal","detail":"no"}`)
			return
		}
		fmt.Fprintf(w, `{"revision":%q,"replica":%q,"secret":%q}`, os.Getenv("AICTL_REVISION"), os.Getenv("AICTL_REPLICA"), os.Getenv("SECRET"))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() {
		<-term
		fmt.Println("SIGTERM")
		draining.Store(true)
		if mode == "deaf" {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		os.Exit(0)
	}()
	_ = server.Serve(l)
	wait(time.Minute)
}

// supervise runs the manifest that the environment names, and says the pid of
// its process.
func supervise() {
	text, err := os.ReadFile(os.Getenv("MANIFEST"))
	if err != nil {
		panic(err)
	}
	m, err := plugin.Parse("plugin.yaml", text)
	if err != nil {
		panic(err)
	}
	gw, err := gateway.New(gateway.Options{})
	if err != nil {
		panic(err)
	}
	rt, err := runtime.New(context.Background(), runtime.Options{Gateway: gw, Dir: os.Getenv("DIR")})
	if err != nil {
		panic(err)
	}
	if _, err := rt.Deploy(context.Background(), m, filepath.Dir(os.Getenv("MANIFEST")), runtime.DeployOptions{}); err != nil {
		panic(err)
	}
	for s, err := range rt.Watch(context.Background(), echo) {
		if err != nil {
			panic(err)
		}
		if s.Workload.State == "ready" {
			fmt.Println(s.Replicas[0].Node)
			break
		}
	}
	wait(time.Minute)
}

func wait(d time.Duration) { time.Sleep(d); os.Exit(0) }

func listen() (net.Listener, error) {
	if path := os.Getenv("AICTL_SOCKET"); path != "" {
		return net.Listen("unix", path)
	}
	return net.Listen("tcp", net.JoinHostPort(os.Getenv("AICTL_HOST"), os.Getenv("AICTL_PORT")))
}

// bench is a runtime behind a gateway.
type bench struct {
	*testing.T
	rt  *runtime.Runtime
	gw  *gateway.Gateway
	dir string // of the plugin
	o   runtime.Options
}

func start(t *testing.T, change func(*runtime.Options)) *bench {
	t.Helper()
	gw, err := gateway.New(gateway.Options{})
	require.NoError(t, err)
	b := &bench{T: t, gw: gw, dir: t.TempDir()}
	b.o = runtime.Options{
		Gateway: gw, Dir: t.TempDir(),
		Timing: runtime.Timing{Tick: 20 * time.Millisecond, MinReady: 200 * time.Millisecond, BackoffMin: 20 * time.Millisecond, BackoffMax: 500 * time.Millisecond},
	}
	if change != nil {
		change(&b.o)
	}
	b.rt, err = runtime.New(t.Context(), b.o)
	require.NoError(t, err)
	t.Cleanup(func() { b.close() })
	return b
}

func (b *bench) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(b, b.rt.Close(ctx))
}

// manifest is that of the helper: extra is YAML, env its variables.
func (b *bench) manifest(extra string, env ...string) *plugin.Manifest {
	b.Helper()
	self, err := os.Executable()
	require.NoError(b, err)
	var text strings.Builder
	fmt.Fprintf(&text, "name: echo\nversion: 1.0.0\nruntime: process\ncommand: [%q]\n", self)
	text.WriteString("operations:\n  - {name: say, idempotent: true, limits: {timeout: 20s}}\n  - {name: slow, limits: {timeout: 20s}}\n  - {name: die}\n  - {name: print}\n  - {name: stream, streams: true}\n")
	text.WriteString(extra + "\nenv:\n")
	mode := false
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		mode = mode || k == "HELPER"
		if ref, ok := strings.CutPrefix(v, "secret "); ok {
			fmt.Fprintf(&text, "  - {name: %s, secret: %q}\n", k, ref)
			continue
		}
		fmt.Fprintf(&text, "  - {name: %s, value: %q}\n", k, v)
	}
	if !mode {
		text.WriteString("  - {name: HELPER, value: serve}\n")
	}
	text.WriteString("  - {name: GORACE, value: atexit_sleep_ms=0}\n") // or each end takes a second
	m, err := plugin.Parse("plugin.yaml", []byte(text.String()))
	require.NoError(b, err)
	return m
}

func (b *bench) deploy(m *plugin.Manifest, o runtime.DeployOptions) *deploy.Snapshot {
	b.Helper()
	s, err := b.rt.Deploy(b.Context(), m, b.dir, o)
	require.NoError(b, err)
	return s
}

var echo = deploy.Ref{Name: "echo"}

func (b *bench) get() *deploy.Snapshot {
	b.Helper()
	s, err := b.rt.Get(b.Context(), echo)
	require.NoError(b, err)
	return s
}

// until watches until the picture is as wanted.
func (b *bench) until(what string, ok func(*deploy.Snapshot) bool) *deploy.Snapshot {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 15*time.Second)
	defer cancel()
	var last *deploy.Snapshot
	for s, err := range b.rt.Watch(ctx, echo) {
		if err != nil {
			break
		}
		if last = s; ok(s) {
			return s
		}
	}
	shown, _ := json.MarshalIndent(last, "", " ")
	b.Fatalf("it never came to be: %s\n%s", what, shown)
	return nil
}

func (b *bench) ready(n int) *deploy.Snapshot {
	b.Helper()
	return b.until(fmt.Sprintf("%d ready", n), func(s *deploy.Snapshot) bool {
		return s.Workload.State == "ready" && s.Workload.Ready == n && len(s.Replicas) == n
	})
}

type answer struct{ Revision, Replica, Secret string }

func (b *bench) call(op, input string) (answer, error) {
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	return call(ctx, b.gw, op, input)
}

func call(ctx context.Context, gw *gateway.Gateway, op, input string) (answer, error) {
	reply, err := gw.Do(ctx, ai.Call{Service: "echo", Operation: op, Input: []byte(input)})
	if err != nil {
		return answer{}, err
	}
	var body []byte
	for chunk, err := range reply.Chunks {
		if err != nil {
			return answer{}, err
		}
		body = append(body, chunk...)
	}
	var a answer
	if reply.Status != 200 {
		return a, errors.New(string(body))
	}
	return a, json.Unmarshal(body, &a)
}

func (b *bench) scratch(name string) string { return filepath.Join(b.TempDir(), name) }

// judge follows a rollout to its verdict.
func (b *bench) verdict() (v deployVerdict) {
	b.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(b.Context(), 15*time.Second)
	defer cancel()
	var st deploy.State
	pictures := make(chan *deploy.Snapshot)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s, err := range b.rt.Watch(ctx, echo) {
			if err != nil {
				return
			}
			select {
			case pictures <- s:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { cancel(); <-done }()
	var last *deploy.Snapshot
	for {
		var wake <-chan time.Time
		if !st.Wake.IsZero() {
			wake = time.After(time.Until(st.Wake))
		}
		select {
		case last = <-pictures:
		case <-wake:
		case <-ctx.Done():
			shown, _ := json.MarshalIndent(last, "", " ")
			b.Fatalf("no verdict\n%s", shown)
		}
		one, next := deploy.Judge(st, last, time.Now(), deploy.JudgeOptions{})
		st = next
		if one.Outcome != "progressing" {
			return deployVerdict{one, time.Since(begun), last}
		}
	}
}
