package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
)

func TestTheCatalogueIsWhole(t *testing.T) {
	list, err := Load("catalogue")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(list), 60)
	classes, noChange := map[string]int{}, 0
	for _, c := range list {
		classes[c.Class]++
		if c.Truth.Kind != api.CauseChange {
			noChange++
		}
	}
	require.GreaterOrEqual(t, 4*noChange, len(list), "a quarter has no culpable change")
	for _, class := range []string{"bad_image", "bad_config", "secret_rotation", "dependency_outage", "traffic_surge", "noisy_neighbour", "slow_leak", "unrelated_change"} {
		require.Positive(t, classes[class], class)
	}
}

func TestLoadIsStrict(t *testing.T) {
	const good = "- name: a\n  class: x\n  services: [{name: web}]\n  traffic: [{to: web, rate: 1}]\n  ask: {service: web}\n  truth: {kind: none}\n"
	for name, text := range map[string]string{
		"no cases": "[]", "unknown key": good + "  colour: red\n", "unknown service": strings.Replace(good, "to: web", "to: cart", 1),
		"unknown kind": strings.Replace(good, "kind: none", "kind: moon", 1), "twice": good + good, "bad step": good + "  steps: [{at: 1s, do: dance, service: web}]\n",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(text), 0o600))
		_, err := Load(dir)
		require.Error(t, err, name)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(good), 0o600))
	_, err := Load(dir)
	require.NoError(t, err)
}

func TestScore(t *testing.T) {
	rollout := func(service, kind string) api.WhyCandidate {
		return api.WhyCandidate{Rank: 1, Kind: api.CauseChange, Service: service, Change: &api.Change{Kind: kind}}
	}
	truth := Truth{Kind: api.CauseChange, Service: "web", Changes: []string{"rollout"}}
	outcome := func(t Truth, verdict string, list ...api.WhyCandidate) Outcome {
		return Outcome{Case: Case{Class: "c", Truth: t}, Prefix: "w1-", Answer: api.Why{Verdict: verdict, Candidates: list}, Took: time.Second}
	}
	require.True(t, outcome(truth, api.WhyCause, rollout("w1-web", "rollout")).First())
	require.False(t, outcome(truth, api.WhyCause, rollout("w1-cart", "rollout")).First(), "another service")
	require.False(t, outcome(truth, api.WhyCause, rollout("w1-web", "scale")).First(), "another change")
	rotated := Truth{Kind: api.CauseChange, Service: "web", Changes: []string{api.ChangeSecret}}
	secret := func(object string) api.WhyCandidate {
		return api.WhyCandidate{Rank: 1, Kind: api.CauseChange, Change: &api.Change{Kind: api.ChangeSecret, Object: object}}
	}
	require.True(t, outcome(rotated, api.WhyCause, secret("vault:w1-web/token")).First())
	require.False(t, outcome(rotated, api.WhyCause, secret("vault:w2-web/token")).First(), "another world's")
	require.False(t, outcome(Truth{Kind: "none"}, api.WhyNoData).First(), "every world has data")
	none := Truth{Kind: "none"}
	require.True(t, outcome(none, api.WhyHealthy).First())
	require.False(t, outcome(none, api.WhyCause, rollout("w1-web", "rollout")).First())
	traffic := Truth{Kind: api.CauseTraffic, Service: "web"}
	require.True(t, outcome(traffic, api.WhyNoChange, api.WhyCandidate{Rank: 1, Kind: api.CauseTraffic, Service: "w1-web"}).First())
	s := Measure([]Outcome{
		outcome(truth, api.WhyCause, rollout("w1-web", "rollout")), outcome(traffic, api.WhyCause, rollout("w1-web", "rollout")),
	})
	require.Equal(t, Score{Cases: 2, First: 1, Third: 1, NoChange: 1, False: 1, P50: time.Second, P95: time.Second}, s)
	require.False(t, s.Passes())
	var b strings.Builder
	Report(&b, []Outcome{outcome(traffic, api.WhyCause, rollout("w1-web", "rollout"))})
	require.Contains(t, b.String(), "MISS")
}
