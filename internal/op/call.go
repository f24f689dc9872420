package op

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// Caller sends an operation's request: internal/client over the network, or
// over the in-process transport. It completes the URL, signs in, retries what
// is idempotent, and enforces read-only. The response body is the caller's to
// close.
type Caller interface {
	Send(ctx context.Context, s *Spec, req *http.Request) (*http.Response, error)
}

// Limits on what a client reads from a server, which it does not trust.
const (
	maxAnswer = 64 << 20 // bytes of one plain answer
	maxLine   = 8 << 20  // bytes of one line of a stream
)

// Call asks the question.
func (q *Query[In, Out]) Call(ctx context.Context, c Caller, in In) (Out, error) {
	var out Out
	req, err := request(ctx, &q.Spec, &in)
	if err != nil {
		return out, err
	}
	return out, fetch(ctx, c, &q.Spec, req, &out)
}

// Plan asks what the change would do. The server has no side effects.
func (c *Change[In, Out]) Plan(ctx context.Context, caller Caller, in In) (Plan, error) {
	var plan Plan
	req, err := request(ctx, &c.Spec, &in)
	if err != nil {
		return plan, err
	}
	req.Header.Set(headerDryRun, "server")
	return plan, fetch(ctx, caller, &c.Spec, req, &plan)
}

// Apply makes the change.
func (c *Change[In, Out]) Apply(ctx context.Context, caller Caller, in In, opts ApplyOptions) (Out, error) {
	var out Out
	req, err := request(ctx, &c.Spec, &in)
	if err != nil {
		return out, err
	}
	for h, v := range map[string]string{
		headerPlan: opts.Digest, headerReason: opts.Reason, headerConfirm: opts.Confirm,
	} {
		if v != "" {
			req.Header.Set(h, url.PathEscape(v))
		}
	}
	return out, fetch(ctx, caller, &c.Spec, req, &out)
}

// Each yields the items of the stream until it ends, fails, ctx is done or
// the loop breaks. A failure is yielded once, last. A stream that stops
// without its closing line is a failure: it was cut.
func (s *Stream[In, Item]) Each(ctx context.Context, c Caller, in In) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		var zero Item
		req, err := request(ctx, &s.Spec, &in)
		if err != nil {
			yield(zero, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		res, err := send(ctx, c, &s.Spec, req)
		if err != nil {
			yield(zero, err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(make([]byte, 0, 4096), maxLine)
		lines.Split(wholeLines)
		for lines.Scan() {
			item, end, err := decodeLine[Item](lines.Bytes())
			if end && err == nil {
				return
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
		yield(zero, cut(ctx, lines.Err()))
	}
}

// wholeLines is bufio.ScanLines without a last line that has no end: where a
// stream was cut, half a line is no item.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if bytes.IndexByte(data, '\n') < 0 {
		return 0, nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

func cut(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fail.From(ctx.Err())
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fail.Wrap(fail.Unavailable, err, "the stream was cut before its end").Hint("aictl status")
}

// decodeLine reads one line: an item, or one of the closing lines.
func decodeLine[Item any](line []byte) (item Item, end bool, err error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return item, true, fail.Wrap(fail.Unavailable, err, "the stream holds a line that is not JSON")
	}
	switch head.Type {
	case "result":
		return item, true, nil
	case "error":
		var d fail.Document
		if err := json.Unmarshal(line, &d); err != nil {
			return item, true, fail.Wrap(fail.Unavailable, err, "reading the stream's error")
		}
		return item, true, fail.FromDocument(d)
	}
	if err := json.Unmarshal(line, &item); err != nil {
		return item, true, fail.Wrap(fail.Version, err, "the stream holds an item of another form").Hint("aictl version")
	}
	return item, false, nil
}

func fetch(ctx context.Context, c Caller, s *Spec, req *http.Request, out any) error {
	res, err := send(ctx, c, s, req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return cut(ctx, err)
	}
	if len(body) > maxAnswer {
		return fail.New(fail.TooLarge, "the answer to %s is over %d MiB", s.ID, maxAnswer>>20)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fail.Wrap(fail.Version, err, "the answer to %s has another form than this client knows", s.ID).
			Hint("aictl version")
	}
	return nil
}

// send turns every status but 2xx into an error, and a problem of any status:
// a partial answer's is 207.
func send(ctx context.Context, c Caller, s *Spec, req *http.Request) (*http.Response, error) {
	res, err := c.Send(ctx, s, req)
	if err != nil {
		return nil, err
	}
	problem := strings.HasPrefix(res.Header.Get("Content-Type"), fail.ProblemType)
	if res.StatusCode >= 200 && res.StatusCode < 300 && !problem {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, cut(ctx, err)
	}
	var d fail.Document
	if problem && json.Unmarshal(body, &d) == nil {
		return nil, fail.FromDocument(d)
	}
	if res.StatusCode == http.StatusNotFound {
		return nil, fail.New(fail.Version, "the server does not know the operation %s", s.ID).Hint("aictl version")
	}
	return nil, fail.New(fail.FromStatus(res.StatusCode),
		"the server answered %s to %s, and not as aictl-server does", res.Status, s.ID).Hint("aictl doctor")
}

// request encodes in: wildcards into the path; the rest into the query string
// of a GET or DELETE, or the JSON body of anything else. It is validated
// first.
func request(ctx context.Context, s *Spec, in any) (*http.Request, error) {
	if err := Validate(in); err != nil {
		return nil, err
	}
	v := reflect.ValueOf(in).Elem()
	path, query := s.Path(), url.Values{}
	inQuery := bodyless(s.Method())
	for _, f := range Fields(v.Type()) {
		fv := f.Of(v)
		wild := "{" + f.JSON + "}"
		if !strings.Contains(path, wild) && (!inQuery || empty(fv)) {
			continue
		}
		if strings.Contains(path, wild) {
			text, err := Text(fv)
			if err != nil {
				return nil, fail.Wrap(fail.Usage, err, "encoding %s", f.JSON)
			}
			path = strings.ReplaceAll(path, wild, url.PathEscape(text))
			continue
		}
		if err := addQuery(query, f, fv); err != nil {
			return nil, err
		}
	}
	var body io.Reader
	if !inQuery {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "encoding the input of %s", s.ID)
		}
		body = bytes.NewReader(b)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, s.Method(), path, body)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "building the request of %s", s.ID)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func addQuery(query url.Values, f Field, fv reflect.Value) error {
	values := []reflect.Value{fv}
	if f.Repeated() {
		values = values[:0]
		for i := range fv.Len() {
			values = append(values, fv.Index(i))
		}
	}
	for _, one := range values {
		text, err := Text(one)
		if err != nil {
			return fail.Wrap(fail.Usage, err, "encoding %s", f.JSON)
		}
		query.Add(f.JSON, text)
	}
	return nil
}

func bodyless(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodDelete
}
