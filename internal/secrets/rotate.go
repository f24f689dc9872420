package secrets

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// RotateOptions describe a rotation.
type RotateOptions struct {
	// To are the copies of the secret in other stores.
	To []Ref
	// Verify is an expression that must hold for VerifyFor after the restarts.
	Verify    string
	VerifyFor time.Duration
	// KeepOld leaves the old version readable.
	KeepOld bool
	// Overwrite takes copies that nobody can tell the value of.
	Overwrite  bool
	By, Reason string
}

// PlanRotation finds out what a rotation would do, and whether it could be
// taken back at every step. It writes nothing. The rotation that it returns is
// what Rotate begins.
func (s *Stores) PlanRotation(ctx context.Context, r Ref, o RotateOptions) (*Rotation, error) {
	st, err := s.at(ctx, r)
	if err != nil {
		return nil, err
	}
	if _, ok := st.(Versioner); !ok {
		return nil, fail.New(fail.Refused, "%s keeps no earlier versions, so a rotation there could not be taken back", r.Store).
			Hint("rotate it in the vault or in AWS, with --to %s", r)
	}
	if o.Verify != "" && s.c.Gate == nil {
		return nil, fail.New(fail.Unavailable, "there is no metrics backend to verify with").Hint("leave --verify away, or configure prometheus")
	}
	old, info, err := s.Get(ctx, r, "")
	if err != nil {
		return nil, err
	}
	defer old.Close()
	if info.Rotates {
		return nil, fail.New(fail.Refused, "%s is rotated by its store; two rotations would undo each other", r).
			Hint("let the store rotate it, or turn that off there")
	}
	now := s.c.Now().UTC()
	x := &Rotation{
		ID: "rot-" + random(5), Ref: r, Step: StepBegun, Token: uuid(), Old: info.Version, OldPrint: s.print.Of(old),
		Verify: o.Verify, VerifyFor: o.VerifyFor, KeepOld: o.KeepOld, By: o.By, Reason: o.Reason, Started: now, Updated: now, Log: []RotationLine{},
	}
	for _, to := range o.To {
		t, err := s.planTarget(ctx, x, to, o.Overwrite)
		if err != nil {
			return nil, err
		}
		x.Targets = append(x.Targets, t)
	}
	if s.c.Consumers == nil {
		if !o.KeepOld {
			return nil, fail.New(fail.Refused, "no engine of workloads is known here, so nobody can prove that the old value is out of use").
				Hint("repeat with --keep-old, and revoke the old version when it is")
		}
		return x, nil
	}
	found, err := s.consumers(ctx, x.refs())
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		at, err := s.c.Consumers.Now(ctx, c)
		if err != nil {
			return nil, err
		}
		x.Consumers = append(x.Consumers, RotationConsumer{Consumer: c, Before: at})
	}
	return x, nil
}

func (s *Stores) planTarget(ctx context.Context, x *Rotation, to Ref, overwrite bool) (RotationTarget, error) {
	t := RotationTarget{Ref: to}
	if to == x.Ref || slices.ContainsFunc(x.Targets, func(o RotationTarget) bool { return o.Ref == to }) {
		return t, fail.New(fail.Usage, "%s is named twice", to)
	}
	d, err := s.compare(ctx, pair{to.Path, x.Ref, to})
	if err != nil {
		return t, err
	}
	t.Version = d.RightVersion
	switch d.State {
	case Equal:
		return t, nil
	case MissingRight:
		t.Create = true
		return t, nil
	case Unknown, Changed:
		if overwrite && !d.rightSide.read {
			return t, nil
		}
	case Different, MissingLeft:
	}
	if !d.rightSide.read {
		return t, fail.New(fail.Refused, "%s can't be told to hold the value of %s: %s", to, x.Ref, d.Reason).
			Hint("repeat with --overwrite to take it as a copy; to restore then writes the old value of %s there", x.Ref)
	}
	return t, fail.New(fail.Conflict, "%s holds another value than %s, and could not be restored", to, x.Ref).
		Hint("aictl secrets sync --from %s --to %s", x.Ref, to)
}

// consumers gives the workloads that use any of the references, each once.
func (s *Stores) consumers(ctx context.Context, refs []Ref) ([]Consumer, error) {
	uses, err := s.c.Consumers.Find(ctx, refs)
	if err != nil {
		return nil, err
	}
	var out []Consumer
	for _, u := range uses {
		if !slices.Contains(out, u.Consumer) {
			out = append(out, u.Consumer)
		}
	}
	return out, nil
}

// refs are the secret and its copies.
func (r *Rotation) refs() []Ref {
	out := []Ref{r.Ref}
	for _, t := range r.Targets {
		out = append(out, t.Ref)
	}
	return out
}

