package deploytest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// edit is the nth change of what is asked for of a workload, whatever the kind
// can be asked for, and edited tells a picture that has it.
func (x Target) edit(name string, n int) deploy.Change {
	if x.Resize != nil {
		return deploy.Change{Images: map[string]string{"": x.Image(name, n)}}
	}
	return deploy.Change{Scale: &n}
}

func (x Target) edited(name string, n int) func(*deploy.Snapshot) bool {
	return func(s *deploy.Snapshot) bool {
		if x.Resize != nil {
			return image(s.Template) == x.Image(name, n)
		}
		return s.Workload.Desired == n
	}
}

// resize makes the replicas more or fewer.
func (x Target) resize(ctx context.Context, t *testing.T, name string, n int) {
	t.Helper()
	if x.Resize != nil {
		x.Resize(t, name, n)
		return
	}
	_, err := x.Cluster.Change(ctx, x.ref(name), deploy.Change{Scale: &n})
	require.NoError(t, err)
}

// refuses sees to it that an engine says what it, or the kind, cannot do, with
// what to do instead, and that no trace is left.
func (x Target) refuses(t *testing.T, name string, want fail.Code, c deploy.Change) {
	t.Helper()
	before, err := x.Cluster.Get(t.Context(), x.ref(name))
	require.NoError(t, err)
	for _, c.Dry = range []bool{true, false} {
		_, err := x.Cluster.Change(t.Context(), x.ref(name), c)
		code(t, want, err)
		require.NotEmpty(t, fail.From(err).Next)
	}
	after, err := x.Cluster.Get(t.Context(), x.ref(name))
	require.NoError(t, err)
	require.Equal(t, []any{before.Version, before.Workload.Desired, before.Paused, before.Template.Digest()},
		[]any{after.Version, after.Workload.Desired, after.Paused, after.Template.Digest()})
}

func conflict(t *testing.T, x Target) {
	before := x.made(t, "conflict", 1)
	first := x.edit("conflict", 2)
	first.Version = before.Version
	_, err := x.Cluster.Change(t.Context(), x.ref("conflict"), first)
	require.NoError(t, err)
	after := x.settled(t, "conflict", x.edited("conflict", 2))
	for _, c := range []deploy.Change{x.edit("conflict", 3), {Restart: true}, {Delete: true}} {
		for _, c.Dry = range []bool{true, false} {
			c.Version = before.Version
			_, err = x.Cluster.Change(t.Context(), x.ref("conflict"), c)
			code(t, fail.Conflict, err)
		}
	}
	now, err := x.Cluster.Get(t.Context(), x.ref("conflict"))
	require.NoError(t, err)
	require.Equal(t, after.Version, now.Version, "what is refused leaves no trace")
	require.True(t, x.edited("conflict", 2)(now))
}

func race(t *testing.T, x Target) {
	before := x.made(t, "race", 1)
	var wins atomic.Int32
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			c := x.edit("race", i+2)
			c.Version = before.Version
			_, errs[i] = x.Cluster.Change(t.Context(), x.ref("race"), c)
			if errs[i] == nil {
				wins.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, wins.Load(), "%v", errs)
	for _, err := range errs {
		if err != nil {
			code(t, fail.Conflict, err)
		}
	}
}

func dry(t *testing.T, x Target) {
	before := x.made(t, "dry", 1)
	first := x.edit("dry", 4)
	first.Dry, first.Cause = true, "more"
	would, err := x.Cluster.Change(t.Context(), x.ref("dry"), first)
	require.NoError(t, err)
	require.True(t, x.edited("dry", 4)(would), "what would be")
	for _, c := range []deploy.Change{{Restart: true}, {Delete: true}} {
		c.Dry = true
		_, err = x.Cluster.Change(t.Context(), x.ref("dry"), c)
		require.NoError(t, err)
	}
	after, err := x.Cluster.Get(t.Context(), x.ref("dry"))
	require.NoError(t, err)
	require.Equal(t, before.Version, after.Version)
	require.Equal(t, 1, after.Workload.Desired)
	require.Equal(t, image(before.Template), image(after.Template))
	require.Equal(t, names(before), names(after))
}

func names(s *deploy.Snapshot) map[string]bool {
	out := map[string]bool{}
	for _, r := range alive(s) {
		out[r.Name+" "+r.Revision+" "+r.Created.String()] = true
	}
	return out
}

func scale(t *testing.T, x Target) {
	x.made(t, "scale", 1)
	if five := 5; x.Resize != nil {
		x.refuses(t, "scale", fail.Usage, deploy.Change{Scale: &five})
	}
	for _, n := range []int{3, 0, 1} {
		if x.Resize != nil {
			x.Resize(t, "scale", n)
		} else {
			s, err := x.Cluster.Change(t.Context(), x.ref("scale"), deploy.Change{Scale: &n, Cause: "load"})
			require.NoError(t, err)
			require.Equal(t, n, s.Workload.Desired)
		}
		s := x.settled(t, "scale", func(s *deploy.Snapshot) bool { return s.Workload.Desired == n && s.Workload.Ready == n })
		require.Equal(t, map[bool]string{true: "stopped", false: "ready"}[n == 0], s.Workload.State)
	}
	got, err := x.Cluster.History(t.Context(), x.ref("scale"))
	require.NoError(t, err)
	require.Len(t, got, 1, "a scaling makes no revision")
}

