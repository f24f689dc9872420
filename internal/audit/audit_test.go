package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store that tests can tamper with.
type memory struct {
	mu   sync.Mutex
	rows []Row
	err  error
	gate chan struct{} // when set, appends wait for it
}

func (m *memory) Append(_ context.Context, link func(Row) ([]Row, error)) error {
	if m.gate != nil {
		<-m.gate
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	last := Row{Index: -1}
	if n := len(m.rows); n > 0 {
		last = m.rows[n-1]
	}
	rows, err := link(last)
	m.rows = append(m.rows, rows...)
	return err
}

func (m *memory) Walk(_ context.Context, descending bool, visit func(Row) (bool, error)) error {
	m.mu.Lock()
	rows := slices.Clone(m.rows)
	m.mu.Unlock()
	if descending {
		slices.Reverse(rows)
	}
	for _, r := range rows {
		if more, err := visit(r); err != nil || !more {
			return err
		}
	}
	return nil
}

func clock() func() time.Time {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Minute)
		return at
	}
}

func newLog(t *testing.T, s Store, dir string) *Log {
	t.Helper()
	l, err := New(s, dir, clock(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// do records n mutations: two records each.
func do(t *testing.T, l *Log, n int) {
	t.Helper()
	for i := range n {
		finish, err := l.Begin(t.Context(), op.Record{
			Operation: "accounts.create", Target: fmt.Sprint("bo", i), Reason: "a <new> \"colleague\" é", RequestID: fmt.Sprint("r", i),
			Identity: op.Identity{Subject: "al", Remote: "127.0.0.1"}, Input: json.RawMessage(`{"name": "bo" , "n":1.50}`),
		})
		require.NoError(t, err)
		var outcome error
		if i%2 == 1 {
			outcome = fail.New(fail.Conflict, "it is there")
		}
		require.NoError(t, finish(t.Context(), outcome))
	}
}

func verify(t *testing.T, l *Log) api.AuditReport {
	t.Helper()
	r, err := l.Verify(t.Context())
	require.NoError(t, err)
	return r
}

func brokenAt(t *testing.T, r api.AuditReport, want int64, what string) {
	t.Helper()
	require.False(t, r.OK, what)
	require.NotNil(t, r.BrokenAt, what)
	require.Equal(t, want, *r.BrokenAt, "%s: %s", what, r.Why)
	require.NotEmpty(t, r.Why)
}

func TestIntentAndOutcome(t *testing.T) {
	m := &memory{}
	l := newLog(t, m, t.TempDir())
	empty := verify(t, l)
	require.True(t, empty.OK)
	require.Zero(t, empty.Records)
	do(t, l, 2)
	got, err := l.List(t.Context(), api.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, got, 4)
	require.Equal(t, []string{"intent", "outcome", "intent", "outcome"}, []string{got[0].Phase, got[1].Phase, got[2].Phase, got[3].Phase})
	require.Equal(t, "ok", got[1].Outcome)
	require.Equal(t, "conflict", got[3].Outcome)
	require.Equal(t, "al", got[0].Actor)
	require.Equal(t, "127.0.0.1", got[0].Remote)
	require.JSONEq(t, `{"name":"bo","n":1.50}`, string(got[0].Details))
	r := verify(t, l)
	require.True(t, r.OK, r.Why)
	require.EqualValues(t, 4, r.Records)
	require.Equal(t, got[3].Hash, r.Head)
}

func TestListFilters(t *testing.T) {
	l := newLog(t, &memory{}, t.TempDir())
	do(t, l, 5)
	for _, c := range []struct {
		name string
		f    api.AuditFilter
		want []int64
	}{
		{"the latest, oldest first", api.AuditFilter{Limit: 3}, []int64{7, 8, 9}},
		{"target", api.AuditFilter{Target: "bo1"}, []int64{2, 3}},
		{"actor", api.AuditFilter{Actor: "bo"}, nil},
		{"operation", api.AuditFilter{Operation: "accounts.create", Limit: 1}, []int64{9}},
		{"from, not before; to, before", api.AuditFilter{From: "2026-03-01T09:02:00Z", To: "2026-03-01T10:04:00+01:00"}, []int64{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := l.List(t.Context(), c.f)
			require.NoError(t, err)
			var at []int64
			for _, e := range got {
				at = append(at, e.Index)
			}
			require.Equal(t, c.want, at)
		})
	}
	for _, f := range []api.AuditFilter{{From: "yesterday"}, {To: "9"}, {Limit: 100_001}} {
		_, err := l.List(t.Context(), f)
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%+v", f)
	}
}

func TestFailsClosed(t *testing.T) {
	m := &memory{}
	dir := t.TempDir()
	l := newLog(t, m, dir)
	do(t, l, 1)
	m.err = fail.New(fail.Unavailable, "the disk is full")
	_, err := l.Begin(t.Context(), op.Record{Operation: "x"})
	require.ErrorIs(t, err, m.err)
	m.err = nil
	do(t, l, 1)
	require.True(t, verify(t, l).OK, "it goes on by itself")

	require.NoError(t, l.marks.file.Close())
	_, err = l.Begin(t.Context(), op.Record{Operation: "x"})
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "no checkpoint, no mutation")
	l.marks.file, err = os.OpenFile(filepath.Join(dir, checkpointFile), os.O_RDWR|os.O_APPEND, 0o600)
	require.NoError(t, err)
	do(t, l, 1)
	marks, err := l.marks.read()
	require.NoError(t, err)
	require.Contains(t, marks, m.rows[len(m.rows)-1].Index, "a failed write does not swallow the next line")
}

func TestCallerThatLeaves(t *testing.T) {
	m := &memory{gate: make(chan struct{})}
	l := newLog(t, m, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := l.Begin(ctx, op.Record{Operation: "x"})
		result <- err
	}()
	m.gate <- struct{}{} // the writer has taken it
	cancel()
	if err := <-result; err != nil { // else it was durable in time
		require.ErrorIs(t, err, context.Canceled)
	}
	close(m.gate)
	do(t, l, 1)
	require.True(t, verify(t, l).OK)
}

func TestCloseAnswersEverybody(t *testing.T) {
	l, err := New(&memory{}, t.TempDir(), clock(), nil)
	require.NoError(t, err)
	var done sync.WaitGroup
	for range 50 {
		done.Go(func() {
			for {
				if _, err := l.Begin(context.Background(), op.Record{Operation: "x"}); err != nil {
					if !errors.Is(err, errClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	require.NoError(t, l.Close())
	done.Wait() // nobody waits for ever
	require.True(t, verify(t, l).OK)
}

func TestRedaction(t *testing.T) {
	mask := func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") }
	m := &memory{}
	l, err := New(m, t.TempDir(), clock(), mask)
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	finish, err := l.Begin(t.Context(), op.Record{Target: "hunter2", Reason: "is hunter2", Input: json.RawMessage(`{"a":"hunter2"}`)})
	require.NoError(t, err)
	require.NoError(t, finish(t.Context(), errors.New("hunter2")))
	for _, r := range m.rows {
		require.NotContains(t, r.Body, "hunter2")
	}
}

// chained gives a small chain and its directory of checkpoints.
func chained(t *testing.T) (*memory, *Log) {
	m := &memory{}
	l := newLog(t, m, t.TempDir())
	do(t, l, 3)
	require.True(t, verify(t, l).OK)
	return m, l
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	m, l := chained(t)
	marks, err := l.marks.read() // once: their signatures are slow to check
	require.NoError(t, err)
	verify := func(t *testing.T, _ *Log) api.AuditReport {
		v := verifier{marks: marks, last: Row{Index: -1, Hash: genesis}}
		if err := m.Walk(t.Context(), false, v.visit); err == nil {
			v.end()
		}
		return v.report()
	}
	for i := range m.rows {
		good := m.rows[i]
		for at := range good.Body {
			for _, bit := range []byte{0x01, 0x20, 0x80} {
				b := []byte(good.Body)
				b[at] ^= bit
				m.rows[i].Body = string(b)
				brokenAt(t, verify(t, l), int64(i), "body")
			}
		}
		m.rows[i] = good
		for at := range good.Hash {
			b := []byte(good.Hash)
			b[at] ^= 0x20
			m.rows[i].Hash = string(b)
			brokenAt(t, verify(t, l), int64(i), "hash")
		}
		m.rows[i] = good
		m.rows[i].Index += 7
		brokenAt(t, verify(t, l), int64(i), "index")
		m.rows[i] = good
	}
	require.True(t, verify(t, l).OK)
}

func TestDropsSwapsAndCutsAreFound(t *testing.T) {
	m, l := chained(t)
	good := slices.Clone(m.rows)
	n := len(good)
	renumber := func(rows []Row) []Row {
		for i := range rows {
			rows[i].Index = int64(i)
		}
		return rows
	}
	for i := range n {
		m.rows = slices.Delete(slices.Clone(good), i, i+1)
		brokenAt(t, verify(t, l), int64(i), "dropped")
		m.rows = renumber(slices.Delete(slices.Clone(good), i, i+1))
		brokenAt(t, verify(t, l), int64(i), "dropped, and the rest renumbered")
		m.rows = renumber(slices.Insert(slices.Clone(good), i, good[i]))
		brokenAt(t, verify(t, l), int64(i+1), "doubled")
		m.rows = slices.Clone(good[:i])
		brokenAt(t, verify(t, l), int64(i), "cut off")
		for j := i + 1; j < n; j++ {
			m.rows = slices.Clone(good)
			m.rows[i], m.rows[j] = m.rows[j], m.rows[i]
			brokenAt(t, verify(t, l), int64(i), "swapped")
			m.rows = renumber(m.rows)
			brokenAt(t, verify(t, l), int64(i), "swapped, and renumbered")
		}
	}
}

// Somebody who rewrites the whole chain from a record on, with right hashes,
// is found by the first checkpoint after it: here each record has one.
func TestARewrittenHistoryIsFound(t *testing.T) {
	m, l := chained(t)
	good := slices.Clone(m.rows)
	for i := range good {
		m.rows = slices.Clone(good[:i])
		last := Row{Index: -1}
		if i > 0 {
			last = m.rows[i-1]
		}
		for j := i; j < len(good); j++ {
			var r record
			require.NoError(t, json.Unmarshal([]byte(good[j].Body), &r))
			r.Actor = "somebody else"
			row, err := chain(last, r, r.Time)
			require.NoError(t, err)
			m.rows, last = append(m.rows, row), row
		}
		r := verify(t, l)
		brokenAt(t, r, int64(i), "rewritten")
		require.Contains(t, r.Why, "checkpoint")
	}
}

func TestExport(t *testing.T) {
	m, l := chained(t)
	var out bytes.Buffer
	require.NoError(t, export(t, l, &out))
	online := verify(t, l)
	offline, err := VerifyExport(bytes.NewReader(out.Bytes()))
	require.NoError(t, err)
	require.Equal(t, online, offline)

	lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))[:len(m.rows)]
	part, err := VerifyExport(bytes.NewReader(bytes.Join(lines[2:5], nil)))
	require.NoError(t, err)
	require.True(t, part.OK, part.Why)
	require.EqualValues(t, 3, part.Records)
	require.Equal(t, m.rows[4].Hash, part.Head)

	for i, line := range lines {
		for at := range len(line) - 1 {
			for _, bit := range []byte{0x01, 0x20} {
				changed := slices.Clone(lines)
				changed[i] = bytes.Clone(line)
				if changed[i][at] ^= bit; changed[i][at] == '\n' || changed[i][at] == '\r' {
					continue // another number of lines: the case below
				}
				r, err := VerifyExport(bytes.NewReader(bytes.Join(changed, nil)))
				require.NoError(t, err)
				require.False(t, r.OK, "line %d byte %d", i, at)
				if i > 0 { // a first line that names another index is a part, broken after itself
					brokenAt(t, r, int64(i), string(changed[i]))
				}
			}
		}
		if i > 0 && i < len(lines)-1 {
			r, err := VerifyExport(bytes.NewReader(bytes.Join(slices.Delete(slices.Clone(lines), i, i+1), nil)))
			require.NoError(t, err)
			brokenAt(t, r, int64(i), "dropped")
		}
	}
	m.rows[1].Body = "{"
	require.ErrorContains(t, export(t, l, &out), "record 1")
}

func export(t *testing.T, l *Log, w io.Writer) error {
	t.Helper()
	lines := json.NewEncoder(w)
	for e, err := range l.Each(t.Context()) {
		if err != nil {
			return err
		}
		require.NoError(t, lines.Encode(e))
	}
	return nil
}

func FuzzVerifyExport(f *testing.F) {
	f.Add([]byte(`{"index":0,"time":"2026-03-01T09:01:00Z","actor":"al","operation":"x","target":"","phase":"intent","prev":"` + genesis + `","hash":""}`))
	f.Add([]byte("\n\n{}\n"))
	f.Add([]byte(`{"index":-9223372036854775808}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := VerifyExport(bytes.NewReader(b))
		if err == nil && !r.OK && (r.BrokenAt == nil || r.Why == "") {
			t.Fatalf("%+v", r)
		}
	})
}

func TestKeyAndCheckpoints(t *testing.T) {
	m, dir := &memory{}, t.TempDir()
	l, err := New(m, dir, clock(), nil)
	require.NoError(t, err)
	do(t, l, 2)
	require.NoError(t, l.Close())
	key, marks := filepath.Join(dir, keyFile), filepath.Join(dir, checkpointFile)
	for _, name := range []string{key, marks} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	// A line torn by a crash is no checkpoint, and swallows none.
	f, err := os.OpenFile(marks, os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(`{"index":99,"ha`)
	require.NoError(t, errors.Join(err, f.Close()))
	l = newLog(t, m, dir)
	do(t, l, 1)
	require.True(t, verify(t, l).OK)
	read, err := l.marks.read()
	require.NoError(t, err)
	require.Len(t, read, 6)
	// A checkpoint that somebody else wrote proves nothing.
	require.NoError(t, os.WriteFile(marks, []byte(`{"index":99,"hash":"x","signature":"AAAA"}`+"\n"), 0o600))
	require.True(t, verify(t, l).OK)

	require.NoError(t, os.Chmod(key, 0o644))
	_, err = New(m, dir, clock(), nil)
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	require.NoError(t, os.Chmod(key, 0o600))
	require.NoError(t, os.WriteFile(key, []byte("short"), 0o600))
	_, err = New(m, dir, clock(), nil)
	require.Equal(t, fail.Failed, fail.CodeOf(err))
	require.NotEmpty(t, fail.From(err).Next)
}

func TestCheckpointsAreRotated(t *testing.T) {
	c, err := openCheckpoints(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, c.add(Row{Index: 1, Hash: "a"}))
	c.size = rotateAt // as if it had grown: what is there is less than what is kept
	require.NoError(t, c.add(Row{Index: 2, Hash: "b"}))
	line, err := os.ReadFile(c.path)
	require.NoError(t, err)
	for len(line) < 2*keepAt {
		line = append(line, line...)
	}
	require.NoError(t, os.WriteFile(c.path, line, 0o600))
	c.size = rotateAt
	require.NoError(t, c.add(Row{Index: 3, Hash: "c"}))
	require.NoError(t, c.add(Row{Index: 4, Hash: "d"}))
	read, err := c.read()
	require.NoError(t, err)
	for _, i := range []int64{3, 4} {
		require.Contains(t, read, i)
	}
	info, err := os.Stat(c.path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(keepAt+1024))
	require.NoError(t, c.close())
}
