package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

const userYAML = `# mine
current_context: dev
output: wide
contexts:
  - name: dev
    server: https://dev.example.com
    token: tok-dev
    namespace: web
    timeout: 5s
  - name: prod-eu
    server: https://eu.example.com/
    token: tok-eu
    protection: prod
    read_only: true
  - name: prod-us
    server: https://us.example.com
    backends:
      prometheus: {url: "http://prom:9090"}
`

// home is a home directory with the files, and a working directory in it.
func home(tb testing.TB, user, project string, env map[string]string) Options {
	tb.Helper()
	dir := tb.TempDir()
	if user != "" {
		write(tb, filepath.Join(dir, ".config/aictl/config.yaml"), user)
	}
	work := filepath.Join(dir, "src/app/cmd")
	require.NoError(tb, os.MkdirAll(work, 0o700))
	if project != "" {
		write(tb, filepath.Join(dir, "src/app", ProjectFile), project)
	}
	return Options{Dir: work, Env: func(k string) string {
		if k == "HOME" {
			return dir
		}
		return env[k]
	}}
}

func write(tb testing.TB, path, data string) {
	tb.Helper()
	require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(tb, os.WriteFile(path, []byte(data), 0o600))
}

func load(tb testing.TB, o Options) *Config {
	tb.Helper()
	c, err := Load(o)
	require.NoError(tb, err)
	return c
}

func resolve(tb testing.TB, o Options, flags Flags) *Settings {
	tb.Helper()
	s, err := load(tb, o).Resolve(flags)
	require.NoError(tb, err)
	return s
}

func TestPrecedence(t *testing.T) {
	o := home(t, userYAML, "", nil)
	s := resolve(t, o, nil)
	require.Equal(t, "web", s.Namespace.Value)
	require.Equal(t, Origin("user "+load(t, o).Path()+":8"), s.Namespace.Origin)
	require.Equal(t, Value[Secret]{"tok-dev", Origin("user " + load(t, o).Path() + ":7")}, s.Token)
	require.Equal(t, 5*time.Second, s.Timeout.Value)
	require.Equal(t, "wide", s.Output.Value)

	o = home(t, userYAML, "namespace: shop\noutput: json\n", nil)
	c := load(t, o)
	require.Equal(t, Value[string]{"shop", Origin("project " + c.ProjectPath() + ":1")}, resolve(t, o, nil).Namespace)
	require.Equal(t, Value[string]{"json", Origin("project " + c.ProjectPath() + ":2")}, resolve(t, o, nil).Output)

	o = home(t, userYAML, "namespace: shop\n", map[string]string{"AICTL_NAMESPACE": "envns", "AICTL_DRY_RUN": "client", "AICTL_YES": "1", "AICTL_TIMEOUT": "2m"})
	s = resolve(t, o, nil)
	require.Equal(t, Value[string]{"envns", "env AICTL_NAMESPACE"}, s.Namespace)
	require.Equal(t, Value[string]{"client", "env AICTL_DRY_RUN"}, s.DryRun)
	require.Equal(t, Value[bool]{true, "env AICTL_YES"}, s.Yes)
	require.Equal(t, Value[time.Duration]{2 * time.Minute, "env AICTL_TIMEOUT"}, s.Timeout)

	s = resolve(t, o, Flags{"namespace": "flagns", "yes": "false"})
	require.Equal(t, Value[string]{"flagns", "flag --namespace"}, s.Namespace)
	require.Equal(t, Value[bool]{false, "flag --yes"}, s.Yes)
}

func TestNothingConfigured(t *testing.T) {
	s := resolve(t, home(t, "", "", nil), nil)
	require.Equal(t, Value[string]{"", Default}, s.Server)
	require.Equal(t, Value[time.Duration]{DefaultTimeout, Default}, s.Timeout)
	for _, r := range s.Rows() {
		require.NotEmpty(t, r.Origin, r.Name)
	}
	c, err := Load(Options{Dir: t.TempDir(), Env: func(k string) string {
		return map[string]string{"HOME": "/nonexistent"}[k]
	}})
	require.NoError(t, err)
	require.Empty(t, c.List())
}

