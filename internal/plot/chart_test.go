package plot

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"
)

var (
	noon   = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	sizes  = []Options{{Width: 80, Height: 24}, {Width: 120, Height: 40}, {Width: 60, Height: 15}, {Width: 40, Height: 10}}
	berlin = time.FixedZone("CET", 3600)
)

// day of two services: one breathes, one fails between 15:00 and 16:00, and
// scrapes are missing from 19:00 to 20:00.
func services() Chart {
	c := Chart{
		Title: "sum by (service) (rate(aictl_gateway_requests_total[5m]))", From: noon, To: noon.Add(12 * time.Hour), Zone: berlin,
		Thresholds: []float64{8000},
		Marks: []Mark{
			{Time: noon.Add(3 * time.Hour), Text: "deployment chat v2"},
			{Time: noon.Add(190 * time.Minute), End: noon.Add(4 * time.Hour), Text: "alert HighErrors service=chat"},
			{Time: noon.Add(7 * time.Hour), End: noon.Add(12 * time.Hour), Text: "alert TargetDown"},
		},
		Unit: func(size float64) (float64, string) {
			if size > 1000 {
				return 1000, "k"
			}
			return 1, ""
		},
	}
	var chat, predict Series
	chat.Name, predict.Name = `{service="chat"}`, `{service="predict"}`
	for i := range 241 {
		t := noon.Add(time.Duration(i) * 3 * time.Minute)
		a, b := 5000+3000*math.Sin(float64(i)/20), 2000+10*float64(i)
		if i >= 60 && i < 80 {
			a = 200
		}
		if i >= 140 && i < 160 {
			a, b = math.NaN(), math.NaN()
		}
		if i == 200 {
			b = math.Inf(1)
		}
		chat.Points = append(chat.Points, Point{Time: t, Value: a})
		predict.Points = append(predict.Points, Point{Time: t, Value: b})
	}
	c.Series = []Series{chat, predict}
	return c
}

func plainChart(c Chart, o Options) []string {
	var out []string
	for _, l := range DrawChart(c, o) {
		out = append(out, l.String())
	}
	return out
}

func TestChartGolden(t *testing.T) {
	for _, o := range sizes {
		for _, ascii := range []bool{false, true} {
			o.ASCII = ascii
			name := fmt.Sprintf("chart-%dx%d", o.Width, o.Height)
			if ascii {
				name += "-ascii"
			}
			t.Run(name, func(t *testing.T) {
				lines := plainChart(services(), o)
				require.LessOrEqual(t, len(lines), o.Height)
				for _, l := range lines {
					require.LessOrEqual(t, runewidth.StringWidth(l), o.Width)
				}
				got := strings.Join(lines, "\n") + "\n"
				path := filepath.Join("testdata", name+".txt")
				if *update {
					require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, string(want), got)
			})
		}
	}
}

// picture is a drawn chart read back: which dots are lit, in cells of 2 by 4
// (1 by 1 in ASCII). A cell that holds a letter counts as lit as a whole.
type picture struct {
	dotsX, dotsY int
	lit          map[[2]int]bool
	letter       map[[2]int]bool // by cell
}

func read(t *testing.T, lines []Line, ascii bool) picture {
	t.Helper()
	p := picture{lit: map[[2]int]bool{}, letter: map[[2]int]bool{}}
	row := 0
	for _, l := range lines {
		head := l[0].Text
		if !strings.HasSuffix(head, "│") && !strings.HasSuffix(head, "┤") && !strings.HasSuffix(head, "|") && !(strings.HasSuffix(head, "+") && len(l) > 1 && l[1].Class != Axis) {
			continue
		}
		x := 0
		for _, s := range l[1:] {
			for _, r := range s.Text {
				switch {
				case s.Class != History:
				case ascii:
					p.lit[[2]int{x, row}] = true
				case r >= 0x2800 && r < 0x2900:
					for dy := range 4 {
						for dx := range 2 {
							if uint8(r-0x2800)&braille[dy][dx] != 0 {
								p.lit[[2]int{2*x + dx, 4*row + dy}] = true
							}
						}
					}
				default:
					p.letter[[2]int{x, row}] = true
				}
				x++
			}
		}
		row++
		p.dotsX, p.dotsY = x, row
	}
	if !ascii {
		p.dotsX, p.dotsY = 2*p.dotsX, 4*p.dotsY
	}
	return p
}

