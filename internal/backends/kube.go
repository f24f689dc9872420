package backends

import (
	"context"

	"github.com/aictl/aictl/internal/kube"
)

// Cluster gives the Kubernetes cluster, or nil where none is named.
func (s *Set) Cluster() func(context.Context) (*kube.Client, error) {
	if s.o.Kubernetes == nil {
		return nil
	}
	return func(context.Context) (*kube.Client, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.openCluster()
	}
}

func (s *Set) openCluster() (*kube.Client, error) {
	if s.cluster == nil {
		c, err := kube.New(*s.o.Kubernetes)
		if err != nil {
			return nil, err
		}
		s.cluster = c
	}
	return s.cluster, nil
}

// finds says whether what is not named is looked for in the cluster.
func (s *Set) finds() bool { return s.o.Discover && s.o.Kubernetes != nil }

// find gives the endpoint of a system by its Service. s.mu is held.
func (s *Set) find(ctx context.Context, kind string) (Endpoint, error) {
	c, err := s.openCluster()
	if err != nil {
		return Endpoint{}, err
	}
	f, err := c.Discover(ctx, kind)
	if err != nil {
		return Endpoint{}, err
	}
	url, transport := c.Proxy(f)
	return Endpoint{Name: f.Name(), URL: url, Transport: transport}, nil
}