// Which token goes where: the property that a stranger's repository cannot
// collect credentials.
func TestTokenGoesOnlyToItsServer(t *testing.T) {
	env := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name, project string
		env           map[string]string
		flags         Flags
		want          Secret
		withheld      bool
	}{
		{"the context's own", "", nil, nil, "tok-dev", false},
		{"a project names a stranger", "server: https://evil.example.com\n", nil, nil, "", true},
		{"a project names a stranger and AICTL_TOKEN is set", "server: https://evil.example.com\n", env("AICTL_TOKEN", "tok-env"), nil, "", true},
		{"a project names the user's server", "server: HTTPS://DEV.example.com:443/\n", nil, nil, "tok-dev", false},
		{"a project names it with another scheme", "server: http://dev.example.com\n", nil, nil, "", true},
		{"a project names it with another port", "server: https://dev.example.com:8443\n", nil, nil, "", true},
		{"a project names a server below it", "server: https://dev.example.com/evil\n", nil, nil, "", true},
		{"a project names a suffix", "server: https://dev.example.com.evil.org\n", nil, nil, "", true},
		{"a project names a context", "context: prod-eu\n", nil, nil, "tok-eu", false},
		{"a project names a context and a stranger", "context: prod-eu\nserver: https://evil.example.com\n", nil, nil, "", true},
		{"a flag names another server", "", nil, Flags{"server": "https://other.example.com"}, "", true},
		{"a flag and AICTL_TOKEN", "", env("AICTL_TOKEN", "tok-env"), Flags{"server": "https://other.example.com"}, "tok-env", false},
		{"a flag beats the project", "server: https://evil.example.com\n", nil, Flags{"server": "https://dev.example.com"}, "tok-dev", false},
		{"--context beats the project's server", "server: https://evil.example.com\n", nil, Flags{"context": "prod-eu"}, "tok-eu", false},
		{"AICTL_CONTEXT beats the project's server", "server: https://evil.example.com\n", env("AICTL_CONTEXT", "prod-eu"), nil, "tok-eu", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := resolve(t, home(t, userYAML, c.project, c.env), c.flags)
			require.Equal(t, c.want, s.Token.Value)
			require.Equal(t, c.withheld, s.TokenWithheld != "")
			require.NotContains(t, s.TokenWithheld, "tok-")
		})
	}
}

func TestReadOnlyCanOnlyBeTightenedByFiles(t *testing.T) {
	get := func(project string, env map[string]string, flags Flags) bool {
		return resolve(t, home(t, userYAML, project, env), flags).ReadOnly.Value
	}
	require.True(t, get("", nil, Flags{"context": "prod-eu"}))
	require.True(t, get("read_only: false\n", nil, Flags{"context": "prod-eu"}))
	require.True(t, get("read_only: true\n", nil, nil))
	require.False(t, get("", nil, nil))
	require.True(t, get("", map[string]string{"AICTL_READ_ONLY": "1"}, nil))
	require.False(t, get("", nil, Flags{"context": "prod-eu", "read-only": "false"}))
}

func TestMatch(t *testing.T) {
	o := home(t, userYAML, "", nil)
	names := func(patterns ...string) string {
		list, err := load(t, o).Match(patterns)
		require.NoError(t, err)
		var out []string
		for _, c := range list {
			out = append(out, c.Name)
		}
		return strings.Join(out, " ")
	}
	require.Equal(t, "prod-eu prod-us", names("prod-*"))
	require.Equal(t, "dev prod-us", names("prod-us", "dev", "d*"))
	for _, p := range []string{"nope", "x*"} {
		_, err := load(t, o).Match([]string{p})
		require.ErrorIs(t, err, fail.NotFound.Err())
	}
	_, err := load(t, o).Match([]string{"[a"})
	require.ErrorIs(t, err, fail.Usage.Err())
	_, err = load(t, o).Match([]string{"prod-eux"})
	require.Contains(t, fail.From(err).Next, "prod-eu")

	all, err := load(t, o).ResolveAll(nil, []string{"*"})
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, Secret("tok-eu"), all[1].Token.Value)
	_, err = load(t, o).Resolve(Flags{"context": "prod-*"})
	require.ErrorIs(t, err, fail.Usage.Err())
}

