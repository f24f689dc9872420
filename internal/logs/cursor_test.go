package logs_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

func TestCursorRoundTrip(t *testing.T) {
	for _, c := range []logs.Cursor{
		{Query: "q"},
		{Query: "q", Position: logs.Position("{\"x\":1}"), Recent: []uint64{1, 1 << 63}, Last: time.Unix(1, 5).UTC(), LastID: "id\x00"},
	} {
		got, err := logs.ParseCursor(" " + c.String() + "\n")
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c, got))
	}
}

func TestCursorIsBounded(t *testing.T) {
	c := logs.Cursor{Query: "q", Recent: make([]uint64, 100_000)}
	c.Recent[len(c.Recent)-1] = 7
	text := c.String()
	require.Less(t, len(text), 8<<10)
	got, err := logs.ParseCursor(text)
	require.NoError(t, err)
	require.Equal(t, uint64(7), got.Recent[len(got.Recent)-1], "the newest stay")
}

func TestCursorRefuses(t *testing.T) {
	enc := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, c := range map[string]struct {
		text string
		code fail.Code
	}{
		"nothing":         {"", fail.Usage},
		"no base64":       {"%%%", fail.Usage},
		"no JSON":         {enc("hello"), fail.Usage},
		"another version": {enc(`{"v":2,"q":"x"}`), fail.Version},
		"no query":        {enc(`{"v":1}`), fail.Usage},
		"half an id":      {enc(`{"v":1,"q":"x","r":"AAAA"}`), fail.Usage},
		"too long":        {strings.Repeat("A", 5<<20), fail.Usage},
	} {
		_, err := logs.ParseCursor(c.text)
		require.Equal(t, c.code, fail.CodeOf(err), name)
		require.NotEmpty(t, fail.From(err).Next, name)
	}
}

// FuzzParseCursor: whatever is read back is written as it was.
func FuzzParseCursor(f *testing.F) {
	f.Add(logs.Cursor{Query: "q", Position: logs.Position("p"), Recent: []uint64{3}, Last: time.Unix(9, 9)}.String())
	f.Add("eyJ2IjoxfQ")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := logs.ParseCursor(s)
		if err != nil {
			return
		}
		again, err := logs.ParseCursor(c.String())
		if err != nil {
			t.Fatalf("%q is not read back: %v", c.String(), err)
		}
		if again.String() != c.String() {
			t.Fatalf("%q became %q", c.String(), again.String())
		}
	})
}

func TestCursorFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, text, err := logs.OpenCursorFile(path)
	require.NoError(t, err)
	require.Empty(t, text)

	one, two, three := logs.Cursor{Query: "1"}.String(), logs.Cursor{Query: "2"}.String(), logs.Cursor{Query: "3"}.String()
	now := time.Now()
	require.NoError(t, f.Keep(one, now))
	require.Equal(t, one, readCursor(t, path), "the first is written at once")
	require.NoError(t, f.Keep(two, now.Add(100*time.Millisecond)))
	require.Equal(t, one, readCursor(t, path), "not more often than four times a second")
	require.NoError(t, f.Keep(three, now.Add(300*time.Millisecond)))
	require.Equal(t, three, readCursor(t, path))
	require.NoError(t, f.Keep(two, now.Add(310*time.Millisecond)))
	require.NoError(t, f.Flush())
	require.Equal(t, two, readCursor(t, path), "the last is kept")

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing is left beside it")
}

func readCursor(t *testing.T, path string) string {
	t.Helper()
	_, text, err := logs.OpenCursorFile(path)
	require.NoError(t, err)
	return text
}

func TestCursorFileRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	require.NoError(t, os.WriteFile(path, []byte("not mine"), 0o600))
	_, _, err := logs.OpenCursorFile(path)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	require.ErrorContains(t, err, path)
	_, _, err = logs.OpenCursorFile(filepath.Join(dir, "no", "such", "place"))
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	_, _, err = logs.OpenCursorFile(dir)
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

// TestCursorFileKeepsTheOldOne: a place that cannot be written is an error,
// and what was there stays.
func TestCursorFileKeepsTheOldOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	require.NoError(t, os.Mkdir(dir, 0o700))
	f, _, err := logs.OpenCursorFile(filepath.Join(dir, "state"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(dir))
	require.Error(t, f.Keep(logs.Cursor{Query: "1"}.String(), time.Now()))
}

func TestSeen(t *testing.T) {
	s := logs.NewSeen(time.Minute, 3)
	now := time.Now()
	add := func(id string, at time.Time) [2]bool {
		fresh, early := s.Add(id, at)
		return [2]bool{fresh, early}
	}
	require.Equal(t, [2]bool{true, false}, add("a", now))
	require.Equal(t, [2]bool{false, false}, add("a", now))
	require.Equal(t, [2]bool{true, false}, add("b", now))
	require.Equal(t, [2]bool{true, false}, add("c", now))
	require.Equal(t, [2]bool{true, true}, add("d", now), "a had to go before its time")
	require.False(t, s.Has("a"))
	require.True(t, s.Has("b"))
	require.Equal(t, [2]bool{true, false}, add("e", now.Add(2*time.Minute)), "the others have had their time")
	require.Equal(t, 1, s.Len())
	for i := range 10_000 {
		s.Add(strings.Repeat("x", i%50)+string(rune('a'+i%26)), now.Add(time.Duration(i)*time.Hour))
		require.LessOrEqual(t, s.Len(), 3)
	}
}
