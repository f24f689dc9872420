package plot

import (
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ml/classic"
)

var update = flag.Bool("update", false, "write golden files")

func month(i int) time.Time { return time.Date(1949, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC) }

func passengers() Data {
	var d Data
	y := classic.AirPassengers()
	for i, v := range y {
		if i >= 60 && i < 66 {
			v = math.NaN()
		}
		d.History = append(d.History, Point{month(i), v, i == 100})
	}
	for j := range 24 {
		v := y[120+j] + 40
		d.Forecast = append(d.Forecast, Ahead{month(144 + j), v, v - 10 - 3*float64(j), v + 10 + 3*float64(j)})
	}
	return d
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		d    Data
		o    Options
	}{
		{"wide", passengers(), Options{Width: 100, Height: 20}},
		{"wide-ascii", passengers(), Options{Width: 100, Height: 20, ASCII: true}},
		{"small", passengers(), Options{Width: 40, Height: 10}},
		{"constant-ascii", Data{History: []Point{{month(0), 5, false}, {month(1), 5, false}, {month(2), 5, false}}}, Options{Width: 40, Height: 8, ASCII: true}},
		{"single", Data{History: []Point{{month(0), 5, false}}, Index: true}, Options{Width: 30, Height: 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(Plain(c.d, c.o), "\n") + "\n"
			path := filepath.Join("testdata", c.name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// Whatever the values, every mark is within half a cell of its value, the
// ticks are round, ordered and distinct, and the frame has the asked size.
func TestScaleKeepsItsWord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 3000 {
		size := math.Pow(10, float64(r.IntN(40)-20))
		low := r.NormFloat64() * size
		high := low + r.Float64()*size
		rows := 3 + r.IntN(40)
		s := newScale(low, high, rows)
		require.LessOrEqual(t, s.low, low)
		require.GreaterOrEqual(t, s.high, high)
		require.GreaterOrEqual(t, len(s.ticks), 2)
		require.Less(t, len(s.ticks), 24)
		seen := map[string]bool{}
		for _, tick := range s.ticks {
			require.False(t, seen[s.label(tick)], "%v %v", s, s.label(tick))
			seen[s.label(tick)] = true
		}
		for range 20 {
			v := low + r.Float64()*(high-low)
			at := s.high - float64(s.dot(v, rows))/float64(rows-1)*(s.high-s.low)
			half := (s.high - s.low) / float64(rows-1) / 2
			require.LessOrEqual(t, math.Abs(at-v), half*(1+1e-6))
		}
	}
}

func TestGapsStayGaps(t *testing.T) {
	nan := math.NaN()
	d := Data{Index: true}
	for i := range 40 {
		v := 10.0
		if i >= 15 && i < 25 {
			v = nan
		}
		d.History = append(d.History, Point{Value: v})
	}
	for _, ascii := range []bool{true, false} {
		for _, l := range Draw(d, Options{Width: 60, Height: 9, ASCII: ascii}) {
			for _, s := range l {
				if s.Class == History {
					require.Less(t, len([]rune(s.Text)), 24, "the line is cut in two")
				}
			}
		}
	}
	require.Equal(t, []string{"(no values to plot)"}, Plain(Data{History: []Point{{Value: nan}, {Value: math.Inf(1)}}}, Options{}))
}

func TestSizesAndExtremes(t *testing.T) {
	for _, values := range [][]float64{{0}, {1e308, -1e308}, {5e-324, 0}, {1e-300, 2e-300, 3e-300}, {1e15, 1e15 + 1}, {math.NaN(), 3}, {-7, -7, -7}} {
		for _, o := range []Options{{}, {Width: 21, Height: 5}, {Width: 33, Height: 7, ASCII: true}, {Width: 200, Height: 60}} {
			d := Data{}
			for i, v := range values {
				d.History = append(d.History, Point{month(i), v, false})
			}
			lines := Plain(d, o)
			require.Len(t, lines, max(o.Height, 5))
			for _, l := range lines {
				require.LessOrEqual(t, runewidth.StringWidth(l), max(o.Width, 20))
				require.NotContains(t, l, "\x1b")
				require.NotContains(t, l, "NaN")
			}
		}
	}
}

func TestClasses(t *testing.T) {
	seen := map[Class]bool{}
	for _, l := range Draw(passengers(), Options{Width: 100, Height: 20}) {
		for _, s := range l {
			seen[s.Class] = true
		}
	}
	for _, c := range []Class{Axis, Band, History, Forecast, Anomaly} {
		require.True(t, seen[c], "class %d", c)
	}
}
