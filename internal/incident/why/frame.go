package why

import (
	"context"
	"math"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
)

func deployFilter(namespace string) deploy.Filter {
	return deploy.Filter{Namespace: namespace, AllNamespaces: namespace == "*"}
}

const (
	// points is how many steps the window has at most: what a change-point
	// search does in some milliseconds.
	points = 240
	// usual is a scrape interval where none can be told.
	usual = 15 * time.Second
)

// frame chooses the window and the step. The step is that of the samples: a
// younger or faster system is looked at more closely.
func (a *analysis) frame(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	from := a.in.From
	if from.IsZero() {
		anchor := a.now
		if s := a.out.Subject.Started; !s.IsZero() && s.Before(anchor) {
			anchor = s
		}
		from = anchor.Add(-lookBack)
		if a.now.Sub(from) > 24*time.Hour { // an alert that has stood for days
			from = anchor.Add(-lookBack)
		}
	}
	if !from.Before(a.now) {
		return fail.New(fail.Usage, "the window ends before it begins").Hint("--from must be before --to")
	}
	a.interval = usual
	if a.querier != nil {
		a.interval = a.sampling(ctx)
		if begun := a.begins(ctx, from); begun.After(from) {
			from = begun
		}
	}
	step := max(a.interval, metrics.Step(a.now.Sub(from), points))
	w, err := metrics.NewWindow(from, a.now, step, a.now)
	if err != nil {
		// A store with a few seconds of data has no window of a step yet.
		w, err = metrics.NewWindow(a.now.Add(-time.Duration(points)*step), a.now, step, a.now)
	}
	a.window = w
	a.out.From = w.From.UTC()
	return err
}

// sampling is the time between two samples of what is scraped.
func (a *analysis) sampling(ctx context.Context) time.Duration {
	// The shortest look that holds some samples: a longer one counts too few
	// where the store is younger.
	for _, look := range []struct {
		name    string
		seconds float64
	}{{"20s", 20}, {"2m", 120}, {"15m", 900}} {
		r, err := a.querier.Instant(ctx, "max(count_over_time(up["+look.name+"]))", a.now)
		if err != nil {
			a.unknown(ofMetrics, err)
			return usual
		}
		if v := only(r); v >= 3 {
			return max(time.Duration(look.seconds/v*float64(time.Second)).Round(time.Second), time.Second)
		}
	}
	return usual
}

// begins is when the backend's samples begin, where that is after from.
func (a *analysis) begins(ctx context.Context, from time.Time) time.Time {
	w, err := metrics.NewWindow(from, a.now, metrics.Step(a.now.Sub(from), points), a.now)
	if err != nil {
		return from
	}
	r, err := a.querier.Range(ctx, "count(up)", w)
	if err != nil || len(r.Series) == 0 || len(r.Series[0].Samples) == 0 {
		return from
	}
	first := r.Series[0].Samples[0].Time
	if first.Sub(from) < 2*w.Step {
		return from
	}
	return first.Add(-w.Step)
}

// only is the value of an answer with one series; NaN for another.
func only(r metrics.Result) float64 {
	if len(r.Series) == 0 || len(r.Series[0].Samples) == 0 {
		return math.NaN()
	}
	return float64(r.Series[0].Samples[len(r.Series[0].Samples)-1].Value)
}

// place is the index of a moment in the window.
func (a *analysis) place(t time.Time) int {
	if t.IsZero() {
		return a.window.Points() - 1
	}
	i := int(math.Round(float64(t.Sub(a.window.From)) / float64(a.window.Step)))
	return max(min(i, a.window.Points()-1), 0)
}

// fitting are the series that have the labels of the subject.
func fitting(list []api.MetricSeries, labels map[string]string) []api.MetricSeries {
	var out []api.MetricSeries
	for _, s := range list {
		fits := true
		for name, value := range s.Labels {
			if has, there := labels[name]; there && name != metrics.NameLabel && has != value {
				fits = false
			}
		}
		if fits {
			out = append(out, s)
		}
	}
	return out
}
