package secrets_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/secretstest"
)

// The model: a vault with a secret, a copy in Kubernetes and one in GitHub, and
// two workloads whose pods read a value when they begin and keep it. Every call
// of the rotation to anything outside can fail before its effect, fail after
// it (the answer is lost), or be the process's last. After every single call
// no pod may hold a value whose version is revoked.

const (
	oldValue = "the-old-value"
	newValue = "the-new-value"
)

type pod struct {
	created time.Time
	value   string
	ready   bool
	fresh   bool // of the newest revision
}

type workload struct {
	reads secretsOf
	pods  []pod
}

type secretsOf func() string

type world struct {
	t      *testing.T
	clock  time.Time
	vault  *secretstest.Memory
	kube   *secretstest.Memory
	github *secretstest.Memory
	work   map[string]*workload
	ledger *secrets.MemoryLedger
	journl *secrets.MemoryJournal
	broken bool // new pods do not come up with the new value
	late   bool // a workload appears in the middle
	// restless pods crash by themselves after the new version was promoted, and
	// begin with it.
	restless bool
	gate     func() (bool, error)

	calls  int
	fault  map[int]string // before, after, crash-before, crash-after
	trace  []string
	lateOn bool
}

type crash struct{}

var (
	sourceRef = secrets.Ref{Store: "vault", Path: "app/db"}
	kubeRef   = secrets.Ref{Store: "kubernetes", Path: "shop/db/password"}
	githubRef = secrets.Ref{Store: "github", Path: "acme/shop/DB"}
)

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), work: map[string]*workload{},
		ledger: &secrets.MemoryLedger{}, journl: &secrets.MemoryJournal{}, fault: map[int]string{},
	}
	now := func() time.Time { return w.clock }
	w.vault, w.kube, w.github = secretstest.NewMemory("vault", now), secretstest.NewMemory("kubernetes", now), secretstest.NewMemory("github", now)
	s := w.stores()
	for _, r := range []secrets.Ref{sourceRef, kubeRef, githubRef} {
		_, err := s.Put(t.Context(), r, secrets.CopyOf([]byte(oldValue)), secrets.Write{Action: "set", By: "ada"})
		require.NoError(t, err)
	}
	for _, m := range []*secretstest.Memory{w.vault, w.kube, w.github} {
		m.Hook = w.hook
	}
	kube := func() string { return w.kube.Value(kubeRef.Path) }
	vault := func() string { return w.vault.Value(sourceRef.Path) }
	w.tick()
	w.work["web"] = &workload{reads: kube, pods: []pod{w.pod(kube), w.pod(kube), w.pod(kube)}}
	w.work["worker"] = &workload{reads: vault, pods: []pod{w.pod(vault)}}
	w.tick()
	return w
}

func (w *world) pod(reads secretsOf) pod {
	return pod{created: w.clock, value: reads(), ready: true, fresh: true}
}

func (w *world) tick() { w.clock = w.clock.Add(time.Second) }

// hook is every call to the outside, before and after.
func (w *world) hook(call string, after bool) error {
	if !after {
		w.calls++
		w.trace = append(w.trace, fmt.Sprintf("%d %s", w.calls, call))
		w.tick()
	}
	if after && w.restless && strings.Contains(call, "promote") && w.vault.Value(sourceRef.Path) == newValue {
		x := w.work["worker"]
		fresh := x.pods[0].fresh
		x.pods[0] = w.pod(x.reads)
		x.pods[0].fresh = fresh
	}
	w.check(call)
	switch mode := w.fault[w.calls]; {
	case mode == "before" && !after, mode == "after" && after:
		return fail.New(fail.Unavailable, "injected fault")
	case mode == "crash-before" && !after, mode == "crash-after" && after:
		panic(crash{})
	}
	return nil
}

// check is the invariant.
func (w *world) check(call string) {
	revoked := w.vault.Revoked(sourceRef.Path)
	for name, x := range w.work {
		for _, p := range x.pods {
			if slices.Contains(revoked, p.value) {
				w.t.Fatalf("at %s: a pod of %s is on the revoked value %q\n%s", call, name, p.value, strings.Join(w.trace, "\n"))
			}
		}
	}
}

