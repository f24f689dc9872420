package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// WriteTimeout is how long a reader may take none of what is written to it
// before it is cut off.
const WriteTimeout = 30 * time.Second

// WriteReply writes the reply to the client and ends the call: a stream event
// by event, each flushed, a failure inside it as the reply's error frame; a
// plain answer with its length. A reader who takes nothing for WriteTimeout is
// cut off. The error says why the answer is not whole (the client has been
// told or is gone); nothing more may be written then.
func WriteReply(w http.ResponseWriter, r *ai.Reply) error { return writeReply(w, r, WriteTimeout) }

func writeReply(w http.ResponseWriter, r *ai.Reply, timeout time.Duration) error {
	rc := http.NewResponseController(w)
	header := w.Header()
	for k, v := range r.Header {
		header[k] = v
	}
	if r.ContentType != "" {
		header["Content-Type"] = []string{r.ContentType}
	}
	if r.Stream {
		header["Cache-Control"] = []string{"no-cache"}
		header["X-Accel-Buffering"] = []string{"no"}
	} else if r.Length > 0 {
		header["Content-Length"] = []string{strconv.FormatInt(r.Length, 10)}
	}
	w.WriteHeader(r.Status)
	var extended time.Time
	extend := func() {
		// not for each chunk: a deadline costs as much as a small write
		if now := time.Now(); now.Sub(extended) > timeout/4 {
			extended = now
			_ = rc.SetWriteDeadline(now.Add(timeout)) // a writer without deadlines is a test's recorder
		}
	}
	var failed error
	for chunk, err := range r.Chunks {
		extend()
		if err != nil {
			failed = err
			if r.Stream {
				frame := r.Frame
				if frame == nil {
					frame = TypedFrame
				}
				_, _ = w.Write(frame(err))
				_ = rc.Flush()
				continue
			}
			abort(rc)
			break
		}
		if _, err := w.Write(chunk); err != nil {
			failed = err
			break
		}
		if r.Stream {
			if err := rc.Flush(); err != nil {
				failed = err
				break
			}
		}
	}
	if failed == nil && !extended.IsZero() {
		_ = rc.SetWriteDeadline(time.Time{})
	}
	return failed
}

// abort breaks the connection, so that a plain answer that lacks its end
// cannot be taken for a whole one.
func abort(rc *http.ResponseController) {
	if rc.SetWriteDeadline(time.Unix(1, 0)) != nil {
		panic(http.ErrAbortHandler)
	}
}

// WriteError answers with err as problem details, Retry-After included.
func WriteError(w http.ResponseWriter, err error) {
	fail.SetRetryAfter(w.Header(), err)
	fail.WriteProblem(w, err)
}
