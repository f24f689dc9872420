package graph

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func chain() *Graph {
	g := &Graph{}
	g.Add("web", "cart", 10)
	g.Add("cart", "stock", 10)
	g.Add("web", "search", 5)
	g.Add("batch", "stock", 1)
	return g
}

func TestWaysOfCalls(t *testing.T) {
	g := chain()
	require.Equal(t, []string{"cart", "search"}, g.Callees("web"))
	require.Equal(t, []string{"batch", "cart"}, g.Callers("stock"))
	require.Equal(t, map[string]int{"web": 0, "cart": 1, "search": 1, "stock": 2}, g.Downstream("web", 5))
	require.Equal(t, map[string]int{"web": 0, "cart": 1, "search": 1}, g.Downstream("web", 1))
	require.Equal(t, []string{"web", "cart", "stock"}, g.Path("web", "stock"))
	require.Nil(t, g.Path("stock", "web"))
	var none Graph
	require.True(t, none.Empty())
	require.Equal(t, map[string]float64{"x": 1}, round(none.Walk("x", nil)))
}

func round(m map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for k, v := range m {
		out[k] = float64(int(v*1000+0.5)) / 1000
	}
	return out
}

func TestTheWalkEndsWhereItBegan(t *testing.T) {
	g := chain()
	p := g.Walk("web", map[string]float64{"web": 5, "cart": 6, "stock": 8})
	require.Greater(t, p["stock"], p["cart"])
	require.Greater(t, p["stock"], p["web"])
	require.Less(t, p["search"], 0.01)
	p = g.Walk("web", map[string]float64{"web": 5})
	require.Greater(t, p["web"], 0.9, "nothing that it calls is off")
	p = g.Walk("web", map[string]float64{"web": 5, "cart": 5})
	require.Greater(t, p["cart"], p["stock"])
}

func TestTheWalkIsADistribution(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c", "d", "e", "f"}
	for range 200 {
		g, anomaly := &Graph{}, map[string]float64{}
		for range r.IntN(15) {
			g.Add(names[r.IntN(6)], names[r.IntN(6)], r.Float64()*10)
		}
		for _, n := range names {
			anomaly[n] = r.Float64() * 10
		}
		total := 0.0
		for _, v := range g.Walk("a", anomaly) {
			require.GreaterOrEqual(t, v, 0.0)
			total += v
		}
		require.InDelta(t, 1, total, 1e-6)
		first := g.Walk("a", anomaly)
		require.Equal(t, first, g.Walk("a", anomaly), "the same graph gives the same walk")
	}
}
