// Package audit keeps the record of what was done: append-only, each record
// holding the hash of the one before it, with signed checkpoints outside the
// store.
//
// It promises that nothing is done without its record (Begin writes the intent
// before, and its failure means that nothing may run); that a record which was
// changed, dropped, put elsewhere or cut off the end is found with its index;
// and that an append which was acknowledged is durable. The chain cannot stop
// somebody who holds the store, the checkpoints and their key from writing
// another history: keep the head (Verify) elsewhere against that.
//
// A Log is safe for concurrent use.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Row is a record as the store keeps it: the text that was hashed, so that no
// later version can encode it differently.
type Row struct {
	Index int64
	Body  string
	Hash  string
}

// Store keeps rows.
type Store interface {
	// Append calls link with the last row (Index -1 where there is none) and
	// adds what it returns, in one transaction that no other append can come
	// between, of this process or another. nil means durable.
	Append(ctx context.Context, link func(last Row) ([]Row, error)) error
	// Walk visits every row by index until visit wants no more.
	Walk(ctx context.Context, descending bool, visit func(Row) (more bool, err error)) error
}

// record is the body of a row. The order of its members is part of the chain:
// they are only ever added at the end.
type record struct {
	Index     int64           `json:"index"`
	Time      time.Time       `json:"time"`
	Actor     string          `json:"actor"`
	Remote    string          `json:"remote,omitempty"`
	Operation string          `json:"operation"`
	Target    string          `json:"target"`
	Phase     string          `json:"phase"`
	Outcome   string          `json:"outcome,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Request   string          `json:"request,omitempty"`
	Details   json.RawMessage `json:"details,omitempty"`
	Prev      string          `json:"prev"`
}

const (
	phaseIntent  = "intent"
	phaseOutcome = "outcome"
	// genesis is the prev of the first record.
	genesis = "0000000000000000000000000000000000000000000000000000000000000000"
	// batchMost bounds the records of one transaction, queueMost those that
	// wait for theirs; a full queue makes Begin wait.
	batchMost = 64
	queueMost = 1024
)

// Log appends and verifies.
type Log struct {
	store  Store
	marks  *checkpoints
	now    func() time.Time
	redact func(string) string
	queue  chan pending
	stop   chan struct{}
	once   sync.Once
	ended  chan struct{} // closed when the writer has gone
}

type pending struct {
	record record
	result chan error
}

// New opens the log. dir holds the key and the checkpoints (0600). redact
// masks secrets in what people typed; nil masks nothing.
func New(store Store, dir string, now func() time.Time, redact func(string) string) (*Log, error) {
	marks, err := openCheckpoints(dir)
	if err != nil {
		return nil, err
	}
	if redact == nil {
		redact = func(s string) string { return s }
	}
	l := &Log{store: store, marks: marks, now: now, redact: redact, queue: make(chan pending, queueMost), stop: make(chan struct{}), ended: make(chan struct{})}
	go l.write() // Close joins it
	return l, nil
}

// Close waits for the records that are under way.
func (l *Log) Close() error {
	l.once.Do(func() { close(l.stop) })
	<-l.ended
	return l.marks.close()
}

// Begin writes the intent of a mutation. The mutation may run only when it
// returned nil; finish then writes the outcome.
func (l *Log) Begin(ctx context.Context, r op.Record) (finish func(ctx context.Context, outcome error) error, err error) {
	rec := record{
		Actor: r.Identity.Subject, Remote: r.Identity.Remote, Operation: r.Operation, Target: l.redact(r.Target),
		Phase: phaseIntent, Reason: l.redact(r.Reason), Request: r.RequestID,
		Details: json.RawMessage(l.redact(string(r.Input))),
	}
	if !json.Valid(rec.Details) {
		rec.Details = nil
	}
	if err := l.append(ctx, rec); err != nil {
		return nil, err
	}
	return func(ctx context.Context, outcome error) error {
		rec.Phase, rec.Details, rec.Outcome = phaseOutcome, nil, string(fail.CodeOf(outcome))
		return l.append(ctx, rec)
	}, nil
}

// append waits until the record is durable. When ctx ends first, the record
// may or may not be written: the caller must take it as not written.
func (l *Log) append(ctx context.Context, r record) error {
	p := pending{r, make(chan error, 1)}
	select {
	case l.queue <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop:
		return errClosed
	}
	select {
	case err := <-p.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended: // it came into the queue as the writer left
		select {
		case err := <-p.result:
			return err
		default:
			return errClosed
		}
	}
}

// write is the one appender: it takes all that waits into one transaction
// (group commit), so that many writers pay for one sync.
func (l *Log) write() {
	defer close(l.ended)
	for {
		select {
		case p := <-l.queue:
			l.commit(l.gather(p))
		case <-l.stop:
			for {
				select {
				case p := <-l.queue:
					l.commit(l.gather(p))
				default:
					return
				}
			}
		}
	}
}

func (l *Log) gather(first pending) []pending {
	batch := []pending{first}
	for len(batch) < batchMost {
		select {
		case p := <-l.queue:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

func (l *Log) commit(batch []pending) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var head Row
	err := l.store.Append(ctx, func(last Row) ([]Row, error) {
		rows := make([]Row, len(batch))
		for i := range batch {
			row, err := chain(last, batch[i].record, l.now())
			if err != nil {
				return nil, err
			}
			rows[i], last = row, row
		}
		head = last
		return rows, nil
	})
	if err == nil {
		// The records are durable, but without their checkpoint a cut-off end
		// could not be seen: that is a failure to record, and nothing may run.
		err = l.marks.add(head)
	}
	for _, p := range batch {
		p.result <- err
	}
}

// chain makes the row that follows last.
func chain(last Row, r record, now time.Time) (Row, error) {
	r.Index, r.Time, r.Prev = last.Index+1, now.UTC().Truncate(time.Microsecond), last.Hash
	if last.Index < 0 {
		r.Prev = genesis
	}
	body, err := json.Marshal(r)
	if err != nil {
		return Row{}, fail.Wrap(fail.Internal, err, "encoding the audit record")
	}
	return Row{Index: r.Index, Body: string(body), Hash: hashOf(string(body))}, nil
}

func hashOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// List gives the latest records that pass the filter, the oldest first.
func (l *Log) List(ctx context.Context, f api.AuditFilter) ([]api.AuditEntry, error) {
	from, to, err := window(f)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	if limit > 100_000 {
		return nil, fail.New(fail.Usage, "at most 100000 records at a time")
	}
	var out []api.AuditEntry
	err = l.store.Walk(ctx, true, func(row Row) (bool, error) {
		e, err := entry(row)
		if err != nil { // verify names it; a list shows what there is
			e = api.AuditEntry{Index: row.Index, Operation: "?", Outcome: "unreadable", Hash: row.Hash}
		}
		if passes(e, f, from, to) {
			out = append(out, e)
		}
		if err == nil && !from.IsZero() && e.Time.Before(from.Add(-clockSteps)) {
			return false, nil // what is before it is older still
		}
		return len(out) < limit, nil
	})
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, err
}

// clockSteps is how far a clock may have been set back between two records:
// within it a list looks on for younger ones.
const clockSteps = time.Hour

func window(f api.AuditFilter) (from, to time.Time, err error) {
	for _, edge := range []struct {
		text string
		into *time.Time
	}{{f.From, &from}, {f.To, &to}} {
		if edge.text == "" {
			continue
		}
		if *edge.into, err = time.Parse(time.RFC3339, edge.text); err != nil {
			return from, to, fail.New(fail.Usage, "%q is not a time in RFC 3339", edge.text)
		}
	}
	return from, to, nil
}

func passes(e api.AuditEntry, f api.AuditFilter, from, to time.Time) bool {
	return (f.Actor == "" || f.Actor == e.Actor) && (f.Operation == "" || f.Operation == e.Operation) &&
		(f.Target == "" || f.Target == e.Target) && (from.IsZero() || !e.Time.Before(from)) && (to.IsZero() || e.Time.Before(to))
}

func entry(row Row) (api.AuditEntry, error) {
	var r record
	if err := json.Unmarshal([]byte(row.Body), &r); err != nil {
		return api.AuditEntry{}, err
	}
	return api.AuditEntry{
		Index: r.Index, Time: r.Time, Actor: r.Actor, Remote: r.Remote, Operation: r.Operation, Target: r.Target,
		Phase: r.Phase, Outcome: r.Outcome, Reason: r.Reason, Request: r.Request, Details: r.Details, Prev: r.Prev, Hash: row.Hash,
	}, nil
}

// errClosed is the answer after Close.
var errClosed = fail.New(fail.Unavailable, "the audit is closed: the server is stopping")

// errBroken ends a walk at the first record that does not fit.
var errBroken = errors.New("broken")
