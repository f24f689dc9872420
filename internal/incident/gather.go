package incident

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
)

// sourceTimeout bounds every question: a page that waits for a dead backend
// helps nobody.
const sourceTimeout = 10 * time.Second

// gather asks everything as of the moment to. first says that the subjects are
// new: one that nobody knows is then an error and no gap.
func (s *Service) gather(ctx context.Context, in *api.Incident, to time.Time, first bool) error {
	in.To = to
	in.Unknown, in.Warnings = []api.BackendFailure{}, []string{}
	var mu sync.Mutex // guards unknown and warnings
	unknown := func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		e := fail.From(err)
		in.Unknown = append(in.Unknown, api.BackendFailure{Backend: name, Code: e.Code, Message: oneLine(s.d.Redact(e.Error())), Next: e.Next})
	}
	missing := func(name string) {
		unknown(name, fail.New(fail.Unavailable, "this context has none").Hint("aictl doctor"))
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range in.Subjects {
		x := &in.Subjects[i]
		prior := x.Why
		x.Why = nil
		if s.d.Why == nil {
			missing("why")
			break
		}
		group.Go(func() error {
			within, cancel := context.WithTimeout(inner, sourceTimeout)
			defer cancel()
			w, err := s.d.Why(within, api.WhyInput{Subject: x.Name, Namespace: in.Namespace, From: in.From, To: to, Limit: 5})
			switch {
			case err == nil:
				kept := *w
				kept.Took = 0 // how long it took is no fact about the incident
				x.Why = carried(prior, &kept, to)
			case first && fail.CodeOf(err) == fail.NotFound, ctx.Err() != nil:
				return err
			default:
				x.Why = carried(prior, nil, to)
				unknown("why of "+x.Name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, x := range in.Subjects {
		if x.Why != nil {
			for _, u := range x.Why.Unknown {
				u.Message = oneLine(s.d.Redact(u.Message))
				in.Unknown = append(in.Unknown, u)
			}
			in.Warnings = append(in.Warnings, x.Why.Warnings...)
		}
	}
	in.Timeline = s.timeline(ctx, *in, unknown, missing)
	in.Owner = s.owner(ctx, *in, unknown)
	in.Detection = detect(*in)
	in.Impact = s.impact(ctx, *in, unknown, missing)
	slices.SortStableFunc(in.Unknown, func(a, b api.BackendFailure) int {
		return cmp.Or(strings.Compare(a.Backend, b.Backend), strings.Compare(a.Message, b.Message))
	})
	in.Unknown = slices.Compact(in.Unknown)
	slices.Sort(in.Warnings)
	in.Warnings = slices.Compact(in.Warnings)
	return ctx.Err()
}

// carried keeps what was found of a subject before where a later look can't find
// it any more: once an incident is over its alert is gone and its service well,
// and that is no answer to what was behind it. Each says of which moment it is.
func carried(prior, now *api.Why, to time.Time) *api.Why {
	if prior == nil || prior.Time.After(to) {
		return now
	}
	found := prior.Verdict == api.WhyCause || prior.Verdict == api.WhyNoChange || prior.Verdict == api.WhyUnclear
	lost := now == nil || now.Verdict == api.WhyHealthy || now.Verdict == api.WhyNoData
	if found && lost {
		kept := *prior
		kept.Unknown, kept.Warnings, kept.Subject.State = nil, nil, ""
		if now != nil {
			kept.Unknown, kept.Warnings, kept.Subject.State = now.Unknown, now.Warnings, now.Subject.State
		}
		return &kept
	}
	if now != nil && now.Subject.Started.IsZero() && now.Subject.Service == prior.Subject.Service {
		now.Subject.Started = prior.Subject.Started
	}
	return now
}

func noRows(from, to time.Time) api.Timeline {
	return api.Timeline{From: from, To: to, Rows: []api.TimelineRow{}, Failed: []api.BackendFailure{}, Warnings: []string{}}
}

func (s *Service) timeline(ctx context.Context, in api.Incident, unknown func(string, error), missing func(string)) api.Timeline {
	none := noRows(in.From, in.To)
	if s.d.Timeline == nil {
		missing("timeline")
		return none
	}
	q := api.TimelineInput{Namespace: in.Namespace, From: in.From, To: in.To, Limit: 500}
	if all := involved(in); len(all) == 1 {
		q.Service = all[0]
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	t, err := s.d.Timeline(ctx, q)
	if err != nil {
		unknown("timeline", err)
		return none
	}
	for _, f := range t.Failed {
		unknown("timeline of "+f.Backend, fail.New(f.Code, "%s", f.Message).Hint("%s", f.Next))
	}
	if t.Rows == nil {
		t.Rows = []api.TimelineRow{}
	}
	return *t
}

// services are those that the subjects are about, in their order.
func services(in api.Incident) []string {
	var out []string
	for _, x := range in.Subjects {
		if x.Why != nil && x.Why.Subject.Service != "" && !slices.Contains(out, x.Why.Subject.Service) {
			out = append(out, x.Why.Subject.Service)
		}
	}
	return out
}

// involved are the services of the subjects and of the causes considered.
func involved(in api.Incident) []string {
	out := services(in)
	for _, x := range in.Subjects {
		if x.Why == nil {
			continue
		}
		for _, c := range x.Why.Candidates {
			if c.Service != "" && !slices.Contains(out, c.Service) {
				out = append(out, c.Service)
			}
		}
	}
	return out
}

// owner is who took an alert of the incident over, otherwise who had it before.
func (s *Service) owner(ctx context.Context, in api.Incident, unknown func(string, error)) string {
	before := cmp.Or(in.Owner, in.OpenedBy)
	if s.d.Alerts == nil {
		return before
	}
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	m, err := s.d.Alerts(ctx)
	if err != nil {
		unknown("alerts", err)
		return before
	}
	list, _, err := m.Alerts(ctx)
	if err != nil {
		unknown("alerts", err)
		return before
	}
	silences, _, err := m.Silences(ctx)
	if err != nil {
		unknown("alerts", err)
		return before
	}
	alerts.Acknowledge(list, silences, in.To)
	alerts.Sort(list)
	for _, a := range list {
		if a.Ack != nil && slices.ContainsFunc(in.Subjects, func(x api.IncidentSubject) bool {
			return x.Name == a.Name || x.Name == a.Fingerprint || a.Service != "" && x.Name == a.Service
		}) {
			return a.Ack.By
		}
	}
	return before
}