func (w *world) stores() *secrets.Stores {
	s, err := secrets.New(secrets.Config{
		Stores: []secrets.Named{w.vault.Open(), w.kube.Open(), w.github.Open()}, Key: []byte("0123456789abcdef0123456789abcdef"),
		Ledger: hookedLedger{w}, Journal: hookedJournal{w}, Consumers: w, Now: func() time.Time { return w.clock },
		Gate: func(context.Context, string) (bool, string, error) {
			if err := w.hook("gate", false); err != nil {
				return false, "", err
			}
			if w.gate == nil {
				return true, "1", w.hook("gate", true)
			}
			ok, err := w.gate()
			return ok, "0", err
		},
	})
	require.NoError(w.t, err)
	return s
}

func (w *world) timing() secrets.Timing {
	return secrets.Timing{Poll: time.Second, Proof: 30 * time.Second, Restore: time.Hour, Wait: func(ctx context.Context, d time.Duration) error {
		w.clock = w.clock.Add(d)
		return ctx.Err()
	}}
}

type hookedLedger struct{ w *world }

func (l hookedLedger) Record(ctx context.Context, e secrets.Entry) error {
	if err := l.w.hook("ledger.record", false); err != nil {
		return err
	}
	_ = l.w.ledger.Record(ctx, e)
	return l.w.hook("ledger.record", true)
}

func (l hookedLedger) Entries(ctx context.Context, ref string, n int) ([]secrets.Entry, error) {
	return l.w.ledger.Entries(ctx, ref, n)
}

type hookedJournal struct{ w *world }

func (j hookedJournal) Begin(ctx context.Context, r *secrets.Rotation) error {
	if err := j.w.hook("journal.begin", false); err != nil {
		return err
	}
	if err := j.w.journl.Begin(ctx, r); err != nil {
		return err
	}
	return j.w.hook("journal.begin", true)
}

func (j hookedJournal) Save(ctx context.Context, r *secrets.Rotation) error {
	if err := j.w.hook("journal.save "+string(r.Step), false); err != nil {
		return err
	}
	if err := j.w.journl.Save(ctx, r); err != nil {
		return err
	}
	return j.w.hook("journal.save "+string(r.Step), true)
}

func (j hookedJournal) Load(ctx context.Context, id string) (*secrets.Rotation, error) {
	return j.w.journl.Load(ctx, id)
}

func (j hookedJournal) List(ctx context.Context) ([]*secrets.Rotation, error) {
	return j.w.journl.List(ctx)
}

// The engine: secrets.Consumers.

func (w *world) Find(context.Context, []secrets.Ref) ([]secrets.Use, error) {
	if err := w.hook("find", false); err != nil {
		return nil, err
	}
	var out []secrets.Use
	for name := range w.work {
		out = append(out, secrets.Use{Ref: sourceRef, Consumer: secrets.Consumer{Kind: "Deployment", Name: name}})
	}
	slices.SortFunc(out, func(a, b secrets.Use) int { return strings.Compare(a.Consumer.Name, b.Consumer.Name) })
	return out, w.hook("find", true)
}

func (w *world) Now(context.Context, secrets.Consumer) (time.Time, error) {
	w.tick()
	return w.clock, nil
}

func (w *world) Restart(_ context.Context, c secrets.Consumer, _ string) (time.Time, error) {
	if err := w.hook("restart "+c.Name, false); err != nil {
		return time.Time{}, err
	}
	at := w.clock
	for i := range w.work[c.Name].pods {
		w.work[c.Name].pods[i].fresh = false
	}
	w.tick()
	return at, w.hook("restart "+c.Name, true)
}

// Proof also lets the world go on: one pod is replaced, and sometimes one
// crashes and begins anew by itself.
func (w *world) Proof(_ context.Context, c secrets.Consumer, since time.Time) (secrets.Proof, error) {
	if err := w.hook("proof "+c.Name, false); err != nil {
		return secrets.Proof{}, err
	}
	x := w.work[c.Name]
	for i := range x.pods {
		if p := &x.pods[i]; !p.fresh || !p.ready {
			fresh := w.pod(x.reads)
			fresh.ready = !w.broken || fresh.value == oldValue
			*p = fresh
			break
		}
	}
	if w.late && !w.lateOn && w.vault.Value(sourceRef.Path) == newValue {
		w.lateOn = true
		reads := w.work["worker"].reads
		w.work["late"] = &workload{reads: reads, pods: []pod{w.pod(reads)}}
		w.work["late"].pods[0].value = oldValue // it had read it just before
		w.work["late"].pods[0].created = w.clock.Add(-time.Hour)
	}
	out := secrets.Proof{Observed: true}
	for i, p := range x.pods {
		name := fmt.Sprint(c.Name, "-", i)
		switch {
		case !p.fresh || p.created.Before(since):
			out.Stale = append(out.Stale, name)
		case !p.ready:
			out.Waiting = append(out.Waiting, name)
		default:
			out.Fresh = append(out.Fresh, name)
		}
	}
	w.tick()
	return out, w.hook("proof "+c.Name, true)
}

