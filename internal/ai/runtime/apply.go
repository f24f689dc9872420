package runtime

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/fail"
)

// apply makes the objects of a service on Kubernetes, and takes away those
// that are no more.
func (r *Runtime) apply(ctx context.Context, before, next *Record, dry bool) error {
	old, fresh := r.rendered(before), r.rendered(next)
	if len(old)+len(fresh) == 0 {
		return nil
	}
	if r.o.Applier == nil {
		return fail.New(fail.Unavailable, "this control plane has no cluster to run %s on", next.Name).
			Hint("give the server a kubeconfig, or deploy with runtime: process")
	}
	if len(fresh) > 0 {
		if err := r.o.Applier.Apply(ctx, fresh, dry); err != nil {
			return err
		}
	}
	kept := map[string]bool{}
	for _, o := range fresh {
		kept[identity(o)] = true
	}
	old = slices.DeleteFunc(old, func(o map[string]any) bool { return kept[identity(o)] })
	if dry || len(old) == 0 {
		return nil
	}
	return r.o.Applier.Delete(ctx, old)
}

// rendered are the objects of a record's target; none where it runs elsewhere.
func (r *Runtime) rendered(rec *Record) []map[string]any {
	rev := rec.find(rec.Target)
	if rev == nil || rev.Manifest.Runtime != plugin.Kubernetes {
		return nil
	}
	return plugin.Render(rev.Manifest, r.renderOptions(rec, rev))
}

func identity(o map[string]any) string {
	meta, _ := o["metadata"].(map[string]any) // every rendered object has one
	return fmt.Sprint(o["kind"], meta["namespace"], meta["name"])
}

func (r *Runtime) renderOptions(rec *Record, rev *Revision) plugin.RenderOptions {
	o := r.o.Render
	o.Revision, o.Reason, o.Actor = strconv.Itoa(rev.Number), rev.Reason, rev.Actor
	o.Replicas, o.Paused, o.Restarted = rec.Replicas, rec.Paused, rev.Restart
	return o
}