func TestWrongFiles(t *testing.T) {
	for _, c := range []struct {
		name, user, project string
		code                fail.Code
		message, next       string
	}{
		{"unknown key", "curent_context: x\n", "", fail.Usage, `config.yaml:1:1: unknown key "curent_context"`, "current_context"},
		{"unknown key below", "contexts:\n  - name: a\n    servr: http://x\n", "", fail.Usage, `config.yaml:3:5: unknown key "servr"`, "server"},
		{"key twice", "output: a\noutput: b\n", "", fail.Usage, "config.yaml:2", ""},
		{"wrong type", "contexts: 5\n", "", fail.Usage, "config.yaml:1", ""},
		{"no YAML", "a: [\n", "", fail.Usage, "config.yaml", ""},
		{"two documents", "output: a\n---\noutput: b\n", "", fail.Usage, "more than one document", ""},
		{"bad server", "contexts: [{name: a, server: ftp://x}]\n", "", fail.Usage, "http://", ""},
		{"password in the URL", "contexts: [{name: a, server: 'https://u:hunter2@x'}]\n", "", fail.Usage, "credentials", ""},
		{"bad timeout", "contexts: [{name: a, timeout: 5}]\n", "", fail.Usage, "timeout", ""},
		{"bad protection", "contexts: [{name: a, protection: yes}]\n", "", fail.Usage, "protection", ""},
		{"bad name", "contexts: [{name: 'a*'}]\n", "", fail.Usage, "no name", ""},
		{"same name twice", "contexts: [{name: a}, {name: a}]\n", "", fail.Usage, "twice", ""},
		{"current names nothing", "current_context: a\n", "", fail.Usage, "no such context", ""},
		{"token in a project", "", "server: http://x\ntoken: abc\n", fail.Refused, ".aictl.yaml:2", "login"},
		{"quoted token in a project", "", "\"token\": abc\n", fail.Refused, ".aictl.yaml:1", "login"},
		{"contexts in a project", "", "contexts: []\n", fail.Usage, `unknown key "contexts"`, ""},
		{"deep", strings.Repeat("[", 5000), "", fail.Usage, "nested", ""},
		{"large", "#" + strings.Repeat("x", maxFile), "", fail.TooLarge, "KiB", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(home(t, c.user, c.project, nil))
			require.Error(t, err)
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			require.Contains(t, err.Error(), c.message)
			require.Contains(t, fail.From(err).Next, c.next)
			require.NotEmpty(t, fail.From(err).Next)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestTokenNeedsAPrivateFile(t *testing.T) {
	o := home(t, userYAML, "", nil)
	path := load(t, o).Path()
	require.NoError(t, os.Chmod(path, 0o644))
	_, err := Load(o)
	require.ErrorIs(t, err, fail.Refused.Err())
	require.Contains(t, fail.From(err).Next, "chmod 600")
	write(t, path, "contexts: [{name: a}]\n")
	require.NoError(t, os.Chmod(path, 0o644))
	load(t, o)
}

func TestProjectSearchStops(t *testing.T) {
	o := home(t, "", "namespace: shop\n", nil)
	require.NotEmpty(t, load(t, o).ProjectPath())
	require.NoError(t, os.Mkdir(filepath.Join(o.Dir, ".git"), 0o700))
	require.Empty(t, load(t, o).ProjectPath(), "at the repository's root")

	o = home(t, "", "", nil)
	write(t, filepath.Join(o.Env("HOME"), ProjectFile), "namespace: home\n")
	require.Empty(t, load(t, o).ProjectPath(), "at home")
}

func TestChanges(t *testing.T) {
	ctx := t.Context()
	o := home(t, "", "", nil)
	c := load(t, o)
	require.NoError(t, c.Set(ctx, "dev", [][2]string{{"server", "http://127.0.0.1:8080"}, {"backends.prometheus.url", "http://prom:9090"}, {"read_only", "true"}}))
	require.NoError(t, c.SaveToken(ctx, "prod", "https://p.example.com", "tok"))
	require.Equal(t, "dev", c.Current())
	require.NoError(t, c.Use(ctx, "prod"))
	require.NoError(t, c.Rename(ctx, "prod", "live"))

	again := load(t, o)
	require.Equal(t, "live", again.Current())
	got, err := again.Show("dev")
	require.NoError(t, err)
	require.Equal(t, Context{Name: "dev", Server: "http://127.0.0.1:8080", ReadOnly: true, Backends: &Backends{Prometheus: &Endpoint{URL: "http://prom:9090"}}}, got)
	info, err := os.Stat(again.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	live, err := again.Show("live")
	require.NoError(t, err)
	require.Equal(t, "tok", live.Token.Reveal())
	b, err := json.Marshal(live)
	require.NoError(t, err)
	require.NotContains(t, string(b)+fmt.Sprintf("%v %+v %#v %s", live, live, live, live.Token), "tok\"")
	require.Contains(t, string(b), "********")

	before, err := os.ReadFile(again.Path())
	require.NoError(t, err)
	for _, wrong := range []error{
		again.Use(ctx, "nope"), again.Delete(ctx, "nope"), again.Rename(ctx, "live", "dev"), again.Rename(ctx, "live", "a b"),
		again.Set(ctx, "dev", [][2]string{{"token", "x"}}), again.Set(ctx, "dev", [][2]string{{"severr", "x"}}),
		again.Set(ctx, "dev", [][2]string{{"server", "nonsense"}}), again.Set(ctx, "dev", [][2]string{{"read_only", "maybe"}}),
		again.SaveToken(ctx, "dev", "", "a b"), again.SaveToken(ctx, "nope", "", ""),
	} {
		require.Error(t, wrong)
	}
	after, err := os.ReadFile(again.Path())
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "a failed change changes nothing")

	require.NoError(t, again.Set(ctx, "live", [][2]string{{"server", "https://elsewhere.example.com"}}))
	live, err = again.Show("live")
	require.NoError(t, err)
	require.Empty(t, live.Token, "the token does not follow to another server")
	require.NoError(t, again.Set(ctx, "dev", [][2]string{{"backends.prometheus.url", ""}}))
	require.NoError(t, again.Delete(ctx, "live"))
	require.Empty(t, again.Current())
	require.Len(t, again.List(), 1)
	require.Nil(t, again.List()[0].Backends)
}

func TestKeysAreSettable(t *testing.T) {
	c := load(t, home(t, "", "", nil))
	for _, k := range Keys() {
		value := map[bool]string{true: "http://x:1", false: "prod"}[strings.HasSuffix(k, "url") || k == "server"]
		switch k {
		case "timeout":
			value = "5s"
		case "read_only", "backends.kubernetes.discover":
			value = "true"
		}
		pairs := [][2]string{{k, value}}
		if parts := strings.Split(k, "."); len(parts) == 3 && parts[1] != "kubernetes" {
			at := "backends." + parts[1] + "."
			pairs = [][2]string{{at + "url", "http://x:1"}, {k, value}}
			for _, couple := range [][2]string{{"username", "password_file"}, {"cert_file", "key_file"}} {
				for i, half := range couple {
					if parts[2] == half {
						pairs = append(pairs, [2]string{at + couple[1-i], value})
					}
				}
			}
		}
		require.NoError(t, c.Set(t.Context(), "a", pairs), k)
	}
}

func TestBackendsAreSet(t *testing.T) {
	o := home(t, "", "", nil)
	c := load(t, o)
	set := func(pairs ...[2]string) error { return c.Set(t.Context(), "prod", pairs) }
	require.NoError(t, set([2]string{"backends.alertmanager.url", "http://a:1, http://b:2"}, [2]string{"backends.alertmanager.token_file", "/t"},
		[2]string{"backends.elasticsearch.url", "https://es:9200"}, [2]string{"backends.elasticsearch.index", "logs-*"}))
	want := &Backends{
		Alertmanagers: []Endpoint{{URL: "http://a:1", TokenFile: "/t"}, {URL: "http://b:2", TokenFile: "/t"}},
		Elasticsearch: &Elasticsearch{Endpoint: Endpoint{URL: "https://es:9200"}, Index: "logs-*"},
	}
	require.Equal(t, want, c.List()[0].Backends)
	require.Equal(t, "2 alertmanagers, elasticsearch", want.String())
	require.Equal(t, want, load(t, o).List()[0].Backends)
	for _, wrong := range [][2]string{
		{"backends.prometheus.index", "x"},
		{"backends.prometheus", "x"},
		{"backends.nothing.url", "http://x:1"},
		{"backends.elasticsearch.username", "ann"},
		{"backends.elasticsearch.url", "http://u:p@x:1"},
		{"backends.alertmanager.url", "nonsense"},
	} {
		require.Equal(t, fail.Usage, fail.CodeOf(set(wrong)), "%v", wrong)
	}
	require.Equal(t, want, c.List()[0].Backends)
	require.NoError(t, set([2]string{"backends.alertmanager.url", ""}, [2]string{"backends.elasticsearch.url", ""}))
	require.Nil(t, c.List()[0].Backends)
}

// Writers at the same time: no change is lost, and no reader sees half a file.
func TestConcurrentWriters(t *testing.T) {
	o := home(t, "", "", nil)
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for i := range 8 {
		wg.Go(func() {
			c, err := Load(o)
			if err == nil {
				err = c.SaveToken(t.Context(), fmt.Sprintf("c%d", i), "http://x:1", "tok")
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, load(t, o).List(), 8)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(load(t, o).Path()), ".config-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestXDG(t *testing.T) {
	env := func(k string) string {
		return map[string]string{"HOME": "/h", "XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "relative"}[k]
	}
	require.Equal(t, "/h/.config/aictl", ConfigHome(env))
	require.Equal(t, "/d/aictl", DataHome(env))
	require.Equal(t, "/h/.local/state/aictl", StateHome(env))
	require.Equal(t, "/h/.cache/aictl", CacheHome(env))
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{userYAML, "", "---\n", "a: &x [*x]\n", "contexts: [{name: a, token: t}]", "? [", "\"\\u0000\": 1", "- - -\n", "output: !!binary x", "<<: {a: b}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var u File
		if _, err := decode("config.yaml", []byte(s), fileKeys, &u); err != nil {
			require.Contains(t, []fail.Code{fail.Usage, fail.TooLarge}, fail.CodeOf(err))
		} else {
			_ = u.validate()
		}
		var p Project
		_, _ = decode(ProjectFile, []byte(s), projectKeys, &p)
	})
}

func BenchmarkLoad(b *testing.B) {
	o := home(b, userYAML, "namespace: shop\n", nil)
	for b.Loop() {
		if _, err := Load(o); err != nil {
			b.Fatal(err)
		}
	}
}
