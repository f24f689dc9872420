package runtime

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// counted is an upstream that knows how many calls it has at a time.
type counted struct {
	mu        sync.Mutex
	now, most int
}

func (c *counted) Do(context.Context, *ai.Call) (*ai.Reply, error) {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	time.Sleep(time.Millisecond)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
	return ai.JSON(1)
}

func TestSlotsAreNeverOverrun(t *testing.T) {
	p := newPool("s", "1", 3, 1000, time.Now, func() {})
	up := &counted{}
	inst := &instance{pool: p, name: "a", up: up}
	p.join(inst)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			r, err := inst.Do(t.Context(), &ai.Call{})
			if err != nil {
				t.Error(err)
				return
			}
			r.Discard()
		})
	}
	p.setReady(inst, true)
	all.Wait()
	require.LessOrEqual(t, up.most, 3)
	running, waiting := p.depths()
	require.Zero(t, running+waiting)
	p.leave(inst)
	<-inst.idle
}

func TestWhoLeavesTakesNothingAlong(t *testing.T) {
	p := newPool("s", "1", 1, 2, time.Now, func() {})
	inst := &instance{pool: p, name: "a", up: &counted{}}
	p.join(inst)
	p.setReady(inst, true)
	held, err := p.acquire(t.Context(), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	for range 2 {
		go func() { _, err := p.acquire(ctx, nil); left <- err }()
	}
	require.Eventually(t, func() bool { _, w := p.depths(); return w == 2 }, time.Second, time.Millisecond)
	_, err = p.acquire(t.Context(), nil)
	require.ErrorIs(t, err, fail.Limited.Err())
	require.Equal(t, time.Second, fail.RetryAfter(err))
	cancel()
	require.ErrorIs(t, <-left, context.Canceled)
	require.ErrorIs(t, <-left, context.Canceled)
	p.release(held)
	again, err := p.acquire(t.Context(), nil)
	require.NoError(t, err)
	p.release(again)
}

func TestARetiredPoolSendsItsCallersOn(t *testing.T) {
	old, next := newPool("s", "1", 1, 10, time.Now, func() {}), newPool("s", "2", 1, 10, time.Now, func() {})
	inst := &instance{pool: next, name: "new", up: &counted{}}
	next.join(inst)
	next.setReady(inst, true)
	targets := make(chan string)
	go func() {
		r, err := (&queue{old}).Do(t.Context(), &ai.Call{})
		if err != nil {
			targets <- err.Error()
			return
		}
		targets <- r.Target
		r.Discard()
	}()
	require.Eventually(t, func() bool { _, w := old.depths(); return w == 1 }, time.Second, time.Millisecond)
	old.retire(next)
	require.Equal(t, "new", <-targets)
}

func TestLinesAreCutAndKept(t *testing.T) {
	var got []Line
	j := &journal{replica: "r", start: 1, now: time.Now, sink: func(l Line) { got = append(got, l) }}
	long := strings.Repeat("x", maxLine+100)
	j.read("stdout", strings.NewReader("one\r\n\n"+long+"\nlast"))
	require.Len(t, got, 4)
	require.Equal(t, "one", string(got[0].Text))
	require.Empty(t, got[1].Text)
	require.True(t, strings.HasSuffix(string(got[2].Text), "… (100 bytes cut)"), string(got[2].Text[maxLine:]))
	require.Equal(t, "last", string(got[3].Text), "a last line needs no line feed")
	require.Equal(t, "r/1/3", got[3].ID())
	for i := range 3 * ringLines {
		j.add("stdout", []byte(strconv.Itoa(i)), 0)
	}
	lines, lost, _ := j.after(0)
	require.Len(t, lines, ringLines)
	require.Equal(t, 4+2*ringLines, lost)
	require.Equal(t, 4+2*ringLines, lines[0].Number)
}

func FuzzSplitError(f *testing.F) {
	f.Add([]byte("data: 1\n\nevent: error\ndata: {\"code\":\"timeout\",\"detail\":\"x\"}\n\n"))
	f.Add([]byte("event: error\r\ndata: {}\r\n\r\n"))
	f.Add([]byte("data: event: error\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before, err := splitError(b)
		if err == nil {
			return
		}
		if !bytes.HasPrefix(b, before) {
			t.Fatalf("%q is no beginning of %q", before, b)
		}
		if code := fail.CodeOf(err); code == fail.OK || code == fail.Internal && !bytes.Contains(b, []byte("internal")) {
			t.Fatalf("%q: %v", b, err)
		}
	})
}
