// Package config finds out what a command runs against: contexts, the user's
// file, the project's file, the environment and flags, each value with its
// origin.
//
// Precedence is flag, environment, project file, user file, default. The
// package promises that a project file never gets a credential sent to a
// server that it names: a token goes only to the server that the user's own
// context names, or that stands beside it in the environment or in flags. The
// user's file is 0600, written atomically and under a lock. Nothing is read at
// import; Load reads two small files. It knows nothing of servers and never
// speaks to one.
package config

import (
	"encoding/json"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/when"
)

// Secret is a credential. It shows as asterisks wherever it is printed or
// turned into JSON; Reveal gives the value, and the user's file holds it.
type Secret string

// Reveal is the value itself.
func (s Secret) Reveal() string { return string(s) }

// String masks the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "********"
}

// GoString masks the value.
func (s Secret) GoString() string { return s.String() }

// LogValue masks the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON masks the value.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// ProtectionProd is the protection of a context where a change asks for the
// object's name and a reason.
const ProtectionProd = "prod"

// Context names a control plane and the backends behind it.
type Context struct {
	Name string `yaml:"name" json:"name"`
	// Server is the base URL of the control plane; empty for a direct context.
	Server string `yaml:"server,omitempty" json:"server,omitempty"`
	Token  Secret `yaml:"token,omitempty" json:"token,omitempty"`
	// Namespace is the default of -n.
	Namespace string `yaml:"namespace,omitempty" json:"namespace,omitempty"`
	// Protection is "" or "prod".
	Protection string `yaml:"protection,omitempty" json:"protection,omitempty"`
	ReadOnly   bool   `yaml:"read_only,omitempty" json:"read_only,omitempty"`
	// Timeout bounds one request, as in "30s".
	Timeout  string    `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	Backends *Backends `yaml:"backends,omitempty" json:"backends,omitempty"`
}

// validate checks one context; the error names the key.
func (c Context) validate() error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	in := func(key string, err error) error {
		if err == nil {
			return nil
		}
		return fail.Wrap(fail.Usage, err, "context %q: %s", c.Name, key).Hint("aictl config validate")
	}
	if c.Server != "" {
		if err := in("server", checkURL(c.Server)); err != nil {
			return err
		}
	}
	if c.Protection != "" && c.Protection != ProtectionProd {
		return fail.New(fail.Usage, "context %q: protection is %q, and can be prod or empty", c.Name, c.Protection).
			Hint("aictl context set %s protection=prod", c.Name)
	}
	if _, err := parseTimeout(c.Timeout); err != nil {
		return in("timeout", err)
	}
	if strings.ContainsAny(c.Token.Reveal(), " \t\r\n") {
		return fail.New(fail.Usage, "context %q: the token has a blank or a line feed in it", c.Name).Hint("aictl login --context %s", c.Name)
	}
	return c.Backends.validate(in)
}

// checkName refuses names that would read as a glob, a flag or a path.
func checkName(name string) error {
	bad := name == "" || len(name) > 128 || strings.HasPrefix(name, "-")
	for _, r := range name {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`*?[]{}\/"'=,`, r) {
			bad = true
		}
	}
	if bad {
		return fail.New(fail.Usage, "%q is no name for a context: use letters, digits and . _ - : @", name).Hint("aictl context list")
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return fail.New(fail.Usage, "%q is not a URL", s) // url's own message repeats what may be a password
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fail.New(fail.Usage, "the URL must begin with http:// or https://")
	case u.Host == "":
		return fail.New(fail.Usage, "the URL %q has no host", u.Redacted())
	case u.User != nil:
		return fail.New(fail.Usage, "the URL %q has credentials in it", u.Redacted()).Hint("aictl login")
	case u.RawQuery != "" || u.Fragment != "":
		return fail.New(fail.Usage, "the URL %q has a query or a fragment", u.Redacted())
	}
	return nil
}

// sameServer compares base URLs: scheme and host without case, the default
// port as none, a slash at the end as none.
func sameServer(a, b string) bool {
	return a != "" && b != "" && canonical(a) == canonical(b)
}

func canonical(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		port = ""
	}
	return scheme + "://" + host + ":" + port + strings.TrimRight(u.Path, "/")
}

func parseTimeout(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := when.Duration(s)
	if err != nil {
		return 0, err
	}
	if d < 0 {
		return 0, fail.New(fail.Usage, "a timeout of %s is below zero", s).Hint("--timeout 30s; 0 is none")
	}
	return d, nil
}

// matches reports whether a glob (path.Match without separators) fits name.
func matches(pattern, name string) (bool, error) {
	ok, err := filepath.Match(pattern, name)
	if err != nil {
		return false, fail.New(fail.Usage, "%q is not a pattern for contexts", pattern).Hint("aictl context list")
	}
	return ok, nil
}
