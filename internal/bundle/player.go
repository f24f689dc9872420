package bundle

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Player answers from a bundle. It is safe for concurrent use.
type Player struct {
	b     *Bundle
	scrub *scrubber

	mu    sync.Mutex // guards what follows
	byKey map[string][]*Entry
	asked map[string]int
	clock clock
}

// NewPlayer makes the player of a bundle.
func NewPlayer(b *Bundle) *Player {
	p := &Player{b: b, scrub: newScrubber(nil), byKey: map[string][]*Entry{}, asked: map[string]int{}}
	for _, e := range b.Entries {
		p.byKey[e.key()] = append(p.byKey[e.key()], e)
	}
	return p
}

// Bundle is what the player answers from.
func (p *Player) Bundle() *Bundle { return p.b }

// Now is the clock of the command: the recorded moment, and from there on as
// the recorded command's went.
func (p *Player) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Manifest.Recorded.Add(p.clock.after)
}

func (p *Player) advance(to time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock.advance(to)
}

// Tape answers for one context.
func (p *Player) Tape(name string) *PlayerTape { return &PlayerTape{p: p, context: name} }

// PlayerTape answers for one context. It implements client.Tape, and never
// passes a request on.
type PlayerTape struct {
	p       *Player
	context string
}

// Send answers from the bundle. Refused: the request would change something.
// NotFound: the bundle does not hold the answer.
func (t *PlayerTape) Send(ctx context.Context, s *op.Spec, req *http.Request, _ Send) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, fail.From(err)
	}
	dry := op.IsDryRun(req)
	if s.Effect.Mutates() && !dry {
		return nil, fail.New(fail.Refused, "read-only: %s would change something, and a bundle is for reading", s.ID).
			Hint("leave --from %s away to change the platform itself", Extension)
	}
	in, err := inputOf(req)
	if err != nil {
		return nil, err
	}
	want := &Entry{Operation: s.ID, Context: t.context, DryRun: dry, Input: t.p.scrub.input(in)}
	e := t.p.next(want.key())
	if e == nil {
		if e, err = t.p.wider(want); err != nil {
			return nil, err
		}
	}
	if e == nil {
		return nil, t.p.missing(want)
	}
	if e.Error != nil {
		t.p.advance(e.After)
		return nil, fail.FromDocument(*e.Error)
	}
	h := http.Header{}
	if e.ContentType != "" {
		h.Set("Content-Type", e.ContentType)
	}
	res := &http.Response{
		Status: strconv.Itoa(e.Status) + " " + http.StatusText(e.Status), StatusCode: e.Status, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: req,
	}
	if e.Stream {
		res.Body = &played{ctx: ctx, p: t.p, items: e.Items}
		return res, nil
	}
	t.p.advance(e.After)
	body := []byte(e.Text)
	if len(e.Body) > 0 {
		body = e.Body
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// next gives the answers to equal questions in their order, and the last one
// for good.
func (p *Player) next(key string) *Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.byKey[key]
	if len(all) == 0 {
		return nil
	}
	n := p.asked[key]
	p.asked[key]++
	return all[min(n, len(all)-1)]
}

// missing says what the bundle holds of an operation.
func (p *Player) missing(want *Entry) error {
	var held []string
	operations := map[string]bool{}
	for _, e := range p.b.Entries {
		operations[e.Operation] = true
		if e.Operation == want.Operation && e.DryRun == want.DryRun {
			if text := describe(e, want.Context); !slices.Contains(held, text) {
				held = append(held, text)
			}
		}
	}
	hint := "ask one of these, or record this question: aictl record -- COMMAND"
	for _, o := range p.b.Manifest.Omitted {
		if o.Operation == want.Operation {
			return fail.New(fail.NotFound, "the bundle holds no answer of %s to %s: %s", want.Operation, describe(want, want.Context), o.Reason).Hint("%s", hint)
		}
	}
	if len(held) == 0 {
		names := make([]string, 0, len(operations))
		for name := range operations {
			names = append(names, name)
		}
		slices.Sort(names)
		return fail.New(fail.NotFound, "the bundle holds no answer of %s; it holds: %s", want.Operation, orNothing(names)).
			Hint("record it: aictl record -- COMMAND")
	}
	return fail.New(fail.NotFound, "the bundle holds no answer of %s to %s; of %s it holds: %s",
		want.Operation, describe(want, want.Context), want.Operation, orNothing(held)).Hint("%s", hint)
}

// maxHeld is how many questions a message names.
const maxHeld = 8

func orNothing(list []string) string {
	switch {
	case len(list) == 0:
		return "nothing"
	case len(list) > maxHeld && strings.Contains(list[0], " "):
		return strings.Join(list[:maxHeld], "; ") + "; and " + strconv.Itoa(len(list)-maxHeld) + " more"
	}
	return strings.Join(list, "; ")
}

// describe is a question for a person.
func describe(e *Entry, context string) string {
	text := "a question without parameters"
	var parts []string
	if last := e.Input.Path[strings.LastIndexByte(e.Input.Path, '/')+1:]; last != "" {
		parts = append(parts, last)
	}
	if q, err := url.QueryUnescape(strings.ReplaceAll(e.Input.Query, "&", " ")); err == nil && q != "" {
		parts = append(parts, q)
	}
	if len(e.Input.Body) > 0 && string(e.Input.Body) != "{}" {
		parts = append(parts, string(e.Input.Body))
	}
	if len(parts) > 0 {
		text = clipTo(strings.Join(parts, " "), 160)
	}
	if e.Context != context {
		text += " (context " + e.Context + ")"
	}
	return text
}

func clipTo(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// played is a recorded stream: a line a Read, so that the clock is that of the
// line in hand.
type played struct {
	ctx   context.Context //nolint:containedctx // the request's, as http's own bodies have it
	p     *Player
	items []Item
	rest  []byte
	n     int
	ended bool
}

// Read implements io.Reader.
func (s *played) Read(buf []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if len(s.rest) == 0 {
		switch {
		case len(s.items) > 0:
			item := s.items[0]
			s.items = s.items[1:]
			s.p.advance(item.After)
			s.rest = append(bytes.Clone(item.Line), '\n')
			s.ended = closing(item.Line)
			s.n++
		case !s.ended: // the recorded command went away first
			s.ended = true
			s.rest = []byte(`{"type":"result","count":` + strconv.Itoa(s.n) + "}\n")
		default:
			return 0, io.EOF
		}
	}
	n := copy(buf, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (s *played) Close() error { return nil }
