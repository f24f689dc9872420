package operate

import (
	"context"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Permissions answers who may do what on a cluster.
type Permissions interface {
	Can(ctx context.Context, q api.RBACQuestion) (api.RBACAnswer, error)
	WhoCan(ctx context.Context, q api.RBACQuestion) ([]api.RBACSubject, error)
}

func bindRBAC(r *op.Registry, d Deps) {
	open := func(ctx context.Context) (Permissions, error) {
		if d.Permissions == nil {
			return nil, fail.New(fail.Unavailable, "this context names no Kubernetes cluster").
				Hint("kubectl aictl rbac …, or aictl context set NAME backends.kubernetes.context=CONTEXT")
		}
		return d.Permissions(ctx)
	}
	op.BindQuery(r, api.RBACCheck, func(ctx context.Context, q api.RBACQuestion) (api.RBACAnswer, error) {
		p, err := open(ctx)
		if err != nil {
			return api.RBACAnswer{}, err
		}
		return p.Can(ctx, q)
	})
	op.BindQuery(r, api.RBACWhoCan, func(ctx context.Context, q api.RBACQuestion) ([]api.RBACSubject, error) {
		p, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return p.WhoCan(ctx, q)
	})
}
