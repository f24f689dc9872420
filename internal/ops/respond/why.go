package respond

import "github.com/aictl/aictl/internal/op"

func bindWhy(r *op.Registry, d Deps) {
	_, _ = r, d
}
