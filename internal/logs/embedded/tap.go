package embedded

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fastjson"
)

// Bounds of a tap.
const (
	tapLines = 8192
	tapBatch = 1024
)

// Tap takes the lines of a program's own log, ECS JSON, on their way to
// wherever they are written. It never makes the writer wait: when the queue is
// full, lines are dropped from the store (not from the log) and counted, and
// the count is said in an entry of its own.
type Tap struct {
	store   *Store
	queue   chan tapped
	dropped atomic.Int64
	done    chan struct{}
	stop    context.CancelFunc

	mu     sync.RWMutex // guards closed against a write to the closed queue
	closed bool
}

type tapped struct {
	line []byte
	at   time.Time
}

// NewTap starts a tap into the store. Close ends it.
func NewTap(s *Store) *Tap {
	ctx, cancel := context.WithCancel(context.Background())
	t := &Tap{store: s, queue: make(chan tapped, tapLines), done: make(chan struct{}), stop: cancel}
	go t.run(ctx)
	return t
}

// Write takes whole lines.
func (t *Tap) Write(p []byte) (int, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return len(p), nil
	}
	now := t.store.o.Now()
	for line := range bytes.SplitSeq(bytes.TrimRight(p, "\n"), []byte("\n")) {
		select {
		case t.queue <- tapped{bytes.Clone(line), now}:
		default:
			t.dropped.Add(1)
		}
	}
	return len(p), nil
}

// Close takes what is queued into the store and ends.
func (t *Tap) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.queue)
	}
	t.mu.Unlock()
	<-t.done
	t.stop()
	return nil
}

func (t *Tap) run(ctx context.Context) {
	defer close(t.done)
	var parser fastjson.Parser
	for first := range t.queue {
		batch := []Entry{t.entry(&parser, first)}
	fill:
		for len(batch) < tapBatch {
			select {
			case next, more := <-t.queue:
				if !more {
					break fill
				}
				batch = append(batch, t.entry(&parser, next))
			default:
				break fill
			}
		}
		n := t.dropped.Swap(0)
		if n > 0 {
			batch = append(batch, t.lost(n))
		}
		// A store that is full or closed has said so where it is asked; the log
		// itself is still written. What is missing here is said when it can be.
		if _, err := t.store.Ingest(ctx, batch); err != nil {
			t.dropped.Add(max(n, n+int64(len(batch))-1))
		}
	}
}

func (t *Tap) entry(parser *fastjson.Parser, in tapped) Entry {
	doc, err := parser.ParseBytes(in.line)
	if err != nil || doc.Type() != fastjson.TypeObject {
		return Entry{Time: in.at, Message: string(in.line)}
	}
	return FromDocument(doc, in.at)
}

func (t *Tap) lost(n int64) Entry {
	return Entry{
		Time: t.store.o.Now(), Level: "warn", Service: "aictl-server", Message: "log lines did not fit into the log store's queue and are missing here",
		Fields: []Field{{"event.action", "log-lines-dropped", Text}, {"aictl_dropped", formatInt(n), Number}},
	}
}
