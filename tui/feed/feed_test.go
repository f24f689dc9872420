package feed

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

type in struct {
	Skip int `json:"skip,omitempty"`
}
type item struct {
	N int `json:"n"`
}

var (
	count = &op.Stream[in, item]{Spec: op.Spec{ID: "test.count", Route: "GET /count", Effect: op.Read, Idempotent: true, Public: true, Summary: "Count"}}
	one   = &op.Query[in, item]{Spec: op.Spec{ID: "test.one", Route: "GET /one", Effect: op.Read, Idempotent: true, Public: true, Summary: "Ask"}}
)

func platform(t *testing.T, q func(context.Context, in) (item, error), s func(context.Context, in) iter.Seq2[item, error]) Context {
	t.Helper()
	r := op.NewRegistry(op.Policy{Authorize: op.AllowAll})
	if q != nil {
		op.BindQuery(r, one, q)
	}
	if s != nil {
		op.BindStream(r, count, s)
	}
	c, err := client.New(client.Options{Server: "http://test.invalid", Transport: op.InProcess{Handler: r}})
	require.NoError(t, err)
	return Context{Name: "test", Caller: c}
}

// batches takes messages until the stream is done or at rest.
func batches(first tea.Cmd) []Batch {
	var out []Batch
	msgs := make(chan tea.Msg, 1)
	cmd := first
	for cmd != nil {
		go func(c tea.Cmd) { msgs <- c() }(cmd)
		select {
		case m := <-msgs:
			b, ok := m.(Batch)
			if !ok {
				return out
			}
			out = append(out, b)
			cmd = Next(b)
		case <-time.After(time.Hour): // the bubble's: nothing more comes
			return out
		}
	}
	return out
}

func TestStreamKeepsEveryItemInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50_000 // more than the queue: the stream has to wait
		c := platform(t, nil, func(context.Context, in) iter.Seq2[item, error] {
			return func(yield func(item, error) bool) {
				for i := range n {
					if !yield(item{i}, nil) {
						return
					}
				}
			}
		})
		f := New(t.Context())
		defer f.Close()
		all := batches(Open(f, Key{"p", "s"}, c, count, in{}, StreamOptions[in, item]{}))
		at := 0
		for _, b := range all {
			require.NoError(t, b.Err)
			for _, i := range Items[item](b) {
				require.Equal(t, at, i.N)
				at++
			}
			require.LessOrEqual(t, len(Items[item](b)), queue)
		}
		require.Equal(t, n, at)
		require.True(t, all[len(all)-1].Done)
	})
}

func TestStreamResumesAfterItBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		c := platform(t, nil, func(ctx context.Context, q in) iter.Seq2[item, error] {
			opened++
			return func(yield func(item, error) bool) {
				for i := q.Skip; i < q.Skip+3; i++ {
					if !yield(item{i}, nil) {
						return
					}
				}
				if opened < 4 {
					yield(item{}, fail.New(fail.Unavailable, "the store is away"))
					return
				}
				<-ctx.Done()
			}
		})
		f := New(t.Context())
		start := time.Now()
		all := batches(Open(f, Key{"p", "s"}, c, count, in{}, StreamOptions[in, item]{Retry: true, Resume: func(q in, last *item) in {
			if last != nil {
				q.Skip = last.N + 1
			}
			return q
		}}))
		var got []int
		broke := 0
		for _, b := range all {
			for _, i := range Items[item](b) {
				got = append(got, i.N)
			}
			if b.Err != nil {
				broke++
				require.Equal(t, fail.Unavailable, fail.CodeOf(b.Err))
				require.Positive(t, b.Retry)
			}
			require.False(t, b.Done)
		}
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, got)
		require.Equal(t, 3, broke)
		require.Equal(t, 4, opened)
		require.Greater(t, time.Since(start), 3*time.Second)
		f.Close()
	})
}

func TestStreamOfAWrongQuestionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := platform(t, nil, func(context.Context, in) iter.Seq2[item, error] {
			return func(yield func(item, error) bool) { yield(item{}, fail.New(fail.Usage, "no")) }
		})
		f := New(t.Context())
		defer f.Close()
		all := batches(Open(f, Key{"p", "s"}, c, count, in{}, StreamOptions[in, item]{Retry: true}))
		require.Len(t, all, 1)
		require.True(t, all[0].Done)
		require.Equal(t, fail.Usage, fail.CodeOf(all[0].Err))
	})
}

func TestAskReplacesWhatTheSlotHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := platform(t, func(ctx context.Context, q in) (item, error) {
			if q.Skip == 1 {
				<-ctx.Done()
				return item{}, ctx.Err()
			}
			return item{q.Skip}, nil
		}, nil)
		f := New(t.Context())
		defer f.Close()
		k := Key{"p", "s"}
		slow := Ask(f, k, []Context{c}, one, in{1})
		got := make(chan tea.Msg, 1)
		go func() { got <- slow() }()
		synctest.Wait()
		quick := Ask(f, k, []Context{c, {Name: "dead", Caller: dead{}}}, one, in{2})
		stale := (<-got).(Answer)
		require.False(t, f.Current(stale.Key, stale.Gen))
		require.True(t, stale.Canceled())
		a := quick().(Answer)
		require.True(t, f.Current(a.Key, a.Gen))
		out, err := One[item](a)
		require.NoError(t, err)
		require.Equal(t, 2, out.N)
		require.Equal(t, "dead", a.Failed()[0].Context)
		f.Stop(k)
		require.False(t, f.Current(a.Key, a.Gen))
	})
}

type dead struct{ op.Caller }

func (dead) Send(context.Context, *op.Spec, *http.Request) (*http.Response, error) {
	return nil, errors.New("no route")
}
