package direct

import (
	"context"

	"github.com/aictl/aictl/internal/backends"
	"github.com/aictl/aictl/internal/changes"
)

// changeSources are the sources of what was changed in a context without a
// control plane: the cluster and the Alertmanagers.
func changeSources(_ *backends.Set) func(context.Context) ([]changes.Source, error) {
	return nil
}
