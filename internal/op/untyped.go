package op

import (
	"context"
	"iter"
)

// The untyped forms, for faces that are built from declarations alone (the
// command tree, forms, tools). in is a pointer to the input type, as New
// gives it.

// UntypedQuery is a Query whose types are not known at compile time.
type UntypedQuery interface {
	Declaration
	NewInput() any
	CallAny(ctx context.Context, c Caller, in any) (any, error)
}

// UntypedStream is a Stream whose types are not known at compile time.
type UntypedStream interface {
	Declaration
	NewInput() any
	EachAny(ctx context.Context, c Caller, in any) iter.Seq2[any, error]
}

// UntypedChange is a Change whose types are not known at compile time.
type UntypedChange interface {
	Declaration
	NewInput() any
	PlanAny(ctx context.Context, c Caller, in any) (Plan, error)
	ApplyAny(ctx context.Context, c Caller, in any, opts ApplyOptions) (any, error)
}

// NewInput makes an empty input.
func (*Query[In, Out]) NewInput() any { return new(In) }

// NewInput makes an empty input.
func (*Stream[In, Item]) NewInput() any { return new(In) }

// NewInput makes an empty input.
func (*Change[In, Out]) NewInput() any { return new(In) }

// CallAny is Call.
func (q *Query[In, Out]) CallAny(ctx context.Context, c Caller, in any) (any, error) {
	return q.Call(ctx, c, *in.(*In)) //nolint:forcetypeassert // NewInput's type, a programmer's promise
}

// EachAny is Each.
func (s *Stream[In, Item]) EachAny(ctx context.Context, c Caller, in any) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for item, err := range s.Each(ctx, c, *in.(*In)) { //nolint:forcetypeassert // as in CallAny
			if !yield(item, err) {
				return
			}
		}
	}
}

// PlanAny is Plan.
func (c *Change[In, Out]) PlanAny(ctx context.Context, caller Caller, in any) (Plan, error) {
	return c.Plan(ctx, caller, *in.(*In)) //nolint:forcetypeassert // as in CallAny
}

// ApplyAny is Apply.
func (c *Change[In, Out]) ApplyAny(ctx context.Context, caller Caller, in any, opts ApplyOptions) (any, error) {
	return c.Apply(ctx, caller, *in.(*In), opts) //nolint:forcetypeassert // as in CallAny
}
