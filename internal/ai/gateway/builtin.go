package gateway

import (
	"context"
	"iter"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

// Builtin is a service of this process as an Upstream. A panic of the service
// is a fail.Internal of that call.
func Builtin(s ai.Service) Upstream { return &builtin{s} }

type builtin struct{ s ai.Service }

func (b *builtin) Do(ctx context.Context, call *ai.Call) (reply *ai.Reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			reply, err = nil, fail.New(fail.Internal, "service %s panicked: %v", call.Service, p)
		}
	}()
	reply, err = b.s.Invoke(ctx, *call)
	if err != nil {
		return nil, fail.From(err)
	}
	if reply.Stream {
		reply.Chunks = guarded(call.Service, reply.Chunks)
	}
	return reply, nil
}

// guarded turns a panic of the producer into an error, not one of the
// consumer.
func guarded(service string, chunks iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		outside, stopped := false, false
		defer func() {
			if outside || stopped {
				return
			}
			if p := recover(); p != nil {
				yield(nil, fail.New(fail.Internal, "service %s panicked: %v", service, p))
			}
		}()
		for b, err := range chunks {
			outside = true
			ok := yield(b, err)
			outside = false
			if !ok {
				stopped = true
				return
			}
		}
	}
}
