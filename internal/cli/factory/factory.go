// Package factory is what every command is given: the streams, the settings,
// the client and the printer, each made only when it is asked for, so that
// building the tree, help and completion do no I/O. It runs operations from
// their declarations (run.go): the one place where a plan is shown, confirmed
// and applied.
package factory

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/bundle"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// Version is what the build says of itself.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"date"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// Flags are the global flags as given; what they mean together with the
// environment and the files is Settings.
type Flags struct {
	Contexts  []string
	Config    string
	Server    string
	Namespace string
	Output    string
	JQ        string
	Timeout   string
	ReadOnly  bool
	DryRun    string
	Yes       bool
	Reason    string
	Quiet     bool
	Verbose   bool
	NoColor   bool
	// Kubeconfig, As and AsGroups are of clusters that are reached directly.
	Kubeconfig string
	As         string
	AsGroups   []string
	// From is the bundle that answers in place of a platform (from.go).
	From string
	// Set has the names of the flags that were on the command line.
	Set map[string]bool
}

// View writes the answer of one operation for people; machine formats don't
// come here.
type View func(p *output.Printer, out any) error

// Factory is made once a run. Its fields are set before the tree is executed
// and then only read.
type Factory struct {
	IO      *term.IO
	Env     func(string) string
	Args0   string
	Cwd     func() (string, error)
	Now     func() time.Time
	Version Version
	Flags   Flags
	// Views are the hand-made presentations by operation id.
	Views map[string]View
	// Transport replaces the network in tests.
	Transport http.RoundTripper
	// Direct opens the backends of a context without a control plane: the
	// same handler as the server's, in this process.
	Direct func(b *config.Backends) http.RoundTripper

	// Recorder keeps what the command is answered; nil where nothing is
	// recorded.
	Recorder *bundle.Recorder

	// Proposed, when set, is given a change in place of the plan, the question
	// and the change: the dashboard has its own way of asking. Its error is
	// Mutate's.
	Proposed func(d op.UntypedChange, in any) error

	// Extra are the special formats that the command in hand can make.
	Extra []output.Kind

	settings *Settings
	player   *bundle.Player
}

// New makes the factory of this process.
func New(io *term.IO, env func(string) string) *Factory {
	return &Factory{IO: io, Env: env, Cwd: os.Getwd, Now: time.Now, Views: map[string]View{}}
}

// Printer makes the printer of the run's -o and --jq.
func (f *Factory) Printer() (*output.Printer, error) {
	s, err := f.Settings()
	if err != nil {
		return nil, err
	}
	opts := output.FromIO(f.IO, s.Output, f.Flags.JQ)
	opts.Now, opts.Extra = f.Now, f.Extra
	return output.New(opts)
}

// Client makes the client for one target.
func (f *Factory) Client(t Target) (*client.Client, error) {
	opts := client.Options{
		Server: t.Server, Token: t.Token, ReadOnly: t.ReadOnly, Operations: api.All(),
		Transport: f.Transport, UserAgent: "aictl/" + f.Version.Version,
	}
	switch {
	case f.player != nil:
		opts.Server, opts.Token, opts.Transport, opts.Tape = "", "", offlineTransport{}, f.player.Tape(t.Name)
	case t.Server == "" && t.Backends != nil && f.Direct != nil:
		opts.Transport, opts.Direct = f.Direct(guarded(t)), true
	}
	if f.Recorder != nil {
		f.Recorder.Knows(t.Token)
		opts.Tape = f.Recorder.Tape(recordedContext(t))
	}
	if s, err := f.Settings(); err == nil && s.Verbose {
		opts.Trace = func(format string, args ...any) { f.Say(format, args...) }
	}
	return client.New(opts)
}

// guarded are the backends of a target, which know that they are read-only
// where they are.
func guarded(t Target) *config.Backends {
	if !t.ReadOnly || t.Backends.Kubernetes == nil {
		return t.Backends
	}
	b, k := *t.Backends, *t.Backends.Kubernetes
	k.ReadOnly = true
	b.Kubernetes = &k
	return &b
}

// One gives the client of the only target; several contexts are a usage
// error for commands that cannot fan out.
func (f *Factory) One() (*client.Client, Target, error) {
	s, err := f.Settings()
	if err != nil {
		return nil, Target{}, err
	}
	if len(s.Targets) != 1 {
		return nil, Target{}, fail.New(fail.Usage, "this command works on one context, and %d match", len(s.Targets)).
			Hint("give one --context")
	}
	c, err := f.Client(s.Targets[0])
	return c, s.Targets[0], err
}

// Deadline bounds ctx by --timeout. fallback is for operations that have a
// sensible bound of their own; 0 is none.
func (f *Factory) Deadline(ctx context.Context, fallback time.Duration) (context.Context, context.CancelFunc) {
	s, err := f.Settings()
	if err == nil && s.Timeout > 0 {
		return context.WithTimeout(ctx, s.Timeout)
	}
	if fallback > 0 {
		return context.WithTimeout(ctx, fallback)
	}
	return context.WithCancel(ctx)
}
