package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/redact"
)

// Send passes a request on to the platform.
type Send = func(context.Context, *op.Spec, *http.Request) (*http.Response, error)

// RecorderOptions are what a recorder needs.
type RecorderOptions struct {
	// Now is the clock; the recording begins when the recorder is made.
	Now func() time.Time
	// MaxSize bounds the answers in bytes; 0 is DefaultMaxSize.
	MaxSize int64
	// Aictl is the program's version.
	Aictl string
	// Operations tell which members are secret.
	Operations []op.Declaration
	// Still keeps the recording's clock at its beginning, for a sweep: all its
	// answers are of one moment.
	Still bool
}

// Recorder keeps the answers that pass through its tapes. It is safe for
// concurrent use.
type Recorder struct {
	opts  RecorderOptions
	began time.Time
	ops   map[string]op.Declaration

	mu       sync.Mutex // guards what follows
	known    []string
	contexts []Context
	entries  []*Entry
	omitted  []Omitted
	size     int64
	clock    clock
}

// NewRecorder begins a recording.
func NewRecorder(o RecorderOptions) *Recorder {
	if o.MaxSize <= 0 {
		o.MaxSize = DefaultMaxSize
	}
	// Rounded as the file has it, so that what is computed from it is equal.
	r := &Recorder{opts: o, began: o.Now().UTC().Round(0), ops: map[string]op.Declaration{}}
	for _, d := range o.Operations {
		r.ops[d.Describe().ID] = d
	}
	return r
}

// clock is the time of a recorded command: it stands still but for the answers
// that the command reads, so that the command computes the same from the same
// answers when they are read from the bundle.
type clock struct{ after time.Duration }

func (c *clock) advance(to time.Duration) { c.after = max(c.after, to) }

// Now is the clock of the command that is recorded.
func (r *Recorder) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.began.Add(r.clock.after)
}

// Knows says values that must not be kept, such as a context's token.
func (r *Recorder) Knows(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if s != "" && !slices.Contains(r.known, s) {
			r.known = append(r.known, s)
		}
	}
}

// Tape gives the recording of one context.
func (r *Recorder) Tape(c Context) *RecorderTape {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.ContainsFunc(r.contexts, func(x Context) bool { return x.Name == c.Name }) {
		r.contexts = append(r.contexts, c)
	}
	return &RecorderTape{r: r, context: c.Name}
}

// RecorderTape records the answers of one context. It implements client.Tape.
type RecorderTape struct {
	r       *Recorder
	context string
}

// Send asks the platform and keeps a copy of the answer as it is read.
func (t *RecorderTape) Send(ctx context.Context, s *op.Spec, req *http.Request, next Send) (*http.Response, error) {
	if s.Effect.Mutates() && !op.IsDryRun(req) {
		return next(ctx, s, req) // a change is not repeated from a file
	}
	in, err := inputOf(req)
	if err != nil {
		return nil, err
	}
	e := &Entry{Operation: s.ID, Context: t.context, DryRun: op.IsDryRun(req), Input: in, Stream: t.r.streams(s.ID)}
	if why := t.r.private(s, in); why != "" {
		t.r.omit(e, why)
		return next(ctx, s, req)
	}
	res, err := next(ctx, s, req)
	if err != nil {
		if ctx.Err() == nil {
			d := fail.ToDocument(err, "aictl.error")
			e.Error = &d
			t.r.keep(e)
		}
		return nil, err
	}
	e.Status, e.ContentType = res.StatusCode, res.Header.Get("Content-Type")
	if e.Status >= 300 || strings.HasPrefix(e.ContentType, fail.ProblemType) {
		e.Stream = false // a failure before the first item is one document
	}
	res.Body = &copied{ReadCloser: res.Body, r: t.r, e: e}
	return res, nil
}

func (r *Recorder) streams(id string) bool {
	d := r.ops[id]
	return d != nil && d.Shape() == op.ShapeStream
}

// private says why a question and its answer are not kept.
func (r *Recorder) private(s *op.Spec, in Input) string {
	members := map[string]any{}
	if len(in.Body) > 0 {
		_ = json.Unmarshal(in.Body, &members) // an input that is no object has no members
	}
	if q, err := url.ParseQuery(in.Query); err == nil {
		for name := range q {
			members[name] = q.Get(name)
		}
	}
	if v := members["reveal"]; v == true || v == "true" {
		return "it reveals a secret"
	}
	if d := r.ops[s.ID]; d != nil {
		for _, f := range op.Fields(d.InputType()) {
			if v, given := members[f.JSON]; f.Secret && given && v != "" && v != nil {
				return "its question holds a secret"
			}
		}
	}
	return ""
}

func (r *Recorder) omit(e *Entry, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := Omitted{Operation: e.Operation, Context: e.Context, Reason: why}
	if !slices.Contains(r.omitted, o) {
		r.omitted = append(r.omitted, o)
	}
}

// Omit names an operation that the recording leaves out.
func (r *Recorder) Omit(operation, why string) { r.omit(&Entry{Operation: operation}, why) }

// after is how long the recording has gone on.
func (r *Recorder) after() time.Duration {
	if r.opts.Still {
		return 0
	}
	return max(r.opts.Now().Round(0).Sub(r.began), 0)
}

// tick moves the command's clock to an answer, and gives when that was.
func (r *Recorder) tick() time.Duration {
	now := r.after()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock.advance(now)
	return r.clock.after
}