// Timing are the waits of a rotation; the zero value has sensible ones.
type Timing struct {
	Poll    time.Duration // between two looks at a consumer: 1 s
	Proof   time.Duration // until every replica is fresh: 10 min
	Restore time.Duration // for the way back after a failure: 15 min
	// Wait replaces the clock in tests.
	Wait func(ctx context.Context, d time.Duration) error
}

func (t Timing) orDefaults() Timing {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&t.Poll, time.Second)
	set(&t.Proof, 10*time.Minute)
	set(&t.Restore, 15*time.Minute)
	if t.Wait == nil {
		t.Wait = wait
	}
	return t
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Rotate carries a planned rotation out with the new value. Any failure takes
// everything back to the old value; the error then says both what failed and
// how the way back went. The rotation returned is as the journal has it.
func (s *Stores) Rotate(ctx context.Context, x *Rotation, v Value, t Timing) (*Rotation, error) {
	if v.Len() == 0 {
		return x, fail.New(fail.Usage, "the new value is empty")
	}
	if s.print.Of(v) == x.OldPrint {
		return x, fail.New(fail.Usage, "the new value is the old one").Hint("aictl secrets rotate --generate")
	}
	x.NewPrint = s.print.Of(v)
	run, err := s.worker(ctx, x, t)
	if err != nil {
		return x, err
	}
	if err := s.c.Journal.Begin(ctx, x); err != nil {
		return x, err
	}
	err = run.stage(ctx, v)
	if err == nil {
		err = run.forward(ctx)
	}
	return x, run.orRestore(ctx, err)
}

// Resume brings a rotation that was cut off to its end: forward, or, with
// abort, back to the old value. From the moment that the old version may be
// revoked there is only forward.
func (s *Stores) Resume(ctx context.Context, id string, abort bool, t Timing) (*Rotation, error) {
	x, err := s.c.Journal.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	if !x.Step.Open() {
		return x, fail.New(fail.Refused, "the rotation %s has ended: %s", id, x.Step).Hint("aictl secrets rotations")
	}
	if abort && x.Step == StepRevoking {
		return x, fail.New(fail.Refused, "the old version may be revoked already: the rotation %s can only go on", id).
			Hint("aictl secrets rotate %s --resume %s", x.Ref, id)
	}
	run, err := s.worker(ctx, x, t)
	if err != nil {
		return x, err
	}
	// The save says whose the rotation is from now on.
	if err := run.save(ctx, "taken up again"); err != nil {
		return x, err
	}
	if abort || x.Step == StepBegun || x.Step == StepRestoring { // staged, perhaps, but by whom is lost with the value
		cause := x.Failure
		if cause == "" {
			cause = "aborted"
			if x.Step == StepBegun {
				cause = "it was cut off before the new version was written"
			}
		}
		return x, run.restore(ctx, fail.New(fail.Failed, "%s", cause))
	}
	return x, run.orRestore(ctx, run.forward(ctx))
}

// Rotations lists what the journal has, the newest first.
func (s *Stores) Rotations(ctx context.Context) ([]*Rotation, error) { return s.c.Journal.List(ctx) }

// worker carries one rotation.
type worker struct {
	s     *Stores
	x     *Rotation
	store Store
	vers  Versioner
	t     Timing
	lost  bool // somebody else has the rotation
}

func (s *Stores) worker(ctx context.Context, x *Rotation, t Timing) (*worker, error) {
	st, err := s.at(ctx, x.Ref)
	if err != nil {
		return nil, err
	}
	v, ok := st.(Versioner)
	if !ok {
		return nil, fail.New(fail.Refused, "%s keeps no earlier versions", x.Ref.Store)
	}
	return &worker{s: s, x: x, store: st, vers: v, t: t.orDefaults()}, nil
}

// save makes the state durable before anything is done that depends on it.
func (w *worker) save(ctx context.Context, format string, args ...any) error {
	w.x.Updated = w.s.c.Now().UTC()
	if format != "" {
		w.x.Log = append(w.x.Log, RotationLine{w.x.Updated, fmt.Sprintf(format, args...)})
		if len(w.x.Log) > maxLog {
			w.x.Log = w.x.Log[len(w.x.Log)-maxLog:]
		}
	}
	err := w.s.c.Journal.Save(ctx, w.x)
	w.lost = w.lost || fail.CodeOf(err) == fail.Conflict
	return err
}

func (w *worker) to(ctx context.Context, step Step, format string, args ...any) error {
	before := w.x.Step
	w.x.Step = step
	err := w.save(ctx, format, args...)
	if err != nil {
		w.x.Step = before // what is not durable has not happened
	}
	return err
}