// images: another image is another revision, and one of a container that is not
// there is none.
func images(t *testing.T, x Target) {
	before := x.made(t, "images", 2)
	if x.Roll != nil { // it runs no images
		x.refuses(t, "images", fail.Refused, deploy.Change{Images: map[string]string{"": x.Image("images", 2)}})
		return
	}
	_, err := x.Cluster.Change(t.Context(), x.ref("images"), deploy.Change{Images: map[string]string{"nobody": x.Image("images", 2)}})
	code(t, fail.NotFound, err)
	name := before.Template.Containers[0].Name
	got, err := x.Cluster.Change(t.Context(), x.ref("images"), deploy.Change{Version: before.Version, Images: map[string]string{name: x.Image("images", 2)}, Cause: "newer", Actor: "ann"})
	require.NoError(t, err)
	require.Equal(t, x.Image("images", 2), image(got.Template))
	after := x.settled(t, "images", func(s *deploy.Snapshot) bool { return image(s.Template) == x.Image("images", 2) })
	require.Equal(t, "newer", after.Workload.Cause)
	require.NotEqual(t, before.Workload.Revision, after.Workload.Revision)
	require.Equal(t, []string{x.Image("images", 2)}, after.Workload.Images)
	for _, r := range alive(after) {
		require.True(t, r.Current && r.Ready, "%+v", r)
	}
}

func restart(t *testing.T, x Target) {
	before := x.made(t, "restart", 2)
	_, err := x.Cluster.Change(t.Context(), x.ref("restart"), deploy.Change{Restart: true, Cause: "a leak", Actor: "bob"})
	require.NoError(t, err)
	old := names(before)
	after := x.settled(t, "restart", func(s *deploy.Snapshot) bool {
		for name := range names(s) {
			if old[name] {
				return false
			}
		}
		return true
	})
	require.Equal(t, image(before.Template), image(after.Template))
	require.NotEqual(t, before.Version, after.Version)
	got, err := x.Cluster.History(t.Context(), x.ref("restart"))
	require.NoError(t, err)
	require.Equal(t, []string{"a leak", "bob"}, []string{got[0].Cause, got[0].Actor})
}

func pause(t *testing.T, x Target) {
	x.made(t, "pause", 1)
	yes, no := true, false
	if !x.Pauses {
		x.refuses(t, "pause", fail.Usage, deploy.Change{Pause: &yes})
		x.refuses(t, "pause", fail.Usage, deploy.Change{Pause: &no})
		return
	}
	s, err := x.Cluster.Change(t.Context(), x.ref("pause"), deploy.Change{Pause: &yes})
	require.NoError(t, err)
	require.True(t, s.Paused)
	s, err = x.Cluster.Get(t.Context(), x.ref("pause"))
	require.NoError(t, err)
	require.True(t, s.Paused)
	s, err = x.Cluster.Change(t.Context(), x.ref("pause"), deploy.Change{Pause: &no})
	require.NoError(t, err)
	require.False(t, s.Paused)
	require.False(t, x.settled(t, "pause", func(*deploy.Snapshot) bool { return true }).Paused)
}

func canary(t *testing.T, x Target) {
	first := x.made(t, "canary", 1).Workload.Revision
	x.roll(t, "canary", 2)
	change := func(c deploy.Canary) deploy.Change { return deploy.Change{Canary: &c} }
	if !x.Shares {
		x.refuses(t, "canary", fail.Refused, change(deploy.Canary{Revision: first, Weight: 10}))
		return
	}
	s, err := x.Cluster.Change(t.Context(), x.ref("canary"), change(deploy.Canary{Revision: first, Weight: 10}))
	require.NoError(t, err)
	require.NotNil(t, s.Canary)
	require.Equal(t, []any{first, 10}, []any{s.Canary.Revision, s.Canary.Weight})
	s, err = x.Cluster.Change(t.Context(), x.ref("canary"), change(deploy.Canary{Abort: true}))
	require.NoError(t, err)
	require.Nil(t, s.Canary)
	s = x.settled(t, "canary", func(s *deploy.Snapshot) bool { return image(s.Template) == x.Image("canary", 2) })
	require.Nil(t, s.Canary)
	_, err = x.Cluster.Change(t.Context(), x.ref("canary"), change(deploy.Canary{Revision: "4711", Weight: 10}))
	code(t, fail.NotFound, err)
}

func remove(t *testing.T, x Target) {
	s := x.made(t, "remove", 1)
	last, err := x.Cluster.Change(t.Context(), x.ref("remove"), deploy.Change{Version: s.Version, Delete: true})
	require.NoError(t, err)
	require.Equal(t, "remove", last.Workload.Name, "the last picture")
	_, err = x.Cluster.Get(t.Context(), x.ref("remove"))
	code(t, fail.NotFound, err)
}
