// Package incident keeps incidents: it gathers why, the timeline and the impact
// of what is going wrong into one record, writes the draft of a blameless
// post-mortem from it, and checks what a model would add.
//
// It promises that nothing stands in a report but what was gathered; that every
// id in it resolves in the record; that equal records give equal bytes; that a
// closed incident is never changed; and that what could not be asked is said to
// be unknown and never taken for healthy. It knows no store and no backend: those
// are ports. It does not decide what the cause is: package why does.
//
// A Service is safe for concurrent use when its ports are; two writers of one
// incident are told apart by its serial, and the second is refused.
package incident

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/alerts"
	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/metrics"
	"github.com/aictl/aictl/internal/op"
)

// Store keeps incidents durably. Implementations are safe for concurrent use.
type Store interface {
	// LoadIncident gives one; NotFound where there is none of the id.
	LoadIncident(ctx context.Context, id string) (api.Incident, error)
	// ListIncidents gives the latest so many, the latest first.
	ListIncidents(ctx context.Context, limit int) ([]api.Incident, error)
	// SaveIncident writes one whose serial was before, 0 for one that is new;
	// Conflict where it is another by now.
	SaveIncident(ctx context.Context, in api.Incident, before int64) error
}

// Stale is the error of a write that somebody else's came before.
func Stale(id string) error {
	return fail.New(fail.Conflict, "incident %s has changed meanwhile", id).Hint("repeat the command")
}

// Missing is the error of an incident that is not there.
func Missing(id string) error {
	return fail.New(fail.NotFound, "there is no incident %q", id).Hint("aictl incident list")
}

// Deps are what is asked. A nil func is a system that there is not: what it
// would say is unknown.
type Deps struct {
	Store    func(ctx context.Context) (Store, error)
	Why      func(ctx context.Context, in api.WhyInput) (*api.Why, error)
	Timeline func(ctx context.Context, in api.TimelineInput) (*api.Timeline, error)
	Metrics  func(ctx context.Context) (metrics.Querier, error)
	Alerts   func(ctx context.Context) (alerts.Manager, error)
	// Narrate asks the configured model; nil where there is none.
	Narrate func(ctx context.Context, prompt string) (string, error)
	// SVG draws a timeline; nil leaves the picture out of an export.
	SVG func(t api.Timeline) string
	// Redact masks secrets in what people and commands wrote; nil masks nothing.
	Redact func(string) string
	// Now is the clock.
	Now func() time.Time
}

// Bounds of a record.
const (
	maxSubjects = 8
	maxTitle    = 200
	maxNote     = 16 << 10
	maxNotes    = 500
	maxRuns     = 100
	maxListed   = 500
	lookBack    = time.Hour
	// Latest names the incident that was opened last.
	Latest = "latest"
)

// Service is what can be done with incidents.
type Service struct{ d Deps }

// New makes the service.
func New(d Deps) *Service {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Redact == nil {
		d.Redact = func(s string) string { return s }
	}
	return &Service{d}
}

func (s *Service) store(ctx context.Context) (Store, error) {
	if s.d.Store == nil {
		return nil, fail.New(fail.Unavailable, "this context keeps no incidents").Hint("aictl up")
	}
	return s.d.Store(ctx)
}

// Find gives the incident of an id, of the beginning of one, or the latest.
func (s *Service) Find(ctx context.Context, id string) (api.Incident, error) {
	st, err := s.store(ctx)
	if err != nil {
		return api.Incident{}, err
	}
	if id != Latest {
		in, err := st.LoadIncident(ctx, id)
		if err == nil || fail.CodeOf(err) != fail.NotFound {
			return in, err
		}
	}
	all, err := st.ListIncidents(ctx, maxListed)
	if err != nil {
		return api.Incident{}, err
	}
	if id == Latest && len(all) > 0 {
		return all[0], nil
	}
	var found []api.Incident
	for _, in := range all {
		if id != "" && strings.HasPrefix(in.ID, id) {
			found = append(found, in)
		}
	}
	switch len(found) {
	case 0:
		return api.Incident{}, Missing(id)
	case 1:
		return found[0], nil
	}
	return api.Incident{}, fail.New(fail.Usage, "%q begins %d incidents: %s and %s among them", id, len(found), found[0].ID, found[1].ID).Hint("give more of the id")
}

