package ets

import "math"

// work holds one smoothing run's buffers, so that the optimiser allocates
// nothing.
type work struct {
	y, reversed  []float64
	m            int
	f            Form
	level, trend float64
	season       []float64 // by position modulo m
	sse          float64
}

// run smooths the series and gives minus twice the log likelihood, up to a
// constant (book, equation 5.3). +Inf says that the states left their domain.
func (w *work) run(p params, s states) float64 {
	w.level, w.trend = s.level, s.trend
	copy(w.season, s.season)
	var sse, logs float64
	multiplicative := w.f.Error == Multiplicative
	pos := 0
	for _, y := range w.y {
		base := w.level + p.phi*w.trend
		mu, si := base, w.season[pos]
		switch w.f.Season {
		case Additive:
			mu = base + si
		case Multiplicative:
			mu = base * si
		}
		e := y - mu // in the units of y
		if multiplicative {
			if mu <= 0 || (w.f.Season == Multiplicative && (si <= 0 || base <= 0)) {
				return math.Inf(1)
			}
			r := e / mu
			sse += r * r
			logs += math.Log(mu)
		} else {
			sse += e * e
		}
		// The error-correction forms of the book's tables 2.2 and 2.3; a
		// multiplicative error times its forecast is e again.
		de := e
		if w.f.Season == Multiplicative {
			de = e / si
			w.season[pos] = si + p.gamma*e/base
		} else if w.f.Season == Additive {
			w.season[pos] = si + p.gamma*e
		}
		w.level = base + p.alpha*de
		w.trend = p.phi*w.trend + p.beta*de
		if pos++; pos == w.m {
			pos = 0
		}
	}
	w.sse = sse
	n := float64(len(w.y))
	// The floor keeps a perfect fit (a constant series) finite.
	return n*math.Log(max(sse, 1e-24*n)) + 2*logs
}

// backcast smooths the reversed series with the fitted parameters and turns
// the states at its end into starting states.
func (w *work) backcast(p params, s states) states {
	n, m := len(w.y), w.m
	b := &work{y: w.reversed, m: m, f: w.f, season: make([]float64, m)}
	back := states{season: make([]float64, m)}
	fwd := *w
	fwd.season = append([]float64(nil), w.season...)
	fwd.run(p, s)
	back.level, back.trend = fwd.level, -fwd.trend
	for i := range m {
		back.season[i] = fwd.season[((n-1-i)%m+m)%m]
	}
	b.run(p, back)
	out := states{level: b.level, trend: -b.trend, season: make([]float64, m)}
	for i := range m {
		out.season[i] = b.season[((n-1-i)%m+m)%m]
	}
	if w.f.Trend == None {
		out.trend = 0
	}
	return out
}

// initial estimates starting states by decomposition and regression, as
// section 2.6.1 of the book describes.
func initial(y []float64, m int, f Form) states {
	n := len(y)
	s := states{season: make([]float64, m)}
	neutral := 0.0
	if f.Season == Multiplicative {
		neutral = 1
	}
	for i := range s.season {
		s.season[i] = neutral
	}
	adjusted := y
	if f.Season != None {
		s.season = indices(y, m, f.Season)
		adjusted = make([]float64, n)
		for i, v := range y {
			if f.Season == Multiplicative {
				adjusted[i] = v / s.season[i%m]
			} else {
				adjusted[i] = v - s.season[i%m]
			}
		}
	}
	k := min(n, max(10, 2*m))
	a, b := line(adjusted[:k])
	if f.Trend == None {
		for _, v := range adjusted[:k] {
			s.level += v / float64(k)
		}
		return s
	}
	s.level, s.trend = a-b, b // the state before the first observation
	if f.Error == Multiplicative && s.level+s.trend <= 0 {
		s.level, s.trend = adjusted[0], 0
	}
	return s
}

// indices estimates the seasonal states from the first seasons, by the ratio
// to, or the difference from, a centred moving average.
func indices(y []float64, m int, kind Kind) []float64 {
	n := min(len(y), 5*m)
	sum, count := make([]float64, m), make([]float64, m)
	half := m / 2
	for t := half; t+half < n; t++ {
		var ma float64
		for j := t - half; j <= t+half; j++ {
			weight := 1.0
			if m%2 == 0 && (j == t-half || j == t+half) {
				weight = 0.5
			}
			ma += weight * y[j]
		}
		ma /= float64(m)
		if kind == Multiplicative {
			sum[t%m] += y[t] / ma
		} else {
			sum[t%m] += y[t] - ma
		}
		count[t%m]++
	}
	var mean float64
	for i := range sum {
		if count[i] > 0 {
			sum[i] /= count[i]
		}
		mean += sum[i] / float64(m)
	}
	for i := range sum {
		if kind == Multiplicative {
			sum[i] = max(sum[i]/mean, 0.01)
		} else {
			sum[i] -= mean
		}
	}
	return sum
}

// line fits y = a + b t for t = 0, 1, … by least squares.
func line(y []float64) (a, b float64) {
	n := float64(len(y))
	var st, sy, stt, sty float64
	for i, v := range y {
		t := float64(i)
		st, sy, stt, sty = st+t, sy+v, stt+t*t, sty+t*v
	}
	if d := n*stt - st*st; d != 0 {
		b = (n*sty - st*sy) / d
	}
	return (sy - b*st) / n, b
}

func reversed(y []float64) []float64 {
	out := make([]float64, len(y))
	for i, v := range y {
		out[len(y)-1-i] = v
	}
	return out
}
