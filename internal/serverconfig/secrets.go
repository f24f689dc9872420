package serverconfig

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Secrets are the vault, which every control plane has, and the stores beside
// it and the cluster of backends.kubernetes.
type Secrets struct {
	Vault Vault `yaml:"vault"`
	// Stores are AWS Secrets Manager and GitHub Actions, several of each if need
	// be. They are reached with the server's own credentials.
	Stores []SecretStore `yaml:"stores"`
	// MaxAge is how old a value may be before its rotation is overdue; 0 is any
	// age. Default 0.
	MaxAge time.Duration `yaml:"max_age" help:"age of a secret at which its rotation is overdue; 0 is any"`
}

// Vault is the control plane's own store of secrets.
type Vault struct {
	// Keyring is the entry of the operating system's keyring (of the user that
	// the server runs as) that has the vault's key, in place of the file
	// vault.key in data_dir. `aictl-server vault-key` moves a key that is there
	// already. Default: empty, for the file.
	Keyring string `yaml:"keyring" help:"entry of the operating system's keyring with the vault's key; empty is the file vault.key"`
}

// keyringEntry is what the keyrings of all systems take as a name.
var keyringEntry = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// SecretStore is one store. Credentials are in files or in the environment.
type SecretStore struct {
	// Name stands before the colon of references. Default: the kind.
	Name string `yaml:"name"`
	// Kind is aws or github.
	Kind string `yaml:"kind"`
	// Region, Profile and Endpoint are AWS's. Default: the SDK's own chain.
	Region   string `yaml:"region"`
	Profile  string `yaml:"profile"`
	Endpoint string `yaml:"endpoint"`
	// URL of GitHub Enterprise; TokenFile holds a token. Visibility is that of
	// new secrets of an organisation: all, private or selected. Scopes are the
	// OWNER/REPO, OWNER/REPO@ENV and OWNER that a list shows.
	URL        string   `yaml:"url"`
	TokenFile  string   `yaml:"token_file"`
	Visibility string   `yaml:"visibility"`
	Scopes     []string `yaml:"scopes"`
}

func (s Secrets) check(k *checks) {
	// What stands here by mistake may be the key: it is not repeated.
	k.that(s.Vault.Keyring == "" || keyringEntry.MatchString(s.Vault.Keyring), "secrets.vault.keyring",
		"is no name of a keyring's entry: letters, digits and ._@-, 64 at most, as aictl-prod")
	k.that(s.MaxAge >= 0, "secrets.max_age", "is negative")
	seen := []string{"vault", "kubernetes"}
	for i, one := range s.Stores {
		key := fmt.Sprintf("secrets.stores[%d]", i)
		k.oneOf(key+".kind", one.Kind, "aws", "github")
		name := one.Name
		if name == "" {
			name = one.Kind
		}
		k.that(!slices.Contains(seen, name), key+".name", "there are two stores named %q", name)
		seen = append(seen, name)
		for what, url := range map[string]string{"url": one.URL, "endpoint": one.Endpoint} {
			if url != "" {
				k.url(key+"."+what, url, "http", "https")
			}
		}
		if one.Visibility != "" {
			k.oneOf(key+".visibility", one.Visibility, "all", "private", "selected")
		}
	}
}
