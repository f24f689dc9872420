package changes

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

const (
	// sourceTimeout bounds one source, so that a slow one costs its own part
	// of the answer only.
	sourceTimeout = 5 * time.Second
	// MaxChanges bounds an answer; the oldest are left out, which is said.
	MaxChanges = 5_000
)

// Collect asks every source at once and makes one list, the oldest first: by
// one clock, each change once. Sources that do not answer are named in Failed.
// Equal answers give an equal list, in whatever order they came.
func Collect(ctx context.Context, sources []Source, q Query) api.ChangeList {
	answers, errs := make([]Answer, len(sources)), make([]error, len(sources))
	var work errgroup.Group
	for i, s := range sources {
		work.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
			defer cancel()
			// A source is asked for a little more than the window, for its skew
			// is not known before it answers.
			wide := q
			wide.From, wide.To = q.From.Add(-MaxSkew), q.To.Add(MaxSkew)
			answers[i], errs[i] = s.Changes(ctx, wide)
			return nil
		})
	}
	_ = work.Wait()
	out := api.ChangeList{Changes: []api.Change{}, From: q.From, To: q.To, Failed: []api.BackendFailure{}, Warnings: []string{}}
	var all []api.Change
	for i, s := range sources {
		if err := errs[i]; err != nil {
			e := fail.From(err)
			out.Failed = append(out.Failed, api.BackendFailure{Backend: s.Name(), Code: e.Code, Message: e.Error(), Next: e.Next})
			continue
		}
		for _, w := range answers[i].Warnings {
			out.Warnings = append(out.Warnings, s.Name()+": "+w)
		}
		for _, c := range answers[i].Changes {
			all = append(all, onOurClock(c, answers[i], s.Name()))
		}
	}
	all = Merge(all)
	for _, c := range all {
		if !c.Time.Before(q.From) && c.Time.Before(q.To) {
			out.Changes = append(out.Changes, c)
		}
	}
	if n := len(out.Changes) - MaxChanges; n > 0 {
		out.Changes = out.Changes[n:]
		out.Warnings = append(out.Warnings, "more changes than an answer holds: the oldest are left out; ask for a shorter window")
	}
	slices.Sort(out.Warnings)
	out.Warnings = slices.Compact(out.Warnings)
	slices.SortFunc(out.Failed, func(a, b api.BackendFailure) int { return strings.Compare(a.Backend, b.Backend) })
	return out
}

// MaxSkew is how far a source's clock may be off and still be put right.
const MaxSkew = 10 * time.Minute

// onOurClock takes the skew of its source off a change.
func onOurClock(c api.Change, a Answer, source string) api.Change {
	if c.Source == "" {
		c.Source = source
	}
	if a.Skew != 0 {
		c.Time, c.Skew = c.Time.Add(-a.Skew), op.Duration(a.Skew)
	}
	c.Time = c.Time.UTC()
	c.Within = max(c.Within, op.Duration(a.Within))
	if c.Service != "" && len(c.Services) == 0 {
		c.Services = []string{c.Service}
	}
	if c.ID == "" {
		c.ID = ID(c)
	}
	return c
}

// Bears reports whether a change bears on a service; "" is every service.
func Bears(c api.Change, service string) bool {
	return service == "" || c.Service == service || slices.Contains(c.Services, service)
}

// Filter keeps what a person asked for.
func Filter(list []api.Change, service string, kinds []string) []api.Change {
	out := []api.Change{}
	for _, c := range list {
		if Bears(c, service) && (len(kinds) == 0 || slices.Contains(kinds, c.Kind)) {
			out = append(out, c)
		}
	}
	return out
}

// rank is what can only have come first where two changes cannot be told apart
// by time: what is configured before what is rolled out, what is rolled out
// before what scales it, and people's reactions last.
func rank(kind string) int {
	return slices.Index([]string{
		api.ChangeNode, api.ChangeSettings, api.ChangeSecret, api.ChangeConfig, api.ChangeRollout, api.ChangeCanary, api.ChangePause,
		api.ChangeDelete, api.ChangeScale, api.ChangeAutoscale, api.ChangeAction, api.ChangeAck, api.ChangeSilence,
	}, kind)
}

// Sort orders by time, then by what can only have come first, then by id.
func Sort(list []api.Change) {
	slices.SortFunc(list, func(a, b api.Change) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(rank(a.Kind), rank(b.Kind)), strings.Compare(a.ID, b.ID))
	})
}
