package respond

import "github.com/aictl/aictl/internal/op"

func bindIncidents(r *op.Registry, d Deps) {
	_, _ = r, d
}
