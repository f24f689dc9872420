package direct

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/backends"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/ops/operate"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/local"
	"github.com/aictl/aictl/internal/secrets/open"
)

// secretStores gives the stores that need no control plane, with the person's
// own credentials; what must be remembered is kept in the person's state
// directory.
func secretStores(set *backends.Set, d operate.Deps) func(ctx context.Context) (*secrets.Stores, error) {
	var once sync.Mutex // guards opened
	var opened *secrets.Stores
	return func(ctx context.Context) (*secrets.Stores, error) {
		once.Lock()
		defer once.Unlock()
		if opened != nil {
			return opened, nil
		}
		home := config.StateHome(os.Getenv)
		if home == "" {
			return nil, fail.New(fail.Usage, "there is no home directory for the ledger of secrets").Hint("set XDG_STATE_HOME")
		}
		state, err := local.Open(filepath.Join(home, "secrets"))
		if err != nil {
			return nil, err
		}
		key, err := state.Key(ctx)
		if err != nil {
			return nil, err
		}
		c := secrets.Config{
			Stores: open.Named(open.Options{Getenv: os.Getenv}), Key: key, Ledger: state, Journal: state, Now: time.Now,
			Consumers: operate.SecretConsumers(d.Clusters, time.Now), Gate: operate.SecretGate(d.Metrics, time.Now),
		}
		if cluster := set.Cluster(); cluster != nil {
			c.Stores = append([]secrets.Named{{Name: secrets.KindKubernetes, Kind: secrets.KindKubernetes, Open: func(ctx context.Context) (secrets.Store, error) {
				k, err := cluster(ctx)
				if err != nil {
					return nil, err
				}
				return k.Secrets(), nil
			}}}, c.Stores...)
		}
		opened, err = secrets.New(c)
		return opened, err
	}
}
