package alerts

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// Watch yields the alerts that there are, then every change between two looks,
// until ctx ends. pick chooses the alerts that count. Backends that don't
// answer are an event, said once until they do again; the watch goes on.
func Watch(ctx context.Context, m Manager, interval time.Duration, now func() time.Time, pick func([]api.Alert) []api.Alert) iter.Seq2[api.AlertEvent, error] {
	return func(yield func(api.AlertEvent, error) bool) {
		var last map[string]api.Alert
		silent := ""
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			list, failed, err := m.Alerts(ctx)
			switch {
			case ctx.Err() != nil:
				yield(api.AlertEvent{}, context.Cause(ctx))
				return
			case err != nil && permanent(err):
				yield(api.AlertEvent{}, err)
				return
			case err != nil:
				failed = []api.BackendFailure{Failure("alertmanager", err)}
			}
			gap := ""
			for _, f := range failed {
				gap += f.Backend + ";"
			}
			if gap != silent {
				for _, f := range failed {
					if strings.Contains(silent, f.Backend+";") {
						continue
					}
					if !yield(api.AlertEvent{Type: "gap", Time: now().UTC(), Gap: &f}, nil) {
						return
					}
				}
				silent = gap
			}
			if err == nil {
				picked := map[string]api.Alert{}
				for _, a := range pick(list) {
					picked[a.Fingerprint] = a
				}
				unseen(picked, last, list, failed)
				for _, e := range Changes(last, picked, now()) {
					if !yield(e, nil) {
						return
					}
				}
				last = picked
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				yield(api.AlertEvent{}, context.Cause(ctx))
				return
			}
		}
	}
}

// Blind reports whether alerts may be missing from an answer: of some cluster
// nobody answered.
func Blind(failed []api.BackendFailure) bool {
	return slices.ContainsFunc(failed, func(f api.BackendFailure) bool { return !f.Covered })
}

// unseen keeps in is what was there, and what nobody could tell us of now: who
// does not answer has resolved nothing.
func unseen(is, was map[string]api.Alert, list []api.Alert, failed []api.BackendFailure) {
	if !Blind(failed) {
		return
	}
	kept := maps.Clone(was)
	for _, a := range list {
		delete(kept, a.Fingerprint)
	}
	maps.Copy(is, kept)
}

// permanent reports whether asking again cannot help.
func permanent(err error) bool {
	switch fail.CodeOf(err) {
	case fail.Usage, fail.Auth, fail.Forbidden, fail.NotFound:
		return true
	}
	return false
}

// Failure describes a backend that did not answer.
func Failure(name string, err error) api.BackendFailure {
	e := fail.From(err)
	return api.BackendFailure{Backend: name, Code: e.Code, Message: e.Error(), Next: e.Next}
}

// Changes compares two looks. Before the first, was is nil: everything is a
// snapshot. The order is that of Sort, resolved ones last.
func Changes(was, is map[string]api.Alert, now time.Time) []api.AlertEvent {
	list := make([]api.Alert, 0, len(is))
	for _, a := range is {
		list = append(list, a)
	}
	Sort(list)
	var out []api.AlertEvent
	add := func(kind string, a api.Alert) {
		out = append(out, api.AlertEvent{Type: kind, Time: now.UTC(), Alert: &a})
	}
	for _, a := range list {
		old, known := was[a.Fingerprint]
		switch {
		case was == nil:
			add("snapshot", a)
		case !known:
			add(a.State, a)
		case !old.Started.Equal(a.Started):
			add("refiring", a)
		case old.State != a.State && a.State == "firing":
			add(map[string]string{"silenced": "unsilenced", "inhibited": "uninhibited"}[old.State], a)
		case old.State != a.State:
			add(a.State, a)
		}
	}
	var gone []api.Alert
	for id, a := range was {
		if _, still := is[id]; !still {
			gone = append(gone, a)
		}
	}
	Sort(gone)
	for _, a := range gone {
		add("resolved", a)
	}
	return out
}
