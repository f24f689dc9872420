package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// Origin is where a value came from: "flag --server", "env AICTL_SERVER",
// "project /src/.aictl.yaml:3", "user /home/a/.config/aictl/config.yaml:7" or
// "default".
type Origin string

// Default is the origin of what nobody set.
const Default Origin = "default"

// Is reports the kind of origin: flag, env, project, user or default.
func (o Origin) Is(kind string) bool {
	first, _, _ := strings.Cut(string(o), " ")
	return first == kind
}

// Value is a value with its origin.
type Value[T any] struct {
	Value  T
	Origin Origin
}

// Flags are the global flags that were given, by name without dashes; a flag
// that was not given is not in the map. A switch is "true" or "false".
type Flags map[string]string

// Settings are the global settings of one command, resolved for one context.
type Settings struct {
	// Context is the name of the context; empty when none is in use.
	Context    Value[string]
	Server     Value[string]
	Token      Value[Secret]
	Namespace  Value[string]
	Protection Value[string]
	Output     Value[string]
	JQ         Value[string]
	Timeout    Value[time.Duration] // 0 is none
	ReadOnly   Value[bool]
	DryRun     Value[string] // "", "client" or "server"
	Yes        Value[bool]
	Reason     Value[string]
	Quiet      Value[bool]
	Verbose    Value[bool]
	NoColor    Value[bool]
	Since      Value[string]
	From       Value[string]
	To         Value[string]
	Backends   *Backends
	// TokenWithheld says why a token there is was not attached; "" otherwise.
	TokenWithheld string
}

// Row is one line of `aictl config view`.
type Row struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin Origin `json:"origin"`
}

// Rows lists the settings in a fixed order; the token is masked.
func (s *Settings) Rows() []Row {
	str := func(name string, v Value[string]) Row { return Row{name, v.Value, v.Origin} }
	sw := func(name string, v Value[bool]) Row { return Row{name, fmt.Sprint(v.Value), v.Origin} }
	return []Row{
		str("context", s.Context), str("server", s.Server),
		{"token", s.Token.Value.String(), s.Token.Origin},
		str("namespace", s.Namespace), str("protection", s.Protection), str("output", s.Output), str("jq", s.JQ),
		{"timeout", s.Timeout.Value.String(), s.Timeout.Origin},
		sw("read_only", s.ReadOnly), str("dry_run", s.DryRun), sw("yes", s.Yes), str("reason", s.Reason),
		sw("quiet", s.Quiet), sw("verbose", s.Verbose), sw("no_color", s.NoColor),
		str("since", s.Since), str("from", s.From), str("to", s.To),
	}
}

// EnvName is the variable of a global flag: "read-only" is AICTL_READ_ONLY.
func EnvName(flag string) string {
	return "AICTL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// DefaultTimeout bounds one request where nobody says otherwise.
const DefaultTimeout = 30 * time.Second

// Resolve gives the settings of the one context in use: flag, environment
// (AICTL_CONTEXT), project, current_context. No context at all is fine. A
// pattern that fits several is fail.Usage: commands that fan out call
// ResolveAll.
func (c *Config) Resolve(flags Flags) (*Settings, error) {
	name := c.contextName(flags)
	if !strings.ContainsAny(name.Value, "*?[,") {
		return c.resolveOne(flags, name)
	}
	list, err := c.Match(split(name.Value))
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		return nil, fail.New(fail.Usage, "%q fits %d contexts, and this command takes one", name.Value, len(list)).
			Hint("--context %s", list[0].Name)
	}
	name.Value = list[0].Name
	return c.resolveOne(flags, name)
}

// ResolveAll gives the settings of every context that the patterns of
// --context fit, in the order of the file; without patterns it is Resolve.
func (c *Config) ResolveAll(flags Flags, patterns []string) ([]*Settings, error) {
	from := Origin("flag --context")
	if len(patterns) == 0 {
		name := c.contextName(flags)
		if !strings.ContainsAny(name.Value, "*?[,") {
			s, err := c.resolveOne(flags, name)
			if err != nil {
				return nil, err
			}
			return []*Settings{s}, nil
		}
		patterns, from = split(name.Value), name.Origin
	}
	list, err := c.Match(patterns)
	if err != nil {
		return nil, err
	}
	out := make([]*Settings, 0, len(list))
	for _, one := range list {
		s, err := c.resolveOne(flags, Value[string]{one.Name, from})
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func split(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// Match gives the contexts that any of the patterns (globs) fits, in the order
// of the file and once each. A pattern that fits none is fail.NotFound.
func (c *Config) Match(patterns []string) ([]Context, error) {
	hit := make([]bool, len(c.User.Contexts))
	for _, p := range patterns {
		found := false
		for i, one := range c.User.Contexts {
			ok, err := matches(p, one.Name)
			if err != nil {
				return nil, err
			}
			if ok {
				hit[i], found = true, true
			}
		}
		if !found {
			if !strings.ContainsAny(p, "*?[") {
				_, err := c.User.find(p)
				return nil, err
			}
			return nil, fail.New(fail.NotFound, "no context fits %q", p).Hint("aictl context list")
		}
	}
	var out []Context
	for i, ok := range hit {
		if ok {
			out = append(out, c.User.Contexts[i])
		}
	}
	if len(out) == 0 {
		return nil, fail.New(fail.Usage, "no context was named").Hint("aictl context list")
	}
	return out, nil
}

// List gives every context; tokens mask themselves when shown.
func (c *Config) List() []Context { return append([]Context{}, c.User.Contexts...) }

// Current is the name of the current context as the user's file has it.
func (c *Config) Current() string { return c.User.CurrentContext }

// Show is the context of the name, or fail.NotFound.
func (c *Config) Show(name string) (Context, error) { return c.User.find(name) }

func (c *Config) contextName(flags Flags) Value[string] {
	return c.first(flags, "context", c.Project.Context, Value[string]{c.User.CurrentContext, c.user("current_context")}, "")
}

// first takes the first value that is set: flag, environment, project, user,
// default.
func (c *Config) first(flags Flags, flag, project string, user Value[string], def string) Value[string] {
	if v, ok := flags[flag]; ok {
		return Value[string]{v, Origin("flag --" + flag)}
	}
	if v := c.env(EnvName(flag)); v != "" {
		return Value[string]{v, Origin("env " + EnvName(flag))}
	}
	if project != "" {
		return Value[string]{project, c.project(strings.ReplaceAll(flag, "-", "_"))}
	}
	if user.Value != "" {
		return user
	}
	return Value[string]{def, Default}
}

func (c *Config) user(key string) Origin { return origin("user", c.path, c.userLines[key]) }
func (c *Config) project(key string) Origin {
	return origin("project", c.projectPath, c.projLines[key])
}

func origin(kind, path string, line int) Origin {
	if line == 0 {
		return Origin(kind + " " + path)
	}
	return Origin(fmt.Sprintf("%s %s:%d", kind, path, line))
}