// begin plans without faults, and rotates with them; died says that the
// process ended.
func (w *world) begin(o secrets.RotateOptions) (x *secrets.Rotation, err error, died bool) {
	s := w.stores()
	o.To, o.By = []secrets.Ref{kubeRef, githubRef}, "ada"
	saved := w.fault
	w.fault = map[int]string{}
	x, err = s.PlanRotation(w.t.Context(), sourceRef, o)
	require.NoError(w.t, err)
	w.fault, w.calls, w.trace = saved, 0, nil
	defer w.recovered(&died)
	x, err = s.Rotate(w.t.Context(), x, secrets.CopyOf([]byte(newValue)), w.timing())
	return x, err, false
}

func (w *world) recovered(died *bool) {
	if p := recover(); p != nil {
		if _, ours := p.(crash); !ours {
			panic(p)
		}
		*died = true
	}
}

func (w *world) resume(id string, abort bool) (err error, died bool) {
	defer w.recovered(&died)
	_, err = w.stores().Resume(w.t.Context(), id, abort, w.timing())
	return err, false
}

// ended wants one of the two ends, whole.
func (w *world) ended() secrets.Step {
	all, err := w.journl.List(w.t.Context())
	require.NoError(w.t, err)
	if len(all) == 0 { // it never began
		w.all(oldValue)
		return secrets.StepRestored
	}
	require.Len(w.t, all, 1)
	switch all[0].Step { //nolint:exhaustive // the ends
	case secrets.StepDone:
		w.all(newValue)
		require.Equal(w.t, []string{oldValue}, w.vault.Revoked(sourceRef.Path))
	case secrets.StepRestored:
		w.all(oldValue)
		require.NotContains(w.t, w.vault.Revoked(sourceRef.Path), oldValue)
	default:
		w.t.Fatalf("it is at %s\n%s", all[0].Step, strings.Join(w.trace, "\n"))
	}
	return all[0].Step
}

func (w *world) all(value string) {
	w.t.Helper()
	for _, m := range []struct {
		m    *secretstest.Memory
		path string
	}{{w.vault, sourceRef.Path}, {w.kube, kubeRef.Path}, {w.github, githubRef.Path}} {
		require.Equal(w.t, value, m.m.Value(m.path), "%s\n%s", m.path, strings.Join(w.trace, "\n"))
	}
	for name, x := range w.work {
		for _, p := range x.pods {
			require.Equal(w.t, value, p.value, "a pod of %s\n%s", name, strings.Join(w.trace, "\n"))
		}
	}
}

// settle resumes until there is an end.
func (w *world) settle(abort bool) {
	w.fault = map[int]string{}
	for range 5 {
		all, err := w.journl.List(w.t.Context())
		require.NoError(w.t, err)
		if len(all) == 0 || !all[0].Step.Open() {
			return
		}
		_, _ = w.resume(all[0].ID, abort && all[0].Step != secrets.StepRevoking)
	}
}

var modes = []string{"before", "after", "crash-before", "crash-after"}

func TestRotationWithoutFaults(t *testing.T) {
	w := newWorld(t)
	x, err, died := w.begin(secrets.RotateOptions{Verify: "errors < 1", VerifyFor: 3 * time.Second})
	require.NoError(t, err)
	require.False(t, died)
	require.Equal(t, secrets.StepDone, x.Step)
	require.Equal(t, secrets.StepDone, w.ended())
	// The order of the stages.
	order := []string{"journal.begin", "vault.put", "vault.promote", "kubernetes.put", "github.put", "restart web", "restart worker", "proof", "gate", "find", "proof", "vault.revoke"}
	at := -1
	for _, want := range order {
		i := slices.IndexFunc(w.trace[at+1:], func(s string) bool { return strings.Contains(s, want) })
		require.GreaterOrEqual(t, i, 0, "%s is missing after the others\n%s", want, strings.Join(w.trace, "\n"))
		at += i + 1
	}
	for _, l := range x.Log {
		require.NotContains(t, l.Text, newValue)
	}
}

