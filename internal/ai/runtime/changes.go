package runtime

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/changes"
	"github.com/aictl/aictl/internal/deploy"
)

var _ changes.Source = (*Runtime)(nil)

// Name implements changes.Source.
func (r *Runtime) Name() string { return r.Engine() }

// Changes implements changes.Source: revisions, the last move between them, the
// autoscaler's and the canaries' doings. What a person scaled or paused is in
// the audit record. The runtime's clock is ours.
func (r *Runtime) Changes(_ context.Context, q changes.Query) (changes.Answer, error) {
	var out changes.Answer
	if q.Namespace != "" && q.Namespace != "*" && q.Namespace != namespace {
		return out, nil
	}
	for _, s := range r.all() {
		s.mu.Lock()
		list := s.changes()
		s.mu.Unlock()
		for _, c := range list {
			if !c.Time.Before(q.From) && c.Time.Before(q.To) {
				out.Changes = append(out.Changes, c)
			}
		}
	}
	return out, nil
}

// changes are all that the service remembers; its mutex is held.
func (s *service) changes() []api.Change {
	base := api.Change{
		Source: "runtime", Service: s.name, Namespace: namespace, Object: "service/" + s.name,
		Show: argv.Line("aictl", "deploy", "history", s.name),
	}
	var out []api.Change
	var before *Revision
	for i := range s.rec.Revisions {
		rev := &s.rec.Revisions[i]
		c := base
		c.Kind, c.Time, c.Actor, c.Reason, c.Revision = api.ChangeRollout, rev.Created, rev.Actor, rev.Reason, strconv.Itoa(rev.Number)
		c.Summary = fmt.Sprintf("revision %d of %s was rolled out", rev.Number, s.name)
		if before != nil {
			c.Previous = strconv.Itoa(before.Number)
			c.Changes = deploy.Diff(template(before), template(rev))
			if !rev.Restart.Equal(before.Restart) && len(c.Changes) == 0 {
				c.Summary = fmt.Sprintf("%s was restarted (revision %d)", s.name, rev.Number)
			} else if d := changes.Describe(c.Changes); d != "" {
				c.Summary += ": " + d
			}
			c.Show = argv.Line("aictl", "deploy", "diff", s.name, "--from-revision", c.Previous, "--to-revision", c.Revision)
			c.Undo = argv.Line("aictl", "deploy", "undo", s.name, "--to-revision", c.Previous)
		}
		out = append(out, c)
		before = rev
	}
	if c, moved := s.moved(base); moved {
		out = append(out, c)
	}
	for _, e := range s.events {
		c := base
		c.Time, c.Summary = e.Time, s.name+": "+e.Message
		switch e.Reason {
		case "ScaledUp", "ScaledDown":
			c.Kind, c.Actor = api.ChangeAutoscale, "autoscaler"
		case "CanaryRolledBack", "CanaryPromoted":
			c.Kind, c.Actor = api.ChangeCanary, "canary judge"
			c.Revision, _, _ = strings.Cut(strings.TrimPrefix(e.Message, "revision "), ":")
		default:
			continue
		}
		out = append(out, c)
	}
	return out
}

// moved is the last time that the service went to a revision which was there
// already.
func (s *service) moved(c api.Change) (api.Change, bool) {
	target := s.rec.newest()
	if target == nil || !s.rec.Changed.After(target.Created.Add(changes.Settle)) {
		return c, false
	}
	c.Kind, c.Time, c.Revision = api.ChangeRollout, s.rec.Changed, strconv.Itoa(target.Number)
	c.Summary = fmt.Sprintf("%s went to revision %d", s.name, target.Number)
	c.ID = changes.ID(c) + "-" + strconv.FormatInt(s.rec.Generation, 10)
	return c, true
}
