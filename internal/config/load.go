package config

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// ProjectFile is the name looked for from the working directory upward.
const ProjectFile = ".aictl.yaml"

// Options say where to look.
type Options struct {
	// Env is os.Getenv.
	Env func(string) string
	// Dir is the working directory; os.Getwd when empty.
	Dir string
	// Path is --config; AICTL_CONFIG and the XDG path when empty.
	Path string
}

// Config is what was read: the user's file, the project's, the environment.
// It does not change after Load, but through Update and what calls it, and is
// not for concurrent use.
type Config struct {
	User        File
	Project     Project
	path        string // of the user's file
	projectPath string // "" without one
	userLines   lines
	projLines   lines
	env         func(string) string
}

// Load reads the files. That neither exists is fine: a file that was named
// is made by the first write. Wrong content fails with fail.Usage, path and line; a file with a token
// that others can read fails with fail.Refused.
func Load(o Options) (*Config, error) {
	c := &Config{env: o.Env, path: o.Path}
	if c.path == "" {
		c.path = o.Env("AICTL_CONFIG")
	}
	if c.path == "" {
		if dir := ConfigHome(o.Env); dir != "" {
			c.path = filepath.Join(dir, "config.yaml")
		}
	}
	if err := c.readUser(); err != nil {
		return nil, err
	}
	dir := o.Dir
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return c, nil //nolint:nilerr // a removed working directory has no project
		}
		dir = wd
	}
	c.projectPath = findProject(dir, homeDir(o.Env))
	return c, c.readProject()
}

// Path is the user's file, whether it exists or not; "" without a home.
func (c *Config) Path() string { return c.path }

// ProjectPath is the project's file, "" without one.
func (c *Config) ProjectPath() string { return c.projectPath }

func (c *Config) readUser() error {
	if c.path == "" {
		return nil
	}
	data, mode, err := readFile(c.path)
	if err != nil {
		return err
	}
	var f File
	at, err := decode(c.path, data, fileKeys, &f)
	if err != nil {
		return err
	}
	if err := f.validate(); err != nil {
		return fail.Wrap(fail.CodeOf(err), err, "%s", c.path).Hint("%s", fail.From(err).Next)
	}
	if f.hasToken() && mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fail.New(fail.Refused, "%s holds a token and others can read it (mode %04o)", c.path, mode).
			Hint("chmod 600 %s", quote(c.path))
	}
	c.User, c.userLines = f, at
	return nil
}

func (c *Config) readProject() error {
	if c.projectPath == "" {
		return nil
	}
	data, _, err := readFile(c.projectPath)
	if err != nil {
		return err
	}
	if line := tokenLine(data); line > 0 {
		return fail.New(fail.Refused, "%s:%d: a project file cannot hold a token", c.projectPath, line).
			Hint("remove it, revoke it, and run: aictl login")
	}
	var p Project
	at, err := decode(c.projectPath, data, projectKeys, &p)
	if err != nil {
		return err
	}
	if err := p.validate(); err != nil {
		return fail.Wrap(fail.CodeOf(err), err, "%s", c.projectPath).Hint("%s", fail.From(err).Next)
	}
	c.Project, c.projLines = p, at
	return nil
}

// tokenLine is the line where a key at the top is a token, or 0. It looks at
// the text, so that the refusal comes before any complaint about the rest.
func tokenLine(data []byte) int {
	n := 0
	for l := range bytes.Lines(data) {
		n++
		key, _, found := strings.Cut(string(l), ":")
		if found && strings.Trim(key, "\"' \t{") == "token" {
			return n
		}
	}
	return 0
}

// findProject looks for ProjectFile from dir upward. It stops at the root of
// the git repository, at the home directory and at the file system's root;
// the home directory itself is not a project.
func findProject(dir, home string) string {
	for {
		if dir == home {
			return ""
		}
		path := filepath.Join(dir, ProjectFile)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return ""
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// quote makes a path one word of a shell command.
func quote(s string) string {
	if strings.ContainsAny(s, " \t'\"$&;()*?[]<>|`\\!#~") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
