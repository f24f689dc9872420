package main

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryGoesBack plays a server's day: what the keeper of its heap does at
// each look.
func TestMemoryGoesBack(t *testing.T) {
	var k heapKeeper
	for i, step := range []struct {
		what    string
		live    uint64 // MiB
		cycles  uint64
		give    bool
		percent int
	}{
		{"start", 40, 5, false, 200},
		{"it collects itself", 40, 6, false, 200},
		{"quiet", 40, 6, false, 200},
		{"quiet", 40, 6, false, 200},
		{"quiet", 40, 6, false, 200},
		{"quiet for long enough", 40, 6, true, 200},
		{"that was a collection", 50, 7, false, 200},
		{"ten thousand streams", 400, 12, false, 100},
		{"they run, and it collects itself", 420, 13, false, 100},
		{"they run, and it collects itself", 420, 14, false, 100},
		{"they have ended", 420, 14, false, 100},
		{"quiet", 420, 14, false, 100},
		{"quiet", 420, 14, false, 100},
		{"quiet for long enough", 420, 14, true, 100},
		{"what the pools hold is there once more", 200, 15, false, 100},
		{"quiet", 200, 15, false, 100},
		{"quiet", 200, 15, false, 100},
		{"quiet", 200, 15, false, 100},
		{"quiet for long enough", 200, 15, true, 100},
		{"idle", 60, 16, false, 200},
	} {
		give, percent := k.see(heapSample{live: step.live << 20, cycles: step.cycles})
		require.Equal(t, step.give, give, "%d: %s", i, step.what)
		require.Equal(t, step.percent, percent, "%d: %s", i, step.what)
	}
}

func TestTheHeapIsReadAndKept(t *testing.T) {
	before := readHeap()
	runtime.GC()
	require.Greater(t, readHeap().cycles, before.cycles)
	keepHeap(t.Context(), "100")() // it ends when it is told to
}
