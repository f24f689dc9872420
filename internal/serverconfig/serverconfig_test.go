package serverconfig

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

const full = `# every section
listen: 127.0.0.1:8080
data_dir: /var/lib/aictl
allowed_hosts: [aictl.example]
drain: 1m
tls: {cert: a.pem, key: b.pem}
database:
  url: postgres://ann:hunter2@db/aictl?sslpassword=hunter3
redis:
  url: redis://:hunter2@cache:6379/0
limits:
  body_bytes: 16MiB
  rps: 2.5
  burst: 5
  concurrency: 10
  queue: 0
  budgets:
    tokens: 1000
    window: 1h
    accounts: {ci: 5}
    cost: 2.5
    cost_accounts: {ci: 0.5}
timeouts:
  read_header: 5s
log:
  level: debug
  format: text
telemetry: {otlp_endpoint: "http://127.0.0.1:4318", sample: 0.5}
metrics: {public: true}
secrets: {vault: {keyring: aictl-prod}}
chat:
  upstreams:
    - name: local
      url: http://127.0.0.1:11434/v1
      models: [llama, qwen]
    - {name: paid, url: "https://api.example/v1", key_env: PAID_KEY, weight: 3, timeout: 30s}
  aliases:
    default:
      - {upstream: local, model: llama}
      - {upstream: paid, model: big, tier: 1}
  prices:
    big: {input: 1.5, output: 6}
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestEverySection(t *testing.T) {
	l, err := Load(Sources{File: write(t, full)})
	require.NoError(t, err)
	want := Default()
	want.Listen, want.DataDir, want.AllowedHosts, want.Drain = "127.0.0.1:8080", "/var/lib/aictl", []string{"aictl.example"}, time.Minute
	want.TLS = TLS{"a.pem", "b.pem"}
	want.Database.URL, want.Redis.URL = "postgres://ann:hunter2@db/aictl?sslpassword=hunter3", "redis://:hunter2@cache:6379/0"
	want.Limits = Limits{16 << 20, 2.5, 5, 10, 0, Budgets{1000, 2.5, time.Hour, map[string]int64{"ci": 5}, map[string]float64{"ci": 0.5}}}
	want.Timeouts.ReadHeader = 5 * time.Second
	want.Log.Level, want.Log.Format = "debug", "text"
	want.Telemetry = Telemetry{"http://127.0.0.1:4318", 0.5}
	want.Metrics.Public = true
	want.Secrets.Vault.Keyring = "aictl-prod"
	want.Chat.Upstreams = []Upstream{
		{Name: "local", URL: "http://127.0.0.1:11434/v1", Models: []string{"llama", "qwen"}, Timeout: 10 * time.Minute},
		{Name: "paid", URL: "https://api.example/v1", KeyEnv: "PAID_KEY", Weight: 3, Timeout: 30 * time.Second},
	}
	want.Chat.Aliases = map[string][]Target{"default": {{"local", "llama", 1, 0}, {"paid", "big", 1, 1}}}
	want.Chat.Prices = map[string]Price{"big": {1.5, 6}}
	require.Empty(t, cmp.Diff(want, l.Config))

	var out bytes.Buffer
	require.NoError(t, l.Print(&out))
	require.NotContains(t, out.String(), "hunter")
	require.Regexp(t, `(?m)^listen +127.0.0.1:8080 +server.yaml:2$`, out.String())
	require.Regexp(t, `(?m)^chat.upstreams\[1\].weight +3 +server.yaml:36$`, out.String())
	require.Regexp(t, `(?m)^timeouts.idle +2m0s +default$`, out.String())
}

func TestDefaultsAreValid(t *testing.T) {
	c := Default()
	require.NoError(t, c.Validate())
	l, err := Load(Sources{})
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(c, l.Config))
}

func TestPrecedence(t *testing.T) {
	file := write(t, "listen: 127.0.0.1:1\nlimits: {rps: 1}\nlog: {level: error}\n")
	fs := flag.NewFlagSet("t", flag.ContinueOnError)
	set := BindFlags(fs)
	require.NoError(t, fs.Parse([]string{"--limits-rps=3", "--metrics-public"}))
	l, err := Load(Sources{
		Env:   []string{"AICTL_SERVER_CONFIG=" + file, "AICTL_SERVER_LIMITS_RPS=2", "AICTL_SERVER_LOG_LEVEL=warn", "AICTL_SERVER=http://x", "HOME=/"},
		Flags: set(),
	})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", l.Config.Listen)
	require.InDelta(t, 3.0, l.Config.Limits.RPS, 0)
	require.Equal(t, "warn", l.Config.Log.Level)
	require.True(t, l.Config.Metrics.Public)
	require.Equal(t, "server.yaml:1", l.origin("listen"))
	require.Equal(t, "flag --limits-rps", l.origin("limits.rps"))
	require.Equal(t, "env AICTL_SERVER_LOG_LEVEL", l.origin("log.level"))
	require.Equal(t, "default", l.origin("drain"))
	require.Nil(t, fs.Lookup("database-url"), "secrets do not belong on a command line")
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		env        []string
		want       []string
	}{
		{"unknown key", "listn: x\n", nil, []string{`server.yaml:1: listn: no such key: did you mean "listen"?`}},
		{"unknown nested key", "limits:\n  rps: 1\n  brust: 2\n", nil, []string{`server.yaml:3: limits.brust: no such key: did you mean "burst"?`}},
		{"far from all", "metrics: {colour: red}\n", nil, []string{`server.yaml:1: metrics.colour: no such key: there are public`}},
		{"wrong kinds", "drain: soon\nlimits: {rps: many, body_bytes: big, burst: 1.5}\ninsecure_listen: yes\n", nil, []string{
			`server.yaml:1: drain: "soon" is not a duration such as 500ms, 20s or 1h30m`,
			`server.yaml:2: limits.rps: "many" is not a number`,
			`server.yaml:2: limits.body_bytes: "big" is not a size such as 65536, 64KiB or 8MB`,
			`server.yaml:2: limits.burst: "1.5" is not a whole number`,
			`server.yaml:3: insecure_listen: "yes" is not true or false`,
		}},
		{"not a number", "limits: {rps: .nan}\n", nil, []string{`server.yaml:1: limits.rps: ".nan" is not a number`}},
		{"wrong shapes", "listen: [a]\nlog: loud\nchat: {upstreams: {name: x}}\nallowed_hosts: a\n", nil, []string{
			`server.yaml:1: listen: takes one value, not a list`,
			`server.yaml:2: log: log takes keys and values, not a single value`,
			`server.yaml:3: chat.upstreams: takes a list, not a mapping`,
			`server.yaml:4: allowed_hosts: takes a list: write [a]`,
		}},
		{"wrong values", "listen: 0.0.0.0:1\nlog:\n  level: inof\ntelemetry: {sample: 2}\n", nil, []string{
			`server.yaml:1: listen: "0.0.0.0:1" is beyond loopback`,
			`server.yaml:3: log.level: "inof" is unknown: did you mean "info"?`,
			`server.yaml:4: telemetry.sample: 2 is not between 0 and 1`,
		}},
		{"upstreams", "chat:\n  upstreams:\n    - name: local\n      url: ftp://x\n    - url: http://u:hunter2@h\n  aliases:\n    a: [{upstream: locl, model: m}]\n", nil, []string{
			`server.yaml:4: chat.upstreams[0].url: is not a URL of http:// or https://`,
			`server.yaml:5: chat.upstreams[1]: has no name`,
			`server.yaml:5: chat.upstreams[1].url: holds a password: use key_env or key_file`,
			`server.yaml:7: chat.aliases.a[0].upstream: there is no upstream "locl": did you mean "local"?`,
		}},
		{"twice", "drain: 1s\ndrain: 2s\n", nil, []string{`server.yaml:2: `}},
		{"anchors", "tls: &a {cert: x}\n", nil, []string{`server.yaml:1: tls: anchors, aliases, merges and tags are not supported`}},
		{"two documents", "drain: 1s\n---\ndrain: 2s\n", nil, []string{`server.yaml:3: a second document`}},
		{"not YAML", "a: [\n", nil, []string{`is not valid YAML`}},
		{"deep", strings.Repeat("[", 10_000), nil, []string{`nests more than 32 brackets`}},
		{"a list at the top", "- a\n", nil, []string{`server.yaml:1: the file takes keys and values, not a list`}},
		{"environment", "", []string{"AICTL_SERVER_LISTN=x", "AICTL_SERVER_DRAIN=x"}, []string{
			`env AICTL_SERVER_LISTN: no such setting: did you mean AICTL_SERVER_LISTEN?`,
			`env AICTL_SERVER_DRAIN: drain: "x" is not a duration`,
		}},
		{"keyring", "secrets: {vault: {keyring: \"AGE-SECRET-KEY-PQ-1hunter2 \"}}\n", nil, []string{
			`server.yaml:1: secrets.vault.keyring: is no name of a keyring's entry: letters, digits and ._@-, 64 at most, as aictl-prod`,
		}},
		{"no such key of the vault", "", []string{"AICTL_SERVER_SECRETS_VAULT_KEYRIN=x"}, []string{
			`env AICTL_SERVER_SECRETS_VAULT_KEYRIN: no such setting: did you mean AICTL_SERVER_SECRETS_VAULT_KEYRING?`,
		}},
		{"secret twice", "database: {url: postgres://h/d, url_file: /nope}\n", nil, []string{`database.url_file: is set together with database.url`}},
		{"secret file missing", "redis: {url_file: /nope}\n", nil, []string{`server.yaml:1: redis.url_file: open /nope`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(Sources{File: write(t, c.yaml), Env: c.env})
			require.ErrorIs(t, err, fail.Usage.Err())
			var is Issues
			require.ErrorAs(t, err, &is)
			require.Len(t, is, len(c.want), is.Error())
			for i, want := range c.want {
				require.Contains(t, is[i].String(), want)
			}
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := Load(Sources{File: "/no/such.yaml"})
	require.ErrorContains(t, err, "/no/such.yaml: cannot be read")
	_, err = Load(Sources{Flags: map[string]string{"nope": "1"}})
	require.ErrorContains(t, err, "flag --nope: no such setting")
}

func TestSecretFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(path, []byte("postgres://ann:hunter2@db/x\n"), 0o600))
	l, err := Load(Sources{Env: []string{"AICTL_SERVER_DATABASE_URL_FILE=" + path}})
	require.NoError(t, err)
	require.Equal(t, "postgres://ann:hunter2@db/x", l.Config.Database.URL)
	for _, r := range l.Rows() {
		require.NotContains(t, r.Value, "hunter2")
	}
}

