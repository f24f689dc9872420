// Command world is the program that the services of a scenario run: a plugin
// whose behaviour is what its environment says. A scenario changes it the way
// that people do: by a new revision, a configuration file, a secret.
//
//	WORLD_LATENCY   base latency of a call, as 5ms
//	WORLD_JITTER    share of the latency that varies, 0 to 1
//	WORLD_ERRORS    share of calls that fail, 0 to 1
//	WORLD_ERROR     what the log says when one fails
//	WORLD_CALLS     services that each call calls, separated by commas
//	WORLD_CAPACITY  calls at a time beyond which calls wait
//	WORLD_LEAK      bytes that each call keeps, as 64Ki
//	WORLD_LIMIT     bytes that may be kept; beyond them calls fail
//	WORLD_BURN      processor time of a call, as 2ms
//	WORLD_CONFIG    a JSON file with the same keys in lower case (latency,
//	                errors, error, ...), read again when it changes
//	WORLD_SECRET    a value that WORLD_VERIFY, a URL, must accept; else calls fail
//	WORLD_UPSTREAM  a host:port outside that each call reaches
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// behaviour is what a call does.
type behaviour struct {
	Latency  string  `json:"latency"`
	Jitter   float64 `json:"jitter"`
	Errors   float64 `json:"errors"`
	Error    string  `json:"error"`
	Calls    string  `json:"calls"`
	Leak     string  `json:"leak"`
	Limit    string  `json:"limit"`
	Burn     string  `json:"burn"`
	Upstream string  `json:"upstream"`
}

type service struct {
	log    *slog.Logger
	base   behaviour
	config string
	slots  chan struct{}
	secret string
	verify string
	client *http.Client // to the gateway

	mu     sync.Mutex // guards what follows
	read   time.Time
	merged behaviour
	kept   [][]byte
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(name string, fallback float64) float64 {
	v, err := strconv.ParseFloat(os.Getenv(name), 64)
	if err != nil {
		return fallback
	}
	return v
}

func run() error {
	if why := os.Getenv("WORLD_CRASH"); why != "" {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error(why) //nolint:sloglint // the scenario's own words
		return errors.New(why)
	}
	s := &service{
		log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
		base: behaviour{
			Latency: os.Getenv("WORLD_LATENCY"), Jitter: number("WORLD_JITTER", 0.3), Errors: number("WORLD_ERRORS", 0), Error: os.Getenv("WORLD_ERROR"),
			Calls: os.Getenv("WORLD_CALLS"), Leak: os.Getenv("WORLD_LEAK"), Limit: os.Getenv("WORLD_LIMIT"), Burn: os.Getenv("WORLD_BURN"), Upstream: os.Getenv("WORLD_UPSTREAM"),
		},
		config: os.Getenv("WORLD_CONFIG"), secret: os.Getenv("WORLD_SECRET"), verify: os.Getenv("WORLD_VERIFY"),
		slots: make(chan struct{}, int(number("WORLD_CAPACITY", 64))),
	}
	if path := os.Getenv("AICTL_GATEWAY_SOCKET"); path != "" {
		s.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}, MaxIdleConnsPerHost: 64}}
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", os.Getenv("AICTL_SOCKET"))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	mux.HandleFunc("GET /readyz", ok)
	mux.HandleFunc("GET /livez", ok)
	mux.HandleFunc("POST /invoke/{operation}", s.invoke)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		down, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(down)
	}()
	s.log.Info("serving", "revision", os.Getenv("AICTL_REVISION"))
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// now is the behaviour in force: the environment's, with what the configuration
// file says.
func (s *service) now() behaviour {
	if s.config == "" {
		return s.base
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.config)
	if err != nil {
		return s.base
	}
	if !info.ModTime().Equal(s.read) {
		b := s.base
		if body, err := os.ReadFile(s.config); err == nil && json.Unmarshal(body, &b) == nil {
			s.log.Info("configuration read again", "file", s.config)
			s.merged, s.read = b, info.ModTime()
		}
	}
	return s.merged
}

func (s *service) invoke(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-req.Context().Done():
		return
	}
	b := s.now()
	if err := s.work(req.Context(), b); err != nil {
		s.log.Error(err.Error(), "trace.id", req.Header.Get("Traceparent")) //nolint:sloglint // the scenario's own words
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]string{"code": "internal", "detail": err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"ok":true}`))
}

func (s *service) work(ctx context.Context, b behaviour) error {
	if d, err := time.ParseDuration(b.Burn); err == nil {
		burn(d)
	}
	if n := bytesOf(b.Leak); n > 0 {
		page := make([]byte, n)
		for i := 0; i < len(page); i += 4096 {
			page[i] = 1
		}
		s.mu.Lock()
		full := len(s.kept)*n > bytesOf(b.Limit) && b.Limit != ""
		if !full {
			s.kept = append(s.kept, page)
		}
		s.mu.Unlock()
		if full {
			return errors.New("out of memory: cannot keep the order")
		}
	}
	if d, err := time.ParseDuration(b.Latency); err == nil {
		time.Sleep(time.Duration(float64(d) * (1 + b.Jitter*(2*rand.Float64()-1))))
	}
	if b.Upstream != "" {
		d, cancel := context.WithTimeout(ctx, time.Second)
		c, err := (&net.Dialer{}).DialContext(d, "tcp", b.Upstream)
		cancel()
		if err != nil {
			return fmt.Errorf("calling the upstream: %w", err)
		}
		_ = c.Close()
	}
	if s.verify != "" {
		if err := s.check(ctx); err != nil {
			return err
		}
	}
	for _, callee := range strings.Split(b.Calls, ",") {
		if callee = strings.TrimSpace(callee); callee != "" {
			if err := s.call(ctx, callee); err != nil {
				return err
			}
		}
	}
	if rand.Float64() < b.Errors {
		if b.Error == "" {
			b.Error = "cannot answer"
		}
		return errors.New(b.Error)
	}
	return nil
}

// burn takes processor time, not time: on a busy machine it takes longer.
func burn(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var u syscall.Rusage
		const thread = 1 // RUSAGE_THREAD of getrusage(2)
		if syscall.Getrusage(thread, &u) != nil {
			return 0
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	sum := 0
	for end := used() + d; used() < end; {
		for i := range 10_000 {
			sum += i
		}
	}
	runtime.KeepAlive(sum)
}

func bytesOf(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "Ki"))
	if err != nil {
		return 0
	}
	if strings.HasSuffix(s, "Ki") {
		n <<= 10
	}
	return n
}

// check presents the secret to whoever must accept it.
func (s *service) check(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.verify, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("presenting the credential: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the credential was refused: %s", res.Status)
	}
	return nil
}

// call calls another service through the gateway.
func (s *service) call(ctx context.Context, callee string) error {
	if s.client == nil {
		return errors.New("there is no gateway: the manifest names no calls")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gateway/invoke/"+callee+"/do", bytes.NewReader([]byte("{}")))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("AICTL_GATEWAY_TOKEN"))
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("calling %s: %w", callee, err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("calling %s: %s", callee, res.Status)
	}
	return nil
}
