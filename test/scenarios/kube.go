package scenarios

import (
	"errors"
	"fmt"
	"slices"
)

// KubeCase is a staged incident on a real Kubernetes API server with its real
// controllers. What is changed is changed there: an image, a ConfigMap, a
// Secret, a node. The services' figures are those of a stand-in that follows
// the pods which are ready there, what they run, and what they read.
type KubeCase struct {
	Name     string        `yaml:"name"`
	Class    string        `yaml:"class"`
	About    string        `yaml:"about"`
	Services []KubeService `yaml:"services"`
	Steps    []KubeStep    `yaml:"steps"`
	Ask      Question      `yaml:"ask"`
	Truth    Truth         `yaml:"truth"`
}

// KubeService is a Deployment.
type KubeService struct {
	Name     string   `yaml:"name"`
	Replicas int      `yaml:"replicas"`
	Rate     float64  `yaml:"rate"`     // calls a second from outside
	Calls    []string `yaml:"calls"`    // services that each call calls
	Capacity float64  `yaml:"capacity"` // calls a second of one pod; more are refused
	Millis   float64  `yaml:"millis"`   // latency
}

// KubeStep is something that is done, At after the measurement began.
type KubeStep struct {
	At Duration `yaml:"at"`
	// Do is image, config, secret, node (one of the service's nodes is lost),
	// traffic, scale, restart.
	Do      string `yaml:"do"`
	Service string `yaml:"service"`
	// Errors and Slow are what the new image or configuration does: the share
	// of calls that fail, and how many times slower the others are.
	Errors   float64 `yaml:"errors"`
	Slow     float64 `yaml:"slow"`
	Rate     float64 `yaml:"rate"`
	Replicas int     `yaml:"replicas"`
}

// LoadKube reads the cases of a folder, as strictly as Load does.
func LoadKube(dir string) ([]KubeCase, error) { return load[KubeCase](dir) }

func (c *KubeCase) name() string { return c.Name }

func (c *KubeCase) check() error {
	known := map[string]bool{}
	called := false
	for _, s := range c.Services {
		known[s.Name] = true
		called = called || s.Rate > 0
		if s.Replicas < 1 || s.Capacity <= 0 || s.Millis <= 0 {
			return fmt.Errorf("service %q needs replicas, capacity and millis", s.Name)
		}
	}
	if c.Name == "" || c.Class == "" || !called {
		return errors.New("name, class and a service with a rate are needed")
	}
	if !slices.Contains(kinds, c.Truth.Kind) {
		return fmt.Errorf("truth.kind %q is none of %v", c.Truth.Kind, kinds)
	}
	names := []string{c.Ask.Service}
	if c.Truth.Service != "" {
		names = append(names, c.Truth.Service)
	}
	for i, s := range c.Steps {
		if !slices.Contains([]string{"image", "config", "secret", "node", "traffic", "scale", "restart"}, s.Do) {
			return fmt.Errorf("step %d does %q, which is not known", i+1, s.Do)
		}
		names = append(names, s.Service)
	}
	for _, s := range c.Services {
		names = append(names, s.Calls...)
	}
	for _, n := range names {
		if !known[n] {
			return fmt.Errorf("there is no service %q in the case", n)
		}
	}
	return nil
}

// Plain is the case as the score has it.
func (c *KubeCase) Plain() Case {
	return Case{Name: c.Name, Class: c.Class, About: c.About, Ask: c.Ask, Truth: c.Truth}
}
