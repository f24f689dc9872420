package when

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

var now = time.Date(2026, 3, 4, 13, 37, 42, 500, time.UTC) // a Wednesday

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "15m": 15 * time.Minute, "1.5h": 90 * time.Minute, "3d12h": 84 * time.Hour,
		"1w": 168 * time.Hour, "-2h": -2 * time.Hour, "+1m30s": 90 * time.Second, "250ms": 250 * time.Millisecond, "5µs": 5000,
	} {
		got, err := Duration(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "-", "5", "m", "5x", "1..5h", "1h5", ".h", "201y", "99999999999999d", "1e3s", " 5m", "5m "} {
		_, err := Duration(in)
		require.ErrorIs(t, err, fail.Usage.Err(), in)
		require.NotEmpty(t, fail.From(err).Next)
	}
}

func TestParse(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	day := func(y int, m time.Month, d, hh, mm int, loc *time.Location) time.Time {
		return time.Date(y, m, d, hh, mm, 0, 0, loc)
	}
	for _, c := range []struct {
		in   string
		loc  *time.Location
		want time.Time
	}{
		{"now", nil, now},
		{"15m", nil, now.Add(-15 * time.Minute)},
		{"-15m", nil, now.Add(-15 * time.Minute)},
		{"3d12h", nil, now.Add(-84 * time.Hour)},
		{"now-1h", nil, now.Add(-time.Hour)},
		{"now+5m", nil, now.Add(5 * time.Minute)},
		{"now-1d/d", nil, day(2026, 3, 3, 0, 0, time.UTC)},
		{"now/h", nil, day(2026, 3, 4, 13, 0, time.UTC)},
		{"now/m", nil, day(2026, 3, 4, 13, 37, time.UTC)},
		{"now/w", nil, day(2026, 3, 2, 0, 0, time.UTC)},
		{"now/M", nil, day(2026, 3, 1, 0, 0, time.UTC)},
		{"now/y", nil, day(2026, 1, 1, 0, 0, time.UTC)},
		{"today", berlin, day(2026, 3, 4, 0, 0, berlin)},
		{"yesterday", nil, day(2026, 3, 3, 0, 0, time.UTC)},
		{"2026-01-31T08:00:00Z", nil, day(2026, 1, 31, 8, 0, time.UTC)},
		{"2026-01-31T08:00:00+02:00", nil, day(2026, 1, 31, 6, 0, time.UTC)},
		{"2026-01-31", berlin, day(2026, 1, 31, 0, 0, berlin)},
		{"2026-01-31 08:00", berlin, day(2026, 1, 31, 8, 0, berlin)},
		{"2026-01-31T08:00", nil, day(2026, 1, 31, 8, 0, time.UTC)},
		{"1767225600", nil, day(2026, 1, 1, 0, 0, time.UTC)},
		{"@0", nil, time.Unix(0, 0)},
		{"1767225600.5", nil, time.Unix(1767225600, 5e8)},
		{"1767225600000", nil, day(2026, 1, 1, 0, 0, time.UTC)},
		{"1767225600000000", nil, day(2026, 1, 1, 0, 0, time.UTC)},
		{"1767225600000000000", nil, day(2026, 1, 1, 0, 0, time.UTC)},
		{" now ", nil, now},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, err := Parse(c.in, now, c.loc)
			require.NoError(t, err)
			require.True(t, c.want.Equal(got), "want %s, got %s", c.want, got)
		})
	}
	for _, in := range []string{"", "soon", "now5m", "now-", "now-5", "now/q", "now/", "2026", "12", "2026-13-01", "1e9", "0001-01-01", "9999-01-01", "99999999999999999999", "@", "1767225600.", "nowish"} {
		_, err := Parse(in, now, nil)
		require.ErrorIs(t, err, fail.Usage.Err(), in)
		require.NotEmpty(t, fail.From(err).Next, in)
	}
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name, since, from, to string
		wantFrom, wantTo      time.Duration // relative to now
	}{
		{"default", "", "", "", -time.Hour, 0},
		{"since", "15m", "", "", -15 * time.Minute, 0},
		{"since before to", "15m", "", "now-1h", -75 * time.Minute, -time.Hour},
		{"since a point", "now-2h", "", "", -2 * time.Hour, 0},
		{"from to", "", "now-2h", "now-1h", -2 * time.Hour, -time.Hour},
		{"from", "", "2h", "", -2 * time.Hour, 0},
		{"to", "", "", "now-1h", -2 * time.Hour, -time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := ParseWindow(c.since, c.from, c.to, now, nil, time.Hour)
			require.NoError(t, err)
			require.Equal(t, Window{now.Add(c.wantFrom), now.Add(c.wantTo)}, w)
			require.Equal(t, c.wantTo-c.wantFrom, w.Length())
			require.True(t, w.Contains(w.From))
			require.False(t, w.Contains(w.To))
		})
	}
	for _, c := range [][3]string{{"1h", "now-1h", ""}, {"", "now", "now-1h"}, {"x", "", ""}, {"", "x", ""}, {"", "", "x"}, {"0", "", ""}} {
		_, err := ParseWindow(c[0], c[1], c[2], now, nil, time.Hour)
		require.ErrorIs(t, err, fail.Usage.Err(), "%v", c)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"15m", "now-1d/d", "2026-01-31T08:00:00Z", "1767225600", "@1.5", "3d12h", "today", "now+", "9e9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Parse(s, now, time.UTC)
		if err != nil {
			require.ErrorIs(t, err, fail.Usage.Err())
			return
		}
		if y := got.Year(); y < 1700 || y > 2300 {
			t.Fatalf("%q is the year %d", s, y)
		}
		again, err := Parse(got.Format(time.RFC3339Nano), now, time.UTC)
		if err == nil && !again.Equal(got) {
			t.Fatalf("%q: %s is read back as %s", s, got, again)
		}
	})
}
