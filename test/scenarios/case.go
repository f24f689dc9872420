// Package scenarios is the catalogue of staged incidents with known causes, and
// the runner that plays them: real services as processes of a real control
// plane, real traffic through its gateway, real rules, logs and changes, with
// time compressed by short intervals. Every case says what was done and what
// `aictl why` should find; the score says how often it does.
//
// The catalogue is data (catalogue/*.yaml, see docs/scenarios.md): a case of
// your own needs no code.
package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/aictl/aictl/internal/api"
)

// Case is one staged incident.
type Case struct {
	Name string `yaml:"name"`
	// Class groups cases in the score: bad_image, bad_config, secret_rotation,
	// dependency_outage, traffic_surge, noisy_neighbour, slow_leak, ….
	Class string `yaml:"class"`
	About string `yaml:"about"`
	// Alone asks for a server of its own: the case takes the machine's time.
	Alone    bool      `yaml:"alone"`
	Services []Service `yaml:"services"`
	Traffic  []Traffic `yaml:"traffic"`
	Steps    []Step    `yaml:"steps"`
	// Ask is what is asked about.
	Ask Question `yaml:"ask"`
	// Truth is what the answer should be.
	Truth Truth `yaml:"truth"`
}

// Service is one service of the case's world.
type Service struct {
	Name string `yaml:"name"`
	// Env is the behaviour, see test/scenarios/world.
	Env map[string]string `yaml:"env"`
	// Calls are the services that each call calls.
	Calls []string `yaml:"calls"`
	// Replicas is how many; 1 where absent. Memory bounds each.
	Replicas int    `yaml:"replicas"`
	Memory   string `yaml:"memory"`
	// Secrets are variables that hold a secret: NAME: path in the vault.
	Secrets map[string]string `yaml:"secrets"`
}

// Traffic is steady calls to a service.
type Traffic struct {
	To   string  `yaml:"to"`
	Rate float64 `yaml:"rate"` // calls a second
}

// Step is something that happens, At after the measurement began.
type Step struct {
	At Duration `yaml:"at"`
	// Do is rollout, restart, scale, traffic, secret, config (the service's
	// file, behind everybody's back), close (an upstream stops listening), mark
	// (nothing, but the aftermath is counted from it).
	Do      string `yaml:"do"`
	Service string `yaml:"service"`
	// Env of a rollout is added to the service's; of config it is the file.
	Env      map[string]string `yaml:"env"`
	Canary   int               `yaml:"canary"` // percent
	Rate     float64           `yaml:"rate"`
	Replicas int               `yaml:"replicas"`
	Path     string            `yaml:"path"`
	Reason   string            `yaml:"reason"`
}

// Question is what is asked about: an alert of a service, or a service.
type Question struct {
	Alert   string `yaml:"alert"`
	Service string `yaml:"service"`
}

// Truth is the cause that was staged.
type Truth struct {
	// Kind is one of api.Cause*, or none: nothing is wrong.
	Kind string `yaml:"kind"`
	// Service is where the cause is.
	Service string `yaml:"service"`
	// Changes are kinds of change that count as the culpable one (rollout,
	// secret, …); any where absent.
	Changes []string `yaml:"changes"`
	// Also are kinds that are right as well: a dependency that is measured only
	// by its caller's logs is either.
	Also []string `yaml:"also"`
}

// Duration is a time as a person writes it.
type Duration time.Duration

// UnmarshalYAML reads 35s.
func (d *Duration) UnmarshalYAML(b []byte) error {
	v, err := time.ParseDuration(strings.Trim(strings.TrimSpace(string(b)), `"'`))
	*d = Duration(v)
	return err
}

// Load reads the cases of every file in a folder, strictly: an unknown key is
// an error.
func Load(dir string) ([]Case, error) { return load[Case](dir) }

// catalogued is a case of a catalogue: it checks itself, and has a name.
type catalogued[C any] interface {
	*C
	check() error
	name() string
}

func load[C any, P catalogued[C]](dir string) ([]C, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var out []C
	seen := map[string]bool{}
	for _, file := range files {
		body, err := os.ReadFile(file) //nolint:gosec // the catalogue's own
		if err != nil {
			return nil, err
		}
		var list []C
		if err := yaml.NewDecoder(bytes.NewReader(body), yaml.Strict()).Decode(&list); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		for i := range list {
			c := P(&list[i])
			if err := c.check(); err != nil {
				return nil, fmt.Errorf("%s: case %q: %w", filepath.Base(file), c.name(), err)
			}
			if seen[c.name()] {
				return nil, fmt.Errorf("%s: case %q is there twice", filepath.Base(file), c.name())
			}
			seen[c.name()] = true
		}
		out = append(out, list...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no cases in %s", dir)
	}
	return out, nil
}

func (c *Case) name() string { return c.Name }

var kinds = []string{api.CauseChange, api.CauseDependency, api.CauseTraffic, api.CauseNode, api.CauseNeighbour, api.CauseResource, api.CauseErrors, "none"}

func (c *Case) check() error {
	known := map[string]bool{}
	for _, s := range c.Services {
		known[s.Name] = true
	}
	service := func(what, name string) error {
		if !known[name] {
			return fmt.Errorf("%s names the service %q, which the case does not have", what, name)
		}
		return nil
	}
	switch {
	case c.Name == "" || c.Class == "" || len(c.Services) == 0 || len(c.Traffic) == 0:
		return fmt.Errorf("name, class, services and traffic are needed")
	case !slices.Contains(kinds, c.Truth.Kind):
		return fmt.Errorf("truth.kind %q is none of %v", c.Truth.Kind, kinds)
	case c.Ask.Service == "":
		return fmt.Errorf("ask.service is needed")
	}
	for _, s := range c.Services {
		for _, callee := range s.Calls {
			if err := service("calls", callee); err != nil {
				return err
			}
		}
	}
	for _, t := range c.Traffic {
		if err := service("traffic", t.To); err != nil {
			return err
		}
	}
	for i, s := range c.Steps {
		if !slices.Contains([]string{"rollout", "restart", "scale", "traffic", "secret", "config", "close", "mark"}, s.Do) {
			return fmt.Errorf("step %d does %q, which is not known", i+1, s.Do)
		}
		if s.Do == "close" {
			continue
		}
		if err := service(fmt.Sprintf("step %d", i+1), s.Service); err != nil {
			return err
		}
	}
	if c.Truth.Service != "" {
		return service("truth", c.Truth.Service)
	}
	return service("ask", c.Ask.Service)
}