func (w *worker) write(action string) Write {
	return Write{Action: action, By: w.x.By, Reason: w.x.Reason}
}

// stage writes the new version beside the current one.
func (w *worker) stage(ctx context.Context, v Value) error {
	o := w.write("rotate")
	o.Staged, o.Token, o.IfVersion = true, w.x.Token, w.x.Old
	info, err := w.s.Put(ctx, w.x.Ref, v, o)
	if err != nil {
		return err
	}
	w.x.New = info.Version
	return w.to(ctx, StepStaged, "the new version %s is written, and not current yet", info.Version)
}

// forward does what is left. Each step can be done a second time.
func (w *worker) forward(ctx context.Context) error {
	for {
		var err error
		switch w.x.Step {
		case StepStaged:
			err = w.to(ctx, StepPromoting, "")
		case StepPromoting:
			err = w.promote(ctx)
		case StepPromoted:
			err = w.sync(ctx)
		case StepSynced:
			err = w.restart(ctx)
		case StepRestarted:
			err = w.proven(ctx)
		case StepProven:
			err = w.gate(ctx)
		case StepGated:
			err = w.beforeRevoke(ctx)
		case StepRevoking:
			err = w.revoke(ctx)
		case StepDone:
			return nil
		case StepBegun, StepRestoring, StepRestored:
			return fail.New(fail.Internal, "a rotation does not go on from %s", w.x.Step)
		}
		if err != nil {
			return err
		}
	}
}

// stillOurs is a Conflict where the current version is neither of ours:
// somebody else wrote one.
func (w *worker) stillOurs(ctx context.Context) error {
	info, err := w.store.Stat(ctx, w.x.Ref.Path)
	if err != nil {
		return err
	}
	if info.Version != w.x.Old && info.Version != w.x.New {
		return fail.New(fail.Conflict, "somebody else wrote %s during the rotation (version %s)", w.x.Ref, info.Version)
	}
	return nil
}

func (w *worker) promote(ctx context.Context) error {
	if err := w.stillOurs(ctx); err != nil {
		return err
	}
	info, err := w.vers.Promote(ctx, w.x.Ref.Path, w.x.New)
	if err != nil {
		return err
	}
	if err := w.note(ctx, w.x.Ref, w.x.NewPrint, info, "rotate"); err != nil {
		return err
	}
	return w.to(ctx, StepPromoted, "it is current in %s", w.x.Ref.Store)
}

// note puts a promotion into the ledger, where no Put did.
func (w *worker) note(ctx context.Context, r Ref, print Fingerprint, info *Info, action string) error {
	return w.s.c.Ledger.Record(ctx, Entry{
		Ref: r.String(), Action: action, Fingerprint: print, Version: info.Version, Updated: info.Updated,
		By: w.x.By, Reason: w.x.Reason, At: w.s.c.Now().UTC(),
	})
}

func (w *worker) sync(ctx context.Context) error {
	v, _, err := w.s.Get(ctx, w.x.Ref, w.x.New)
	if err != nil {
		return err
	}
	defer v.Close()
	for i := range w.x.Targets {
		t := &w.x.Targets[i]
		if t.Synced {
			continue
		}
		if !t.Touched {
			t.Touched = true
			if err := w.save(ctx, ""); err != nil {
				return err
			}
		}
		o := w.write("rotate")
		o.IfVersion, o.IfAbsent = t.Version, t.Create
		_, err := w.s.Put(ctx, t.Ref, v, o)
		if fail.CodeOf(err) == fail.Conflict { // perhaps it was ourselves, before we were cut off
			if have, lerr := w.s.look(ctx, t.Ref); lerr == nil && have.read && have.print == w.x.NewPrint {
				err = nil
			}
		}
		if err != nil {
			return err
		}
		t.Synced = true
		if err := w.save(ctx, "%s has it", t.Ref); err != nil {
			return err
		}
	}
	return w.to(ctx, StepSynced, "")
}

func (w *worker) cause() string {
	s := "rotation of " + w.x.Ref.String()
	if w.x.Reason != "" {
		s += ": " + w.x.Reason
	}
	return s
}

func (w *worker) restart(ctx context.Context) error {
	for i := range w.x.Consumers {
		if err := w.restartOne(ctx, &w.x.Consumers[i]); err != nil {
			return err
		}
	}
	return w.to(ctx, StepRestarted, "")
}

func (w *worker) restartOne(ctx context.Context, c *RotationConsumer) error {
	if !c.Mark.IsZero() {
		return nil
	}
	if !c.Touched {
		c.Touched = true
		if err := w.save(ctx, ""); err != nil {
			return err
		}
	}
	at, err := w.s.c.Consumers.Restart(ctx, c.Consumer, w.cause())
	if err != nil {
		return err
	}
	c.Mark = at
	return w.save(ctx, "%s restarts", c.Consumer)
}