// List gives the summaries that a filter picks, the latest first.
func (s *Service) List(ctx context.Context, f api.IncidentFilter) ([]api.IncidentSummary, error) {
	st, err := s.store(ctx)
	if err != nil {
		return nil, err
	}
	all, err := st.ListIncidents(ctx, maxListed)
	out := []api.IncidentSummary{}
	for _, in := range all {
		if f.State != "" && f.State != "all" && f.State != in.State || f.Limit > 0 && len(out) == f.Limit {
			continue
		}
		one := api.IncidentSummary{
			ID: in.ID, Title: in.Title, State: in.State, Owner: in.Owner, Subjects: names(in), Opened: in.Opened, Closed: in.Closed,
			Notes: len(in.Notes), Runs: len(in.Runs),
		}
		if w := in.Subjects[0].Why; w != nil {
			one.Verdict = w.Verdict
		}
		out = append(out, one)
	}
	return out, err
}

func names(in api.Incident) []string {
	out := make([]string, len(in.Subjects))
	for i, s := range in.Subjects {
		out[i] = s.Name
	}
	return out
}

// Prepare checks what an incident would be opened with, and gives it empty.
func (s *Service) Prepare(in api.IncidentOpenInput) (api.Incident, error) {
	out := api.Incident{
		State: api.IncidentOpen, Title: oneLine(s.d.Redact(in.Title)), Namespace: in.Namespace, From: in.From.UTC(),
		Impact: []api.IncidentImpact{}, Notes: []api.IncidentNote{}, Runs: []api.RunbookRun{}, Unknown: []api.BackendFailure{}, Warnings: []string{},
		Timeline: noRows(time.Time{}, time.Time{}),
	}
	if len(in.Subjects) == 0 || len(in.Subjects) > maxSubjects {
		return out, fail.New(fail.Usage, "an incident is about one to %d alerts and services", maxSubjects).Hint("aictl incident open ALERT")
	}
	for _, name := range in.Subjects {
		if name = strings.TrimSpace(name); name == "" || len(name) > maxTitle {
			return out, fail.New(fail.Usage, "a subject is the name of an alert or of a service").Hint("aictl alerts list")
		}
		if !slices.ContainsFunc(out.Subjects, func(x api.IncidentSubject) bool { return x.Name == name }) {
			out.Subjects = append(out.Subjects, api.IncidentSubject{Name: name})
		}
	}
	if out.Title == "" {
		out.Title = strings.Join(names(out), ", ")
	}
	if len(out.Title) > maxTitle {
		return out, fail.New(fail.Usage, "the title is longer than %d bytes", maxTitle)
	}
	now := s.d.Now().UTC()
	if out.From.IsZero() {
		out.From = now.Add(-lookBack)
	}
	if !out.From.Before(now) {
		return out, fail.New(fail.Usage, "the window begins in the future").Hint("--since 1h")
	}
	return out, nil
}

// Open gathers and keeps a prepared incident.
func (s *Service) Open(ctx context.Context, in api.Incident) (api.Incident, error) {
	st, err := s.store(ctx)
	if err != nil {
		return in, err
	}
	now := s.d.Now().UTC()
	in.Opened, in.OpenedBy = now, who(ctx)
	if err := s.gather(ctx, &in, now, true); err != nil {
		return in, err
	}
	in.Serial = 1
	for try := 0; ; try++ {
		in.ID = idOf(in, try)
		err = st.SaveIncident(ctx, in, 0)
		if fail.CodeOf(err) != fail.Conflict || try == 5 {
			return in, err
		}
	}
}

// idOf names an incident by its time and by what it is about.
func idOf(in api.Incident, try int) string {
	sum := sha256.Sum256([]byte(strings.Join(append(names(in), in.OpenedBy, in.Opened.Format(time.RFC3339Nano), strconv.Itoa(try)), "\x00")))
	return "inc-" + in.Opened.Format("20060102-1504") + "-" + hex.EncodeToString(sum[:2])
}

// Refresh gathers an open incident again.
func (s *Service) Refresh(ctx context.Context, id string) (api.Incident, error) {
	return s.change(ctx, id, func(in *api.Incident) error { return s.gather(ctx, in, s.d.Now().UTC(), false) })
}

