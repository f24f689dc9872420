package kube

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestParseScaling(t *testing.T) {
	t.Parallel()
	s, ok := parseScaling("Scaled down replica set web-7d5 from 4 to 2")
	require.True(t, ok)
	require.Equal(t, scaling{set: "web-7d5", from: 4, to: 2}, s)
	for _, text := range []string{"", "Scaled up replica set web-7d5 to 3", "Scaled up replica set web-7d5 from x to 3", "something else"} {
		_, ok := parseScaling(text)
		require.False(t, ok, text)
	}
}

func TestAScalingIsTheOneOutsideOfARollout(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	sets := []*apps.ReplicaSet{
		{ObjectMeta: meta.ObjectMeta{Name: "web-1", Annotations: map[string]string{revisionNote: "1"}}},
		{ObjectMeta: meta.ObjectMeta{Name: "web-2", Annotations: map[string]string{revisionNote: "2"}}},
	}
	rollout := []scaling{
		{at(0), "web-1", 0, 2}, {at(10), "web-2", 0, 1}, {at(11), "web-1", 2, 1}, {at(12), "web-2", 1, 2}, {at(13), "web-1", 1, 0},
	}
	s := scalings{"shop/web": rollout}
	_, ok := s.last("shop", "web", sets, "2")
	require.False(t, ok, "a rollout is no scaling")
	s["shop/web"] = append(s["shop/web"], scaling{at(60), "web-2", 2, 5})
	got, ok := s.last("shop", "web", sets, "2")
	require.True(t, ok)
	require.Equal(t, scaling{at(60), "web-2", 2, 5}, got)
	_, ok = s.last("shop", "web", sets, "3")
	require.False(t, ok, "the revision's ReplicaSet is gone")
	_, ok = s.last("shop", "cart", sets, "2")
	require.False(t, ok)
}
