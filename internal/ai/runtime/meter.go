package runtime

import (
	"math/rand/v2"
	"sync"
	"time"
)

// load is the calls under way and waiting, and their integral over time.
type load struct {
	now              func() time.Time
	running, waiting int
	area             float64 // call seconds
	since            time.Time
	last             time.Time // a call was there
}

func (l *load) add(running, waiting int) {
	l.settle()
	l.running += running
	l.waiting += waiting
}

func (l *load) settle() {
	now := l.now()
	if n := l.running + l.waiting; n > 0 && !l.since.IsZero() {
		l.area += float64(n) * now.Sub(l.since).Seconds()
		l.last = now
	}
	l.since = now
}

// taken gives the mean number of calls since it was asked last, and when a call
// was there last.
func (p *pool) taken(since time.Time) (mean float64, last time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.settle()
	if d := p.now().Sub(since).Seconds(); d > 0 {
		mean = p.load.area / d
	}
	p.load.area = 0
	if p.load.running+p.load.waiting > 0 {
		p.load.last = p.now()
		mean = max(mean, float64(p.load.running+p.load.waiting))
	}
	return mean, p.load.last
}

// reservoirSize bounds the latencies kept of one revision.
const reservoirSize = 4096

// meter counts the answers of one revision, and keeps a uniform sample of
// their latencies (algorithm R: Vitter, "Random Sampling with a Reservoir",
// ACM TOMS 11(1), 1985).
type meter struct {
	now func() time.Time

	mu     sync.Mutex // guards what follows
	calls  int
	errors int
	seen   int // latencies offered
	sample []float64
	first  time.Time
}

func newMeter(now func() time.Time) *meter { return &meter{now: now} }

// add counts an answer. The latency of an error says nothing.
func (m *meter) add(took time.Duration, failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.first.IsZero() {
		m.first = m.now()
	}
	if failed {
		m.errors++
		return
	}
	m.seen++
	if len(m.sample) < reservoirSize {
		m.sample = append(m.sample, took.Seconds())
	} else if at := rand.IntN(m.seen); at < reservoirSize { //nolint:gosec // a sample is no secret
		m.sample[at] = took.Seconds()
	}
}

func (m *meter) addError() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	m.errors++
}

// observed is what a meter has seen.
type observed struct {
	calls, errors int
	latencies     []float64 // seconds
}

func (m *meter) observed() observed {
	m.mu.Lock()
	defer m.mu.Unlock()
	return observed{m.calls, m.errors, append([]float64(nil), m.sample...)}
}

// reset forgets everything: a comparison begins.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls, m.errors, m.seen, m.sample, m.first = 0, 0, 0, nil, time.Time{}
}
