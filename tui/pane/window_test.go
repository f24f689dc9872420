package pane

import (
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func live(span time.Duration) Window { return Window{Span: span, Live: true} }

func TestWindowMoves(t *testing.T) {
	for _, c := range []struct {
		name     string
		window   Window
		from, to time.Time
		live     bool
		flags    string
	}{
		{"live", live(time.Hour), noon.Add(-time.Hour), noon, true, "--since 1h"},
		{"back", live(time.Hour).Shift(-0.5, noon), noon.Add(-90 * time.Minute), noon.Add(-30 * time.Minute), false, "--from 2026-03-01T10:30:00Z --to 2026-03-01T11:30:00Z"},
		{"back and forward is live again", live(time.Hour).Shift(-0.5, noon).Shift(0.5, noon), noon.Add(-time.Hour), noon, true, "--since 1h"},
		{"zoomed in at the end", live(time.Hour).Zoom(0.5, noon), noon.Add(-30 * time.Minute), noon, true, "--since 30m"},
		{"zoomed in around the cursor", live(time.Hour).Scrub(-30, noon).Zoom(0.5, noon), noon.Add(-45 * time.Minute), noon.Add(-15 * time.Minute), false, "--from 2026-03-01T11:15:00Z --to 2026-03-01T11:45:00Z"},
		{"never past now", live(time.Hour).Scrub(-5, noon).Zoom(2, noon), noon.Add(-2 * time.Hour), noon, true, "--since 2h"},
		{"around a moment before it", live(time.Hour).Around(noon.Add(-5*time.Hour), noon), noon.Add(-5*time.Hour - 30*time.Minute), noon.Add(-4*time.Hour - 30*time.Minute), false, "--from 2026-03-01T06:30:00Z --to 2026-03-01T07:30:00Z"},
		{"not shorter than a minute", live(90*time.Second).Zoom(0.1, noon), noon.Add(-time.Minute), noon, true, "--since 1m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := c.window.Bounds(noon)
			require.Equal(t, c.from, from)
			require.Equal(t, c.to, to)
			require.Equal(t, c.live, c.window.Live)
			require.Equal(t, c.flags, c.window.Flags())
		})
	}
}

// Whatever is pressed, the window ends no later than now, the cursor is in it
// or gone, and its length is within the bounds.
func TestWindowHoldsItsBounds(t *testing.T) {
	check := func(keys []uint8) bool {
		w := live(time.Hour)
		for _, k := range keys {
			switch k % 6 {
			case 0:
				w = w.Shift(-0.5, noon)
			case 1:
				w = w.Shift(0.5, noon)
			case 2:
				w = w.Zoom(0.5, noon)
			case 3:
				w = w.Zoom(2, noon)
			case 4:
				w = w.Scrub(int(k)-128, noon)
				from, to := w.Bounds(noon)
				if w.Cursor.Before(from) || w.Cursor.After(to) {
					return false
				}
			case 5:
				w = w.Mark(noon)
			}
			if _, to := w.Bounds(noon); to.After(noon) || w.Span < ShortestWindow || w.Span > LongestWindow {
				return false
			}
		}
		for i := 1; i < len(w.Marks); i++ {
			if !w.Marks[i-1].Before(w.Marks[i]) {
				return false
			}
		}
		return true
	}
	require.NoError(t, quick.Check(check, &quick.Config{MaxCount: 2000}))
}

func TestMarkTwiceTakesItAway(t *testing.T) {
	w := live(time.Hour).Scrub(-10, noon).Mark(noon)
	require.Len(t, w.Marks, 1)
	require.Empty(t, w.Mark(noon).Marks)
	require.Len(t, w.Scrub(5, noon).Mark(noon).Marks, 2)
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", time.Minute: "1m", 90 * time.Minute: "1h30m", 48 * time.Hour: "2d", 25 * time.Hour: "25h", 61 * time.Second: "1m1s"} {
		require.Equal(t, want, Short(d))
	}
}
