package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// version of a workload as the cluster keeps it.
type version struct {
	deploy.Revision
	template core.PodTemplateSpec
	number   int64
	made     time.Time // the object that keeps it
	noted    string    // when we changed the workload, as it is written there
}

// History implements deploy.Cluster.
func (c *Client) History(ctx context.Context, r deploy.Ref) ([]deploy.Revision, error) {
	w, err := c.find(ctx, r)
	if err != nil {
		return nil, err
	}
	list, err := c.versions(ctx, w)
	if err != nil {
		return nil, err
	}
	out := make([]deploy.Revision, len(list))
	for i, v := range list {
		out[i] = v.Revision
	}
	return out, nil
}

// versions are the revisions, the newest first.
func (c *Client) versions(ctx context.Context, w workload) ([]version, error) {
	selector, err := podSelector(w)
	if err != nil {
		return nil, err
	}
	o := meta.ListOptions{LabelSelector: selector}
	var out []version
	if w.kind == deploy.Deployment {
		sets, err := all(ctx, c, c.apps(), "replicasets", w.meta.Namespace, o, replicaSets)
		if err != nil {
			return nil, err
		}
		for i := range sets {
			s := &sets[i]
			n, err := strconv.ParseInt(s.Annotations[revisionNote], 10, 64)
			if err != nil || !controlledBy(s.OwnerReferences, w.meta.UID) {
				continue
			}
			out = append(out, c.version(n, s.ObjectMeta, s.Spec.Template, int(s.Status.ReadyReplicas), s.Annotations[revisionNote] == w.revision))
		}
	} else {
		states, err := all(ctx, c, c.apps(), "controllerrevisions", w.meta.Namespace, o, controllerRevisions)
		if err != nil {
			return nil, err
		}
		newest := newestState(states, w)
		list, err := all(ctx, c, c.core(), "pods", w.meta.Namespace, o, pods)
		if err != nil {
			return nil, err
		}
		for i := range states {
			s := &states[i]
			if !controlledBy(s.OwnerReferences, w.meta.UID) {
				continue
			}
			var body struct {
				Spec struct {
					Template core.PodTemplateSpec `json:"template"`
				} `json:"spec"`
			}
			if err := json.Unmarshal(s.Data.Raw, &body); err != nil {
				return nil, fail.Wrap(fail.Failed, err, "reading revision %d of %s", s.Revision, w.meta.Name)
			}
			m := s.ObjectMeta
			if s == newest {
				// One that was gone back to keeps the notes of its first time.
				m.Annotations = w.meta.Annotations
			}
			out = append(out, c.version(s.Revision, m, body.Spec.Template, readyOf(list, s), s == newest))
		}
	}
	slices.SortFunc(out, func(a, b version) int { return cmp.Compare(b.number, a.number) })
	whose(out)
	return out, nil
}

// whose takes away the reasons that are another revision's: the controller
// copies the workload's annotations to what it makes, and somebody who changes
// the template by other means leaves ours there.
func whose(list []version) {
	for i := range list {
		if i+1 < len(list) && list[i].noted != "" && list[i].noted == list[i+1].noted {
			list[i].Cause, list[i].Actor, list[i].Created = "", "", list[i].made
		}
	}
}

func (c *Client) version(n int64, m meta.ObjectMeta, t core.PodTemplateSpec, ready int, current bool) version {
	// A Deployment's set carries the label that the controller added.
	delete(t.Labels, apps.DefaultDeploymentUniqueLabelKey)
	v := version{number: n, template: t, made: m.CreationTimestamp.UTC(), noted: m.Annotations[changedAtNote]}
	v.Revision = deploy.Revision{
		Name: strconv.FormatInt(n, 10), Created: m.CreationTimestamp.UTC(), Cause: m.Annotations[changeCause], Actor: m.Annotations[actorNote],
		Current: current, Ready: ready, Template: c.template(t),
	}
	if at, err := time.Parse(time.RFC3339, m.Annotations[changedAtNote]); err == nil && at.After(v.Created) {
		v.Created = at.UTC() // a revision that was gone back to keeps its set
	}
	// A revision that has ready pods was good; the others are not known to
	// have been bad, and the one that was rolled out before is what undo means.
	v.Good = !current || ready > 0
	return v
}

func readyOf(list []core.Pod, s *apps.ControllerRevision) int {
	n := 0
	for i := range list {
		hash := list[i].Labels[apps.ControllerRevisionHashLabelKey]
		if hash != "" && (hash == s.Name || hash == s.Labels[apps.ControllerRevisionHashLabelKey]) && replica(&list[i], "", true).Ready {
			n++
		}
	}
	return n
}
