package config

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/yamlfile"
)

// KubeContext is a context of a kubeconfig, by name.
type KubeContext struct{ Name, Namespace, Cluster string }

// KubeContexts is what a command needs of the kubeconfig files before it
// speaks to a cluster: which contexts there are, and which is current.
type KubeContexts struct {
	Current string
	All     []KubeContext
}

// maxKubeconfig bounds one file, in bytes.
const maxKubeconfig = 8 << 20

// LoadKubeContexts reads the files as kubectl does: the one given, else those
// of KUBECONFIG, else ~/.kube/config; the first file that sets a value wins,
// and one that is missing is skipped. Credentials are not read.
func LoadKubeContexts(env func(string) string, given string) (KubeContexts, error) {
	var out KubeContexts
	seen := map[string]bool{}
	for _, file := range kubeconfigFiles(env, given) {
		body, err := readKubeconfig(file)
		if errors.Is(err, fs.ErrNotExist) && given == "" {
			continue
		}
		if err != nil {
			return out, fail.Wrap(fail.Usage, err, "reading the kubeconfig").Hint("give --kubeconfig, or set KUBECONFIG")
		}
		var f struct {
			Current  string `yaml:"current-context"`
			Contexts []struct {
				Name    string `yaml:"name"`
				Context struct {
					Namespace string `yaml:"namespace"`
					Cluster   string `yaml:"cluster"`
				} `yaml:"context"`
			} `yaml:"contexts"`
		}
		if err := yamlfile.Decode(body, &f); err != nil {
			return out, fail.Wrap(fail.Usage, err, "reading the kubeconfig %s", file).Hint("kubectl config view --kubeconfig %s", file)
		}
		out.Current = cmp.Or(out.Current, f.Current)
		for _, c := range f.Contexts {
			if !seen[c.Name] {
				seen[c.Name] = true
				out.All = append(out.All, KubeContext{Name: c.Name, Namespace: c.Context.Namespace, Cluster: c.Context.Cluster})
			}
		}
	}
	return out, nil
}

// Match gives the contexts that the patterns fit, in the order of the files;
// no pattern is the current one. None that fits is fail.NotFound.
func (k KubeContexts) Match(patterns []string) ([]KubeContext, error) {
	if len(patterns) == 0 {
		for _, c := range k.All {
			if c.Name == k.Current {
				return []KubeContext{c}, nil
			}
		}
		return nil, fail.New(fail.NotFound, "the kubeconfig has no current context").Hint("kubectl config use-context NAME")
	}
	var out []KubeContext
	taken := map[string]bool{}
	for _, p := range patterns {
		found := false
		for _, c := range k.All {
			fits, err := path.Match(p, c.Name)
			if err != nil {
				return nil, fail.New(fail.Usage, "--context %q is no pattern", p)
			}
			if fits = fits || p == c.Name; fits && !taken[c.Name] {
				taken[c.Name] = true
				out = append(out, c)
			}
			found = found || fits
		}
		if !found {
			return nil, fail.New(fail.NotFound, "the kubeconfig has no context %q", p).Hint("kubectl config get-contexts")
		}
	}
	return out, nil
}

func kubeconfigFiles(env func(string) string, given string) []string {
	if given != "" {
		return []string{given}
	}
	if list := env("KUBECONFIG"); list != "" {
		var out []string
		for _, f := range filepath.SplitList(list) {
			if f = strings.TrimSpace(f); f != "" {
				out = append(out, f)
			}
		}
		return out
	}
	if home := env("HOME"); home != "" {
		return []string{filepath.Join(home, ".kube", "config")}
	}
	return nil
}

func readKubeconfig(file string) ([]byte, error) {
	f, err := os.Open(file) //nolint:gosec // the person names it
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(f, maxKubeconfig+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(body) > maxKubeconfig {
		return nil, fail.New(fail.TooLarge, "%s is larger than %d MiB", file, maxKubeconfig>>20)
	}
	return body, nil
}

// ForCluster gives the settings of the person's context for this cluster of
// their kubeconfig, where they have one: its guard rails hold however the
// cluster is reached.
func (c *Config) ForCluster(kubeContext string) (Context, bool) {
	for _, one := range c.List() {
		if one.Backends != nil && one.Backends.Kubernetes != nil && one.Backends.Kubernetes.Context == kubeContext {
			return one, true
		}
	}
	return Context{}, false
}
