package elastic

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// clock is a clock that the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func follow(t *testing.T, f *fakeCluster) (*Store, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	s, err := Open(Options{URLs: []string{f.URL}, Now: c.now})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s, c
}

// drain reads until nothing waits, and gives the ids.
func drain(t *testing.T, s *Store, q logs.Query, p *logs.Position) (ids []string, b logs.Batch) {
	t.Helper()
	for {
		next, err := s.Next(t.Context(), q, *p)
		require.NoError(t, err)
		*p = next.Next
		b.Gaps, b.Warnings = append(b.Gaps, next.Gaps...), append(b.Warnings, next.Warnings...)
		for _, e := range next.Entries {
			ids = append(ids, e.ID)
		}
		if !next.More {
			slices.Sort(ids)
			return ids, b
		}
	}
}

// TestTailLosesNothing: whatever the order in which numbers become visible,
// and whichever stay empty, each visible document comes exactly once.
func TestTailLosesNothing(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			f := newFakeCluster(t)
			s, c := follow(t, f)
			q := logs.Query{Limit: 1 + r.IntN(40)}
			if seed%2 == 0 {
				q.Text = "even" // half of them match
			}
			index := f.index("logs-a", "ua", 2)
			var p logs.Position
			want, got := map[string]int{}, map[string]int{}
			under := map[*fakeShard][]int64{} // given numbers that can't be seen yet
			for round := range 40 {
				if round == 20 {
					index = f.index("logs-b", "ub", 1) // a rollover
				}
				for _, shard := range index.shards {
					for range r.IntN(30) {
						under[shard] = append(under[shard], shard.next)
						shard.next++
					}
				}
				for _, i := range slices.Sorted(maps.Keys(f.indices)) {
					for _, shard := range f.indices[i].shards {
						left := under[shard][:0]
						for _, seq := range under[shard] {
							switch x := r.IntN(10); {
							case x < 6 || round == 39:
								id := fmt.Sprintf("%d-%s", seq, []string{"even", "odd"}[seq%2])
								f.show(shard, seq, fmt.Sprintf("%p-%s", shard, id), 1)
								if q.Text == "" || seq%2 == 0 {
									want[fmt.Sprintf("%s/%p-%s", i, shard, id)]++
								}
							case x < 7: // stays empty for ever
							default:
								left = append(left, seq)
							}
						}
						under[shard] = left
					}
				}
				c.at = c.at.Add(time.Second)
				ids, b := drain(t, s, q, &p)
				require.Empty(t, b.Gaps)
				for _, id := range ids {
					got[id]++
				}
			}
			require.Equal(t, want, got)
			c.at = c.at.Add(2 * time.Minute)
			_, b := drain(t, s, q, &p)
			require.Empty(t, b.Warnings)
			pos, err := parsePosition(p)
			require.NoError(t, err)
			for _, in := range pos.Indices {
				for _, shard := range in.Shards {
					require.Empty(t, shard.Holes, "numbers that stay empty are forgotten")
				}
			}
		})
	}
}

// TestTailPrimaryFails: numbers that a failed primary gave away are given
// again by the next one; what bears them then is not missed, and what was
// given is not repeated.
func TestTailPrimaryFails(t *testing.T) {
	f := newFakeCluster(t)
	s, _ := follow(t, f)
	shard := f.index("logs-a", "ua", 1).shards[0]
	for seq := range int64(20) {
		f.show(shard, seq, fmt.Sprintf("old%d", seq), 1)
	}
	var p logs.Position
	ids, _ := drain(t, s, logs.Query{}, &p)
	require.Len(t, ids, 20)
	f.mu.Lock()
	for seq := int64(15); seq < 20; seq++ {
		delete(shard.visible, seq) // never acknowledged
	}
	f.mu.Unlock()
	for seq := int64(15); seq < 18; seq++ {
		f.show(shard, seq, fmt.Sprintf("new%d", seq), 2)
	}
	ids, b := drain(t, s, logs.Query{}, &p)
	require.Equal(t, []string{"logs-a/new15", "logs-a/new16", "logs-a/new17"}, ids)
	require.Empty(t, b.Gaps)
	for seq := int64(18); seq < 25; seq++ {
		f.show(shard, seq, fmt.Sprintf("new%d", seq), 2)
	}
	ids, _ = drain(t, s, logs.Query{}, &p)
	require.Len(t, ids, 7)
}

func TestTailBegin(t *testing.T) {
	f := newFakeCluster(t)
	s, _ := follow(t, f)
	shard := f.index("logs-a", "ua", 1).shards[0]
	for seq := range int64(500) {
		f.show(shard, seq, fmt.Sprint("d", seq), 1)
	}
	var p logs.Position
	q := logs.Query{From: time.Date(2026, 11, 23, 8, 0, 0, 490e6, time.UTC), Limit: 3}
	ids, _ := drain(t, s, q, &p)
	require.Len(t, ids, 10, "of what was there, what is from From on")
	f.show(shard, 1000, "late", 1) // its time is before From, its arrival is not
	ids, _ = drain(t, s, q, &p)
	require.Equal(t, []string{"logs-a/late"}, ids)

	// An index made of another is no news; one that is new is, from its beginning.
	f.index("logs-shrunk", "us", 1).extra["index.resize.source.uuid"] = "ua"
	f.show(f.indices["logs-shrunk"].shards[0], 0, "known", 1)
	f.show(f.index("logs-c", "uc", 1).shards[0], 0, "news", 1)
	s.forgetCatalogue()
	ids, b := drain(t, s, q, &p)
	require.Equal(t, []string{"logs-c/news"}, ids)
	require.Contains(t, b.Warnings[0], "logs-shrunk was made of others")
}

