package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
)

// grace is what streams get to say goodbye after their drain limit.
const grace = 2 * time.Second

// step is something to undo at the end.
type step struct {
	name string
	stop func(context.Context) error
}

// OnStop registers what is to be stopped after the last request has ended:
// last registered, first stopped. Each step gets what remains of Stop's time,
// and one that fails or hangs does not keep the others from running.
func (s *Server) OnStop(name string, stop func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, step{name, stop})
}

// Stop ends the server: /readyz turns 503, the listener closes, requests and
// streams run on for the drain limit, then their contexts are cancelled with
// "server is shutting down" so that streams end in a typed error event; then
// the steps of OnStop run. It takes no longer than the drain limit, a few
// seconds and the steps; when ctx ends before, the drain is cut short and the
// steps get no time, so give it a few seconds more than the drain limit.
// Later calls wait for the first and return its result.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		defer close(s.stopped)
		s.stopErr = s.stop(ctx)
	})
	select {
	case <-s.stopped:
		return s.stopErr
	case <-ctx.Done():
		return fail.Wrap(fail.Timeout, ctx.Err(), "stopping the server")
	}
}

func (s *Server) stop(ctx context.Context) error {
	s.draining.Store(true)
	s.log.InfoContext(ctx, "stopping", slog.Duration("drain", s.o.Drain))
	s.mu.Lock()
	started, steps := s.listener != nil, s.steps
	s.mu.Unlock()

	var errs []error
	if started {
		if err := s.drain(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	s.cancel(errShutdown)
	for i := len(steps) - 1; i >= 0; i-- {
		if err := runStep(ctx, steps[i]); err != nil {
			s.log.ErrorContext(ctx, "a step of the shutdown failed", slog.String("step", steps[i].name), logging.Err(err))
			errs = append(errs, err)
		}
	}
	s.log.InfoContext(ctx, "stopped")
	return errors.Join(errs...)
}

func (s *Server) drain(ctx context.Context) error {
	drainCtx, cancel := context.WithTimeout(ctx, s.o.Drain)
	err := s.http.Shutdown(drainCtx)
	cancel()
	if err != nil {
		s.log.WarnContext(ctx, "the drain limit is over: ending what still runs", slog.Float64("requests", s.met.inflightNow()))
		s.cancel(errShutdown)
		graceCtx, cancelGrace := context.WithTimeout(context.WithoutCancel(ctx), grace)
		err = s.http.Shutdown(graceCtx)
		cancelGrace()
	}
	if err != nil {
		_ = s.http.Close() // the connections that are left have had their time
	}
	<-s.served
	if !waitFor(ctx, grace, s.inflight.Wait) {
		return fail.New(fail.Timeout, "handlers did not end in time").Hint("look for requests without an answer in the log")
	}
	return nil
}

func runStep(ctx context.Context, st step) error {
	var err error
	if !waitFor(ctx, 0, func() { err = st.stop(ctx) }) {
		return fail.New(fail.Timeout, "stopping %s took too long", st.name)
	}
	if err != nil {
		return fmt.Errorf("stopping %s: %w", st.name, err)
	}
	return nil
}

// waitFor runs f and reports whether it ended before ctx did, or before limit
// if that is not 0. When it did not, the process is about to end anyway and f
// is left behind.
func waitFor(ctx context.Context, limit time.Duration, f func()) bool {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// track counts requests from before the first middleware to after the last,
// so that Stop knows when the last handler has returned.
func (s *Server) track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.inflight.Add(1)
		s.met.inflight.Inc()
		defer func() {
			s.met.inflight.Dec()
			s.inflight.Done()
		}()
		next.ServeHTTP(w, r)
	})
}

// Reload reads the certificate again and runs Options.Reload. On an error the
// old state stays in force; the log and aictl_config_last_reload_successful
// say so. Running requests notice nothing. One reload runs at a time.
func (s *Server) Reload(ctx context.Context) error {
	s.reloadMu.Lock()
	defer s.reloadMu.Unlock()
	err := s.reload(ctx)
	s.met.reloaded(err == nil, s.o.Now())
	if err != nil {
		s.log.ErrorContext(ctx, "the configuration was not reloaded: the old one stays", logging.Err(err))
		return err
	}
	s.log.InfoContext(ctx, "the configuration was reloaded")
	return nil
}

func (s *Server) reload(ctx context.Context) error {
	var fresh *tls.Certificate
	if s.cert != nil {
		c, err := readCertificate(s.o.CertFile, s.o.KeyFile)
		if err != nil {
			return err
		}
		fresh = c
	}
	if s.o.Reload != nil {
		if err := s.o.Reload(ctx); err != nil {
			return err
		}
	}
	if fresh != nil {
		s.cert.current.Store(fresh)
	}
	return nil
}
