package plot

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCursorIsALineAndTheValuesThere(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		c := services()
		c.Marks, c.Thresholds, c.Cursor = nil, nil, noon.Add(6*time.Hour)
		lines := plainChart(c, Options{Width: 80, Height: 20, ASCII: ascii})
		text := strings.Join(lines, "\n")
		require.Contains(t, text, "3.2k at 19:00:00", "predict in its legend, on the wall clock of the zone")
		require.NotContains(t, text, "last ", "the summary makes room")
		axis := -1
		for _, l := range lines {
			if at := strings.IndexRune(l, '^'); at >= 0 && strings.ContainsAny(l, "┬+") {
				axis = len([]rune(l[:at]))
			}
		}
		require.Positive(t, axis, text)
		line := map[bool]rune{false: '│', true: '|'}[ascii]
		drawn := 0
		for _, l := range lines {
			if r := []rune(l); len(r) > axis && r[axis] == line {
				drawn++
			}
		}
		require.Greater(t, drawn, 5, text)
	}
}

func TestCursorOutsideIsNone(t *testing.T) {
	c := services()
	want := plainChart(c, Options{Width: 80, Height: 20})
	c.Cursor = noon.Add(-time.Hour)
	require.Equal(t, want, plainChart(c, Options{Width: 80, Height: 20}))
}

func TestAt(t *testing.T) {
	s := Series{Points: []Point{{Time: noon, Value: 1}, {Time: noon.Add(time.Minute), Value: math.NaN()}, {Time: noon.Add(2 * time.Minute), Value: 3}}}
	for _, c := range []struct {
		name  string
		after time.Duration
		want  float64
		ok    bool
	}{
		{"on a point", 0, 1, true},
		{"nearest", 100 * time.Second, 3, true},
		{"a gap", time.Minute, 0, false},
		{"within a step behind the end", 3 * time.Minute, 3, true},
		{"far behind the end", 4 * time.Minute, 0, false},
	} {
		p, ok := s.At(noon.Add(c.after))
		require.Equal(t, c.ok, ok, c.name)
		if ok {
			require.InDelta(t, c.want, p.Value, 0, c.name)
		}
	}
	_, ok := Series{}.At(noon)
	require.False(t, ok)
}