func (w *worker) proven(ctx context.Context) error {
	for i := range w.x.Consumers {
		if err := w.prove(ctx, &w.x.Consumers[i]); err != nil {
			return err
		}
	}
	return w.to(ctx, StepProven, "")
}

// prove waits until no replica from before the restart is left.
func (w *worker) prove(ctx context.Context, c *RotationConsumer) error {
	if c.Proven {
		return nil
	}
	end := w.s.c.Now().Add(w.t.Proof)
	for {
		p, err := w.s.c.Consumers.Proof(ctx, c.Consumer, c.Mark)
		switch {
		case err != nil:
			return err
		case p.Holds():
			c.Proven = true
			return w.save(ctx, "%s: %d of %d replicas are ready, and all began after the sync", c.Consumer, len(p.Fresh), len(p.Fresh))
		case p.Failed != "":
			return fail.New(fail.False, "%s does not come up with the new value: %s", c.Consumer, p.Failed)
		case !w.s.c.Now().Before(end):
			return fail.New(fail.Timeout, "%s was not replaced within %s: %s", c.Consumer, w.t.Proof, p.words())
		}
		if err := w.t.Wait(ctx, w.t.Poll); err != nil {
			return err
		}
	}
}

func (p Proof) words() string {
	if !p.Observed {
		return "its engine has not seen the restart"
	}
	return fmt.Sprintf("%d from before (%s), %d not ready (%s)", len(p.Stale), some(p.Stale), len(p.Waiting), some(p.Waiting))
}

func some(names []string) string {
	if len(names) > 3 {
		names = append(slices.Clone(names[:3]), "…")
	}
	return strings.Join(names, ", ")
}

// gate wants the expression to hold through the whole window. No answer in all
// of it is no proof.
func (w *worker) gate(ctx context.Context) error {
	if w.x.Verify == "" {
		return w.to(ctx, StepGated, "")
	}
	if w.s.c.Gate == nil {
		return fail.New(fail.Unavailable, "there is no metrics backend to verify with")
	}
	end := w.s.c.Now().Add(w.x.VerifyFor)
	answers := 0
	var last error
	for {
		ok, detail, err := w.s.c.Gate(ctx, w.x.Verify)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			last = err
		case !ok:
			return fail.New(fail.False, "the gate did not hold: %s", detail)
		default:
			answers++
		}
		if !w.s.c.Now().Before(end) {
			break
		}
		if err := w.t.Wait(ctx, min(5*w.t.Poll, max(end.Sub(w.s.c.Now()), time.Millisecond))); err != nil {
			return err
		}
	}
	if answers == 0 {
		return fail.Wrap(fail.Inconclusive, last, "the gate had no answer")
	}
	return w.to(ctx, StepGated, "the gate held")
}

// beforeRevoke takes up what began to use the secret meanwhile, and proves
// once more that nobody is left behind.
func (w *worker) beforeRevoke(ctx context.Context) error {
	if w.x.KeepOld {
		return w.to(ctx, StepDone, "the old version %s stays readable", w.x.Old)
	}
	if err := w.stillOurs(ctx); err != nil {
		return err
	}
	if w.s.c.Consumers == nil {
		return fail.New(fail.Unavailable, "no engine of workloads is known any more, so the old version is not revoked")
	}
	found, err := w.s.consumers(ctx, w.x.refs())
	if err != nil {
		return err
	}
	for _, c := range found {
		if slices.ContainsFunc(w.x.Consumers, func(k RotationConsumer) bool { return k.Consumer == c }) {
			continue
		}
		w.x.Consumers = append(w.x.Consumers, RotationConsumer{Consumer: c})
		if err := w.save(ctx, "%s uses it too", c); err != nil {
			return err
		}
	}
	for i := range w.x.Consumers {
		c := &w.x.Consumers[i]
		if err := w.restartOne(ctx, c); err != nil {
			return err
		}
		c.Proven = false
		if err := w.prove(ctx, c); err != nil {
			return err
		}
	}
	return w.to(ctx, StepRevoking, "")
}

func (w *worker) revoke(ctx context.Context) error {
	if err := w.vers.Revoke(ctx, w.x.Ref.Path, w.x.Old); err != nil && fail.CodeOf(err) != fail.NotFound {
		return err
	}
	return w.to(ctx, StepDone, "the old version %s is revoked", w.x.Old)
}

func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// uuid is a random UUID (RFC 9562, version 4).
func uuid() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}
