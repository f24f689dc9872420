package factory

import (
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/aictl/aictl/internal/bundle"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
	"github.com/aictl/aictl/internal/when"
)

// --from has two readings, and the value tells which: what ends in .aictl or
// names a file is a bundle, everything else is what the command's own --from
// takes (a time, or a store). Both may be given. AICTL_FROM is always a bundle. A value that could be either is a usage error.

// bundlePath is the bundle that the run reads; "" is none.
func (f *Factory) bundlePath() string {
	if f.Flags.From != "" {
		return f.Flags.From
	}
	return f.Env("AICTL_FROM")
}

// IsBundle reports whether a value of --from is a bundle. own is what the
// command's own --from takes, in a word; "" is a command without one, for
// which every value is a bundle.
func IsBundle(value, own string) (bool, error) {
	if strings.HasSuffix(value, bundle.Extension) {
		return true, nil
	}
	info, err := os.Stat(value)
	file := err == nil && info.Mode().IsRegular()
	if own == "" {
		return file, nil
	}
	if !file {
		return false, nil
	}
	if strings.ContainsAny(value, `/\`) && !strings.Contains(value, ":") {
		return true, nil
	}
	_, timeErr := when.Parse(value, time.Unix(1e9, 0), time.UTC)
	if timeErr == nil || strings.Contains(value, ":") {
		return false, fail.New(fail.Usage, "--from %q is %s, and there is a file of that name too", value, own).
			Hint("write --from ./%s for the file, or rename it to end in %s", value, bundle.Extension)
	}
	return true, nil
}

// setFrom takes the bundle of a run, once.
func (f *Factory) setFrom(value string) error {
	if f.Flags.From != "" && f.Flags.From != value {
		return fail.New(fail.Usage, "--from names two bundles, %s and %s", f.Flags.From, value).Hint("a command reads one bundle")
	}
	f.Flags.From = value
	return nil
}

// FromFlag is the global --from, which takes a bundle alone.
func (f *Factory) FromFlag() pflag.Value { return &fromFlag{f: f} }

// FromFlagWith is the --from of a command that has one of its own: own takes
// what is no bundle.
func (f *Factory) FromFlagWith(own pflag.Value) pflag.Value { return &fromFlag{f: f, own: own} }

type fromFlag struct {
	f   *Factory
	own pflag.Value
}

// String implements pflag.Value.
func (v *fromFlag) String() string {
	switch {
	case v.own != nil:
		return v.own.String()
	case v.f != nil:
		return v.f.Flags.From
	}
	return ""
}

// Type implements pflag.Value.
func (v *fromFlag) Type() string {
	if v.own != nil {
		return v.own.Type()
	}
	return "string"
}

// Set implements pflag.Value.
func (v *fromFlag) Set(value string) error {
	if v.own == nil {
		ok, err := IsBundle(value, "")
		if err != nil {
			return err
		}
		if !ok && value != "" {
			return fail.New(fail.Usage, "--from %q is no bundle: there is no such file, and this command has no window", value).
				Hint("aictl record --out incident%s", bundle.Extension)
		}
		return v.f.setFrom(value)
	}
	ok, err := IsBundle(value, "a value of the command's own --from")
	if err != nil {
		return err
	}
	if ok {
		return v.f.setFrom(value)
	}
	return v.own.Set(value)
}

// replayed are the settings of a run on a bundle: the person's output
// settings, and the recorded contexts, which are read-only.
func (f *Factory) replayed(file string) (*Settings, error) {
	b, err := bundle.Open(file)
	if err != nil {
		return nil, err
	}
	flags := f.flags()
	delete(flags, "server")
	first := &config.Settings{}
	if c, err := f.Config(); err == nil {
		all, err := c.ResolveAll(flags, nil)
		if err != nil {
			return nil, err
		}
		first = all[0]
	} else { // a bundle is read on a machine without any configuration
		first.Output.Value, first.JQ.Value, first.DryRun.Value = f.Flags.Output, f.Flags.JQ, f.Flags.DryRun
		first.Quiet.Value, first.Verbose.Value, first.NoColor.Value = f.Flags.Quiet, f.Flags.Verbose, f.Flags.NoColor
		first.Yes.Value, first.Reason.Value = f.Flags.Yes, f.Flags.Reason
	}
	origin := config.Origin("the bundle " + file)
	first.ReadOnly = config.Value[bool]{Value: true, Origin: origin}
	first.Server, first.Token = config.Value[string]{Origin: origin}, config.Value[config.Secret]{}
	first.Backends, first.TokenWithheld = nil, ""
	s := &Settings{
		Output: first.Output.Value, JQ: first.JQ.Value, DryRun: first.DryRun.Value, Yes: first.Yes.Value,
		Reason: first.Reason.Value, Quiet: first.Quiet.Value, Verbose: first.Verbose.Value,
		NoColor: first.NoColor.Value, CacheDir: "", All: first,
	}
	if first.Timeout.Origin != config.Default {
		s.Timeout = first.Timeout.Value
	}
	namespace := ""
	if f.Flags.Set["namespace"] {
		namespace = f.Flags.Namespace
	}
	for _, c := range b.Manifest.Contexts {
		if !f.wants(c.Name) {
			continue
		}
		t := Target{Name: c.Name, Namespace: c.Namespace, Protection: c.Protection, ReadOnly: true}
		if namespace != "" {
			t.Namespace = namespace
		}
		if c.Backends {
			t.Backends = &config.Backends{}
		}
		if c.Server {
			t.Server = "bundle:" + c.Name
		}
		s.Targets = append(s.Targets, t)
	}
	if len(s.Targets) == 0 {
		return nil, f.noContext(b)
	}
	first.Context = config.Value[string]{Value: s.Targets[0].Name, Origin: origin}
	first.Namespace = config.Value[string]{Value: s.Targets[0].Namespace, Origin: origin}
	f.player = bundle.NewPlayer(b)
	f.Now = f.player.Now
	f.settings = s
	return s, nil
}

// wants reports whether --context names a recorded context.
func (f *Factory) wants(name string) bool {
	if !f.Flags.Set["context"] {
		return true
	}
	for _, pattern := range f.Flags.Contexts {
		if ok, err := path.Match(pattern, name); ok && err == nil || pattern == name {
			return true
		}
	}
	return false
}

func (f *Factory) noContext(b *bundle.Bundle) error {
	var names []string
	for _, c := range b.Manifest.Contexts {
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return fail.New(fail.NotFound, "the bundle %s holds no context: its command asked nothing", b.Path).Hint("aictl record --out FILE")
	}
	return fail.New(fail.NotFound, "the bundle %s holds no context %s; it holds: %s", b.Path,
		strings.Join(f.Flags.Contexts, ", "), strings.Join(names, ", ")).Hint("aictl --context %s", names[0])
}

// Replaying reports whether a bundle answers in place of a platform.
func (f *Factory) Replaying() bool { return f.bundlePath() != "" }

// offlineTransport refuses: on a bundle nothing leaves the process.
type offlineTransport struct{}

// RoundTrip implements http.RoundTripper.
func (offlineTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fail.New(fail.Refused, "on a bundle nothing is sent")
}

// Notice says once which bundle answers, and of when.
func (f *Factory) Notice() {
	if f.player != nil {
		m := f.player.Bundle().Manifest
		f.Say("From the bundle %s, recorded %s.", f.player.Bundle().Path, m.Recorded.UTC().Format(time.RFC3339))
	}
}

// Recorded gives the factory of a command that is recorded: the same person,
// environment and transports, with flags of its own and the recorder's clock.
func (f *Factory) Recorded(io *term.IO, r *bundle.Recorder) *Factory {
	return &Factory{
		IO: io, Env: f.Env, Args0: f.Args0, Cwd: f.Cwd, Now: r.Now, Version: f.Version,
		Transport: f.Transport, Direct: f.Direct, Recorder: r,
	}
}

// announce tells a recording of the contexts, in their order: they are asked
// at once, and whichever answers first must not come first in the bundle.
func (f *Factory) announce(targets []Target) {
	if f.Recorder == nil {
		return
	}
	for _, t := range targets {
		f.Recorder.Knows(t.Token)
		f.Recorder.Tape(recordedContext(t))
	}
}

func recordedContext(t Target) bundle.Context {
	return bundle.Context{
		Name: t.Name, Namespace: t.Namespace, Protection: t.Protection, Server: t.Server != "", Backends: t.Backends != nil,
	}
}
