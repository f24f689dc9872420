package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// heapEvery is how often the heap is looked at.
	heapEvery = 5 * time.Second
	// heapQuiet is how many looks in a row without a collection make one due.
	// Twice is within a minute: what a pool holds outlives one collection.
	heapQuiet = 4
	// heapSmall is the live heap, in bytes, up to which garbage may be twice
	// as much before it is collected: worth 5 % of the calls for a few MiB.
	// Beyond it the MiB would not be few.
	heapSmall = 128 << 20

	percentSmall, percentLarge = 200, 100
)

// heapSample is what the Go runtime says of its heap: the bytes that the last
// collection found alive, and the number of collections.
type heapSample struct{ live, cycles uint64 }

// heapKeeper decides when memory goes back to the operating system. Go's
// runtime collects when the heap has grown by its percentage, or after two
// minutes: a server whose ten thousand streams have just ended allocates too
// little for the first, and would hold a gibibyte meanwhile.
type heapKeeper struct {
	cycles uint64
	quiet  int
}

// see takes one look, and reports whether memory should be given back now, and
// the percentage to collect by.
func (k *heapKeeper) see(s heapSample) (give bool, percent int) {
	k.quiet++
	if s.cycles != k.cycles {
		k.cycles, k.quiet = s.cycles, 0
	}
	percent = percentSmall
	if s.live > heapSmall {
		percent = percentLarge
	}
	return k.quiet >= heapQuiet, percent
}

func readHeap() heapSample {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return heapSample{live: s[0].Value.Uint64(), cycles: s[1].Value.Uint64()}
}

// keepHeap keeps the process's memory near what it needs until stop is called,
// which waits for its end. A person's GOGC is left alone.
func keepHeap(ctx context.Context, gogc string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	percent := percentSmall
	if gogc == "" {
		debug.SetGCPercent(percent)
	}
	var keeping sync.WaitGroup
	keeping.Go(func() {
		var k heapKeeper
		tick := time.NewTicker(heapEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			give, want := k.see(readHeap())
			if want != percent && gogc == "" {
				percent = want
				debug.SetGCPercent(percent)
			}
			if give {
				debug.FreeOSMemory()
			}
		}
	})
	return func() { cancel(); keeping.Wait() }
}
