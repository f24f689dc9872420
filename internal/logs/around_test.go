package logs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
	"github.com/aictl/aictl/internal/logs/logstest"
)

// file makes entries of two services from a text: a letter an entry in turn
// of time; upper case is a match, digits are the other service.
func file(letters string) []api.LogEntry {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var out []api.LogEntry
	for i, r := range letters {
		e := api.LogEntry{ID: fmt.Sprintf("%02d", i), Time: begin.Add(time.Duration(i/2) * time.Millisecond), Service: "a", Message: string(r)}
		if r >= '0' && r <= '9' {
			e.Service = "b"
		}
		out = append(out, e)
	}
	return out
}

func TestAround(t *testing.T) {
	for _, c := range []struct {
		file          string
		before, after int
		want          string // groups apart by spaces; matches in upper case
	}{
		{"abcDefg", 0, 0, "D"},
		{"abcDefg", 1, 0, "cD"},
		{"abcDefg", 0, 2, "Def"},
		{"abcDefg", 9, 9, "abcDefg"},
		{"AbcdE", 1, 1, "Ab dE"},
		{"AbcE", 1, 1, "AbcE"},
		{"AbE", 1, 1, "AbE"},
		{"AB", 1, 1, "AB"},
		{"aBcDeFg", 1, 1, "aBcDeFg"},
		{"a1b2C3d4e", 1, 1, "bCd"}, // the other service's lines are not context
		{"aaaaaXbbbbb", 2, 2, "aaXbb"},
	} {
		t.Run(fmt.Sprintf("%s -B%d -A%d", c.file, c.before, c.after), func(t *testing.T) {
			s := logstest.New(file(c.file)...)
			q, err := logs.Compile(api.LogFilter{Grep: "[A-Z]"})
			require.NoError(t, err)
			r, err := s.Search(t.Context(), q)
			require.NoError(t, err)
			got, err := logs.Around(t.Context(), s, q, r.Entries, c.before, c.after)
			require.NoError(t, err)
			var b strings.Builder
			for i, e := range got {
				if i > 0 && e.Group != got[i-1].Group {
					b.WriteByte(' ')
				}
				b.WriteString(e.Message)
				require.Equal(t, strings.ToUpper(e.Message) != e.Message, e.Around, e.Message)
			}
			require.Equal(t, c.want, b.String())
		})
	}
	t.Run("a failure", func(t *testing.T) {
		s := logstest.New(file("aBc")...)
		s.Fault = func(context.Context, string) error { return fail.New(fail.Unavailable, "gone") }
		_, err := logs.Around(t.Context(), s, logs.Query{}, file("aBc")[1:2], 1, 1)
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	})
}

func TestStep(t *testing.T) {
	for span, want := range map[time.Duration]time.Duration{
		time.Minute: 2 * time.Second, time.Hour: 2 * time.Minute, 24 * time.Hour: 30 * time.Minute,
		7 * 24 * time.Hour: 3 * time.Hour, 0: time.Millisecond,
	} {
		require.Equal(t, want, logs.Step(span, 60), "%s", span)
	}
}

func TestSample(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	s := logstest.New()
	for i := range 6000 { // three quarters in the second half hour
		at := begin.Add(time.Duration(i) * time.Hour / 3000)
		if i >= 1500 {
			at = begin.Add(30*time.Minute + time.Duration(i-1500)*30*time.Minute/4500)
		}
		s.Add(entry(fmt.Sprint(i), at))
	}
	q := logs.Query{From: begin, To: begin.Add(time.Hour)}
	for _, c := range []struct {
		limit   int64
		sampled bool
	}{{10_000, false}, {6000, false}, {1000, true}, {10, true}} {
		seq, stats := logs.Sample(t.Context(), s, q, c.limit)
		n, late := int64(0), 0
		for e, err := range seq {
			require.NoError(t, err)
			if n++; !e.Time.Before(begin.Add(30 * time.Minute)) {
				late++
			}
		}
		require.Equal(t, c.sampled, stats.Sampled)
		require.Equal(t, int64(6000), stats.Entries)
		require.Equal(t, n, stats.Looked)
		require.LessOrEqual(t, n, max(c.limit, 50), "an entry a slice at least")
		if c.limit == 1000 {
			require.InDelta(t, 0.75, float64(late)/float64(n), 0.02, "each slice by its share")
		}
	}
	t.Run("a burst", func(t *testing.T) {
		s := logstest.New()
		for i := range 5000 {
			s.Add(entry(fmt.Sprint(i), begin.Add(time.Duration(i)*time.Millisecond)))
		}
		seq, stats := logs.Sample(t.Context(), s, q, 500)
		var last time.Time
		for e, err := range seq {
			require.NoError(t, err)
			last = e.Time
		}
		require.True(t, stats.Sampled)
		require.InDelta(t, 500, stats.Looked, 60)
		require.Greater(t, last.Sub(begin), 4*time.Second, "its end is looked at too")
	})
	s.Fault = func(_ context.Context, call string) error {
		if call == "Scan" {
			return fail.New(fail.Unavailable, "gone")
		}
		return nil
	}
	seq, _ := logs.Sample(t.Context(), s, q, 100)
	for _, err := range seq {
		require.Error(t, err)
	}
}
