package secrets

import (
	"context"

	"github.com/aictl/aictl/internal/fail"
)

// SyncAction is what a sync would do with one secret.
type SyncAction string

// The actions of a sync.
const (
	SyncCreate SyncAction = "create"
	SyncUpdate SyncAction = "update"
	SyncSkip   SyncAction = "skip"
	SyncDelete SyncAction = "delete"
)

// SyncStep is one secret of a sync.
type SyncStep struct {
	Action   SyncAction
	From, To Ref
	Reason   string
	// Print is the fingerprint of the value that is to be written.
	Print Fingerprint
	// Version is the target's at the time of the plan: another one later is a
	// conflict.
	Version string
}

// SyncOptions choose what a sync does.
type SyncOptions struct {
	Names  Names
	Prefix string // only names that begin so
	// Prune deletes what only the target has. Without it nothing is deleted.
	Prune bool
}

// PlanSync finds out what would make the target like the source. It writes
// nothing.
func (s *Stores) PlanSync(ctx context.Context, from, to Ref, o SyncOptions) ([]SyncStep, error) {
	source, err := s.Store(ctx, from.Store)
	if err != nil {
		return nil, err
	}
	if !source.Capabilities().Readable {
		return nil, fail.New(fail.Refused, "%s can't be the source: its values can't be read back", from.Store).
			Hint("swap the sides, or sync from the store that the values came from")
	}
	if !isFolder(from) { // a source that is not there is a mistake, not a deletion
		if _, err := s.Stat(ctx, from); err != nil {
			return nil, err
		}
	}
	all, err := s.diff(ctx, from, to, o.Names, o.Prefix, s.compare)
	if err != nil {
		return nil, err
	}
	steps := make([]SyncStep, 0, len(all))
	for _, d := range all {
		step := SyncStep{From: d.Left, To: d.Right, Reason: d.Reason, Print: d.LeftPrint, Version: d.RightVersion}
		switch {
		case d.State == MissingLeft:
			step.Action = SyncSkip
			if step.Reason = "only the target has it"; o.Prune {
				step.Action = SyncDelete
			}
		case !d.leftSide.read:
			return nil, fail.New(fail.Forbidden, "%s can't be copied: its value may not be read", d.Left)
		case d.State == MissingRight:
			step.Action = SyncCreate
		case d.State == Equal:
			step.Action = SyncSkip
		default:
			step.Action = SyncUpdate
		}
		if step.Action == SyncCreate || step.Action == SyncUpdate {
			if _, err := s.at(ctx, step.To); err != nil { // its name may not fit the target
				return nil, fail.From(err).Hint("--map %s=NAME gives it another name there", d.Name)
			}
			if m := managedBy(d.rightSide); m != "" {
				step.Reason += "; " + m + " manages it and may undo the write"
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func managedBy(x side) string {
	if x.info == nil {
		return ""
	}
	return x.info.Managed
}

// ApplySync does one step as it was planned: the value is read again and must
// have the plan's fingerprint, and the target must be at the plan's version.
func (s *Stores) ApplySync(ctx context.Context, step SyncStep, by, reason string) error {
	w := Write{Action: "sync", By: by, Reason: reason}
	switch step.Action {
	case SyncSkip:
		return nil
	case SyncDelete:
		return s.Delete(ctx, step.To, DeleteOptions{IfVersion: step.Version}, w)
	case SyncCreate:
		w.IfAbsent = true
	case SyncUpdate:
		w.IfVersion = step.Version
	}
	v, _, err := s.Get(ctx, step.From, "")
	if err != nil {
		return err
	}
	defer v.Close()
	if s.print.Of(v) != step.Print {
		return fail.New(fail.Conflict, "%s changed since the plan was made", step.From).Hint("run the command again")
	}
	_, err = s.Put(ctx, step.To, v, w)
	return err
}
