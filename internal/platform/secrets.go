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
	"github.com/aictl/aictl/internal/serverconfig"
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
		where := vaultKeyAt(p.o.Config, p.o.DataDir)
		where.Create = !sealed
		key, err := vault.OpenKey(ctx, where)
		if err != nil {
			return nil, err
		}
		// At once, and not only when the vault is asked for: the fingerprints of
		// all stores hang on this key, so that from now on it is the one.
		own, err := vault.Open(ctx, rows, key, vault.Options{Now: p.o.Now})
		if err != nil {
			return nil, err
		}
		state := store.SecretsState{Store: p.store}
		c.Key, c.Ledger, c.Journal, c.Now = key.Secret(), state, state, p.o.Now
		c.Stores = append([]secrets.Named{{Name: secrets.DefaultStore, Kind: secrets.KindVault, Open: func(context.Context) (secrets.Store, error) {
			return own, nil
		}}}, c.Stores...)
		open, err = secrets.New(c)
		return open, err
	}
}

// vaultKeyAt is where the configuration keeps the vault's key.
func vaultKeyAt(c *serverconfig.Config, dataDir string) vault.KeyOptions {
	return vault.KeyOptions{File: filepath.Join(dataDir, vaultKey), Keyring: c.Secrets.Vault.Keyring}
}

// MoveVaultKey brings the vault's key into the keyring, or back into its file,
// and says where it is. The caller holds the data directory.
func MoveVaultKey(ctx context.Context, c *serverconfig.Config, dataDir string, toKeyring bool) (at string, err error) {
	o := vaultKeyAt(c, dataDir)
	if _, err := vault.MoveKey(ctx, o, toKeyring); err != nil {
		return "", err
	}
	if toKeyring {
		return "the keyring's entry " + o.Keyring, nil
	}
	return o.File, nil
}

// openRotations says at the start which rotations are open: cut off when the
// last process ended, or carried by another replica just now. They wait for a
// person: to go on or back is a decision, and it is made as somebody whom the
// clusters know.
func (p *Platform) openRotations(ctx context.Context) error {
	all, err := store.SecretsState{Store: p.store}.List(ctx)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.Step.Open() {
			p.o.Logger.WarnContext(ctx, "a rotation of a secret is open", "rotation", x.ID, "secret", x.Ref.String(), "step", string(x.Step),
				"next", "aictl secrets rotate "+x.Ref.String()+" --resume "+x.ID+", or --abort "+x.ID)
		}
	}
	return nil
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
