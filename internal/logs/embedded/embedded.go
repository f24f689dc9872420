// Package embedded is the log store inside aictl-server: the engine of
// VictoriaLogs (lib/logstorage) as a library, behind the port logs.Store.
//
// It promises that an entry is found by a search as soon as Ingest has
// returned, that every entry has a number of its own in the order of arrival,
// across restarts and crashes, so that a tail misses none, that a query means what
// logs.Matches says (the engine is asked for a superset where its language
// cannot say the same, and every entry that comes back is decided again), and
// that what it refuses (too old, too new, too long, no disk left) is counted
// and said. It keeps numbers, booleans and lists as what they were.
//
// What was taken is on disk within a second: a kill -9 before that loses it,
// as it loses what a file's buffer holds.
//
// It does not authenticate and does not listen: the server mounts its handlers.
// The engine's faults on a disk that fails are panics of its own goroutines,
// which nobody can catch; the store stops taking entries well before the disk
// is full.
package embedded

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logstorage"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// Options are what Open needs.
type Options struct {
	// Dir holds the data; one process at a time.
	Dir string
	// Retention is how long entries are kept (7 days; at least one), MaxBytes
	// how much disk they may take (2 GiB): the oldest day goes first.
	Retention time.Duration
	MaxBytes  int64
	// MinFree is the free disk space below which nothing is taken any more
	// (256 MiB).
	MinFree int64
	// Recent bounds the entries that are kept in memory for tails, in bytes
	// (16 MiB).
	Recent int
	Logger *slog.Logger
	// Now is the clock (time.Now).
	Now func() time.Time
}

const (
	// future is how far ahead of our clock an entry's time may be.
	future = 24 * time.Hour
	// memory is what the engine may use for its caches, in bytes.
	memory = 64 << 20
)

// engineFlags sets the engine's process-wide settings, once: they are flags of
// the standard library's set.
var engineFlags = sync.OnceValue(func() error {
	set := flag.NewFlagSet("engine", flag.ContinueOnError)
	flag.VisitAll(func(f *flag.Flag) { set.Var(f.Value, f.Name, f.Usage) })
	for name, value := range map[string]string{"loggerLevel": "ERROR", "memory.allowedBytes": fmt.Sprint(memory)} {
		if flag.Lookup(name) == nil {
			continue
		}
		if err := set.Set(name, value); err != nil {
			return err
		}
	}
	if !flag.Parsed() {
		return flag.CommandLine.Parse(nil)
	}
	return nil
})

// Store is the open store. It is safe for concurrent use.
type Store struct {
	o      Options
	engine *logstorage.Storage
	id     string // of the data, so that a position of other data is known
	recent *ring
	stats  stats
	turns  turns

	mu     sync.Mutex // serialises ingestion: numbers are in the order of arrival
	last   uint64     // the last number given; guarded by mu
	mark   uint64     // numbers up to here are reserved on disk; guarded by mu
	closed bool       // guarded by mu

	days      days // guarded by mu
	unwritten bool // the days changed since they were written; guarded by mu

	seen     atomic.Uint64 // the last number that is in the engine
	flushed  atomic.Uint64 // the last number that queries see
	flushing sync.Mutex
}

var _ logs.Store = (*Store)(nil)

type stats struct{ rows, tooOld, tooNew, tooLong, noDisk atomic.Uint64 }

// Open opens the store. Errors say what is wrong with the directory.
func Open(o Options) (_ *Store, err error) {
	if o.Retention == 0 {
		o.Retention = 7 * 24 * time.Hour
	}
	if o.Retention < 24*time.Hour {
		return nil, fail.New(fail.Usage, "logs are kept by the day: a retention of %s is too short", o.Retention).Hint("stack.logs_retention: 24h")
	}
	orDefault(&o.MaxBytes, 2<<30)
	orDefault(&o.MinFree, 256<<20)
	orDefault(&o.Recent, 16<<20)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := engineFlags(); err != nil {
		return nil, fail.Wrap(fail.Internal, err, "setting up the log engine")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the log store's directory").Hint("look at the permissions of %s", o.Dir)
	}
	s := &Store{o: o, recent: newRing(o.Recent), turns: newTurns()}
	if s.id, err = identity(filepath.Join(o.Dir, "id")); err != nil {
		return nil, err
	}
	if err := guarded(func() {
		s.engine = logstorage.MustOpenStorage(filepath.Join(o.Dir, "data"), &logstorage.StorageConfig{
			Retention: o.Retention, MaxDiskSpaceUsageBytes: o.MaxBytes, FlushInterval: time.Second,
			FutureRetention: future, MinFreeDiskSpaceBytes: o.MinFree,
		})
	}); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "opening the log store in %s", o.Dir).
			Hint("move %s away to begin with an empty one", o.Dir)
	}
	have, err := s.highest()
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the log store in %s", o.Dir)
	}
	if s.last, err = s.begin(s.openDays(have)); err != nil {
		return nil, err
	}
	s.seen.Store(s.last)
	s.flushed.Store(s.last)
	s.recent.skip(s.last)
	return s, nil
}

func orDefault[T int | int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Close writes what is in memory and closes the engine.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.recent.close()
	// A clean end leaves no hole in the numbers.
	err := errors.Join(guarded(s.engine.MustClose), s.reserve(s.last))
	s.unwritten = true // the numbers grew
	s.keepDays()
	return err
}

