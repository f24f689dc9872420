package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/fail"
)

// scalings are what the controllers say of replicas: a write of the scale
// subresource has a field manager and no time (Kubernetes 1.37), so that the
// time is that of the event which followed it.
type scalings map[string][]scaling // "NAMESPACE/DEPLOYMENT"

// scaling is one event of a Deployment's controller.
type scaling struct {
	at       time.Time
	set      string // the ReplicaSet
	from, to int
}

func (g *gather) scalings(ctx context.Context) (scalings, error) {
	list, err := all(ctx, g.c, g.c.core(), "events", g.namespace, meta.ListOptions{FieldSelector: "reason=ScalingReplicaSet"}, func(l *core.EventList) ([]core.Event, meta.ListMeta) {
		return l.Items, l.ListMeta
	})
	if err != nil {
		return nil, unless(err, fail.Forbidden)
	}
	out := scalings{}
	for i := range list {
		e := &list[i]
		if s, ok := parseScaling(e.Message); ok {
			s.at = eventTime(e)
			key := e.InvolvedObject.Namespace + "/" + e.InvolvedObject.Name
			out[key] = append(out[key], s)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(x, y scaling) int { return x.at.Compare(y.at) })
	}
	return out, nil
}

// parseScaling reads "Scaled down replica set web-7d5 from 4 to 2".
func parseScaling(message string) (scaling, bool) {
	var way string
	var s scaling
	n, err := fmt.Sscanf(message, "Scaled %s replica set %s from %d to %d", &way, &s.set, &s.from, &s.to)
	return s, err == nil && n == 4
}

// last is the last time that the newest ReplicaSet of a Deployment was scaled
// for itself: not from nothing, and not while another one was scaled as in a
// rollout.
func (s scalings) last(namespace, name string, sets []*apps.ReplicaSet, revision string) (scaling, bool) {
	i := slices.IndexFunc(sets, func(r *apps.ReplicaSet) bool { return r.Annotations[revisionNote] == revision })
	if i < 0 {
		return scaling{}, false
	}
	newest := sets[i].Name
	var found scaling
	rolling := map[string]int{} // the other sets, by how many replicas they have left
	for _, one := range s[namespace+"/"+name] {
		if one.set != newest {
			rolling[one.set] = one.to
			continue
		}
		left := 0
		for _, n := range rolling {
			left += n
		}
		if one.from > 0 && left == 0 {
			found = one
		}
	}
	return found, !found.at.IsZero()
}

// byPerson says that a field manager of the scale subresource is somebody and
// not an autoscaler.
func byPerson(manager string) bool {
	return !strings.Contains(manager, "controller-manager") && !strings.Contains(manager, "autoscaler")
}
