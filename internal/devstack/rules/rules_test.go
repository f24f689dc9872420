package rules_test

import (
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/devstack/rules"
	"github.com/aictl/aictl/internal/fail"
)

// groups parses every document as Prometheus does, strictly.
func groups(t testing.TB, slos []rules.SLO) []rulefmt.RuleGroup {
	t.Helper()
	docs, err := rules.Documents(slos)
	require.NoError(t, err)
	var out []rulefmt.RuleGroup
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		g, errs := rulefmt.Parse(docs[name], false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		require.Empty(t, errs, "%s\n%s", name, docs[name])
		out = append(out, g.Groups...)
	}
	return out
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	text, err := os.ReadFile("RUNBOOKS.md")
	require.NoError(t, err)
	alerts := 0
	described := map[string]bool{}
	for _, g := range groups(t, rules.DefaultSLOs()) {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			alerts++
			described[r.Alert] = true
			require.Contains(t, []string{"critical", "warning", "info"}, r.Labels["severity"], r.Alert)
			for _, a := range []string{"summary", "description", "runbook_url", "dashboard"} {
				require.NotEmpty(t, r.Annotations[a], "%s has no %s", r.Alert, a)
			}
			require.Equal(t, rules.RunbookURL(r.Alert), r.Annotations["runbook_url"])
			require.Contains(t, string(text), "\n### "+r.Alert+"\n", "no runbook")
			hasService := r.Labels["service"] != "" || strings.Contains(r.Expr, "service") || strings.Contains(r.Expr, "slo:")
			require.True(t, hasService, "%s has no service", r.Alert)
		}
	}
	require.Greater(t, alerts, 25)
	for _, line := range strings.Split(string(text), "\n") {
		if alert, ok := strings.CutPrefix(line, "### "); ok {
			require.True(t, described[alert], "a runbook for %s, which does not exist", alert)
		}
	}
}

func TestRecordedNamesAreUsedAsRecorded(t *testing.T) {
	recorded := map[string]bool{}
	all := groups(t, rules.DefaultSLOs())
	for _, g := range all {
		for _, r := range g.Rules {
			recorded[r.Record] = true
		}
	}
	for _, g := range all {
		for _, r := range g.Rules {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			require.NoError(t, err)
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				if v, ok := n.(*parser.VectorSelector); ok && strings.Contains(v.Name, ":") {
					require.True(t, recorded[v.Name], "%s%s uses %s, which nobody records", r.Record, r.Alert, v.Name)
				}
				return nil
			})
		}
	}
}

func TestRulesArePure(t *testing.T) {
	a, err := rules.FromSLOs(rules.DefaultSLOs())
	require.NoError(t, err)
	b, err := rules.FromSLOs(rules.DefaultSLOs())
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(a, b))
}

func TestSLOValidation(t *testing.T) {
	good := rules.SLO{Name: "x", Objective: 0.99}
	with := func(f func(*rules.SLO)) rules.SLO { s := good; f(&s); return s }
	for _, tt := range []struct {
		name string
		slo  rules.SLO
		want string // part of the error; "" is good
	}{
		{"the least", good, ""},
		{"every service", with(func(s *rules.SLO) { s.Service = "*" }), ""},
		{"no name", with(func(s *rules.SLO) { s.Name = "" }), "name"},
		{"a quote in the name", with(func(s *rules.SLO) { s.Name = `a"b` }), "name"},
		{"a brace in the service", with(func(s *rules.SLO) { s.Service = `a"}` }), "service"},
		{"percent", with(func(s *rules.SLO) { s.Objective = 99.9 }), "between 0 and 1"},
		{"all", with(func(s *rules.SLO) { s.Objective = 1 }), "between 0 and 1"},
		{"nothing", with(func(s *rules.SLO) { s.Objective = 0 }), "between 0 and 1"},
		{"not a number", with(func(s *rules.SLO) { s.Objective = math.NaN() }), "between 0 and 1"},
		{"a short window", with(func(s *rules.SLO) { s.Window = time.Minute }), "window"},
		{"a week", with(func(s *rules.SLO) { s.Window = 7 * 24 * time.Hour }), ""},
		{"latency without a threshold", with(func(s *rules.SLO) { s.Kind = rules.Latency }), "threshold"},
		{"latency", with(func(s *rules.SLO) { s.Kind, s.Threshold = rules.Latency, time.Second }), ""},
		{"between two bounds", with(func(s *rules.SLO) { s.Kind, s.Threshold = rules.Latency, 300*time.Millisecond }), ""},
		{"availability with a threshold", with(func(s *rules.SLO) { s.Threshold = time.Second }), "no threshold"},
		{"another kind", with(func(s *rules.SLO) { s.Kind = "speed" }), "no kind"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rules.FromSLOs([]rules.SLO{tt.slo})
			if tt.want == "" {
				require.NoError(t, err)
				groups(t, []rules.SLO{tt.slo})
				return
			}
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, fail.Usage, fail.CodeOf(err))
		})
	}
	_, err := rules.FromSLOs([]rules.SLO{good, good})
	require.ErrorContains(t, err, "declared twice")
}

// A threshold between two bounds is counted at the one below.
func TestThresholdIsRoundedDown(t *testing.T) {
	g, err := rules.FromSLOs([]rules.SLO{{Name: "x", Objective: 0.9, Kind: rules.Latency, Threshold: 300 * time.Millisecond}})
	require.NoError(t, err)
	require.Contains(t, g.Groups[0].Rules[1].Expr+g.Groups[0].Rules[2].Expr, `le=~"0.25|0.25\\.0"`)
}

// A large budget cannot burn 14.4 times too fast, a short window has no
// alerts over days.
func TestAlertsThatCannotFireAreLeftOut(t *testing.T) {
	burns := func(s rules.SLO) (out []string) {
		g, err := rules.FromSLOs([]rules.SLO{s})
		require.NoError(t, err)
		for _, g := range g.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					out = append(out, r.Labels["burn"]+"x"+r.Labels["window"])
				}
			}
		}
		return out
	}
	require.Equal(t, []string{"14.4x1h", "6x6h", "3x1d", "1x3d"}, burns(rules.SLO{Name: "a", Objective: 0.999}))
	require.Equal(t, []string{"6x6h", "3x1d", "1x3d"}, burns(rules.SLO{Name: "a", Objective: 0.9}))
	require.Equal(t, []string{"14.4x1h", "6x6h"}, burns(rules.SLO{Name: "a", Objective: 0.999, Window: 12 * time.Hour}))
}
