package why

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
)

// TestWhatWasNotSeenIsNotDenied: a source of changes that does not answer turns
// "no change explains it" into "not known", whatever else was found.
func TestWhatWasNotSeenIsNotDenied(t *testing.T) {
	change := api.WhyCandidate{Kind: api.CauseChange, Title: "revision 2 was rolled out", Confidence: 0.9}
	dependency := api.WhyCandidate{Kind: api.CauseDependency, Title: "ledger went off", Confidence: 0.9}
	perhaps := dependency
	perhaps.Confidence = 0.3
	for _, c := range []struct {
		name    string
		unknown []string
		kept    []api.WhyCandidate
		verdict string
		summary string
	}{
		{"a change", nil, []api.WhyCandidate{change}, api.WhyCause, "Revision 2 was rolled out (90 %)."},
		{"no change", nil, []api.WhyCandidate{dependency}, api.WhyNoChange, "Ledger went off (90 %). No change explains it."},
		{"perhaps", nil, []api.WhyCandidate{perhaps}, api.WhyUnclear, "Several things may be behind it; the most probable (30 %): ledger went off. No change explains it."},
		{"nothing", nil, nil, api.WhyUnclear, "Nothing that is known explains it. No change explains it."},

		{"a change, and a source is missing", []string{"changes of kubernetes"}, []api.WhyCandidate{change}, api.WhyCause, "Revision 2 was rolled out (90 %). What was changed in kubernetes is not known."},
		{"one source is missing", []string{"changes of kubernetes"}, []api.WhyCandidate{dependency}, api.WhyUnclear, "Ledger went off (90 %). What was changed in kubernetes is not known."},
		{"two sources are missing", []string{"changes of audit", "changes of kubernetes"}, []api.WhyCandidate{perhaps}, api.WhyUnclear, "Several things may be behind it; the most probable (30 %): ledger went off. What was changed in audit, kubernetes is not known."},
		{"nothing, and a source is missing", []string{"changes of kubernetes"}, nil, api.WhyUnclear, "Nothing that is known explains it. What was changed in kubernetes is not known."},
		{"no changes at all", []string{"changes"}, []api.WhyCandidate{dependency}, api.WhyUnclear, "Ledger went off (90 %). What was changed is not known."},
		{"logs are missing", []string{"logs"}, []api.WhyCandidate{dependency}, api.WhyNoChange, "Ledger went off (90 %). No change explains it."},
		{"all are missing", []string{"changes", "logs", "metrics"}, nil, api.WhyNoData, "It cannot be told: there is no data from changes, logs, metrics."},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &analysis{}
			for _, name := range c.unknown {
				a.out.Unknown = append(a.out.Unknown, api.BackendFailure{Backend: name})
			}
			var kept []*suspect
			for _, k := range c.kept {
				kept = append(kept, &suspect{WhyCandidate: k})
			}
			a.conclude(kept)
			require.Equal(t, c.verdict, a.out.Verdict)
			require.Equal(t, c.summary, a.out.Summary)
		})
	}
}
