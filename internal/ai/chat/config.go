package chat

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
	"github.com/aictl/aictl/internal/op"
)

// The built-in assistant: its model name, and its name as an upstream.
const (
	BuiltinModel = "aictl-ops"
	Builtin      = "builtin"
)

// Config says which upstreams there are and which names lead to them. It
// holds no secret: keys are named by environment variable or file.
type Config struct {
	// Upstreams are servers with OpenAI's API, in order of preference.
	Upstreams []Upstream `json:"upstreams,omitempty" yaml:"upstreams,omitempty"`
	// Aliases give a name to an ordered list of targets. The alias "default"
	// answers requests that name no model.
	Aliases map[string][]Target `json:"aliases,omitempty" yaml:"aliases,omitempty"`
	// Prices are by "upstream/model" or by model.
	Prices map[string]Price `json:"prices,omitempty" yaml:"prices,omitempty"`
}

// Upstream is one server with OpenAI's API.
type Upstream struct {
	Name string `json:"name" yaml:"name"`
	// URL is the API's base, with its version: http://127.0.0.1:11434/v1.
	URL string `json:"url" yaml:"url"`
	// KeyEnv names the environment variable that holds the API key.
	KeyEnv string `json:"key_env,omitempty" yaml:"key_env,omitempty"`
	// KeyFile names the file that holds the API key; it is read at each start.
	KeyFile string `json:"key_file,omitempty" yaml:"key_file,omitempty"`
	// Models maps the names that callers use to the names that the upstream
	// knows. An empty value is the same name.
	Models map[string]string `json:"models,omitempty" yaml:"models,omitempty"`
	// Weight shares calls with the neighbours in Upstreams that have the same
	// model and a weight too; 0 is strict order.
	Weight int `json:"weight,omitempty" yaml:"weight,omitempty"`
	// Timeout bounds one call to this upstream; 0 is the gateway's default.
	Timeout op.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
}

// Target is one upstream's model.
type Target struct {
	Upstream string `json:"upstream" yaml:"upstream"`
	// Model is the upstream's own name of the model.
	Model string `json:"model" yaml:"model"`
	// Weight above 0 shares calls with neighbours that have a weight too;
	// 0 is strict order.
	Weight int `json:"weight,omitempty" yaml:"weight,omitempty"`
	// Tier is the place in the order, from 0; Resolve sets it. Targets of one
	// tier share calls.
	Tier int `json:"-" yaml:"-"`
}

// Builtin reports whether the target is the built-in assistant.
func (t Target) Builtin() bool { return t.Upstream == Builtin }

// Price is per million tokens, in any one currency.
type Price struct {
	Input  float64 `json:"input" yaml:"input"`
	Output float64 `json:"output" yaml:"output"`
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Validate reports everything that is wrong, with the path of each value. The
// error has code usage.
func (c Config) Validate() error {
	var errs []error
	bad := func(path, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	seen := map[string]bool{Builtin: true}
	names := []string{}
	for i, u := range c.Upstreams {
		at := fmt.Sprintf("upstreams[%d]", i)
		switch {
		case !nameForm.MatchString(u.Name):
			bad(at+".name", "%q: want lower-case letters, digits, dots and dashes", u.Name)
		case seen[u.Name]:
			bad(at+".name", "%q is taken", u.Name)
		default:
			names = append(names, u.Name)
		}
		seen[u.Name] = true
		if why := badURL(u.URL); why != "" {
			bad(at+".url", "%s", why)
		}
		if u.KeyEnv != "" && u.KeyFile != "" {
			bad(at, "key_env and key_file are both set; keep one")
		}
		if strings.HasPrefix(u.KeyEnv, "sk-") || strings.ContainsAny(u.KeyEnv, " =$") {
			bad(at+".key_env", "want the name of an environment variable, not a key")
		}
		if u.Weight < 0 {
			bad(at+".weight", "must not be negative")
		}
		if u.Timeout < 0 {
			bad(at+".timeout", "must not be negative")
		}
		for alias := range u.Models {
			if alias == "" || alias == BuiltinModel {
				bad(at+".models", "the name %q is reserved", alias)
			}
		}
	}
	for _, alias := range sortedKeys(c.Aliases) {
		at := "aliases." + alias
		if alias == BuiltinModel || alias == "" {
			bad(at, "the name is reserved")
		}
		if len(c.Aliases[alias]) == 0 {
			bad(at, "has no target")
		}
		for i, t := range c.Aliases[alias] {
			at := fmt.Sprintf("%s[%d]", at, i)
			switch {
			case t.Upstream == Builtin:
				if len(c.Aliases[alias]) > 1 {
					bad(at+".upstream", "builtin cannot share an alias with other targets")
				}
			case !slices.Contains(names, t.Upstream):
				if near, ok := nearest.Of(t.Upstream, names); ok {
					bad(at+".upstream", "there is no upstream %q; did you mean %q?", t.Upstream, near)
				} else {
					bad(at+".upstream", "there is no upstream %q", t.Upstream)
				}
			case t.Model == "":
				bad(at+".model", "is missing")
			}
			if t.Weight < 0 {
				bad(at+".weight", "must not be negative")
			}
		}
	}
	for _, name := range sortedKeys(c.Prices) {
		if p := c.Prices[name]; !(p.Input >= 0) || !(p.Output >= 0) { // NaN too
			bad("prices."+name, "must not be negative")
		}
	}
	if len(errs) > 0 {
		return fail.New(fail.Usage, "chat: %w", errors.Join(errs...))
	}
	return nil
}

func badURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil: // the parser's message would repeat a password in the URL
		return "not a URL"
	case u.User != nil:
		return "must not hold a password; use key_env or key_file"
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Sprintf("%q: want http:// or https:// with a host, such as http://127.0.0.1:11434/v1", s)
	case u.RawQuery != "" || u.Fragment != "":
		return "must not hold a query or a fragment"
	}
	return ""
}

// Key reads the upstream's API key: empty where none is configured. getenv is
// usually os.Getenv. The error names the variable or the file, never the key.
func (u Upstream) Key(getenv func(string) string) (string, error) {
	switch {
	case u.KeyEnv != "":
		if k := strings.TrimSpace(getenv(u.KeyEnv)); k != "" {
			return k, nil
		}
		return "", fail.New(fail.Usage, "upstream %s: the environment variable %s is empty", u.Name, u.KeyEnv).
			Hint("set %s, then: aictl providers test %s", u.KeyEnv, u.Name)
	case u.KeyFile != "":
		b, err := os.ReadFile(u.KeyFile)
		if err != nil {
			return "", fail.Wrap(fail.Usage, err, "upstream %s: reading its key file", u.Name)
		}
		if k := strings.TrimSpace(string(b)); k != "" {
			return k, nil
		}
		return "", fail.New(fail.Usage, "upstream %s: the key file %s is empty", u.Name, u.KeyFile)
	}
	return "", nil
}
