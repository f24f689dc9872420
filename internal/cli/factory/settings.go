package factory

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// Target is one control plane that a command speaks to.
type Target struct {
	Name, Server, Token, Namespace, Protection string
	ReadOnly                                   bool
	// Withheld says why a token that exists is not sent.
	Withheld string
	// Backends are the systems of a context without a control plane.
	Backends *config.Backends
}

// Settings are what flags, environment and files come to.
type Settings struct {
	Targets  []Target
	Output   string
	JQ       string
	Timeout  time.Duration // 0 where nobody set one
	DryRun   string
	Yes      bool
	Reason   string
	Quiet    bool
	Verbose  bool
	NoColor  bool
	CacheDir string
	// All are the resolved settings of the first target with their origins.
	All *config.Settings
}

// offline marks commands that must work with a broken configuration.
const offline = "aictl.offline"

// MarkOffline gives the annotations of such a command.
func MarkOffline() map[string]string { return map[string]string{offline: "true"} }

// Offline reports whether the command does without settings.
func (f *Factory) Offline(annotations map[string]string) bool { return annotations[offline] == "true" }

// Config reads the files anew.
func (f *Factory) Config() (*config.Config, error) {
	dir, err := f.Cwd()
	if err != nil {
		dir = ""
	}
	return config.Load(config.Options{Env: f.Env, Dir: dir, Path: f.Flags.Config})
}

// flags gives the global flags that were on the command line, as config
// wants them.
func (f *Factory) flags() config.Flags {
	g := f.Flags
	all := map[string]string{
		"server": g.Server, "namespace": g.Namespace, "output": g.Output, "jq": g.JQ, "timeout": g.Timeout,
		"read-only": strconv.FormatBool(g.ReadOnly), "dry-run": g.DryRun, "yes": strconv.FormatBool(g.Yes),
		"reason": g.Reason, "quiet": strconv.FormatBool(g.Quiet), "verbose": strconv.FormatBool(g.Verbose),
		"no-color": strconv.FormatBool(g.NoColor),
	}
	out := config.Flags{}
	for name, v := range all {
		if g.Set[name] {
			out[name] = v
		}
	}
	return out
}

// Settings resolves once and keeps the answer for the run.
func (f *Factory) Settings() (*Settings, error) {
	if f.settings != nil {
		return f.settings, nil
	}
	if path := f.bundlePath(); path != "" {
		return f.replayed(path)
	}
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	var patterns, ours []string
	if f.Flags.Set["context"] {
		patterns = f.Flags.Contexts
	}
	if !f.kubectl() {
		ours = patterns
	}
	all, err := c.ResolveAll(f.flags(), ours)
	if err != nil {
		return nil, err
	}
	first := all[0]
	s := &Settings{
		Output: first.Output.Value, JQ: first.JQ.Value, DryRun: first.DryRun.Value, Yes: first.Yes.Value,
		Reason: first.Reason.Value, Quiet: first.Quiet.Value, Verbose: first.Verbose.Value,
		NoColor: first.NoColor.Value, CacheDir: config.CacheHome(f.Env), All: first,
	}
	if first.Timeout.Origin != config.Default {
		s.Timeout = first.Timeout.Value
	}
	if f.kubectl() {
		if s.Targets, err = f.clusters(c, first, patterns); err != nil {
			return nil, err
		}
		f.announce(s.Targets)
		f.settings = s
		return s, nil
	}
	for _, one := range all {
		s.Targets = append(s.Targets, Target{
			Name: one.Context.Value, Server: one.Server.Value, Token: one.Token.Value.Reveal(),
			Namespace: one.Namespace.Value, Protection: one.Protection.Value, ReadOnly: one.ReadOnly.Value,
			Withheld: one.TokenWithheld, Backends: one.Backends,
		})
	}
	if err := f.impersonate(s.Targets); err != nil {
		return nil, err
	}
	f.announce(s.Targets)
	f.settings = s
	return s, nil
}

// PrinterFor makes a printer for a format that the command chose itself; it
// works without settings.
func (f *Factory) PrinterFor(format string) (*output.Printer, error) {
	opts := output.FromIO(f.IO, format, f.Flags.JQ)
	opts.Now = f.Now
	return output.New(opts)
}

// DataDir is the data directory: the flag's, AICTL_DATA_DIR, or the XDG one.
func (f *Factory) DataDir(flag string) (string, error) {
	dir := flag
	if dir == "" {
		dir = f.Env("AICTL_DATA_DIR")
	}
	if dir == "" {
		if dir = config.DataHome(f.Env); dir == "" {
			return "", fail.New(fail.Usage, "there is no home directory for the data").Hint("give --data-dir")
		}
	}
	return filepath.Abs(dir)
}

