package changes

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

type source struct {
	name   string
	answer Answer
	err    error
}

func (s source) Name() string { return s.name }

func (s source) Changes(context.Context, Query) (Answer, error) { return s.answer, s.err }

func rollout(at time.Duration, service, revision string) api.Change {
	return api.Change{Time: noon.Add(at), Kind: api.ChangeRollout, Service: service, Object: "service/" + service, Revision: revision, Summary: "revision " + revision}
}

func collect(sources ...Source) api.ChangeList {
	return Collect(context.Background(), sources, Query{From: noon.Add(-time.Hour), To: noon.Add(time.Hour)})
}

func TestOneClock(t *testing.T) {
	ahead := source{name: "kubernetes", answer: Answer{Skew: 5 * time.Second, Within: time.Second, Changes: []api.Change{rollout(6*time.Second, "a", "2")}}}
	ours := source{name: "runtime", answer: Answer{Changes: []api.Change{rollout(2*time.Second, "b", "7")}}}
	got := collect(ahead, ours).Changes
	require.Len(t, got, 2)
	require.Equal(t, "a", got[0].Service, "it was first, whatever its source's clock says")
	require.Equal(t, noon.Add(time.Second), got[0].Time)
	require.Equal(t, op.Duration(5*time.Second), got[0].Skew)
	require.Equal(t, op.Duration(time.Second), got[0].Within)
	require.Equal(t, "kubernetes", got[0].Source)
	require.NotEmpty(t, got[0].ID)
}

func TestWhatTwoSourcesTellIsOne(t *testing.T) {
	audit := source{name: Audit, answer: Answer{Changes: []api.Change{
		{ID: "audit-4", Time: noon, Kind: api.ChangeRollout, Service: "web", Object: "service/web", Actor: "mara", Reason: "errors", Show: "aictl audit log"},
		{ID: "audit-6", Time: noon.Add(time.Minute), Kind: api.ChangeScale, Service: "web", Object: "service/web", Actor: "mara"},
	}}}
	engine := source{name: "runtime", answer: Answer{Changes: []api.Change{rollout(time.Second, "web", "3"), rollout(2*time.Second, "cart", "9"), rollout(time.Minute, "web", "4")}}}
	got := collect(audit, engine).Changes
	require.Len(t, got, 4)
	require.Equal(t, "mara", got[0].Actor)
	require.Equal(t, "errors", got[0].Reason)
	require.Equal(t, "3", got[0].Revision, "what was done is the engine's to tell")
	require.Empty(t, got[1].Actor, "another service")
	kinds := []string{got[2].Kind, got[3].Kind}
	require.ElementsMatch(t, []string{api.ChangeRollout, api.ChangeScale}, kinds, "another kind is another change")
}

func TestTheOrderIsStable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	kinds := []string{api.ChangeRollout, api.ChangeConfig, api.ChangeScale, api.ChangeAck, api.ChangeNode}
	var list []api.Change
	for i := range 60 {
		c := rollout(time.Duration(r.IntN(8))*time.Second, string(rune('a'+r.IntN(4))), "")
		c.Kind, c.Source, c.ID = kinds[r.IntN(len(kinds))], "runtime", ID(api.Change{Object: string(rune(i))})
		list = append(list, c)
	}
	want := Merge(list)
	for range 50 {
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		require.Equal(t, want, Merge(list))
	}
	for i := 1; i < len(want); i++ {
		require.False(t, want[i].Time.Before(want[i-1].Time))
	}
}

func TestSkewDoesNotChangeTheOrder(t *testing.T) {
	base := collect(source{name: "kubernetes", answer: Answer{Changes: []api.Change{rollout(0, "a", "1"), rollout(9*time.Second, "b", "1")}}},
		source{name: "runtime", answer: Answer{Changes: []api.Change{rollout(4*time.Second, "c", "1")}}}).Changes
	for skew := -5 * time.Second; skew <= 5*time.Second; skew += time.Second {
		k := source{name: "kubernetes", answer: Answer{Skew: skew, Changes: []api.Change{rollout(skew, "a", "1"), rollout(9*time.Second+skew, "b", "1")}}}
		got := collect(source{name: "runtime", answer: Answer{Changes: []api.Change{rollout(4*time.Second, "c", "1")}}}, k).Changes
		require.Len(t, got, 3)
		for i := range got {
			require.Equal(t, base[i].Service, got[i].Service)
			require.Equal(t, base[i].Time, got[i].Time)
			require.Equal(t, base[i].ID, got[i].ID)
		}
	}
}

func TestASourceThatDoesNotAnswerIsNamed(t *testing.T) {
	got := collect(source{name: "runtime", answer: Answer{Changes: []api.Change{rollout(0, "a", "1")}, Warnings: []string{"too old"}}},
		source{name: "kubernetes", err: fail.New(fail.Unavailable, "connection refused").Hint("aictl doctor")}, source{name: "odd", err: errors.New("boom")})
	require.Len(t, got.Changes, 1)
	require.Len(t, got.Failed, 2)
	require.Equal(t, "kubernetes", got.Failed[0].Backend)
	require.Equal(t, fail.Unavailable, got.Failed[0].Code)
	require.Equal(t, "aictl doctor", got.Failed[0].Next)
	require.Equal(t, []string{"runtime: too old"}, got.Warnings)
}

func TestFilterAndDescribe(t *testing.T) {
	list := []api.Change{{Service: "a", Kind: "config", Services: []string{"a", "b"}}, {Service: "c", Kind: "rollout"}}
	require.Len(t, Filter(list, "b", nil), 1)
	require.Len(t, Filter(list, "", []string{"rollout"}), 1)
	require.Empty(t, Filter(list, "c", []string{"config"}))
	require.Equal(t, "image web:1 → web:2, env LIMIT changed", Describe([]api.DeployChange{
		{Kind: "image", Action: "changed", Old: "web:1", New: "web:2"}, {Kind: "env", Name: "LIMIT", Action: "changed"},
	}))
	require.Contains(t, Describe(make([]api.DeployChange, 5)), "and 2 more")
}
