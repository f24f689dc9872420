package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/aictl/aictl/internal/fail"
)

// Run serves until ctx ends, a SIGINT or SIGTERM arrives or the listener
// fails, then stops gracefully. SIGHUP reloads. A second SIGINT or SIGTERM
// during the shutdown ends it at once: what runs is cut, the steps of OnStop
// still get their turn in a moment's time. The server must not be started
// before. started is called once it listens; when it fails, or the start
// does, the steps of OnStop run all the same. nil does nothing.
func Run(ctx context.Context, s *Server, started func(context.Context) error) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	err := s.Start(ctx)
	if err == nil && started != nil {
		err = started(ctx)
	}
	if err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*grace)
		defer cancel()
		return errors.Join(err, s.Stop(stopCtx))
	}
	return s.serve(ctx, signals)
}

func (s *Server) serve(ctx context.Context, signals <-chan os.Signal) error {
	cause := s.serveUntil(ctx, signals)

	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Drain+3*grace)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(stopCtx) }()
	for {
		select {
		case err := <-stopped:
			if cause != nil {
				return cause
			}
			return err
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				continue
			}
			s.log.Warn("stopping at once", slog.String("signal", sig.String()))
			s.Kill()
			err := <-stopped
			return fail.New(fail.Canceled, "stopped at once by a second signal (%v)", errOrNone(err))
		}
	}
}

// serveUntil returns nil when asked to stop, or the listener's failure.
func (s *Server) serveUntil(ctx context.Context, signals <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.Failed():
			return fail.Wrap(fail.Internal, s.serveErr, "the listener failed")
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				s.log.InfoContext(ctx, "asked to stop", slog.String("signal", sig.String()))
				return nil
			}
			// The outcome is in the log and the metrics.
			_ = s.Reload(ctx)
		}
	}
}

// Kill cuts every connection and cancels every request now. It is for a
// second signal; a Stop under way then ends soon.
func (s *Server) Kill() {
	s.draining.Store(true)
	s.cancel(errShutdown)
	_ = s.http.Close() // nothing is left that could be done about it
}

func errOrNone(err error) any {
	if err == nil {
		return "nothing was left behind"
	}
	return err
}
