// Package ets is exponential smoothing in state-space form with automatic
// selection.
//
// Sources: Hyndman, Koehler, Snyder & Grose (2002), "A state space framework
// for automatic forecasting using exponential smoothing methods", Int. J. of
// Forecasting 18; Hyndman, Koehler, Ord & Snyder (2008), "Forecasting with
// Exponential Smoothing" (the book). Errors are additive or multiplicative,
// the trend none, additive or damped, the season none, additive or
// multiplicative; combinations that the book calls unstable (additive error
// with multiplicative season) are left out. The form with the least corrected
// Akaike criterion wins.
//
// Unlike the reference implementation in R, seasonal starting states are not
// optimised but estimated by decomposition and then by back-casting (the
// series is smoothed in reverse with the fitted parameters): four parameters
// instead of sixteen make the fit two orders of magnitude faster.
//
// The package promises determinism. It wants a series without gaps.
package ets

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/aictl/aictl/internal/ml/neldermead"
)

// Kind is the kind of one component.
type Kind byte

// The kinds.
const (
	None           Kind = 'N'
	Additive       Kind = 'A'
	Multiplicative Kind = 'M'
	Damped         Kind = 'd' // trend only
)

// Form names a model: error, trend and season.
type Form struct{ Error, Trend, Season Kind }

// String gives the usual notation, such as ETS(M,Ad,M).
func (f Form) String() string {
	trend := string(f.Trend)
	if f.Trend == Damped {
		trend = "Ad"
	}
	return fmt.Sprintf("ETS(%c,%s,%c)", f.Error, trend, f.Season)
}

// ErrShort says that there are too few observations for any form.
var ErrShort = errors.New("at least 3 observations are needed")

// Model is a fitted model. It is immutable.
type Model struct {
	Form                    Form
	Alpha, Beta, Gamma, Phi float64
	Sigma2                  float64 // variance of the (relative, when multiplicative) errors
	AICc                    float64
	m                       int
	level, trend            float64
	season                  []float64 // season[0] is next
}

// MaxSeason is the longest season with states of its own. Longer ones have too
// many states to estimate: the series is then taken as not seasonal.
const MaxSeason = 400

// Forms lists the candidates for a series.
func Forms(y []float64, m int) []Form {
	positive := true
	for _, v := range y {
		positive = positive && v > 0
	}
	seasonal := m > 1 && m <= MaxSeason && len(y) >= 2*m+2
	var out []Form
	for _, t := range []Kind{None, Additive, Damped} {
		out = append(out, Form{Additive, t, None})
		if positive {
			out = append(out, Form{Multiplicative, t, None})
		}
		if seasonal {
			out = append(out, Form{Additive, t, Additive})
			if positive {
				out = append(out, Form{Multiplicative, t, Multiplicative}, Form{Multiplicative, t, Additive})
			}
		}
	}
	return out
}

// Auto fits every form of Forms and keeps the one with the least AICc. When
// ctx ends it returns its error.
func Auto(ctx context.Context, y []float64, m int) (*Model, error) {
	if len(y) < 3 {
		return nil, ErrShort
	}
	var best *Model
	for _, f := range Forms(y, m) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fitted, err := Fit(y, m, f)
		if err == nil && (best == nil || fitted.AICc < best.AICc) {
			best = fitted
		}
	}
	if best == nil {
		return nil, errors.New("no exponential smoothing model fits the series")
	}
	return best, nil
}

// Fit estimates one form; m is the season's length in observations.
func Fit(y []float64, m int, f Form) (*Model, error) {
	if len(y) < 3 {
		return nil, ErrShort
	}
	if f.Season == None || m < 2 {
		m, f.Season = 1, None
	}
	start := initial(y, m, f)
	w := &work{y: y, m: m, f: f, season: make([]float64, m), reversed: reversed(y)}
	opt := optimum{}
	opt.fit(w, start, []float64{0.3, 0.05, 0.1, 0.95}, 200)
	// A second round from back-cast states; kept only when it is likelier.
	back := w.backcast(opt.params(f), start)
	second := optimum{}
	if second.fit(w, back, opt.raw(), 120); second.lik < opt.lik {
		opt = second
	}
	if math.IsInf(opt.lik, 0) || math.IsNaN(opt.lik) {
		return nil, fmt.Errorf("%s does not fit the series", f)
	}
	n := float64(len(y))
	k := float64(opt.count(f)) + 2 // level and variance
	if f.Trend != None {
		k++
	}
	if f.Season != None {
		k += float64(m - 1)
	}
	aicc := math.Inf(1)
	if n-k-1 > 0 {
		aicc = opt.lik + 2*k*n/(n-k-1)
	} else if f.Trend == None && f.Season == None {
		aicc = opt.lik + 2*k*n // the simplest form is always possible
	}
	p := opt.params(f)
	w.run(p, opt.start)
	dof := max(n-float64(opt.count(f))-1, 1)
	model := &Model{
		Form: f, Alpha: p.alpha, Beta: p.beta, Gamma: p.gamma, Phi: p.phi,
		Sigma2: w.sse / dof, AICc: aicc, m: m, level: w.level, trend: w.trend, season: make([]float64, m),
	}
	for i := range model.season {
		model.season[i] = w.season[(len(y)+i)%m]
	}
	return model, nil
}

// states are the starting values of the smoothing.
type states struct {
	level, trend float64
	season       []float64
}

type params struct{ alpha, beta, gamma, phi float64 }

// optimum is the result of one search.
type optimum struct {
	x     []float64
	start states
	lik   float64
	form  Form
}

// fit searches alpha, beta*, gamma* and phi, of which only those that the form
// has are free. beta = alpha beta* and gamma = (1-alpha) gamma* keep the usual
// region (book, section 2.6).
func (o *optimum) fit(w *work, start states, from []float64, evals int) {
	o.form, o.start = w.f, start
	lower, upper := []float64{1e-4}, []float64{0.9999}
	x := []float64{from[0]}
	if w.f.Trend != None {
		x, lower, upper = append(x, from[1]), append(lower, 1e-4), append(upper, 0.9999)
	}
	if w.f.Season != None {
		x, lower, upper = append(x, from[2]), append(lower, 1e-4), append(upper, 0.9999)
	}
	if w.f.Trend == Damped {
		x, lower, upper = append(x, from[3]), append(lower, 0.8), append(upper, 0.98)
	}
	o.x, o.lik = neldermead.Minimize(neldermead.Problem{
		Func:  func(x []float64) float64 { return w.run(unpack(w.f, x), start) },
		Lower: lower, Upper: upper, MaxEval: evals, Tolerance: 1e-6,
	}, x)
}

func (o *optimum) params(f Form) params { return unpack(f, o.x) }
func (o *optimum) count(Form) int       { return len(o.x) }

// raw gives the search's variables in the order of fit's from.
func (o *optimum) raw() []float64 {
	out, i := []float64{o.x[0], 0.05, 0.1, 0.95}, 1
	if o.form.Trend != None {
		out[1] = o.x[i]
		i++
	}
	if o.form.Season != None {
		out[2] = o.x[i]
		i++
	}
	if o.form.Trend == Damped {
		out[3] = o.x[i]
	}
	return out
}

func unpack(f Form, x []float64) params {
	p, i := params{alpha: x[0], phi: 1}, 1
	if f.Trend != None {
		p.beta = p.alpha * x[i]
		i++
	}
	if f.Season != None {
		p.gamma = (1 - p.alpha) * x[i]
		i++
	}
	if f.Trend == Damped {
		p.phi = x[i]
	}
	return p
}
