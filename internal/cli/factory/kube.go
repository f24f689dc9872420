package factory

import (
	"cmp"
	"path/filepath"
	"strings"

	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
)

// PluginName is what the program is called as a plugin of kubectl.
const PluginName = "kubectl-aictl"

// AsPlugin reports whether the program runs as a plugin of kubectl.
func (f *Factory) AsPlugin() bool { return filepath.Base(f.Args0) == PluginName }

// kubectl reports whether the cluster is what the kubeconfig says rather than
// a context of ours: as a plugin of kubectl, or with --kubeconfig. A --server
// is a control plane in either case.
func (f *Factory) kubectl() bool {
	return !f.Flags.Set["server"] && (f.AsPlugin() || f.kubeconfig() != "")
}

// kubeconfig, as and asGroups are those of the flags, else of the environment.
func (f *Factory) kubeconfig() string {
	return cmp.Or(f.Flags.Kubeconfig, f.Env(config.EnvName("kubeconfig")))
}

func (f *Factory) as() string { return cmp.Or(f.Flags.As, f.Env(config.EnvName("as"))) }

func (f *Factory) asGroups() []string {
	if len(f.Flags.AsGroups) > 0 {
		return f.Flags.AsGroups
	}
	return strings.FieldsFunc(f.Env(config.EnvName("as-group")), func(r rune) bool { return r == ',' })
}

// clusters makes a target of each kubeconfig context that is meant, reached
// with the person's own identity; the other backends are found inside of it.
// A context of ours for the same cluster lends its guard rails and backends.
func (f *Factory) clusters(c *config.Config, s *config.Settings, patterns []string) ([]Target, error) {
	all, err := config.LoadKubeContexts(f.Env, f.kubeconfig())
	if err != nil {
		return nil, err
	}
	chosen, err := all.Match(patterns)
	if err != nil && len(patterns) > 0 {
		return nil, err
	}
	if err != nil {
		// Help and completion do without a cluster; whoever asks one is told.
		chosen = []config.KubeContext{{}}
	}
	var out []Target
	for _, one := range chosen {
		t := Target{Name: one.Name, ReadOnly: s.ReadOnly.Value, Backends: &config.Backends{}}
		if f.Flags.Set["namespace"] || f.Env(config.EnvName("namespace")) != "" {
			t.Namespace = s.Namespace.Value
		}
		if mine, ok := c.ForCluster(one.Name); ok {
			t.Protection, t.ReadOnly = mine.Protection, t.ReadOnly || mine.ReadOnly
			b := *mine.Backends
			t.Backends = &b
		}
		t.Namespace = cmp.Or(t.Namespace, one.Namespace, "default")
		t.Backends.Kubernetes = &config.Kubernetes{
			Kubeconfig: f.kubeconfig(), Context: one.Name, Namespace: t.Namespace, Discover: true,
			As: f.as(), AsGroups: f.asGroups(),
		}
		out = append(out, t)
	}
	return out, nil
}

// impersonate hands --as to the clusters that are reached directly.
func (f *Factory) impersonate(targets []Target) error {
	as := f.as() != "" || len(f.asGroups()) > 0
	for i, t := range targets {
		if t.Server != "" || t.Backends == nil || t.Backends.Kubernetes == nil {
			if as {
				return fail.New(fail.Usage, "--as is for clusters that are reached directly, and context %q is not one", t.Name).
					Hint("kubectl aictl … --as %s, or aictl --kubeconfig FILE … --as %s", f.as(), f.as())
			}
			continue
		}
		b := *t.Backends
		k := *b.Kubernetes
		k.Namespace, k.As, k.AsGroups = t.Namespace, f.as(), f.asGroups()
		b.Kubernetes = &k
		targets[i].Backends = &b
	}
	return nil
}
