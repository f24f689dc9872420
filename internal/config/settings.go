package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// resolveOne resolves everything for the context of the name.
func (c *Config) resolveOne(flags Flags, name Value[string]) (*Settings, error) {
	s := &Settings{Context: name}
	var one Context
	at := -1
	if name.Value != "" {
		found, err := c.User.find(name.Value)
		if err != nil {
			return nil, fail.Wrap(fail.CodeOf(err), err, "%s", name.Origin).Hint("%s", fail.From(err).Next)
		}
		one, at = found, c.User.index(name.Value)
	}
	own := func(key string) Origin { return c.user(fmt.Sprintf("contexts[%d].%s", at, key)) }
	ctxValue := func(key, v string) Value[string] { return Value[string]{v, own(key)} }
	userOr := func(v Value[string], key, fallback string) Value[string] {
		if v.Value != "" {
			return v
		}
		return Value[string]{fallback, c.user(key)}
	}
	none := Value[string]{}

	s.Server = c.first(flags, "server", c.projectServer(name), ctxValue("server", one.Server), "")
	s.Namespace = c.first(flags, "namespace", c.Project.Namespace, ctxValue("namespace", one.Namespace), "")
	s.Output = c.first(flags, "output", c.Project.Output, Value[string]{c.User.Output, c.user("output")}, "")
	s.JQ = c.first(flags, "jq", "", none, "")
	s.DryRun = c.first(flags, "dry-run", "", none, "")
	s.Reason = c.first(flags, "reason", "", none, "")
	s.Since = c.first(flags, "since", "", none, "")
	s.From = c.first(flags, "from", "", none, "")
	s.To = c.first(flags, "to", "", none, "")
	s.Protection = Value[string]{one.Protection, Default}
	if one.Protection != "" {
		s.Protection.Origin = own("protection")
	}
	s.Backends = one.Backends

	if s.Server.Value != "" {
		if err := checkURL(s.Server.Value); err != nil {
			return nil, fail.Wrap(fail.Usage, err, "%s", s.Server.Origin).Hint("--server https://aictl.example.com")
		}
	}
	switch s.DryRun.Value {
	case "", "none", "client", "server":
		if s.DryRun.Value == "none" {
			s.DryRun.Value = ""
		}
	default:
		return nil, fail.New(fail.Usage, "%s: %q is neither client nor server", s.DryRun.Origin, s.DryRun.Value).Hint("--dry-run=client")
	}
	timeout := c.first(flags, "timeout", c.Project.Timeout, userOr(ctxValue("timeout", one.Timeout), "timeout", c.User.Timeout), "")
	d := DefaultTimeout
	if timeout.Value != "" {
		var err error
		if d, err = parseTimeout(timeout.Value); err != nil {
			return nil, fail.Wrap(fail.Usage, err, "%s", timeout.Origin).Hint("--timeout 30s")
		}
	}
	s.Timeout = Value[time.Duration]{d, timeout.Origin}

	var err error
	if s.ReadOnly, err = c.readOnly(flags, one, own); err != nil {
		return nil, err
	}
	for _, sw := range []struct {
		flag string
		to   *Value[bool]
	}{{"yes", &s.Yes}, {"quiet", &s.Quiet}, {"verbose", &s.Verbose}, {"no-color", &s.NoColor}} {
		user := none
		if sw.flag == "no-color" && c.User.NoColor != nil {
			user = Value[string]{fmt.Sprint(*c.User.NoColor), c.user("no_color")}
		}
		if *sw.to, err = toSwitch(c.first(flags, sw.flag, "", user, "")); err != nil {
			return nil, err
		}
	}
	c.attachToken(s, one, own("token"))
	return s, nil
}

// projectServer is the server that the project names. It stands back where
// the person named a context by flag or environment: that is the nearer word.
func (c *Config) projectServer(name Value[string]) string {
	if name.Origin.Is("flag") || name.Origin.Is("env") {
		return ""
	}
	return c.Project.Server
}

// readOnly is on when the flag or the variable says so, and otherwise when any
// file does: a file can make a context safer, never less safe.
func (c *Config) readOnly(flags Flags, one Context, own func(string) Origin) (Value[bool], error) {
	v := c.first(flags, "read-only", "", Value[string]{}, "")
	if v.Value != "" {
		return toSwitch(v)
	}
	switch {
	case c.Project.ReadOnly != nil && *c.Project.ReadOnly:
		return Value[bool]{true, c.project("read_only")}, nil
	case one.ReadOnly:
		return Value[bool]{true, own("read_only")}, nil
	case c.User.ReadOnly != nil && *c.User.ReadOnly:
		return Value[bool]{true, c.user("read_only")}, nil
	}
	return Value[bool]{false, Default}, nil
}

// attachToken decides which token goes to the server in use, if any.
//   - A server that only the project names gets none, not even AICTL_TOKEN: a
//     cloned repository must not collect tokens. It does when the user's
//     context names the same server.
//   - The context's token goes to the context's server only, also when a flag
//     or a variable names another one.
func (c *Config) attachToken(s *Settings, one Context, own Origin) {
	s.Token = Value[Secret]{"", Default}
	fromEnv := Secret(strings.TrimSpace(c.env("AICTL_TOKEN")))
	same := sameServer(s.Server.Value, one.Server)
	if s.Server.Origin.Is("project") && !same {
		if fromEnv != "" || one.Token != "" {
			s.TokenWithheld = fmt.Sprintf("the server is named by %s alone, and a project file gets no credentials", s.Server.Origin)
		}
		return
	}
	switch {
	case fromEnv != "":
		s.Token = Value[Secret]{fromEnv, "env AICTL_TOKEN"}
	case one.Token == "":
	case same:
		s.Token = Value[Secret]{one.Token, own}
	default:
		s.TokenWithheld = fmt.Sprintf("the token of context %q belongs to another server than %s names", one.Name, s.Server.Origin)
	}
}

func toSwitch(v Value[string]) (Value[bool], error) {
	on, err := parseBool(v.Value)
	if err != nil {
		return Value[bool]{}, fail.Wrap(fail.Usage, err, "%s", v.Origin).Hint("use true or false")
	}
	return Value[bool]{on, v.Origin}, nil
}