func TestTailGaps(t *testing.T) {
	f := newFakeCluster(t)
	s, c := follow(t, f)
	f.show(f.index("logs-a", "ua", 1).shards[0], 0, "one", 1)
	f.index("logs-b", "ub", 1)
	var p logs.Position
	drain(t, s, logs.Query{}, &p)
	poll := func() logs.Batch {
		c.at = c.at.Add(time.Second)
		_, b := drain(t, s, logs.Query{}, &p)
		return b
	}
	// Replaced by another of the same name: at once, and read from its beginning.
	f.show(f.index("logs-a", "ua2", 1).shards[0], 0, "anew", 1)
	c.at = c.at.Add(time.Second)
	ids, b := drain(t, s, logs.Query{}, &p)
	require.Equal(t, []string{"logs-a/anew"}, ids)
	require.Len(t, b.Gaps, 1)
	require.Contains(t, b.Gaps[0].Reason, "replaced by a new index")
	// Deleted: after some seconds, for a cluster that starts shows its indices one by one.
	f.mu.Lock()
	gone := f.indices["logs-b"]
	delete(f.indices, "logs-b")
	f.mu.Unlock()
	require.Empty(t, poll().Gaps)
	f.mu.Lock()
	f.indices["logs-b"] = gone
	f.mu.Unlock()
	for range 8 {
		require.Empty(t, poll().Gaps, "it was back in time")
	}
	f.mu.Lock()
	delete(f.indices, "logs-b")
	f.mu.Unlock()
	var gaps []string
	for range 10 {
		for _, g := range poll().Gaps {
			gaps = append(gaps, g.Reason)
		}
	}
	require.Len(t, gaps, 1)
	require.Contains(t, gaps[0], "logs-b was deleted")
}

func TestTailShardDown(t *testing.T) {
	f := newFakeCluster(t)
	s, _ := follow(t, f)
	index := f.index("logs-a", "ua", 2)
	f.show(index.shards[0], 0, "a", 1)
	f.show(index.shards[1], 0, "b", 1)
	index.shards[1].down = true
	var p logs.Position
	ids, b := drain(t, s, logs.Query{}, &p)
	require.Equal(t, []string{"logs-a/a"}, ids)
	require.Contains(t, b.Warnings[0], "shard 1 of logs-a does not answer")
	index.shards[1].down = false
	ids, _ = drain(t, s, logs.Query{}, &p)
	require.Equal(t, []string{"logs-a/b"}, ids)
	index.shards[0].down, index.shards[1].down = true, true
	_, err := s.Next(t.Context(), logs.Query{}, p)
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
}

// TestTailFieldAppears: a field that a filter is about becomes known between
// the translation and the read; the read is done again.
func TestTailFieldAppears(t *testing.T) {
	f := newFakeCluster(t)
	s, _ := follow(t, f)
	shard := f.index("logs-a", "ua", 1).shards[0]
	var p logs.Position
	q := logs.Query{Text: "even"}
	drain(t, s, q, &p)
	f.show(shard, 0, "even", 1)
	f.mu.Lock()
	f.caps = `{"indices":["logs-a"],"fields":{"@timestamp":{"date":{"type":"date","searchable":true,"aggregatable":true}},
		"msg":{"text":{"type":"text","searchable":true}},"message":{"text":{"type":"text","searchable":true}}}}`
	f.requests = nil
	f.mu.Unlock()
	b, err := s.Next(t.Context(), q, p)
	require.ErrorContains(t, errorsOf(b, err), "1 entries")
	reads := 0
	for _, r := range f.requests {
		if r == "_msearch" {
			reads++
		}
	}
	require.Equal(t, 4, reads, "two for each attempt")
}

func errorsOf(b logs.Batch, err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%d entries", len(b.Entries))
}

func TestTailPositionIsChecked(t *testing.T) {
	f := newFakeCluster(t)
	s, _ := follow(t, f)
	for _, p := range []string{"x", "{}", `{"v":2}`, `{"v":1,"i":{"u":null}}`, `{"v":1,"i":{"u":{"s":{"0":null}}}}`, `{"v":1,"i":{"u":{"s":{"0":{"m":-7}}}}}`, `{"v":1,"i":{"u":{"s":{"0":{"m":1,"h":[1,2]}}}}}`} {
		_, err := s.Next(t.Context(), logs.Query{}, logs.Position(p))
		require.Equal(t, fail.Usage, fail.CodeOf(err), "%s: %v", p, err)
	}
}

func TestTailStopsWhenRefused(t *testing.T) {
	for status, code := range map[int]fail.Code{
		http.StatusUnauthorized: fail.Auth, http.StatusTooManyRequests: fail.Limited, http.StatusServiceUnavailable: fail.Unavailable,
	} {
		f := newFakeCluster(t)
		s, _ := follow(t, f)
		f.index("logs-a", "ua", 1)
		f.refuse["_msearch"] = status
		_, err := s.Next(t.Context(), logs.Query{}, nil)
		require.Equal(t, code, fail.CodeOf(err), "%v", err)
	}
}
