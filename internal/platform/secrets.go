package platform

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/aictl/aictl/internal/authz"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/secrets"
	stores "github.com/aictl/aictl/internal/secrets/open"
	"github.com/aictl/aictl/internal/secrets/vault"
	"github.com/aictl/aictl/internal/store"
)

// vaultKey is the file of the vault's key in the data directory.
const vaultKey = "vault.key"

// secretStores opens the vault at the first use, so that a server whose key is
// missing does all else. The stores of the configuration come behind it.
func (p *Platform) secretStores(c secrets.Config) func(ctx context.Context) (*secrets.Stores, error) {
	var mu sync.Mutex
	var open *secrets.Stores
	return func(ctx context.Context) (*secrets.Stores, error) {
		mu.Lock()
		defer mu.Unlock()
		if open != nil {
			return open, nil
		}
		rows := store.Vault{Store: p.store}
		sealed, err := rows.Sealed(ctx)
		if err != nil {
			return nil, err
		}
		key, err := vault.OpenKey(vault.KeyOptions{File: filepath.Join(p.o.DataDir, vaultKey), Create: !sealed})
		if err != nil {
			return nil, err
		}
		state := store.SecretsState{Store: p.store}
		c.Key, c.Ledger, c.Journal, c.Now = key.Secret(), state, state, p.o.Now
		c.Stores = append([]secrets.Named{{Name: secrets.DefaultStore, Kind: secrets.KindVault, Open: func(ctx context.Context) (secrets.Store, error) {
			return vault.Open(ctx, rows, key, vault.Options{Now: p.o.Now})
		}}}, c.Stores...)
		open, err = secrets.New(c)
		return open, err
	}
}

// mayReveal wants the role that may also write the value: who may only read
// sees everything but values.
func mayReveal(ctx context.Context) error {
	id, _ := op.IdentityFrom(ctx)
	return authz.Authorize(id, "secrets", op.Write, "default")
}

// otherStores are those of the configuration, with the server's credentials.
func (p *Platform) otherStores() []secrets.Named {
	c := p.config.Load().Secrets
	if len(c.Stores) == 0 {
		return nil
	}
	o := stores.Options{MaxAge: c.MaxAge, Getenv: p.o.Getenv}
	for _, s := range c.Stores {
		o.Stores = append(o.Stores, stores.Store(s))
	}
	return stores.Named(o)
}