// has reports whether the dot is lit, or its cell shows a letter.
func (p picture) has(x, y int, ascii bool) bool {
	cell := [2]int{x, y}
	if !ascii {
		cell = [2]int{x / 2, y / 4}
	}
	return p.lit[[2]int{x, y}] || p.letter[cell]
}

// TestChartTellsTheTruth reads random charts back from their text: every
// finite value has a dot at most half a dot away, and no dot is outside of
// what the values and the lines between neighbours explain; a column inside a
// gap is empty.
func TestChartTellsTheTruth(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	for round := range 400 {
		o := sizes[r.IntN(len(sizes))]
		o.ASCII = r.IntN(2) == 0
		n, count := 2+r.IntN(300), 1+r.IntN(4)
		size := math.Pow(10, float64(r.IntN(24)-12))
		base := r.NormFloat64() * size
		c := Chart{From: noon, To: noon.Add(time.Duration(n-1) * time.Minute)}
		low, high := math.Inf(1), math.Inf(-1)
		for range count {
			s := Series{Name: "s"}
			for i := range n {
				v := base + r.NormFloat64()*size
				if r.IntN(8) == 0 || i > n/3 && i < n/2 {
					v = math.NaN()
				}
				if finite(v) {
					low, high = min(low, v), max(high, v)
				}
				s.Points = append(s.Points, Point{Time: noon.Add(time.Duration(i) * time.Minute), Value: v})
			}
			c.Series = append(c.Series, s)
		}
		if low > high {
			continue
		}
		p := read(t, DrawChart(c, o), o.ASCII)
		require.Positive(t, p.dotsX)
		rows := p.dotsY
		if !o.ASCII {
			rows /= 4
		}
		y := newScale(low, high, rows)
		allowed := map[[2]int]bool{}
		exact := func(v float64) float64 { return (y.high - v) / (y.high - y.low) * float64(p.dotsY-1) }
		column := func(i int) int { return int(math.Round(float64(i) / float64(n-1) * float64(p.dotsX-1))) }
		for _, s := range c.Series {
			for i, q := range s.Points {
				if !finite(q.Value) {
					continue
				}
				x, at := column(i), exact(q.Value)
				found := false
				for d := int(math.Floor(at - 0.5)); d <= int(math.Ceil(at+0.5)); d++ {
					if math.Abs(float64(d)-at) <= 0.5+1e-6 && p.has(x, d, o.ASCII) {
						found = true
					}
				}
				require.True(t, found, "round %d: value %d (%g) has no dot", round, i, q.Value)
				allow := func(x0, x1 int, a, b float64) {
					for x := x0; x <= x1; x++ {
						for d := int(math.Floor(min(a, b) - 1)); d <= int(math.Ceil(max(a, b)+1)); d++ {
							allowed[[2]int{x, d}] = true
						}
					}
				}
				allow(x, x, at, at)
				if i > 0 && finite(s.Points[i-1].Value) {
					allow(column(i-1), x, exact(s.Points[i-1].Value), at)
				}
			}
		}
		for d := range p.lit {
			require.True(t, allowed[d], "round %d: the dot %v shows nothing", round, d)
		}
	}
}

func TestChartOfNothing(t *testing.T) {
	for _, c := range []Chart{
		{},
		{From: noon, To: noon},
		{From: noon, To: noon.Add(time.Hour), Thresholds: []float64{3}, Series: []Series{{Points: []Point{{Time: noon, Value: math.NaN()}, {Time: noon, Value: math.Inf(1)}}}}},
		{From: noon, To: noon.Add(time.Hour), Series: []Series{{Points: []Point{{Time: noon.Add(-time.Hour), Value: 1}}}}},
	} {
		require.Equal(t, []string{"(no finite values to plot)"}, plainChart(c, Options{Width: 40, Height: 10}))
	}
}

