package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
)

// errShutdown is the cause of every context that Stop has to cancel.
var errShutdown = fail.New(fail.Unavailable, "server is shutting down").Hint("try again; the next server will answer")

// Server is the control plane's HTTP server. Make it with New, use it once:
// Start, then Stop. Its methods are safe for concurrent use.
type Server struct {
	o    Options
	log  *slog.Logger
	met  *metrics
	cert *certificate
	http *http.Server

	base     context.Context // of every request
	cancel   context.CancelCauseFunc
	inflight sync.WaitGroup
	draining atomic.Bool
	loopback bool

	mu       sync.Mutex
	listener net.Listener
	steps    []step
	served   chan struct{} // closed when Serve has returned
	serveErr error

	reloadMu sync.Mutex
	stopOnce sync.Once
	stopErr  error
	stopped  chan struct{}
}

// New checks the options and prepares the server; nothing listens yet.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, log: o.Logger, served: make(chan struct{}), stopped: make(chan struct{})}
	if s.met, err = newMetrics(o.Registry); err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fail.New(fail.Usage, "listen address %q is not host:port", o.Listen).Hint("use 127.0.0.1:7979")
	}
	s.loopback = isLoopback(host)
	if !s.loopback && o.CertFile == "" && !o.InsecureListen {
		return nil, fail.New(fail.Usage, "refusing to listen on %q without TLS: tokens would cross the network in the clear", o.Listen).
			Hint("set tls.cert and tls.key, listen on 127.0.0.1, or set insecure_listen if a proxy terminates TLS")
	}
	if o.CertFile != "" {
		if s.cert, err = loadCertificate(o.CertFile, o.KeyFile); err != nil {
			return nil, err
		}
	}
	s.base, s.cancel = context.WithCancelCause(context.Background())
	s.http = s.newHTTP()
	return s, nil
}

func (s *Server) newHTTP() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	srv := &http.Server{
		Handler:           s.track(s.routes()),
		ReadHeaderTimeout: s.o.Timeouts.ReadHeader,
		ReadTimeout:       s.o.Timeouts.Read,
		WriteTimeout:      s.o.Timeouts.Write,
		IdleTimeout:       s.o.Timeouts.Idle,
		MaxHeaderBytes:    s.o.MaxHeaderBytes,
		Protocols:         protocols,
		BaseContext:       func(net.Listener) context.Context { return s.base },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 1000, SendPingTimeout: 30 * time.Second, WriteByteTimeout: s.o.Timeouts.Stall},
	}
	if s.cert != nil {
		protocols.SetHTTP2(true)
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.cert.get}
	} else {
		protocols.SetUnencryptedHTTP2(true)
	}
	return srv
}

// Start listens and serves in the background. ctx bounds only the start; the
// server runs until Stop.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil || s.draining.Load() {
		return fail.New(fail.Internal, "the server was started or stopped before")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.o.Listen)
	if err != nil {
		return fail.Wrap(fail.Conflict, err, "listening on %s", s.o.Listen).
			Hint("another server may be running (aictl status); use another port with --listen")
	}
	s.listener = l
	conns := newConnLimiter(l, s.o.MaxConns, s.o.MaxConnsPerRemote, s.met)
	go func() {
		defer close(s.served)
		var err error
		if s.cert != nil {
			err = s.http.ServeTLS(conns, "", "")
		} else {
			err = s.http.Serve(conns)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.serveErr = err
			s.log.Error("the listener failed", logging.Err(err))
		}
	}()
	s.log.Info("listening", slog.String("url.full", s.url(l.Addr())))
	return nil
}

// Addr is the address that is listened on, or nil before Start.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// URL is where a client on this machine reaches the server; empty before Start.
func (s *Server) URL() string {
	a := s.Addr()
	if a == nil {
		return ""
	}
	return s.url(a)
}

func (s *Server) url(a net.Addr) string {
	scheme := "http://"
	if s.cert != nil {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return scheme + a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}

// Failed is closed when the listener has ended, by Stop or by a failure.
func (s *Server) Failed() <-chan struct{} { return s.served }

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