// Close gathers for the last time; from then on nothing changes.
func (s *Service) Close(ctx context.Context, id string) (api.Incident, error) {
	return s.change(ctx, id, func(in *api.Incident) error {
		now := s.d.Now().UTC()
		if err := s.gather(ctx, in, now, false); err != nil {
			return err
		}
		in.State, in.Closed, in.ClosedBy = api.IncidentClosed, &now, who(ctx)
		return nil
	})
}

// Note adds the operator's own words.
func (s *Service) Note(ctx context.Context, id, text string) (api.Incident, error) {
	text = strings.TrimSpace(s.d.Redact(text))
	if text == "" || len(text) > maxNote {
		return api.Incident{}, fail.New(fail.Usage, "a note has between 1 and %d bytes", maxNote)
	}
	return s.change(ctx, id, func(in *api.Incident) error {
		if len(in.Notes) == maxNotes {
			return fail.New(fail.TooLarge, "incident %s has %d notes already", in.ID, maxNotes)
		}
		in.Notes = append(in.Notes, api.IncidentNote{ID: "note-" + strconv.Itoa(len(in.Notes)+1), Time: s.d.Now().UTC(), By: who(ctx), Text: text})
		return nil
	})
}

// Attach adds the transcript of a runbook.
func (s *Service) Attach(ctx context.Context, id string, run api.RunbookRun) (api.Incident, error) {
	if err := checkRun(&run, s.d.Redact); err != nil {
		return api.Incident{}, err
	}
	return s.change(ctx, id, func(in *api.Incident) error {
		if len(in.Runs) == maxRuns {
			return fail.New(fail.TooLarge, "incident %s has %d transcripts already", in.ID, maxRuns)
		}
		run.ID, run.By = "run-"+strconv.Itoa(len(in.Runs)+1), who(ctx)
		for i := range run.Results {
			run.Results[i].ID = run.ID + "-" + strconv.Itoa(i+1)
		}
		in.Runs = append(in.Runs, run)
		return nil
	})
}

// change loads, changes and saves; a closed incident is refused.
func (s *Service) change(ctx context.Context, id string, f func(*api.Incident) error) (api.Incident, error) {
	in, err := s.Find(ctx, id)
	if err != nil {
		return in, err
	}
	if err := Open(in); err != nil {
		return in, err
	}
	before := in.Serial
	if err := f(&in); err != nil {
		return in, err
	}
	in.Serial++
	st, err := s.store(ctx)
	if err == nil {
		err = st.SaveIncident(ctx, in, before)
	}
	return in, err
}

// Open refuses what would change a closed incident.
func Open(in api.Incident) error {
	if in.State == api.IncidentClosed {
		return fail.New(fail.Conflict, "incident %s is closed", in.ID).Hint("aictl incident open %s", strings.Join(names(in), " "))
	}
	return nil
}

// Evidence gives one fact of an incident.
func (s *Service) Evidence(ctx context.Context, id, evidence string) (api.Fact, error) {
	in, err := s.Find(ctx, id)
	if err != nil {
		return api.Fact{}, err
	}
	for _, f := range Facts(in) {
		if f.ID == evidence {
			return f, nil
		}
	}
	return api.Fact{}, fail.New(fail.NotFound, "incident %s has no evidence %q", in.ID, evidence).Hint("aictl incident show %s -o json", in.ID)
}

func who(ctx context.Context) string {
	id, _ := op.IdentityFrom(ctx)
	if id.Subject == "" {
		return "unknown"
	}
	return id.Subject
}

// Bounds of a transcript.
const (
	maxResults = 200
	maxOutput  = 64 << 10
	maxWords   = 32 << 10
)

// checkRun bounds and masks what a client sent.
func checkRun(run *api.RunbookRun, mask func(string) string) error {
	if len(run.Results) > maxResults || len(run.Labels) > 200 {
		return fail.New(fail.TooLarge, "a transcript has %d steps and 200 labels at most", maxResults)
	}
	for i := range run.Results {
		r := &run.Results[i]
		if len(r.Output) > maxOutput || len(r.Command) > maxWords {
			return fail.New(fail.TooLarge, "the output of a step is longer than %d bytes", maxOutput)
		}
		r.Output, r.Command, r.Note = mask(r.Output), mask(r.Command), mask(r.Note)
		for j := range r.Argv {
			r.Argv[j] = mask(r.Argv[j])
		}
	}
	return nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