func TestChartKeepsItsSize(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 300 {
		o := Options{Width: 20 + r.IntN(150), Height: 6 + r.IntN(50), ASCII: r.IntN(2) == 0}
		c := Chart{Title: strings.Repeat("title ", r.IntN(40)), From: noon, To: noon.Add(time.Duration(1+r.IntN(1_000_000)) * time.Second * time.Duration(1+r.IntN(300)))}
		for range 1 + r.IntN(12) {
			s := Series{Name: strings.Repeat("日本", r.IntN(30))}
			for range r.IntN(40) {
				s.Points = append(s.Points, Point{Time: c.From.Add(time.Duration(r.Float64() * float64(c.To.Sub(c.From)))), Value: r.NormFloat64() * 1e7})
			}
			c.Series = append(c.Series, s)
		}
		for range r.IntN(60) {
			at := c.From.Add(time.Duration((r.Float64()*1.2 - 0.1) * float64(c.To.Sub(c.From))))
			m := Mark{Time: at, Text: strings.Repeat("mark ", r.IntN(9))}
			if r.IntN(2) == 0 {
				m.End = at.Add(time.Duration(r.Float64() * float64(c.To.Sub(c.From))))
			}
			c.Marks = append(c.Marks, m)
		}
		for range r.IntN(3) {
			c.Thresholds = append(c.Thresholds, r.NormFloat64()*1e7)
		}
		lines := plainChart(c, o)
		require.LessOrEqual(t, len(lines), o.Height)
		for _, l := range lines {
			require.LessOrEqual(t, runewidth.StringWidth(l), o.Width, l)
		}
	}
}

func TestChartCountsWhatItLeavesOut(t *testing.T) {
	c := services()
	for i := range 9 {
		c.Series = append(c.Series, Series{Name: fmt.Sprint(i), Points: c.Series[0].Points})
	}
	require.Contains(t, strings.Join(plainChart(c, Options{Width: 100, Height: 60}), "\n"), "3 more series are not drawn")
	require.Contains(t, strings.Join(plainChart(c, Options{Width: 100, Height: 20}), "\n"), "more")
}

// TestTicksAreRound: on the wall clock, with the jump of a summer time.
func TestTicksAreRound(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	from := time.Date(2026, 3, 28, 20, 10, 0, 0, zone)
	for _, p := range paces {
		ticks := p.ticks(from, from.Add(40*24*time.Hour), zone, 60)
		for i, tick := range ticks {
			require.False(t, tick.Before(from))
			if i > 0 {
				require.True(t, tick.After(ticks[i-1]))
			}
			switch {
			case p.months > 0:
				require.Equal(t, 1, tick.Day())
			case p.days > 0:
				require.Equal(t, 0, tick.Hour())
			case p.clock >= time.Minute && tick.Day() != 29: // the day of the jump has an hour less
				require.Zero(t, tick.Minute()%int(min(p.clock/time.Minute, 60)))
			}
			if p.days == 7 {
				require.Equal(t, time.Monday, tick.Weekday())
			}
		}
	}
}

func TestSpark(t *testing.T) {
	nan := math.NaN()
	require.Equal(t, "▁▂▃▄▅▆▇█", Spark([]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, false))
	require.Equal(t, "_.-=+*%#", Spark([]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, true))
	require.Equal(t, "▁ █", Spark([]float64{1, nan, 2}, 10, false))
	require.Equal(t, "▁▁", Spark([]float64{4, 4, 4, 4}, 2, false))
	require.Equal(t, "   ", Spark([]float64{nan, math.Inf(1), nan}, 9, false))
	require.Empty(t, Spark(nil, 9, false))
	require.Equal(t, "▁█", Spark([]float64{-1e308, 1e308}, 2, false))
}
