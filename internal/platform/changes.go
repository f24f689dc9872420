package platform

import (
	"context"

	"github.com/aictl/aictl/internal/changes"
)

// changes are the sources of what was changed: the engines of deployments,
// the audit record and the Alertmanagers.
func (p *Platform) changes(_ context.Context) ([]changes.Source, error) {
	return nil, nil
}
