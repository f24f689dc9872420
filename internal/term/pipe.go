package term

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// ErrPipe says that the reader of our output has gone, as in `aictl … | head`.
// The root command ends quietly on it: nothing to report, exit 0.
var ErrPipe = errors.New("the reader of the output has gone")

// IsPipe reports whether err means that the reader of our output has gone.
func IsPipe(err error) bool {
	return errors.Is(err, ErrPipe) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// pipeWriter turns EPIPE into ErrPipe.
type pipeWriter struct{ w io.Writer }

// NewPipeWriter wraps w so that a broken pipe becomes ErrPipe.
func NewPipeWriter(w io.Writer) io.Writer { return &pipeWriter{w} }

func (p *pipeWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if err != nil && errors.Is(err, syscall.EPIPE) {
		err = ErrPipe
	}
	return n, err
}

// Fd is the file descriptor below, or an invalid one; libraries that ask
// whether a writer is a terminal look for this method.
func (p *pipeWriter) Fd() uintptr {
	if f, ok := p.w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// CatchSIGPIPE makes a write to a closed standard stream return an error (the
// Go runtime kills the process otherwise) until stop is called. A handler is
// set rather than "ignore", because ignoring is inherited by child processes.
func CatchSIGPIPE() (stop func()) {
	c := make(chan os.Signal, 1) // never read: delivery to a full channel is dropped
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c) }
}
