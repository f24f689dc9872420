// Package incidenttest holds every store of incidents to the same behaviour. It
// is for tests only.
package incidenttest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident"
	"github.com/aictl/aictl/internal/op"
)

var start = time.Date(2026, 3, 29, 1, 59, 59, 123456000, time.UTC)

// Conformance runs the suite. empty gives a store without anything in it, another
// one at each call.
func Conformance(t *testing.T, empty func(t *testing.T) incident.Store) {
	t.Helper()
	ctx, s := t.Context(), empty(t)
	all, err := s.ListIncidents(ctx, 10)
	require.NoError(t, err)
	require.NotNil(t, all)
	require.Empty(t, all)
	_, err = s.LoadIncident(ctx, "inc-1")
	require.Equal(t, fail.NotFound, fail.CodeOf(err))

	value := op.Number(0.25)
	one := api.Incident{
		ID: "inc-1", Title: "it's \"slow\"; DROP TABLE incidents; -- ü→\x00", State: api.IncidentOpen, Opened: start, Serial: 1, Subjects: []api.IncidentSubject{{Name: "web"}},
		Impact: []api.IncidentImpact{{ID: "imp-1", Name: "share", Value: &value, From: start, To: start.Add(time.Hour)}, {ID: "imp-2", Name: "calls", Gap: "no sample"}},
		Notes:  []api.IncidentNote{{ID: "note-1", Time: start, By: "bo", Text: "line\nline"}}, Runs: []api.RunbookRun{},
	}
	require.NoError(t, s.SaveIncident(ctx, one, 0))
	require.Equal(t, fail.Conflict, fail.CodeOf(s.SaveIncident(ctx, one, 0)), "it is there")
	got, err := s.LoadIncident(ctx, "inc-1")
	require.NoError(t, err)
	require.Equal(t, one, got)

	two := one
	two.Serial, two.State = 2, api.IncidentClosed
	require.Equal(t, fail.Conflict, fail.CodeOf(s.SaveIncident(ctx, two, 7)), "another serial")
	require.NoError(t, s.SaveIncident(ctx, two, 1))
	require.Equal(t, fail.Conflict, fail.CodeOf(s.SaveIncident(ctx, two, 1)), "it has changed meanwhile")
	gone := one
	gone.ID = "inc-9"
	require.Equal(t, fail.Conflict, fail.CodeOf(s.SaveIncident(ctx, gone, 3)), "a change of what is not there")

	later := one
	later.ID, later.Opened = "inc-0", start.Add(time.Second)
	require.NoError(t, s.SaveIncident(ctx, later, 0))
	all, err = s.ListIncidents(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"inc-0", "inc-1"}, []string{all[0].ID, all[1].ID}, "the latest first")
	require.Equal(t, api.IncidentClosed, all[1].State)
	all, err = s.ListIncidents(ctx, 1)
	require.NoError(t, err)
	require.Len(t, all, 1)
}
