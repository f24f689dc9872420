// Package open makes the stores that a configuration names: AWS and GitHub.
// The server and the direct context share it, so that a store behaves the same
// whoever asks. The vault is the control plane's and Kubernetes the cluster's:
// whoever has them adds them.
//
// Nothing is opened before it is asked for.
package open

import (
	"context"
	"net/http"
	"time"

	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/aws"
	"github.com/aictl/aictl/internal/secrets/github"
)

// Store is one store of a configuration.
type Store struct {
	// Name stands before the colon of references; empty is the kind.
	Name string `yaml:"name" json:"name,omitempty"`
	// Kind is aws or github.
	Kind string `yaml:"kind" json:"kind"`
	// Region, Profile and Endpoint are AWS's.
	Region   string `yaml:"region" json:"region,omitempty"`
	Profile  string `yaml:"profile" json:"profile,omitempty"`
	Endpoint string `yaml:"endpoint" json:"endpoint,omitempty"`
	// URL, TokenFile, Visibility and Scopes are GitHub's.
	URL        string   `yaml:"url" json:"url,omitempty"`
	TokenFile  string   `yaml:"token_file" json:"token_file,omitempty"`
	Visibility string   `yaml:"visibility" json:"visibility,omitempty"`
	Scopes     []string `yaml:"scopes" json:"scopes,omitempty"`
}

// Options are the stores and the rules for all of them.
type Options struct {
	Stores []Store `yaml:"stores" json:"stores,omitempty"`
	// MaxAge is secrets.Config.MaxAge.
	MaxAge time.Duration `yaml:"max_age" json:"max_age,omitempty"`
	// Getenv reads the environment, for GITHUB_TOKEN.
	Getenv func(string) string `yaml:"-" json:"-"`
	// Transport replaces the network in tests.
	Transport http.RoundTripper `yaml:"-" json:"-"`
}

// Named gives the stores. Without any in the configuration there are an aws
// and a github with the person's own credentials.
func Named(o Options) []secrets.Named {
	implicit := len(o.Stores) == 0
	if implicit {
		o.Stores = []Store{{Kind: secrets.KindAWS}, {Kind: secrets.KindGitHub}}
	}
	env := func(name string) string {
		if o.Getenv == nil {
			return ""
		}
		return o.Getenv(name)
	}
	var out []secrets.Named
	for _, s := range o.Stores {
		if s.Name == "" {
			s.Name = s.Kind
		}
		n := secrets.Named{Name: s.Name, Kind: s.Kind, Implicit: implicit}
		switch s.Kind {
		case secrets.KindAWS:
			n.Open = func(ctx context.Context) (secrets.Store, error) {
				ao := aws.Options{Name: s.Name, Region: s.Region, Profile: s.Profile, Endpoint: s.Endpoint}
				if o.Transport != nil {
					ao.HTTP = &http.Client{Transport: o.Transport}
				}
				return aws.Open(ctx, ao)
			}
		case secrets.KindGitHub:
			n.Open = func(ctx context.Context) (secrets.Store, error) {
				token := env("GITHUB_TOKEN")
				if token == "" {
					token = env("GH_TOKEN")
				}
				return github.Open(ctx, github.Options{
					Name: s.Name, URL: s.URL, TokenFile: s.TokenFile, Token: token, Visibility: s.Visibility, Scopes: s.Scopes, Transport: o.Transport,
				})
			}
		default:
			n.Open = func(context.Context) (secrets.Store, error) { return nil, secrets.UnknownKind(s.Name, s.Kind) }
		}
		out = append(out, n)
	}
	return out
}
