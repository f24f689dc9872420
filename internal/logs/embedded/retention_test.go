package embedded

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
)

// daysOf gives the days that a store keeps on disk, oldest first.
func daysOf(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, "data", "partitions"))
	require.NoError(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	slices.Sort(out)
	return out
}

// size is what a directory holds, in bytes; what goes meanwhile counts nothing.
func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && !e.Type().IsRegular() {
			return nil
		}
		require.NoError(t, err)
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
		return nil
	}))
	return n
}

// noise are entries of one time that do not compress, of about the given bytes.
func noise(t *testing.T, at time.Time, text string, bytes int) []Entry {
	t.Helper()
	const each = 8 << 10
	var list []Entry
	for i := 0; bytes > 0; i++ {
		body := make([]byte, each)
		for j := range body {
			body[j] = byte(rand.Uint32()) //nolint:gosec // a test's dice
		}
		e := entry(t, fmt.Sprintf(`{"message":"%s %d","noise":"%x"}`, text, i, body))
		e.Time = at
		list = append(list, e)
		bytes -= each
	}
	return list
}

// TestTheOldestDayGoes: several days take more than they may. The oldest go,
// the others stay whole, and what is taken stays bounded.
func TestTheOldestDayGoes(t *testing.T) {
	const perDay, bound = 1 << 20, 3 << 20
	dir, now := t.TempDir(), time.Now().UTC()
	o := Options{Dir: dir, MaxBytes: bound, Now: func() time.Time { return now }}
	var want []string
	for ago := 6; ago >= 0; ago-- {
		// Opened anew for each day: the engine looks at what it takes when it is,
		// and every ten seconds.
		s, err := Open(o)
		require.NoError(t, err)
		at := now.Add(-time.Duration(ago) * 24 * time.Hour)
		ingest(t, s, noise(t, at, "day", perDay)...)
		require.NoError(t, s.Close())
		want = append(want, at.Format(dayName))
	}
	s, err := Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	// Three days and their index are more than the bound. A day's folder goes last.
	require.Eventually(t, func() bool { return len(daysOf(t, dir)) <= 2 }, 30*time.Second, 20*time.Millisecond)
	require.LessOrEqual(t, size(t, filepath.Join(dir, "data")), int64(bound))
	kept := daysOf(t, dir)
	require.Len(t, kept, 2)
	require.Equal(t, want[len(want)-len(kept):], kept, "the newest days stay")
	count := map[string]int{}
	for _, e := range all(t, s, logs.Query{}) {
		count[e.Time.Format(dayName)]++
	}
	require.Len(t, count, len(kept))
	for day, n := range count {
		require.Equal(t, perDay/(8<<10), n, "day %s is whole", day)
	}
}

