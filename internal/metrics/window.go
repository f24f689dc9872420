package metrics

import (
	"math"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// MaxPoints is how many steps Prometheus evaluates in one range query.
const MaxPoints = 11_000

// defaultPoints fills a wide terminal in braille dots.
const defaultPoints = 240

// steps that a person would choose.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 7 * day, 14 * day, 28 * day,
}

const day = 24 * time.Hour

// Step gives the least nice step that divides length into at most points
// steps.
func Step(length time.Duration, points int) time.Duration {
	points = max(points, 1)
	for _, s := range steps {
		if length/s < time.Duration(points) {
			return s
		}
	}
	whole := length/time.Duration(points)/day + 1
	return whole * day
}

// NewWindow completes a window: To defaults to now, From to an hour before,
// the step to a nice one. Both ends are moved back to a multiple of the step
// since the Unix epoch, so that the same question a little later has the same
// points. Errors are fail.Usage: the window is turned around, or has more than
// MaxPoints steps.
func NewWindow(from, to time.Time, step time.Duration, now time.Time) (Window, error) {
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		from = to.Add(-time.Hour)
	}
	if !from.Before(to) {
		return Window{}, fail.New(fail.Usage, "the window ends (%s) before it begins (%s)",
			to.UTC().Format(time.RFC3339), from.UTC().Format(time.RFC3339)).Hint("--from must be before --to")
	}
	length := to.Sub(from)
	switch {
	case step == 0:
		step = Step(length, defaultPoints)
	case step < time.Millisecond:
		return Window{}, fail.New(fail.Usage, "a step of %s is too short: the least is 1ms", step).Hint("--step 15s")
	}
	if length/step >= MaxPoints {
		return Window{}, fail.New(fail.Usage, "%s in steps of %s are %d points, and a backend gives at most %d",
			length.Round(time.Second), step, length/step+1, MaxPoints).Hint("--step %s", Step(length, MaxPoints-1))
	}
	w := Window{From: align(from, step), To: align(to, step), Step: step}
	return w, nil
}

// align moves t back to a multiple of step since the Unix epoch.
func align(t time.Time, step time.Duration) time.Time {
	ms := step.Milliseconds()
	at := t.UnixMilli()
	return time.UnixMilli(at - ((at%ms)+ms)%ms).UTC()
}

// Grid lays the samples of a series on the window's steps: NaN where there is
// none (a gap), and where the sample itself is NaN. A sample belongs to the
// nearest step within half a step.
func (w Window) Grid(s api.MetricSeries) []float64 {
	out := make([]float64, w.Points())
	for i := range out {
		out[i] = math.NaN()
	}
	for _, p := range s.Samples {
		i := int(math.Round(float64(p.Time.Sub(w.From)) / float64(w.Step)))
		if i >= 0 && i < len(out) {
			out[i] = float64(p.Value)
		}
	}
	return out
}