// TestRotationWithAFaultAtEveryCall goes through every call of a rotation, and
// every way in which it can go wrong.
func TestRotationWithAFaultAtEveryCall(t *testing.T) {
	w := newWorld(t)
	_, err, _ := w.begin(secrets.RotateOptions{Verify: "errors < 1"})
	require.NoError(t, err)
	calls, ends := w.calls, map[secrets.Step]int{}
	require.Greater(t, calls, 30)
	for _, mode := range modes {
		for n := 1; n <= calls; n++ {
			for _, abort := range []bool{false, true} {
				w := newWorld(t)
				w.fault[n], w.restless = mode, n%2 == 0
				_, err, died := w.begin(secrets.RotateOptions{Verify: "errors < 1"})
				require.True(t, err != nil || died || mode == "after" || mode == "before", "%s at %d", mode, n)
				w.settle(abort)
				ends[w.ended()]++
			}
		}
	}
	require.Greater(t, ends[secrets.StepDone], 10)
	require.Greater(t, ends[secrets.StepRestored], 10)
}

// TestRotationWithASecondFault lets what recovers fail too.
func TestRotationWithASecondFault(t *testing.T) {
	w := newWorld(t)
	_, err, _ := w.begin(secrets.RotateOptions{})
	require.NoError(t, err)
	calls := w.calls
	for first := 1; first <= calls; first += 5 {
		for second := 1; second <= 90; second += 3 {
			w := newWorld(t)
			w.restless = second%2 == 0
			w.fault[first] = modes[first/5%len(modes)]
			w.fault[first+(second+1)/2] = modes[second%2*2] // before, crash-before
			_, _, died := w.begin(secrets.RotateOptions{})
			all, err := w.journl.List(t.Context())
			require.NoError(t, err)
			if died && len(all) == 1 && all[0].Step.Open() { // the second one hits what resumes
				w.fault = map[int]string{w.calls + second/2: modes[second%len(modes)]}
				_, _ = w.resume(all[0].ID, false)
			}
			w.settle(second%2 == 0)
			w.ended()
		}
	}
}

func TestRotationsThatFailAreTakenBack(t *testing.T) {
	t.Run("pods that do not come up", func(t *testing.T) {
		w := newWorld(t)
		w.broken = true
		x, err, _ := w.begin(secrets.RotateOptions{})
		require.Equal(t, fail.Timeout, fail.CodeOf(err))
		require.ErrorContains(t, err, "restored everywhere")
		require.Equal(t, secrets.StepRestored, x.Step)
		require.Equal(t, secrets.StepRestored, w.ended())
		require.Equal(t, []string{newValue}, w.vault.Revoked(sourceRef.Path))
	})
	t.Run("a gate that does not hold", func(t *testing.T) {
		w := newWorld(t)
		w.gate = func() (bool, error) { return false, nil }
		_, err, _ := w.begin(secrets.RotateOptions{Verify: "errors < 1"})
		require.Equal(t, fail.False, fail.CodeOf(err))
		require.Equal(t, secrets.StepRestored, w.ended())
	})
	t.Run("a gate without an answer", func(t *testing.T) {
		w := newWorld(t)
		w.gate = func() (bool, error) { return false, fail.New(fail.Unavailable, "down") }
		_, err, _ := w.begin(secrets.RotateOptions{Verify: "errors < 1", VerifyFor: time.Minute})
		require.Equal(t, fail.Inconclusive, fail.CodeOf(err))
		require.Equal(t, secrets.StepRestored, w.ended())
	})
	t.Run("a caller that goes away", func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		s := w.stores()
		x, err := s.PlanRotation(ctx, sourceRef, secrets.RotateOptions{To: []secrets.Ref{kubeRef}})
		require.NoError(t, err)
		timing := w.timing()
		step := timing.Wait
		timing.Wait = func(ctx context.Context, d time.Duration) error { cancel(); return step(ctx, d) }
		_, err = s.Rotate(ctx, x, secrets.CopyOf([]byte(newValue)), timing)
		require.Equal(t, fail.Canceled, fail.CodeOf(err))
		require.Equal(t, secrets.StepRestored, w.ended())
	})
}