// TestWhatIsTooOldGoes: by age a day goes whatever it takes, and nothing of it
// is taken any more.
func TestWhatIsTooOldGoes(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UTC()
	s, err := Open(Options{Dir: dir, Retention: 7 * 24 * time.Hour})
	require.NoError(t, err)
	old := entry(t, `{"message":"old"}`)
	old.Time = now.Add(-5 * 24 * time.Hour)
	ingest(t, s, old, entry(t, `{"message":"new"}`))
	require.Equal(t, []string{"old", "new"}, messages(all(t, s, logs.Query{})))
	require.NoError(t, s.Close())

	s, err = Open(Options{Dir: dir, Retention: 2 * 24 * time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.Eventually(t, func() bool { return !slices.Contains(daysOf(t, dir), old.Time.Format(dayName)) }, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, []string{"new"}, messages(all(t, s, logs.Query{})))
	refused, err := s.Ingest(t.Context(), []Entry{old})
	require.NoError(t, err)
	require.Equal(t, 1, refused.Count)
	require.Contains(t, refused.Why[0], "retention")

	// The clock is ours: ten days later nothing of today is taken or shown.
	later := now.Add(10 * 24 * time.Hour)
	s.o.Now = func() time.Time { return later }
	refused, err = s.Ingest(t.Context(), []Entry{entry(t, `{"message":"today"}`)})
	require.NoError(t, err)
	require.Equal(t, 1, refused.Count)
	require.Empty(t, all(t, s, logs.Query{}))
}

// TestWhatRetentionTookIsAGap: a tail that stands before a day that was removed
// is told so, once, whether it is there or comes back after a restart; one that
// had read it is not.
func TestWhatRetentionTookIsAGap(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UTC()
	o := Options{Dir: dir, Recent: 1, MaxBytes: 3 << 20} // a memory of nothing: the tail asks the engine
	s, err := Open(o)
	require.NoError(t, err)
	day := func(ago int) time.Time { return now.Add(-time.Duration(ago) * 24 * time.Hour) }
	// follow reads on to the end.
	follow := func(at logs.Position) (last logs.Position, read map[string]int, gaps []api.LogGap) {
		read = map[string]int{}
		for {
			b, err := s.Next(t.Context(), logs.Query{Limit: 100, From: day(6)}, at)
			require.NoError(t, err)
			gaps = append(gaps, b.Gaps...)
			for _, e := range b.Entries {
				read[e.Time.Format(dayName)]++
			}
			if at = b.Next; !b.More {
				return at, read, gaps
			}
		}
	}
	// The first number is of the newest day: it is not by the order of the days
	// that something is known to be gone.
	ingest(t, s, noise(t, day(0), "first", 1)...)
	behind, _, gaps := follow(nil)
	require.Empty(t, gaps)
	ingest(t, s, noise(t, day(5), "five", 1<<20)...)
	ingest(t, s, noise(t, day(4), "four", 1<<20)...)
	upToFour, read, gaps := follow(behind)
	require.Empty(t, gaps)
	require.Len(t, read, 2)
	ingest(t, s, noise(t, day(3), "three", 1<<20)...)
	ingest(t, s, noise(t, day(2), "two", 2<<20)...)
	ingest(t, s, noise(t, day(0), "now", 1<<20)...)
	end, read, gaps := follow(upToFour)
	require.Empty(t, gaps)
	require.Len(t, read, 3)
	require.NoError(t, s.Close())

	// The engine removes when it is opened: 5, 4 and 3 go.
	s, err = Open(o)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(daysOf(t, dir)) == 2 }, 30*time.Second, 20*time.Millisecond, "%v", daysOf(t, dir))
	check := func() {
		_, read, gaps := follow(upToFour)
		require.Len(t, gaps, 1, "of what it had not read day 3 is gone")
		require.Equal(t, day(3).Format(dayName), gaps[0].From.Format(dayName))
		require.Equal(t, 24*time.Hour, gaps[0].To.Sub(gaps[0].From))
		require.Contains(t, gaps[0].Reason, "removed this day before it was read")
		require.Contains(t, gaps[0].Reason, "3 MiB")
		require.Equal(t, map[string]int{day(2).Format(dayName): 256, day(0).Format(dayName): 128}, read, "the rest is whole")
		_, _, gaps = follow(behind)
		require.Len(t, gaps, 3, "days 5, 4 and 3")
		_, read, gaps = follow(end)
		require.Empty(t, gaps, "who had read everything misses nothing")
		require.Empty(t, read)
		fresh, _, gaps := follow(nil)
		require.Empty(t, gaps, "who begins now was promised nothing")
		_, _, gaps = follow(fresh)
		require.Empty(t, gaps)
	}
	check()
	require.NoError(t, s.Close())
	s, err = Open(o)
	require.NoError(t, err)
	check() // and after one more restart
	require.NoError(t, s.Close())

	// A tail that looks back an hour never asked for these days.
	var p position
	require.NoError(t, json.Unmarshal(behind, &p))
	p.From, p.Until = now.Add(-time.Hour), 1<<40
	hour := p.marshal()
	s, err = Open(o)
	require.NoError(t, err)
	b, err := s.Next(t.Context(), logs.Query{From: p.From}, hour)
	require.NoError(t, err)
	require.Empty(t, b.Gaps)
	require.NoError(t, s.Close())
	// What is remembered of the days may be damaged: the store starts, and says
	// no more of what it does not know.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "days"), []byte("{"), 0o600))
	s, err = Open(o)
	require.NoError(t, err)
	_, _, gaps = follow(behind)
	require.Empty(t, gaps)
	require.NoError(t, s.Close())
}