func (r *Recorder) keep(e *Entry) {
	if e.After == 0 {
		e.After = r.tick()
	}
	n := int64(len(e.Body) + len(e.Text) + len(e.Input.Body) + len(e.Input.Query))
	for _, i := range e.Items {
		n += int64(len(i.Line)) + 40
	}
	r.mu.Lock()
	over := r.size+n > r.opts.MaxSize || n > maxEntry/2 || len(r.entries) >= maxEntries
	if !over {
		r.size += n
		r.entries = append(r.entries, e)
	}
	r.mu.Unlock()
	if over {
		r.omit(e, "the recording has reached its greatest size")
	}
}

// Kept is how many answers there are, and how many of them are failures.
func (r *Recorder) Kept() (all, failed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if e.Failed() {
			failed++
		}
	}
	return len(r.entries), failed
}

// copied is an answer that is kept while it is read.
type copied struct {
	io.ReadCloser
	r    *Recorder
	e    *Entry
	buf  bytes.Buffer
	size int
	over bool
	once sync.Once
}

// Read implements io.Reader.
func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if n > 0 {
		c.add(p[:n])
	}
	if err == io.EOF && !c.e.Stream {
		c.finish()
	}
	return n, err
}

func (c *copied) add(p []byte) {
	if c.size += len(p); c.size > maxEntry/2 {
		c.over = true
		c.buf.Reset()
		return
	}
	c.buf.Write(p)
	if !c.e.Stream {
		return
	}
	now := c.r.tick()
	for {
		i := bytes.IndexByte(c.buf.Bytes(), '\n')
		if i < 0 {
			return
		}
		line := bytes.TrimSpace(bytes.Clone(c.buf.Next(i + 1)))
		if json.Valid(line) {
			c.e.Items = append(c.e.Items, Item{After: now, Line: line})
		}
	}
}

// Close implements io.Closer.
func (c *copied) Close() error {
	c.finish()
	return c.ReadCloser.Close()
}

func (c *copied) finish() {
	c.once.Do(func() {
		switch {
		case c.over:
			c.r.omit(c.e, "the answer is too large")
			return
		case !c.e.Stream:
			c.e.After = c.r.tick()
			if body := c.buf.Bytes(); json.Valid(body) {
				c.e.Body = bytes.TrimSpace(bytes.Clone(body))
			} else {
				c.e.Text = c.buf.String()
			}
		}
		c.r.keep(c.e)
	})
}

// inputOf is the canonical form of a request's input.
func inputOf(req *http.Request) (Input, error) {
	in := Input{Path: req.URL.EscapedPath(), Query: req.URL.Query().Encode()}
	if req.GetBody == nil {
		return in, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return in, fail.Wrap(fail.Internal, err, "reading the request again")
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		return in, fail.Wrap(fail.Internal, err, "reading the request again")
	}
	in.Body = canonical(text)
	return in, nil
}

// canonical writes JSON with its members in the order of their names.
func canonical(text []byte) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return out
}

// Save writes the recording.
func (r *Recorder) Save(path string, m Manifest) (Manifest, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := newScrubber(r.known)
	m.Format, m.Version, m.Aictl, m.Recorded = Format, Version, r.opts.Aictl, r.began
	m.Contexts = r.contexts
	m.Omitted = append([]Omitted{}, r.omitted...)
	m.Command = slices.Clone(m.Command)
	for i := range m.Command {
		m.Command[i] = s.text(m.Command[i])
	}
	entries := make([]*Entry, 0, len(r.entries))
	for _, e := range r.entries {
		entries = append(entries, r.scrubbed(s, e))
	}
	return write(path, m, entries)
}

// scrubbed is a copy of an entry without its secrets.
func (r *Recorder) scrubbed(s *scrubber, e *Entry) *Entry {
	out := *e
	out.Input = s.input(e.Input)
	secret := map[string]bool{}
	if d := r.ops[e.Operation]; d != nil && !e.DryRun {
		secret = secretMembers(d.OutputType())
	}
	if len(e.Body) > 0 {
		out.Body, _ = s.json(e.Body, secret)
	}
	out.Text, out.ContentType = s.text(e.Text), s.text(e.ContentType)
	out.Items = make([]Item, len(e.Items))
	for i, item := range e.Items {
		line, _ := s.json(item.Line, secret)
		out.Items[i] = Item{After: item.After, Line: line}
	}
	if e.Error != nil {
		d := *e.Error
		d.Message, d.Next = s.text(d.Message), s.text(d.Next)
		d.Cause = slices.Clone(d.Cause)
		for i := range d.Cause {
			d.Cause[i] = s.text(d.Cause[i])
		}
		out.Error = &d
	}
	return &out
}

// input masks a question as an answer is masked; the one who asks again masks
// it too before it is looked up.
func (s *scrubber) input(in Input) Input {
	out := Input{Path: s.path(in.Path)}
	if q, err := url.ParseQuery(in.Query); err == nil {
		for name, values := range q {
			for i := range values {
				if redact.IsSecretName(name) {
					values[i] = redact.Mask
				} else {
					values[i] = s.text(values[i])
				}
			}
		}
		out.Query = q.Encode()
	}
	if len(in.Body) > 0 {
		body, _ := s.json(in.Body, nil)
		out.Body = canonical(body)
	}
	return out
}

func (s *scrubber) path(p string) string {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			if masked := s.text(plain); masked != plain {
				parts[i] = url.PathEscape(masked)
			}
		}
	}
	return strings.Join(parts, "/")
}
