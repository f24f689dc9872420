// Package probe measures what a server with OpenAI's API really supports, by
// a few small calls.
//
// It promises that every check ends: each has a deadline, a bounded body, and
// no redirects; that a server which says nonsense gets "no" or "unknown" with
// a reason, never a guess; and that the key is in no detail. Raw HTTP is used
// instead of an SDK, because what is measured is the bytes and their times. It
// does not judge the quality of answers. A run costs some dozens of tokens.
package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/aictl/aictl/internal/ai/chat/openai"
)

// Result is the outcome of a check.
type Result string

// The results. Unknown is that the check could not be made.
const (
	OK      Result = "ok"
	No      Result = "no"
	Unknown Result = "unknown"
)

// Check is one measured ability.
type Check struct {
	Check    string
	Result   Result
	Detail   string
	Duration time.Duration
}

// Report is what one upstream supports.
type Report struct {
	Name, URL, Model string
	// OK is that the upstream can be used: it is reached, lets us in and
	// completes.
	OK     bool
	Checks []Check
}

// Options bound a run. Zero fields are the defaults.
type Options struct {
	// Model to test with; the first one listed where empty.
	Model string
	// Timeout of one check; 10 s.
	Timeout time.Duration
	// MaxBody is the bytes read of one answer; 1 MiB.
	MaxBody int64
}

// The names of the checks, in their order.
const (
	Reachable  = "reachable"
	Auth       = "auth"
	ListModels = "models"
	Plain      = "completion"
	Streaming  = "streaming"
	StreamUse  = "stream_usage"
	Tools      = "tools"
	JSONSchema = "json_schema"
	Embeddings = "embeddings"
	Context    = "context_error"
	ErrorShape = "error_shape"
)

// Run measures one upstream, one call after the other. It ends within the
// number of checks times the timeout, or when ctx does: what is not measured by
// then is unknown.
func Run(ctx context.Context, u *openai.Upstream, o Options) Report {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	p := &prober{up: u, o: o, model: o.Model}
	r := Report{Name: u.Name, URL: u.URL}
	for _, c := range []struct {
		name string
		run  func(context.Context) (Result, string)
	}{
		{Reachable, p.reachable},
		{Auth, p.auth},
		{ListModels, p.models},
		{Plain, p.plain},
		{Streaming, p.streaming},
		{StreamUse, p.streamUsage},
		{Tools, p.tools},
		{JSONSchema, p.jsonSchema},
		{Embeddings, p.embeddings},
		{Context, p.contextError},
		{ErrorShape, p.errorShape},
	} {
		began := time.Now()
		result, detail := Unknown, "stopped before it was measured"
		switch {
		case ctx.Err() != nil:
		case p.down && c.name != Reachable:
			detail = "the upstream cannot be reached"
		default:
			one, cancel := context.WithTimeout(ctx, o.Timeout)
			result, detail = c.run(one)
			cancel()
		}
		r.Checks = append(r.Checks, Check{Check: c.name, Result: result, Detail: clean(u.Mask(detail)), Duration: time.Since(began)})
	}
	r.Model = p.model
	r.OK = r.result(Reachable) == OK && r.result(Auth) != No && r.result(Plain) == OK
	return r
}

func (r Report) result(name string) Result {
	for _, c := range r.Checks {
		if c.Check == name {
			return c.Result
		}
	}
	return Unknown
}

// prober holds what later checks need of earlier ones.
type prober struct {
	up    *openai.Upstream
	o     Options
	model string
	down  bool
	list  answer // of GET /models
}

// answer is what came back, within bounds.
type answer struct {
	status int
	typ    string
	body   []byte
	cut    bool // longer than the bound
	first  time.Duration
	all    time.Duration
	reads  int // reads that brought bytes at distinct times
	err    error
}

func (p *prober) call(ctx context.Context, method, path string, body any) (a answer) {
	began := time.Now()
	defer func() { a.all = time.Since(began) }()
	var in io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{err: err}
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.up.URL+path, in)
	if err != nil {
		return answer{err: errors.New("the url is not usable")}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "aictl")
	if p.up.Key != "" {
		req.Header.Set("Authorization", "Bearer "+p.up.Key)
	}
	resp, err := p.up.HTTP.RoundTrip(req) // a RoundTripper follows no redirects
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	a.status, a.typ = resp.StatusCode, resp.Header.Get("Content-Type")
	buf := make([]byte, 16<<10)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if a.reads++; a.first == 0 {
				a.first = time.Since(began)
			}
			a.body = append(a.body, buf[:n]...)
		}
		if int64(len(a.body)) > p.o.MaxBody {
			a.cut = true
			return a
		}
		if errors.Is(err, io.EOF) {
			return a
		}
		if err != nil {
			a.err = err
			return a
		}
	}
}

// trouble is the reason why an answer is none; empty where it is one.
func (a answer) trouble() string {
	switch {
	case errors.Is(a.err, context.DeadlineExceeded):
		return "no whole answer within the time limit"
	case a.err != nil && a.status != 0:
		return "the answer was cut: " + a.err.Error()
	case a.err != nil:
		return a.err.Error()
	case a.cut:
		return fmt.Sprintf("the answer is longer than %d bytes", len(a.body)-1)
	case a.status >= 300 && a.status < 400:
		return fmt.Sprintf("redirects (%d), which is not followed: is the url the API's base?", a.status)
	case a.status >= 300:
		text := fmt.Sprintf("status %d", a.status)
		if m := openai.Message(a.body); m != "" {
			text += ": " + m
		}
		return text
	case strings.Contains(a.typ, "text/html"):
		return "answers with a web page: is the url the API's base?"
	}
	return ""
}

// verdict says whether trouble is a no (the server's word) or unknown.
func (a answer) verdict() Result {
	if a.status == http.StatusTooManyRequests || a.status >= 500 || a.err != nil && a.status == 0 {
		return Unknown
	}
	return No
}

// clean makes foreign text one line without control characters.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