// guarded runs a part of the engine whose faults are panics.
func guarded(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fail.New(fail.Unavailable, "the log engine failed: %v", p).Hint("aictl status")
		}
	}()
	f()
	return nil
}

// identity is a random name of the data, made with it.
func identity(path string) (string, error) {
	body, err := os.ReadFile(path) //nolint:gosec // below our own directory
	if err == nil && len(body) == 16 {
		return string(body), nil
	}
	id := newID()
	if err := os.WriteFile(path, []byte(id), 0o600); err != nil {
		return "", fail.Wrap(fail.Failed, err, "writing to the log store").Hint("look at the free space and the permissions of %s", filepath.Dir(path))
	}
	return id, nil
}

// highest is the last number that each day of the data has.
func (s *Store) highest() (map[day]uint64, error) {
	most := map[day]uint64{}
	err := s.run(context.Background(), "* | stats by (_time:1d) max(`"+fieldNumber+"`) as n", time.Time{}, time.Time{}, func(r row) {
		var n uint64
		at, err := time.Parse(time.RFC3339Nano, r.get(fieldTime))
		if _, nerr := fmt.Sscan(r.get("n"), &n); err == nil && nerr == nil {
			most[dayOf(at)] = n
		}
	})
	return most, err
}

// Check implements logs.Store.
func (s *Store) Check(context.Context) (logs.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return logs.Info{}, errClosed()
	}
	return logs.Info{Kind: "embedded", Version: "VictoriaLogs 1.121", URL: s.o.Dir}, nil
}

func errClosed() error {
	return fail.New(fail.Unavailable, "the log store is closed").Hint("aictl status")
}

// Ingest takes entries, in order, and gives how many of them were refused with
// the reason of the first. It returns when a search finds them. The error is
// about all of them: Limited when the disk is nearly full, Unavailable when
// the store is closed or failed.
func (s *Store) Ingest(ctx context.Context, entries []Entry) (Refused, error) {
	if err := ctx.Err(); err != nil {
		return Refused{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Refused{}, errClosed()
	}
	full := false
	if err := guarded(func() { full = s.engine.IsReadOnly() }); err != nil {
		return Refused{}, err
	}
	if full {
		s.stats.noDisk.Add(uint64(len(entries)))
		return Refused{}, fail.New(fail.Limited, "the log store takes nothing: less than %d MiB of disk are free", s.o.MinFree>>20).
			Hint("free disk space, or lower stack.logs_bytes")
	}
	if err := s.room(len(entries)); err != nil {
		return Refused{}, err
	}
	var refused Refused
	now := s.o.Now()
	rows := logstorage.GetLogRows([]string{"service.name"}, nil, nil, nil, "")
	defer logstorage.PutLogRows(rows)
	kept := make([]Entry, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		if why := s.refuse(e, now); why != "" {
			refused.add(i, why)
			continue
		}
		e.settle()
		s.last++
		rows.MustAdd(logstorage.TenantID{}, e.Time.UnixNano(), e.fields(s.last), nil)
		s.arrived(e.Time, s.last)
		kept = append(kept, *e)
		if rows.NeedFlush() {
			if err := s.add(rows); err != nil {
				return refused, err
			}
			rows.ResetKeepSettings()
		}
	}
	if err := s.add(rows); err != nil {
		return refused, err
	}
	s.stats.rows.Add(uint64(len(kept)))
	s.seen.Store(s.last)
	s.recent.add(kept, s.last)
	s.keepDays()
	return refused, nil
}

// add gives rows to the engine. When that fails nobody knows which it has: the
// memory of recent entries begins anew behind them.
func (s *Store) add(rows *logstorage.LogRows) error {
	err := guarded(func() { s.engine.MustAddRows(rows) })
	if err != nil {
		s.seen.Store(s.last)
		s.recent.skip(s.last)
	}
	return err
}

// refuse says why an entry cannot be kept. The engine would drop it silently.
func (s *Store) refuse(e *Entry, now time.Time) string {
	switch {
	case e.Time.Before(now.Add(-s.o.Retention)):
		s.stats.tooOld.Add(1)
		return fmt.Sprintf("its time %s is before the retention of %s", e.Time.UTC().Format(time.RFC3339), s.o.Retention)
	case e.Time.After(now.Add(future)):
		s.stats.tooNew.Add(1)
		return fmt.Sprintf("its time %s is more than %s ahead of this clock", e.Time.UTC().Format(time.RFC3339), future)
	}
	why := e.tooMuch()
	if why != "" {
		s.stats.tooLong.Add(1)
	}
	return why
}

// Refused is what Ingest did not take.
type Refused struct {
	Count int
	// Why gives the reason by the index of the entry.
	Why map[int]string
}

func (r *Refused) add(i int, why string) {
	if r.Why == nil {
		r.Why = map[int]string{}
	}
	r.Count++
	r.Why[i] = why
}

// flush makes what was ingested visible to queries. Concurrent searches share
// one flush.
func (s *Store) flush() error {
	want := s.seen.Load()
	if s.flushed.Load() >= want {
		return nil
	}
	s.flushing.Lock()
	defer s.flushing.Unlock()
	if s.flushed.Load() >= want {
		return nil
	}
	want = s.seen.Load()
	if err := guarded(s.engine.DebugFlush); err != nil {
		return err
	}
	s.flushed.Store(want)
	return nil
}
