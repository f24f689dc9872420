package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/gofrs/flock"

	"github.com/aictl/aictl/internal/fail"
)

// Update changes the user's file: under a lock it reads the file anew, lets
// change do its work, validates and replaces the file in one step (temporary
// file, fsync, rename), mode 0600. Comments are not kept. When it fails, the
// file is as it was. It waits at most five seconds for another writer.
func (c *Config) Update(ctx context.Context, change func(*File) error) error {
	if c.path == "" {
		return fail.New(fail.Usage, "there is no home directory to keep the configuration in").Hint("set HOME or AICTL_CONFIG")
	}
	path := c.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // replace what the link points to, not the link
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail.Wrap(fail.Failed, err, "making the directory of the configuration").Hint("aictl config path")
	}
	lock := flock.New(path + ".lock")
	waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if ok, err := lock.TryLockContext(waiting, 20*time.Millisecond); err != nil || !ok {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			return fail.New(fail.Conflict, "another aictl is writing %s", path).Hint("try again")
		}
		return fail.Wrap(fail.Failed, err, "locking %s", path).Hint("aictl config path")
	}
	defer func() { _ = lock.Unlock() }()
	if err := c.readUser(); err != nil {
		return err
	}
	f := c.User
	f.Contexts = slices.Clone(c.User.Contexts)
	if err := change(&f); err != nil {
		return err
	}
	if err := f.validate(); err != nil {
		return err
	}
	data, err := yaml.Marshal(f)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding the configuration")
	}
	if err := replace(path, data); err != nil {
		return fail.Wrap(fail.Failed, err, "writing %s", path).Hint("aictl config path")
	}
	return c.readUser()
}

// replace puts data in place of the file at path, or changes nothing.
func replace(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".config-*") // CreateTemp makes it 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	if d, derr := os.Open(filepath.Dir(path)); derr == nil { // make the rename itself durable
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

// Use makes name the current context.
func (c *Config) Use(ctx context.Context, name string) error {
	return c.Update(ctx, func(f *File) error {
		if _, err := f.find(name); err != nil {
			return err
		}
		f.CurrentContext = name
		return nil
	})
}

// Set changes keys of a context, given as key and value; a new name makes a
// new context, and the first one becomes the current one. An empty value
// unsets the key. A token is refused: its value would be on a command line.
func (c *Config) Set(ctx context.Context, name string, pairs [][2]string) error {
	return c.Update(ctx, func(f *File) error {
		i := f.index(name)
		if i < 0 {
			f.Contexts = append(f.Contexts, Context{Name: name})
			i = len(f.Contexts) - 1
			if f.CurrentContext == "" {
				f.CurrentContext = name
			}
		}
		for _, kv := range pairs {
			if err := f.Contexts[i].set(kv[0], kv[1]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keys lists the keys that Set takes.
func Keys() []string {
	return append([]string{"server", "namespace", "protection", "read_only", "timeout"}, backendKeys()...)
}

func (c *Context) set(key, value string) error {
	switch key {
	case "server":
		if value != "" && c.Server != "" && !sameServer(value, c.Server) {
			c.Token = "" // a token belongs to the server that gave it
		}
		c.Server = value
	case "namespace":
		c.Namespace = value
	case "protection":
		c.Protection = value
	case "timeout":
		c.Timeout = value
	case "read_only":
		on, err := parseBool(value)
		if err != nil {
			return err
		}
		c.ReadOnly = on
	case "token":
		return fail.New(fail.Refused, "a token on the command line stays in the shell's history").Hint("aictl login --context %s", c.Name)
	default:
		if path, ok := strings.CutPrefix(key, "backends."); ok {
			if path == "kubernetes.discover" && value != "" {
				if _, err := parseBool(value); err != nil {
					return err
				}
			}
			fresh, known := c.Backends.with(path, value)
			if !known {
				return c.unknownKey(key, value)
			}
			c.Backends = fresh
			return nil
		}
		return c.unknownKey(key, value)
	}
	return nil
}

func (c *Context) unknownKey(key, value string) error {
	e := fail.New(fail.Usage, "a context has no key %q", key)
	if near := closest(key, Keys()); near != "" {
		return e.Hint("aictl context set %s %s=%s", c.Name, near, value)
	}
	return e.Hint("aictl context set --help")
}

// Delete removes a context.
func (c *Config) Delete(ctx context.Context, name string) error {
	return c.Update(ctx, func(f *File) error {
		if _, err := f.find(name); err != nil {
			return err
		}
		f.Contexts = slices.Delete(f.Contexts, f.index(name), f.index(name)+1)
		if f.CurrentContext == name {
			f.CurrentContext = ""
		}
		return nil
	})
}

// Rename gives a context another name; the current one stays current.
func (c *Config) Rename(ctx context.Context, from, to string) error {
	return c.Update(ctx, func(f *File) error {
		if _, err := f.find(from); err != nil {
			return err
		}
		if from != to && f.index(to) >= 0 {
			return fail.New(fail.Conflict, "context %q exists already", to).Hint("aictl context delete %s", to)
		}
		f.Contexts[f.index(from)].Name = to
		if f.CurrentContext == from {
			f.CurrentContext = to
		}
		return nil
	})
}

// SaveToken keeps the token that server gave to the named context, which is
// made when missing and becomes current when none is. An empty token is a
// logout; server may then be empty.
func (c *Config) SaveToken(ctx context.Context, name, server, token string) error {
	return c.Update(ctx, func(f *File) error {
		i := f.index(name)
		if i < 0 {
			if token == "" {
				_, err := f.find(name)
				return err
			}
			f.Contexts = append(f.Contexts, Context{Name: name})
			i = len(f.Contexts) - 1
		}
		if server != "" {
			f.Contexts[i].Server = server
		}
		f.Contexts[i].Token = Secret(token)
		if f.CurrentContext == "" {
			f.CurrentContext = name
		}
		return nil
	})
}

func (f *File) index(name string) int {
	return slices.IndexFunc(f.Contexts, func(c Context) bool { return c.Name == name })
}

// find is the context of the name, or fail.NotFound with the nearest.
func (f *File) find(name string) (Context, error) {
	if i := f.index(name); i >= 0 {
		return f.Contexts[i], nil
	}
	names := make([]string, len(f.Contexts))
	for i, c := range f.Contexts {
		names[i] = c.Name
	}
	e := fail.New(fail.NotFound, "no context named %q", name)
	if near := closest(name, names); near != "" {
		return Context{}, e.Hint("did you mean %s? See: aictl context list", near)
	}
	return Context{}, e.Hint("aictl context list")
}

// parseBool reads a switch; empty is off.
func parseBool(s string) (bool, error) {
	switch s {
	case "yes", "on":
		return true, nil
	case "", "no", "off":
		return false, nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, fail.New(fail.Usage, "%q is neither true nor false", s).Hint("use true or false")
	}
	return b, nil
}
