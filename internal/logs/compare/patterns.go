package compare

import (
	"cmp"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/logs"
)

// FalseDiscoveries is the share of false ones that is accepted among the
// patterns that are said to surge.
const FalseDiscoveries = 0.01

// Pair is one pattern in both windows; a Count of 0 says that it is not in
// that window.
type Pair struct{ Now, Base api.LogPattern }

// Patterns sorts pairs into new, surging, gone and the same. A count is that
// of the entries that were looked at: where a window was sampled, its time
// counts in proportion. factor is above 0.
func Patterns(pairs []Pair, window, baseline api.LogSample, factor float64) api.LogDiff {
	d := api.LogDiff{
		New: []api.LogChange{}, Surging: []api.LogChange{}, Gone: []api.LogChange{},
		Window: window, Baseline: baseline, Factor: factor, Warnings: []string{},
	}
	now, base := observed(window), observed(baseline)
	var common []api.LogChange
	var p []float64
	for _, pair := range pairs {
		c := change(pair, now, base)
		switch {
		case pair.Now.Count == 0 && pair.Base.Count == 0:
		case pair.Base.Count == 0:
			d.New = append(d.New, c)
		case pair.Now.Count == 0:
			d.Gone = append(d.Gone, c)
		default:
			value := Exceeds(c.Count, c.Baseline, now, base, factor)
			c.PValue = &value
			common, p = append(common, c), append(p, value)
		}
	}
	for i, found := range Discoveries(p, FalseDiscoveries) {
		if found {
			d.Surging = append(d.Surging, common[i])
		} else {
			d.Same++
		}
	}
	slices.SortFunc(d.New, func(a, b api.LogChange) int {
		return cmp.Or(cmp.Compare(severity(b), severity(a)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(d.Surging, func(a, b api.LogChange) int {
		return cmp.Or(cmp.Compare(*a.PValue, *b.PValue), cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(d.Gone, func(a, b api.LogChange) int {
		return cmp.Or(cmp.Compare(b.Baseline, a.Baseline), cmp.Compare(a.ID, b.ID))
	})
	if len(d.New) > 0 && baseline.Sampled {
		d.Warnings = append(d.Warnings, "the baseline was sampled: a rare pattern that is new here may have been in it")
	}
	if len(d.Gone) > 0 && window.Sampled {
		d.Warnings = append(d.Warnings, "the window was sampled: a rare pattern that is gone here may still be in it")
	}
	if baseline.Entries == 0 && window.Entries > 0 {
		d.Warnings = append(d.Warnings, "the baseline holds no entries: everything is new")
	}
	return d
}

// observed is the time of a window that was looked at, in hours.
func observed(s api.LogSample) float64 {
	hours := s.To.Sub(s.From).Hours()
	if s.Entries > 0 && s.Looked < s.Entries {
		hours *= float64(s.Looked) / float64(s.Entries)
	}
	return hours
}

func change(pair Pair, now, base float64) api.LogChange {
	c := api.LogChange{LogPattern: pair.Now, Baseline: pair.Base.Count}
	if pair.Now.Count == 0 { // what is known of it is what it was
		c.LogPattern = pair.Base
		c.Count = 0
	}
	if now > 0 {
		c.Rate = float64(pair.Now.Count) / now
	}
	if base > 0 {
		c.BaseRate = float64(pair.Base.Count) / base
	}
	return c
}

// severity is the worst level of a pattern.
func severity(c api.LogChange) logs.Level {
	worst := logs.LevelUnknown
	for word := range c.Levels {
		worst = max(worst, logs.ParseLevel(word))
	}
	return worst
}

// Before is the window of the same length right before another.
func Before(from, to time.Time) (time.Time, time.Time) { return from.Add(-to.Sub(from)), from }