func TestReload(t *testing.T) {
	path := write(t, "limits: {rps: 1}\n")
	src := Sources{File: path}
	l, err := Load(src)
	require.NoError(t, err)
	var log bytes.Buffer
	refuse := errors.New("refused")
	var applyErr error
	v := NewLive(src, l, slog.New(slog.NewTextHandler(&log, nil)), func(old, fresh *Config) error {
		require.InDelta(t, 1.0, old.Limits.RPS, 0)
		return applyErr
	})
	change := func(text string) error {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return v.Reload()
	}
	require.Error(t, change("limits: {rps: x}\n"))
	require.InDelta(t, 1.0, v.Current().Config.Limits.RPS, 0)
	applyErr = refuse
	require.ErrorIs(t, change("limits: {rps: 2}\n"), refuse)
	require.InDelta(t, 1.0, v.Current().Config.Limits.RPS, 0)
	applyErr = nil
	require.NoError(t, change("limits: {rps: 2}\nlisten: 127.0.0.1:99\n"))
	require.InDelta(t, 2.0, v.Current().Config.Limits.RPS, 0)
	require.Equal(t, "127.0.0.1:7979", v.Current().Config.Listen, "it cannot change while the server runs")
	require.Equal(t, "default", v.Current().origin("listen"))
	require.Contains(t, log.String(), `key=listen`)
	require.Contains(t, log.String(), `changed=limits.rps`)
}

