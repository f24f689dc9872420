package serverconfig

import (
	"fmt"
	"slices"
	"time"
)

// Secrets are the stores of secrets beside the vault, which every control
// plane has, and the cluster of backends.kubernetes.
type Secrets struct {
	// Stores are AWS Secrets Manager and GitHub Actions, several of each if need
	// be. They are reached with the server's own credentials.
	Stores []SecretStore `yaml:"stores"`
	// MaxAge is how old a value may be before its rotation is overdue; 0 is any
	// age. Default 0.
	MaxAge time.Duration `yaml:"max_age" help:"age of a secret at which its rotation is overdue; 0 is any"`
}

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
