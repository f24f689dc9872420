package platform

import (
	"encoding/json"

	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/ops"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/internal/ops/respond"
)

// Describe gives the OpenAPI document of this build without a running
// platform, for the documentation. Its version is that of the API.
func Describe() ([]byte, error) {
	r := op.NewRegistry(op.Policy{})
	ops.Bind(r, ops.Deps{})
	operate.Bind(r, operate.Deps{})
	respond.Bind(r, respond.Deps{})
	doc, err := r.OpenAPI("aictl", "v1", frontDoors())
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}
