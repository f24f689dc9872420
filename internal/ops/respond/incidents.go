package respond

import (
	"context"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/incident"
	"github.com/aictl/aictl/internal/incident/timeline"
	"github.com/aictl/aictl/internal/incident/why"
	"github.com/aictl/aictl/internal/op"
)

func bindIncidents(r *op.Registry, d Deps) {
	s := d.incidents()
	op.BindQuery(r, api.IncidentsList, s.List)
	op.BindQuery(r, api.IncidentsShow, func(ctx context.Context, in api.IncidentName) (api.Incident, error) { return s.Find(ctx, in.ID) })
	op.BindQuery(r, api.IncidentsEvidence, func(ctx context.Context, in api.IncidentEvidenceInput) (api.Fact, error) {
		return s.Evidence(ctx, in.ID, in.Evidence)
	})
	op.BindQuery(r, api.IncidentsReport, s.Report)
	op.BindQuery(r, api.IncidentsExport, func(ctx context.Context, in api.IncidentName) (api.IncidentExported, error) {
		return s.Export(ctx, in.ID)
	})
	op.BindChange(r, api.IncidentsOpen, func(_ context.Context, in api.IncidentOpenInput) (op.Planned[api.Incident], error) {
		fresh, err := s.Prepare(in)
		if err != nil {
			return op.Planned[api.Incident]{}, err
		}
		return op.Planned[api.Incident]{
			Plan: op.Plan{
				Target: fresh.Title, Summary: "Open an incident about " + strings.Join(in.Subjects, ", "),
				Steps: []op.Step{{Action: "gather", Object: "why, timeline, impact"}, {Action: "create", Object: "incident"}},
			},
			Apply: func(ctx context.Context) (api.Incident, error) { return s.Open(ctx, fresh) },
		}, nil
	})
	op.BindChange(r, api.IncidentsRefresh, func(ctx context.Context, in api.IncidentName) (op.Planned[api.Incident], error) {
		return planIncident(ctx, s, in.ID, "Gather again what is known about incident %s", "gather", "", s.Refresh)
	})
	op.BindChange(r, api.IncidentsClose, func(ctx context.Context, in api.IncidentName) (op.Planned[api.Incident], error) {
		return planIncident(ctx, s, in.ID, "Close incident %s: nothing of it changes after", "close", "", s.Close)
	})
	op.BindChange(r, api.IncidentsNote, func(ctx context.Context, in api.IncidentNoteInput) (op.Planned[api.Incident], error) {
		return planIncident(ctx, s, in.ID, "Add a note to incident %s", "note", in.Text, func(ctx context.Context, id string) (api.Incident, error) { return s.Note(ctx, id, in.Text) })
	})
	op.BindChange(r, api.IncidentsAttach, func(ctx context.Context, in api.IncidentRunInput) (op.Planned[api.Incident], error) {
		return planIncident(ctx, s, in.ID, "Add a transcript to incident %s", "attach", "runbook "+in.Run.Runbook, func(ctx context.Context, id string) (api.Incident, error) {
			return s.Attach(ctx, id, in.Run)
		})
	})
}

// planIncident plans a change of one open incident.
func planIncident(ctx context.Context, s *incident.Service, id, summary, action, detail string, apply func(context.Context, string) (api.Incident, error)) (op.Planned[api.Incident], error) {
	in, err := s.Find(ctx, id)
	if err == nil {
		err = incident.Open(in)
	}
	if err != nil {
		return op.Planned[api.Incident]{}, err
	}
	return op.Planned[api.Incident]{
		Plan: op.Plan{
			Target: in.ID, Summary: strings.Replace(summary, "%s", in.ID, 1), Steps: []op.Step{{Action: action, Object: in.ID, Detail: detail}},
		},
		Apply: func(ctx context.Context) (api.Incident, error) { return apply(ctx, in.ID) },
	}, nil
}

// incidents is the service over what this context has.
func (d Deps) incidents() *incident.Service {
	return incident.New(incident.Deps{
		Store: d.Incidents, Metrics: d.Metrics, Alerts: d.Alerts, Narrate: d.Narrate, Redact: d.Redact, Now: d.Now,
		SVG: func(t api.Timeline) string { return timeline.SVG(t, time.UTC) },
		Why: func(ctx context.Context, in api.WhyInput) (*api.Why, error) {
			out, err := why.Ask(ctx, d.why(), in)
			return &out, err
		},
		Timeline: func(ctx context.Context, in api.TimelineInput) (*api.Timeline, error) {
			out, err := timeline.Build(ctx, d.timeline(), in)
			return &out, err
		},
	})
}
