package secrets

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Step is how far a rotation has come. What it names is done.
type Step string

// The steps, in order. Up to Gated everything can be taken back; from
// Revoking on there is no way but forward.
const (
	StepBegun     Step = "begun"     // nothing is done
	StepStaged    Step = "staged"    // the new version waits in the source
	StepPromoting Step = "promoting" // it may be current
	StepPromoted  Step = "promoted"  // it is
	StepSynced    Step = "synced"    // every target has it
	StepRestarted Step = "restarted" // every consumer was told to start anew
	StepProven    Step = "proven"    // no replica from before is left
	StepGated     Step = "gated"     // the expression held
	StepRevoking  Step = "revoking"  // the old version may be gone
	StepDone      Step = "done"
	StepRestoring Step = "restoring" // on the way back to the old version
	StepRestored  Step = "restored"
)

// Open reports whether a rotation is still to be brought to an end.
func (s Step) Open() bool { return s != StepDone && s != StepRestored }

// Rotation is a rotation as the journal keeps it: everything that is needed
// to go on after the process died, and no value.
type Rotation struct {
	ID  string `json:"id"`
	Ref Ref    `json:"ref"`
	// Rev counts the saves: who holds an older one has lost the rotation to
	// somebody else.
	Rev       int64              `json:"rev"`
	Step      Step               `json:"step"`
	Token     string             `json:"token"`
	Old       string             `json:"old"`
	New       string             `json:"new,omitempty"`
	OldPrint  Fingerprint        `json:"old_print"`
	NewPrint  Fingerprint        `json:"new_print,omitempty"`
	Targets   []RotationTarget   `json:"targets,omitempty"`
	Consumers []RotationConsumer `json:"consumers,omitempty"`
	Verify    string             `json:"verify,omitempty"`
	VerifyFor time.Duration      `json:"verify_for,omitempty"`
	KeepOld   bool               `json:"keep_old,omitempty"`
	By        string             `json:"by,omitempty"`
	Reason    string             `json:"reason,omitempty"`
	Failure   string             `json:"failure,omitempty"`
	Started   time.Time          `json:"started"`
	Updated   time.Time          `json:"updated"`
	Log       []RotationLine     `json:"log"`
}

// RotationTarget is a copy of the secret in another store.
type RotationTarget struct {
	Ref Ref `json:"ref"`
	// Create says that it was not there before, so that to restore is to
	// delete.
	Create bool `json:"create,omitempty"`
	// Version is the one before the rotation.
	Version string `json:"version,omitempty"`
	Touched bool   `json:"touched,omitempty"` // it may have the new value
	Synced  bool   `json:"synced,omitempty"`  // it has
}

// RotationConsumer is a workload on its way to the new value.
type RotationConsumer struct {
	Consumer
	// Before is the engine's time before the new value was anywhere.
	Before time.Time `json:"before"`
	// Mark is the engine's time of its last restart.
	Mark    time.Time `json:"mark,omitzero"`
	Touched bool      `json:"touched,omitempty"` // it may have been restarted
	Proven  bool      `json:"proven,omitempty"`
}

// RotationLine says what happened when.
type RotationLine struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// maxLog bounds the lines that a rotation keeps.
const maxLog = 200

// Journal keeps rotations over the death of the process. Implementations are
// safe for concurrent use by several processes.
type Journal interface {
	// Begin adds a rotation with Rev 1. Another one of the same reference that
	// is open is a fail.Conflict which names its ID.
	Begin(ctx context.Context, r *Rotation) error
	// Save replaces the rotation where the journal's Rev is r.Rev, and then
	// counts r.Rev up; else fail.Conflict. nil means durable.
	Save(ctx context.Context, r *Rotation) error
	// Load gives one; fail.NotFound where there is none.
	Load(ctx context.Context, id string) (*Rotation, error)
	// List gives the rotations, the newest first, 100 at most.
	List(ctx context.Context) ([]*Rotation, error)
}

// MemoryJournal is a journal that lives as long as the process.
type MemoryJournal struct {
	mu  sync.Mutex // guards all
	all map[string]*Rotation
}

// Begin implements Journal.
func (j *MemoryJournal) Begin(_ context.Context, r *Rotation) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, other := range j.all {
		if err := SameOpen(other, r); err != nil {
			return err
		}
	}
	if j.all == nil {
		j.all = map[string]*Rotation{}
	}
	r.Rev = 1
	j.all[r.ID] = r.clone()
	return nil
}

// SameOpen is the conflict of two open rotations of one secret, for
// implementations of Journal; nil where they are not in each other's way.
func SameOpen(there, r *Rotation) error {
	a, b := there.Ref, r.Ref
	a.Member, b.Member = "", ""
	if a != b || !there.Step.Open() {
		return nil
	}
	return fail.New(fail.Conflict, "%s is being rotated already: %s, since %s", there.Ref, there.ID, stamp(there.Started)).
		Hint("aictl secrets rotate %s --resume %s, or --abort %s", there.Ref, there.ID, there.ID)
}

// Save implements Journal.
func (j *MemoryJournal) Save(_ context.Context, r *Rotation) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if there := j.all[r.ID]; there == nil || there.Rev != r.Rev {
		return LostRotation(r)
	}
	r.Rev++
	j.all[r.ID] = r.clone()
	return nil
}

// LostRotation is the error of a Save that came too late, for implementations
// of Journal.
func LostRotation(r *Rotation) error {
	return fail.New(fail.Conflict, "somebody else has taken the rotation %s over", r.ID).Hint("aictl secrets rotations")
}

// Load implements Journal.
func (j *MemoryJournal) Load(_ context.Context, id string) (*Rotation, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.all[id]; r != nil {
		return r.clone(), nil
	}
	return nil, NoRotation(id)
}

// NoRotation is the error of an unknown id, for implementations of Journal.
func NoRotation(id string) error {
	return fail.New(fail.NotFound, "there is no rotation %q", id).Hint("aictl secrets rotations")
}

// List implements Journal.
func (j *MemoryJournal) List(context.Context) ([]*Rotation, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]*Rotation, 0, len(j.all))
	for _, r := range j.all {
		out = append(out, r.clone())
	}
	slices.SortFunc(out, func(a, b *Rotation) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	return out[:min(len(out), 100)], nil
}

// clone goes through JSON, as a journal on a disk does.
func (r *Rotation) clone() *Rotation {
	body, err := json.Marshal(r)
	out := &Rotation{}
	if err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		panic("secrets: a rotation does not survive JSON: " + err.Error()) // a programmer's mistake
	}
	return out
}
