package season

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ml/classic"
)

func wave(n, m int, noise float64, r *rand.Rand) []float64 {
	y := make([]float64, n)
	for i := range y {
		y[i] = 10 + math.Sin(2*math.Pi*float64(i)/float64(m)) + 0.5*math.Cos(4*math.Pi*float64(i)/float64(m)) + noise*r.NormFloat64()
	}
	return y
}

func TestDetect(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	line := make([]float64, 50)
	for i := range line {
		line[i] = 3 * float64(i)
	}
	for _, c := range []struct {
		name  string
		y     []float64
		hints []int
		want  int
	}{
		{"AirPassengers", classic.AirPassengers(), nil, 12},
		{"USAccDeaths", classic.AccidentalDeaths(), []int{12}, 12},
		{"Nile", classic.Nile(), nil, 1},
		{"hours", wave(24*14, 24, 0.2, r), []int{24, 168}, 24},
		{"seven without a hint", wave(140, 7, 0.2, r), nil, 7},
		{"constant", make([]float64, 40), []int{12}, 1},
		{"line", line, []int{12}, 1},
		{"short", []float64{1, 2, 1, 2}, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Detect(c.y, c.hints...)) })
	}
}

// Noise and random walks have no season; a few in a hundred may be mistaken.
func TestFalseAlarms(t *testing.T) {
	noise, walks := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		y, w := make([]float64, 120), make([]float64, 120)
		for i := range y {
			y[i] = r.NormFloat64()
			w[i] = w[max(i-1, 0)] + r.NormFloat64()
		}
		if Detect(y, 12) != 1 {
			noise++
		}
		if Detect(w, 12) != 1 {
			walks++
		}
	}
	require.LessOrEqual(t, noise, 14)
	require.LessOrEqual(t, walks, 10)
}