// RefuseReadOnly guards the hand-made commands that change something on this
// machine rather than through the transport.
func (f *Factory) RefuseReadOnly(command string) error {
	s, err := f.Settings()
	if err != nil {
		return err
	}
	if s.All.ReadOnly.Value {
		return fail.New(fail.Refused, "read-only: aictl %s was not run (%s)", command, s.All.ReadOnly.Origin).
			Hint("aictl config view --show-origin")
	}
	return nil
}

// SaveContext keeps a token for a server under a context and makes the
// context current where none is.
func (f *Factory) SaveContext(name, server, token string) error {
	c, err := f.Config()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return c.SaveToken(ctx, name, server, token)
}

// ContextToken gives the token that a context holds, or nothing.
func (f *Factory) ContextToken(name string) string {
	c, err := f.Config()
	if err != nil {
		return ""
	}
	one, err := c.Show(name)
	if err != nil {
		return ""
	}
	return one.Token.Reveal()
}

// Accepts reports whether a server takes a token. Only a clear refusal is a
// no: a server that does not answer says nothing about the token.
func (f *Factory) Accepts(ctx context.Context, server, token string) bool {
	c, err := f.Client(Target{Server: server, Token: token})
	if err != nil {
		return false
	}
	defer c.Close()
	ctx, cancel := f.Deadline(ctx, 5*time.Second)
	defer cancel()
	_, err = api.AuthWhoami.Call(ctx, c, api.None{})
	return fail.CodeOf(err) != fail.Auth
}

// Explain adds to a refusal for want of a token why one that exists was not
// sent.
func (f *Factory) Explain(err error) error {
	if fail.CodeOf(err) != fail.Auth || f.settings == nil {
		return err
	}
	for _, t := range f.settings.Targets {
		if t.Withheld != "" {
			return fail.New(fail.Auth, "no token was sent: %s", t.Withheld).Hint("aictl config view --show-origin")
		}
	}
	return err
}

// ContextNames lists the contexts for completion.
func (f *Factory) ContextNames() []string {
	c, err := f.Config()
	if err != nil {
		return nil
	}
	var out []string
	for _, one := range c.List() {
		out = append(out, one.Name+"\t"+one.Server)
	}
	return out
}

// Named gives the target of one context by its name, as --context would.
func (f *Factory) Named(name string) (Target, error) {
	other := f.Again(f.IO)
	other.Flags = f.Flags
	other.Flags.Contexts = []string{name}
	other.Flags.Set = maps.Clone(f.Flags.Set)
	if other.Flags.Set == nil {
		other.Flags.Set = map[string]bool{}
	}
	other.Flags.Set["context"] = true
	delete(other.Flags.Set, "server")
	s, err := other.Settings()
	if err != nil {
		return Target{}, err
	}
	return s.Targets[0], nil
}

// Again makes a factory of the same process and program for another run with
// its own streams and flags.
func (f *Factory) Again(io *term.IO) *Factory {
	other := New(io, f.Env)
	other.Args0, other.Cwd, other.Now, other.Version = f.Args0, f.Cwd, f.Now, f.Version
	other.Transport, other.Direct = f.Transport, f.Direct
	return other
}

// readyAnswer is what /readyz says.
type readyAnswer struct {
	Ready   bool `json:"ready"`
	Reasons []struct {
		Check   string `json:"check"`
		Message string `json:"message"`
	} `json:"reasons"`
}

// FillReadiness asks a local server whether it is ready, without credentials,
// and then with them for what only members see.
func (f *Factory) FillReadiness(ctx context.Context, url string, ready *bool, reasons *[]string, services *int, store *string) {
	ctx, cancel := f.Deadline(ctx, 3*time.Second)
	defer cancel()
	answer, err := fetchReady(ctx, url)
	if err != nil {
		*reasons = append(*reasons, err.Error())
		return
	}
	*ready = answer.Ready
	for _, r := range answer.Reasons {
		*reasons = append(*reasons, r.Check+": "+r.Message)
	}
	c, err := f.Config()
	if err != nil {
		return
	}
	for _, one := range c.List() {
		if strings.TrimSuffix(one.Server, "/") != strings.TrimSuffix(url, "/") || one.Token == "" {
			continue
		}
		cl, err := f.Client(Target{Server: url, Token: one.Token.Reveal()})
		if err != nil {
			return
		}
		defer cl.Close()
		if st, err := api.PlatformStatus.Call(ctx, cl, api.None{}); err == nil {
			*services, *store = st.Services, st.Store
			return
		}
	}
}

func fetchReady(ctx context.Context, url string) (readyAnswer, error) {
	var a readyAnswer
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return a, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, fmt.Errorf("does not answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	return a, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&a)
}
