package secrets

import (
	"context"

	"github.com/aictl/aictl/internal/fail"
)

// orRestore is the end of a try: nil, or the way back. There is none from the
// moment that the old version may be revoked, and none for whoever lost the
// rotation to somebody else.
func (w *worker) orRestore(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if w.lost {
		return err
	}
	if w.x.Step == StepRevoking {
		return fail.From(err).Hint("every consumer has the new value; aictl secrets rotate %s --resume %s revokes the old one", w.x.Ref, w.x.ID)
	}
	return w.restore(ctx, err)
}

// restore goes back to the old value, whatever was reached. It outlives the
// caller's context: who goes away in the middle leaves nothing half done.
func (w *worker) restore(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.t.Restore)
	defer cancel()
	reached := w.x.Step
	// Whether anybody may have the new value: what comes before the promotion
	// has no effect on anybody.
	seen := reached != StepBegun && reached != StepStaged
	w.x.Failure = cause.Error()
	if err := w.back(ctx, seen); err != nil {
		return fail.New(fail.CodeOf(cause), "the rotation failed (%w), and to restore the old value failed too: %s", cause, err.Error()).
			Hint("both values are still valid; aictl secrets rotate %s --resume %s goes on restoring", w.x.Ref, w.x.ID)
	}
	return fail.New(fail.CodeOf(cause), "the rotation failed, and the old value is restored everywhere: %w", cause).
		Hint("aictl secrets rotations -o json shows the steps")
}

func (w *worker) back(ctx context.Context, seen bool) error {
	if err := w.to(ctx, StepRestoring, "back to the old version %s: %s", w.x.Old, w.x.Failure); err != nil {
		return err
	}
	if seen {
		if err := w.restoreSource(ctx); err != nil {
			return err
		}
		if err := w.restoreTargets(ctx); err != nil {
			return err
		}
		if err := w.restoreConsumers(ctx); err != nil {
			return err
		}
	}
	if w.x.New != "" { // nobody is on it any more: it must not lie about
		if err := w.vers.Revoke(ctx, w.x.Ref.Path, w.x.New); err != nil && fail.CodeOf(err) != fail.NotFound {
			return err
		}
	}
	return w.to(ctx, StepRestored, "the old value is everywhere again")
}

// restoreSource makes the old version current, unless somebody else wrote one
// meanwhile.
func (w *worker) restoreSource(ctx context.Context) error {
	if err := w.stillOurs(ctx); fail.CodeOf(err) == fail.Conflict {
		return w.save(ctx, "%s has a newer version of somebody else, which stays current", w.x.Ref)
	} else if err != nil {
		return err
	}
	info, err := w.vers.Promote(ctx, w.x.Ref.Path, w.x.Old)
	if err != nil {
		return err
	}
	return w.note(ctx, w.x.Ref, w.x.OldPrint, info, "restore")
}

func (w *worker) restoreTargets(ctx context.Context) error {
	old, _, err := w.s.Get(ctx, w.x.Ref, w.x.Old)
	if err != nil {
		return err
	}
	defer old.Close()
	for i := range w.x.Targets {
		t := &w.x.Targets[i]
		if !t.Touched {
			continue
		}
		if err := w.restoreTarget(ctx, t, old); err != nil {
			return err
		}
		t.Touched, t.Synced = false, false
		if err := w.save(ctx, "%s is as it was", t.Ref); err != nil {
			return err
		}
	}
	return nil
}

// restoreTarget leaves alone what somebody else wrote meanwhile.
func (w *worker) restoreTarget(ctx context.Context, t *RotationTarget, old Value) error {
	have, err := w.s.look(ctx, t.Ref)
	if err != nil {
		return err
	}
	o := w.write("restore")
	switch {
	case have.info == nil && t.Create:
		return nil
	case have.read && have.print == w.x.OldPrint && !t.Create:
		return nil
	case have.read && have.print != w.x.NewPrint:
		return w.save(ctx, "%s holds a value of somebody else, and is left alone", t.Ref)
	case t.Create:
		return w.s.Delete(ctx, t.Ref, DeleteOptions{IfVersion: have.info.Version, Force: true}, o)
	case have.info == nil:
		o.IfAbsent = true
	case have.read:
		o.IfVersion = have.info.Version
	}
	_, err = w.s.Put(ctx, t.Ref, old, o)
	return err
}

// restoreConsumers replaces every replica that may have begun with the new
// value, also those that nobody restarted: a crash or a scale-up is enough.
func (w *worker) restoreConsumers(ctx context.Context) error {
	if w.s.c.Consumers == nil {
		return nil
	}
	found, err := w.s.consumers(ctx, w.x.refs())
	if err != nil {
		return err
	}
	known := map[Consumer]bool{}
	for _, c := range w.x.Consumers {
		known[c.Consumer] = true
	}
	for _, c := range found {
		if !known[c] { // it began meanwhile: with which value, nobody knows
			w.x.Consumers = append(w.x.Consumers, RotationConsumer{Consumer: c, Touched: true})
		}
	}
	var again []*RotationConsumer
	for i := range w.x.Consumers {
		c := &w.x.Consumers[i]
		if !c.Touched {
			p, err := w.s.c.Consumers.Proof(ctx, c.Consumer, c.Before)
			if err != nil {
				return err
			}
			if len(p.Fresh) == 0 && len(p.Waiting) == 0 {
				continue
			}
		}
		at, err := w.s.c.Consumers.Restart(ctx, c.Consumer, "restored: "+w.cause())
		if err != nil {
			return err
		}
		c.Mark, c.Touched, c.Proven = at, true, false
		if err := w.save(ctx, "%s restarts with the old value", c.Consumer); err != nil {
			return err
		}
		again = append(again, c)
	}
	for _, c := range again {
		if err := w.prove(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
