package direct

import (
	"context"

	"github.com/aictl/aictl/internal/backends"
	"github.com/aictl/aictl/internal/changes"
)

// changeSources are the sources of what was changed in a context without a
// control plane: the cluster and the Alertmanagers.
func changeSources(set *backends.Set) func(context.Context) ([]changes.Source, error) {
	silences, cluster := set.SilenceChanges(), set.Cluster()
	if silences == nil && cluster == nil {
		return nil
	}
	return func(ctx context.Context) ([]changes.Source, error) {
		var out []changes.Source
		if silences != nil {
			out = append(out, silences)
		}
		if cluster != nil {
			c, err := cluster(ctx)
			if err != nil {
				return out, err
			}
			out = append(out, c.Changes())
		}
		return out, nil
	}
}