func TestReloadWhileReading(t *testing.T) {
	path := write(t, "limits: {rps: 1, burst: 1}\n")
	src := Sources{File: path}
	l, err := Load(src)
	require.NoError(t, err)
	v := NewLive(src, l, slog.New(slog.DiscardHandler), nil)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					c := v.Current().Config.Limits
					if c.RPS != float64(c.Burst) {
						t.Error("half a configuration was seen")
						return
					}
				}
			}
		})
	}
	texts := []string{"limits: {rps: 2, burst: 2}\n", "limits: {rps: 1, burst: 1}\n"}
	for i := range 50 {
		require.NoError(t, os.WriteFile(path, []byte(texts[i%2]), 0o600))
		require.NoError(t, v.Reload())
	}
	close(done)
	wg.Wait()
}

// Every key has documentation, a flag or a reason for none, and a name that
// no other key shares.
func TestKeysAreConsistent(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		require.NotEmpty(t, f.Key)
		require.True(t, f.Secret || f.Help != "", f.Key)
		for _, name := range []string{f.Env(), f.Flag()} {
			require.False(t, name != "" && seen[name], name)
			seen[name] = true
		}
	}
	require.Contains(t, seen, "AICTL_SERVER_LIMITS_BUDGETS_WINDOW")
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{full, "a: [", "drain: 1s\n---\nx", "? [a]\n: b", "chat: {aliases: {a: [{tier: -1}]}}", "\x00", "a: &x b\nc: *x", "limits: !!int 5", "- - - -", "\"\\x\": 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		issues := readYAML("f.yaml", []byte(text), &c, map[string]string{})
		for _, i := range issues {
			if i.String() == "" {
				t.Fatal("an issue that says nothing")
			}
		}
		_ = c.Validate()
		l := Loaded{Config: c, Origins: map[string]string{}}
		for _, r := range l.Rows() {
			if strings.ContainsAny(r.Value, "\n\r\x1b") {
				t.Fatalf("a value breaks out of its line: %q", r.Value)
			}
		}
	})
}
