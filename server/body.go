package server

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// boundBody limits a request's body as sent and as unpacked. It accepts no
// encoding but gzip, and removes it. Once the body is read, the time limit
// for reading is lifted: what is left is the watch for a client that leaves,
// which must not end a long answer.
func (s *Server) boundBody(next http.Handler) http.Handler {
	limit := s.o.MaxBodyBytes
	return failing(problem, func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength > limit {
			w.Header().Set("Connection", "close")
			return because(r.Context(), &http.MaxBytesError{Limit: limit})
		}
		rc := http.NewResponseController(w)
		lift := func() { _ = rc.SetReadDeadline(time.Time{}) }
		if r.Body == nil || r.Body == http.NoBody {
			lift()
			next.ServeHTTP(w, r)
			return nil
		}
		body := &bodyReader{ReadCloser: http.MaxBytesReader(w, r.Body, limit), atEnd: lift}
		switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
		case "", "identity":
		case "gzip":
			body.ReadCloser = http.MaxBytesReader(w, &gunzip{packed: body.ReadCloser}, limit)
			r.Header.Del("Content-Encoding")
			r.Header.Del("Content-Length")
			r.ContentLength = -1
		default:
			w.Header().Set("Accept-Encoding", "gzip, identity")
			return fail.New(fail.Usage, "content encoding %q is not accepted", cut(enc, 64)).Hint("send the body plain or with gzip")
		}
		r.Body = body
		next.ServeHTTP(w, r)
		return nil
	})
}

// bodyReader calls atEnd once, at the end of the body.
type bodyReader struct {
	io.ReadCloser
	atEnd func()
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && b.atEnd != nil {
		b.atEnd()
		b.atEnd = nil
	}
	return n, err
}

// gunzip unpacks at the first read, so that a bad header is the handler's
// reading error and not ours.
type gunzip struct {
	packed io.ReadCloser
	z      *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil {
		z, err := gzip.NewReader(g.packed)
		if err != nil {
			return 0, gzipError(err)
		}
		g.z = z
	}
	n, err := g.z.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = gzipError(err)
	}
	return n, err
}

func (g *gunzip) Close() error { return g.packed.Close() }

func gzipError(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return err
	}
	return fail.Wrap(fail.Usage, err, "unpacking the gzip body")
}

// readBody reads the whole (bounded) body. Front doors do so before they
// answer: net/http closes a request's body when the answer starts early
// (golang/go#40747), which cuts streams.
func readBody(r *http.Request) ([]byte, error) {
	var buf []byte
	if n := r.ContentLength; n > 0 && n <= 1<<20 {
		buf = make([]byte, 0, n+1)
	} else {
		buf = make([]byte, 0, 4096)
	}
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			var known *fail.Error
			var tooBig *http.MaxBytesError
			if errors.As(err, &known) || errors.As(err, &tooBig) {
				return nil, because(r.Context(), err)
			}
			return nil, fail.Wrap(fail.Usage, err, "reading the request's body")
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}