func TestAConsumerThatAppearsInTheMiddleIsNotLeftBehind(t *testing.T) {
	w := newWorld(t)
	w.late = true
	_, err, _ := w.begin(secrets.RotateOptions{})
	require.NoError(t, err)
	require.True(t, w.lateOn)
	require.Equal(t, secrets.StepDone, w.ended())
}

func TestSomebodyElsesWriteIsNotOverwritten(t *testing.T) {
	for _, at := range []string{"restart web", "gate"} {
		w := newWorld(t)
		s := w.stores()
		x, err := s.PlanRotation(t.Context(), sourceRef, secrets.RotateOptions{To: []secrets.Ref{kubeRef}, Verify: "errors < 1"})
		require.NoError(t, err)
		done := false
		plain := w.vault.Hook
		other := func(call string, after bool) error { return plain(call, after) }
		w.vault.Hook = other
		w.gate = func() (bool, error) {
			if !done {
				done = true
				w.vault.Outside(sourceRef.Path, "of somebody else")
			}
			return true, nil
		}
		_, err = s.Rotate(t.Context(), x, secrets.CopyOf([]byte(newValue)), w.timing())
		require.Error(t, err, at)
		require.Equal(t, "of somebody else", w.vault.Value(sourceRef.Path))
		require.NotContains(t, w.vault.Revoked(sourceRef.Path), oldValue)
	}
}

func TestTwoRotationsOfOneSecret(t *testing.T) {
	w := newWorld(t)
	w.fault[12] = "crash-before"
	x, _, died := w.begin(secrets.RotateOptions{})
	require.True(t, died)
	all, err := w.journl.List(t.Context())
	require.NoError(t, err)
	w.fault = map[int]string{}
	s := w.stores()
	y, err := s.PlanRotation(t.Context(), secrets.Ref{Store: "vault", Path: "app/db"}, secrets.RotateOptions{KeepOld: true})
	require.NoError(t, err)
	_, err = s.Rotate(t.Context(), y, secrets.CopyOf([]byte("third")), w.timing())
	require.Equal(t, fail.Conflict, fail.CodeOf(err))
	require.Contains(t, fail.From(err).Next, all[0].ID)
	_ = x
	w.settle(false)
	w.ended()
	_, err = s.Resume(t.Context(), all[0].ID, false, w.timing())
	require.Equal(t, fail.Refused, fail.CodeOf(err))
	_, err = s.Resume(t.Context(), "rot-none", false, w.timing())
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}

func TestWhatCanNotBeTakenBackIsNotBegun(t *testing.T) {
	w := newWorld(t)
	s := w.stores()
	plan := func(o secrets.RotateOptions) error {
		_, err := s.PlanRotation(t.Context(), sourceRef, o)
		return err
	}
	_, err := s.PlanRotation(t.Context(), kubeRef, secrets.RotateOptions{})
	require.Equal(t, fail.Refused, fail.CodeOf(err), "no versions")
	w.kube.Outside(kubeRef.Path, "drifted")
	require.Equal(t, fail.Conflict, fail.CodeOf(plan(secrets.RotateOptions{To: []secrets.Ref{kubeRef}})))
	other := secrets.Ref{Store: "github", Path: "acme/shop/OTHER"}
	w.github.Outside(other.Path, "who knows")
	require.Equal(t, fail.Refused, fail.CodeOf(plan(secrets.RotateOptions{To: []secrets.Ref{other}})))
	require.NoError(t, plan(secrets.RotateOptions{To: []secrets.Ref{other}, Overwrite: true}))
	require.Equal(t, fail.Usage, fail.CodeOf(plan(secrets.RotateOptions{To: []secrets.Ref{sourceRef}})))
	require.NoError(t, plan(secrets.RotateOptions{To: []secrets.Ref{{Store: "kubernetes", Path: "shop/new/key"}}}), "it is made")
	x, err := s.PlanRotation(t.Context(), sourceRef, secrets.RotateOptions{})
	require.NoError(t, err)
	_, err = s.Rotate(t.Context(), x, secrets.CopyOf([]byte(oldValue)), w.timing())
	require.Equal(t, fail.Usage, fail.CodeOf(err), "the old value is no new one")
}
