package serverconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// Sources are where the configuration comes from.
type Sources struct {
	// File is a YAML file. When empty, AICTL_SERVER_CONFIG names it; when that
	// is empty too there is none. A named file must exist.
	File string
	// Env is the environment, as os.Environ gives it.
	Env []string
	// Flags are the flags that were set, by name (see BindFlags).
	Flags map[string]string
}

// Loaded is a configuration and where each value came from.
type Loaded struct {
	Config Config
	// Origins has, for each key that is not a default, "server.yaml:3",
	// "env AICTL_SERVER_LISTEN" or "flag --listen".
	Origins map[string]string
}

// Issue is one thing that is wrong.
type Issue struct {
	Where   string // file:line, env NAME or flag --name
	Key     string // chat.upstreams[0].url; empty for the file as a whole
	Message string
}

// String renders the issue on one line.
func (i Issue) String() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{i.Where, i.Key, i.Message} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

// Issues is everything that is wrong with a configuration.
type Issues []Issue

// Error lists the issues, one a line.
func (is Issues) Error() string {
	lines := make([]string, len(is))
	for i, issue := range is {
		lines[i] = issue.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads the sources and checks the result. The error has the code Usage
// and wraps Issues, all that were found.
func Load(s Sources) (*Loaded, error) {
	l := &Loaded{Config: Default(), Origins: map[string]string{}}
	issues := l.fromFile(s)
	issues = append(issues, l.fromEnv(s.Env)...)
	issues = append(issues, l.fromFlags(s.Flags)...)
	issues = append(issues, l.secretFiles()...)
	wrong := map[string]bool{}
	for _, i := range issues {
		wrong[i.Key] = true
	}
	for _, i := range l.Config.issues() {
		if wrong[i.Key] {
			continue // its value could not even be read
		}
		i.Where = l.origin(i.Key)
		issues = append(issues, i)
	}
	if len(issues) > 0 {
		return nil, fail.Wrap(fail.Usage, Issues(issues), "the server's configuration is wrong").
			Hint("correct the lines named above; the manual's server-configuration page lists every key")
	}
	return l, nil
}

// origin is where a key was set, or the nearest key above it.
func (l *Loaded) origin(key string) string {
	for k := key; k != ""; {
		if o, ok := l.Origins[k]; ok {
			return o
		}
		i := strings.LastIndexAny(k, ".[")
		if i < 0 {
			break
		}
		k = k[:i]
	}
	return "default"
}

func (l *Loaded) fromFile(s Sources) []Issue {
	path := s.File
	if path == "" {
		path = lookup(s.Env, EnvPrefix+"CONFIG")
	}
	if path == "" {
		return nil
	}
	text, err := readBounded(path)
	if err != nil {
		msg := err.Error()
		var pe *fs.PathError
		if errors.As(err, &pe) {
			msg = "cannot be read: " + pe.Err.Error()
		}
		return []Issue{{Where: path, Message: msg}}
	}
	return readYAML(filepath.Base(path), text, &l.Config, l.Origins)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return text, errors.Join(err, f.Close())
}

func (l *Loaded) fromEnv(env []string) []Issue {
	fields, names := map[string]Field{}, []string{}
	for _, f := range Fields() {
		fields[f.Env()] = f
		names = append(names, f.Env())
	}
	var issues []Issue
	for _, kv := range env {
		name, text, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) || name == EnvPrefix+"CONFIG" {
			continue
		}
		f, ok := fields[name]
		if !ok {
			msg := "no such setting"
			if near := closest(name, names); near != "" {
				msg += fmt.Sprintf(": did you mean %s?", near)
			}
			issues = append(issues, Issue{Where: "env " + name, Message: msg})
			continue
		}
		issues = append(issues, l.set(f, text, "env "+name)...)
	}
	return issues
}

func (l *Loaded) fromFlags(flags map[string]string) []Issue {
	var issues []Issue
	known := map[string]bool{}
	for _, f := range Fields() { // in order, so that issues are too
		name := f.Flag()
		known[name] = true
		if text, ok := flags[name]; ok && name != "" {
			issues = append(issues, l.set(f, text, "flag --"+name)...)
		}
	}
	for name := range flags {
		if !known[name] {
			issues = append(issues, Issue{Where: "flag --" + name, Message: "no such setting"})
		}
	}
	return issues
}

func (l *Loaded) set(f Field, text, origin string) []Issue {
	l.Origins[f.Key] = origin
	if err := setText(reflect.ValueOf(&l.Config).Elem().FieldByIndex(f.index), text); err != nil {
		return []Issue{{Where: origin, Key: f.Key, Message: err.Error()}}
	}
	return nil
}

// secretFiles reads the URLs that are kept in files of their own.
func (l *Loaded) secretFiles() []Issue {
	var issues []Issue
	for _, s := range []struct {
		key       string
		url, file *string
	}{
		{"database.url", &l.Config.Database.URL, &l.Config.Database.URLFile},
		{"redis.url", &l.Config.Redis.URL, &l.Config.Redis.URLFile},
	} {
		if *s.file == "" {
			continue
		}
		where, key := l.origin(s.key+"_file"), s.key+"_file"
		if *s.url != "" {
			issues = append(issues, Issue{Where: where, Key: key, Message: "is set together with " + s.key + ": keep one"})
			continue
		}
		text, err := readBounded(*s.file)
		if err != nil {
			issues = append(issues, Issue{Where: where, Key: key, Message: err.Error()})
			continue
		}
		*s.url = strings.TrimSpace(string(text))
		l.Origins[s.key] = "file " + *s.file
	}
	return issues
}

func lookup(env []string, name string) string {
	for _, kv := range env {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}
