package runtime

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// told is a change in one line.
func told(c deploy.Change) string {
	what := "images set"
	switch {
	case c.Scale != nil:
		what = fmt.Sprintf("scaled to %d", *c.Scale)
	case c.Restart:
		what = "restarted"
	case c.Undo != "":
		what = "undone to revision " + c.Undo
	case c.Pause != nil && *c.Pause:
		what = "paused"
	case c.Pause != nil:
		what = "resumed"
	case c.Canary != nil && c.Canary.Promote:
		what = "canary promoted"
	case c.Canary != nil && c.Canary.Abort:
		what = "canary aborted"
	case c.Canary != nil:
		what = fmt.Sprintf("canary at %d %%", c.Canary.Weight)
	}
	if c.Actor != "" {
		what += " by " + c.Actor
	}
	if c.Cause != "" {
		what += ": " + c.Cause
	}
	return what
}

// edit makes the change in the record.
func (r *Runtime) edit(rec, next *Record, c deploy.Change) error {
	current := rec.find(rec.Target)
	if current == nil {
		return fail.New(fail.Internal, "service/%s has no revision", rec.Name)
	}
	remote := current.Manifest.Runtime == plugin.Remote
	again := func(from *Revision, cause string) *Revision {
		rev := *from
		rev.Number, rev.Created = next.Revisions[len(next.Revisions)-1].Number+1, r.now().UTC()
		rev.Reason, rev.Actor, rev.Good, rev.Restart = orElse(c.Cause, cause), c.Actor, false, time.Time{}
		next.Revisions = append(next.Revisions, rev)
		next.Target, next.Canary, next.Changed = rev.Number, nil, rev.Created
		return &next.Revisions[len(next.Revisions)-1]
	}
	switch {
	case c.Scale != nil:
		if remote {
			return fail.New(fail.Refused, "service/%s runs elsewhere: its replicas are not ours to scale", rec.Name)
		}
		if *c.Scale < 0 || *c.Scale > 100 {
			return fail.New(fail.Usage, "%d replicas are not between 0 and 100", *c.Scale)
		}
		n := *c.Scale
		next.Replicas = &n
	case c.Restart:
		if remote {
			return fail.New(fail.Refused, "service/%s runs elsewhere: it is not ours to restart", rec.Name)
		}
		again(current, "restart").Restart = r.now().UTC()
	case c.Undo != "":
		n, err := strconv.Atoi(c.Undo)
		old := rec.find(n)
		if err != nil || old == nil {
			return fail.New(fail.NotFound, "service/%s has no revision %q", rec.Name, c.Undo).Hint("aictl deploy history service/%s", rec.Name)
		}
		if n == rec.Target && rec.Canary == nil {
			return fail.New(fail.Conflict, "service/%s is at revision %d already", rec.Name, n).Hint("aictl deploy history service/%s", rec.Name)
		}
		again(old, "undo to revision "+c.Undo)
	case c.Pause != nil:
		next.Paused = *c.Pause
	case len(c.Images) > 0:
		return r.setImage(rec, current, again, c)
	case c.Canary != nil:
		return editCanary(rec, next, c, r.now().UTC())
	default:
		return fail.New(fail.Usage, "the change changes nothing")
	}
	return nil
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (r *Runtime) setImage(rec *Record, current *Revision, again func(*Revision, string) *Revision, c deploy.Change) error {
	if current.Manifest.Runtime != plugin.Kubernetes {
		return fail.New(fail.Refused, "service/%s runs files, not an image", rec.Name).Hint("aictl deploy apply -f plugin.yaml")
	}
	var image string
	for name, i := range c.Images {
		if name != "" && name != rec.Name || len(c.Images) > 1 {
			return fail.New(fail.NotFound, "service/%s has one container, %s", rec.Name, rec.Name)
		}
		image = i
	}
	m := current.Manifest.Clone()
	m.Image = image
	if err := m.Check(); err != nil {
		return err
	}
	digest, err := m.Digest()
	if err != nil {
		return err
	}
	rev := again(current, "image "+image)
	rev.Manifest, rev.Digest = m, digest
	return nil
}

// editCanary starts, weighs or ends a canary.
func editCanary(rec, next *Record, c deploy.Change, now time.Time) error {
	k := c.Canary
	if k.Promote || k.Abort {
		if rec.Canary == nil {
			return fail.New(fail.Conflict, "service/%s has no canary", rec.Name).Hint("aictl deploy status service/%s", rec.Name)
		}
		if k.Promote {
			next.Target, next.Changed = rec.Canary.Revision, now
		}
		next.Canary = nil
		return nil
	}
	if k.Weight < 1 || k.Weight > 99 {
		return fail.New(fail.Usage, "a canary gets 1 to 99 percent, not %d", k.Weight)
	}
	number := 0
	if k.Revision != "" {
		number, _ = strconv.Atoi(k.Revision) // 0 is no revision
	} else if rec.Canary != nil {
		number = rec.Canary.Revision
	}
	rev := rec.find(number)
	if rev == nil {
		return fail.New(fail.NotFound, "service/%s has no revision %q", rec.Name, k.Revision).Hint("aictl deploy history service/%s", rec.Name)
	}
	if rev.Manifest.Runtime == plugin.Kubernetes {
		return refusedCanary()
	}
	if rec.Stable == 0 || number == rec.Stable {
		return fail.New(fail.Conflict, "revision %d is the one that serves: there is nothing to compare it with", number).
			Hint("aictl deploy history service/%s", rec.Name)
	}
	next.Target = rec.Stable // a rollout that has not ended becomes the canary, or is dropped
	next.Canary = &Canary{Revision: number, Weight: k.Weight, Since: now}
	if rec.Canary != nil && rec.Canary.Revision == number {
		next.Canary.Since = rec.Canary.Since
	}
	return nil
}
