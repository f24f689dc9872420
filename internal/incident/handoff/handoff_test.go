package handoff

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/op"
)

var now = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// TestWhatTheNextPersonIsTold has one state of each kind: what needs action
// stands first, each with the command that acts.
func TestWhatTheNextPersonIsTold(t *testing.T) {
	h := Build(Facts{
		Now: now, From: now.Add(-8 * time.Hour), Soon: 4 * time.Hour,
		Alerts: []api.Alert{
			{Name: "Slow", Service: "chat", State: "firing", Started: now.Add(-33 * time.Second), Summary: "chat is slow"},
			{Name: "Down", State: "firing", Started: now.Add(-40 * time.Minute), Ack: &api.AlertAck{By: "ann", Until: now.Add(90 * time.Second), Comment: "on it"}},
			{Name: "Full", State: "firing", Started: now.Add(-3 * time.Hour), Ack: &api.AlertAck{By: "bob", Until: now.Add(5 * time.Hour), Comment: "grows slowly"}},
			{Name: "Noisy", State: "silenced", Started: now.Add(-time.Hour)},
			{Name: "Child", State: "inhibited", Started: now.Add(-time.Hour)},
		},
		Silences: []api.Silence{
			{ID: "s1", State: "active", Matchers: "team=a", Ends: now.Add(30 * time.Minute), Hits: 2, Comment: "maintenance"},
			{ID: "s2", State: "active", Matchers: "team=b", Ends: now.Add(9 * time.Hour), Stale: "it hits nothing"},
			{ID: "s3", State: "expired", Matchers: "team=c"},
			{ID: "s4", State: "active", Ack: true},
		},
		Secrets: []api.Secret{
			{Ref: "vault:a", Overdue: true, Rotated: now.Add(-100 * 24 * time.Hour), MaxAge: op.Duration(90 * 24 * time.Hour)},
			{Ref: "aws:b", Deletion: now.Add(3 * time.Hour)},
			{Ref: "vault:fine", Rotated: now},
		},
		Rotations: []api.SecretRotation{{ID: "R1", Ref: "vault:c", Step: "synced", Open: true}, {ID: "R0", Ref: "vault:d", Step: "done"}},
		Budgets:   map[string]float64{"availability of chat": -0.57, "latency of chat": 0.9},
		Unknown:   []api.BackendFailure{{Backend: "kubernetes"}, {Backend: "elasticsearch"}},
	})
	type row struct{ kind, text, command string }
	var act, know []row
	for _, i := range h.Items {
		r := row{i.Kind, i.Text, i.Command}
		if i.Action {
			require.Empty(t, know, "what needs action stands first")
			act = append(act, r)
		} else {
			know = append(know, r)
		}
	}
	require.Equal(t, []row{
		{"alert", "Down is with ann, and comes back in 90 seconds", "aictl alerts ack Down --comment 'taken over'"},
		{"alert", "Slow of chat has been firing for 33 seconds, and nobody has it: chat is slow", "aictl why Slow"},
		{"rotation", "the rotation of vault:c stands at synced", "aictl secrets rotate vault:c --resume R1"},
		{"budget", "the error budget of availability of chat is overspent by 57 %", "aictl gate --slo availability"},
		{"secret", "aws:b is deleted in 3 hours", "aictl secrets history aws:b"},
		{"secret", "vault:a was rotated 100 days ago, and may be 90 days old", "aictl secrets rotate vault:a --dry-run=server"},
		{"silence", "the silence of team=a ends in 30 minutes and still keeps 2 quiet: maintenance", "aictl alerts list --state silenced"},
	}, act)
	require.Equal(t, []row{
		{"alert", "Full is with bob: grows slowly", "aictl why Full"},
		{"alert", "Noisy fires behind a silence", "aictl why Noisy"},
		{"silence", "the silence of team=b can go: it hits nothing", "aictl alerts unsilence s2"},
	}, know)
	require.Equal(t, len(act), h.Actions)
	require.Equal(t, []string{"elasticsearch", "kubernetes"}, []string{h.Unknown[0].Backend, h.Unknown[1].Backend}, "what was not looked at is named")
}

func TestALengthIsNoLongerThanItNeedsToBe(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 seconds", 0: "0 seconds", 33 * time.Second: "33 seconds", 119 * time.Second: "119 seconds",
		2 * time.Minute: "2 minutes", 119 * time.Minute: "119 minutes", 2 * time.Hour: "2 hours", 47 * time.Hour: "47 hours", 49 * time.Hour: "2 days",
	} {
		require.Equal(t, want, length(d))
	}
}

func TestNothingIsSaidOfNothing(t *testing.T) {
	h := Build(Facts{Now: now, From: now.Add(-time.Hour)})
	require.Empty(t, h.Items)
	require.Zero(t, h.Actions)
}
