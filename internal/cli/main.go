package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/nearest"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/term"
)

// Direct opens the backends of a context without a control plane.
type Direct = func(*config.Backends) http.RoundTripper

// Main runs the program and returns its exit code. args[0] is the name that
// it was called by: kubectl-aictl is the kubectl plugin.
func Main(args []string, io *term.IO, env func(string) string, v factory.Version, direct Direct) int {
	f := factory.New(io, env)
	f.Direct = direct
	f.Version, f.Args0 = v, args[0]
	defer term.CatchSIGPIPE()()
	ctx, stop := interruptible(context.Background())
	defer stop()
	root := NewRoot(f)
	if f.AsPlugin() {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl aictl"}
	}
	if code, ran := runPlugin(ctx, f, root, args[1:]); ran {
		return code
	}
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if term.IsPipe(err) { // the reader has gone, as `| head` does
		return 0
	}
	if ctx.Err() != nil {
		err = fail.New(fail.Canceled, "cancelled")
	}
	err = f.Explain(err)
	return report(f, root, err)
}

// settle is how long a second signal counts as an echo of the first: timeout(1)
// and process managers signal both the process and its group, microseconds apart.
const settle = 300 * time.Millisecond

// interruptible cancels on the first Ctrl-C or SIGTERM; a second one that is no
// echo of it kills.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			cancel()
			select {
			case <-time.After(settle):
				signal.Stop(signals) // the next one has its default effect
			case <-over: // the process ends: an echo must not change how
			}
		case <-over:
			signal.Stop(signals)
		}
	}()
	return ctx, func() {
		close(over)
		cancel()
		<-done
	}
}

// report writes the error in the form that the run asked for.
func report(f *factory.Factory, root *cobra.Command, err error) int {
	var ours *fail.Error
	if !asFail(err, &ours) {
		if strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "required flag") {
			err = fail.New(fail.Usage, "%s", err.Error()).Hint("%s --help", root.Name())
		} else if fail.CodeOf(err) == fail.Internal {
			err = fail.Wrap(fail.Failed, err, "it did not work")
		}
	}
	format, perr := output.Parse(wantedOutput(f))
	if perr != nil {
		format = output.Format{}
	}
	if f.AsPlugin() {
		// What a person copies must be what they run.
		if e := fail.From(err); strings.HasPrefix(e.Next, "aictl ") {
			err = e.Hint("%s", "kubectl "+e.Next)
		}
	}
	if werr := output.WriteError(f.IO.Err, format, f.IO.ErrStyles(), err); werr != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return fail.CodeOf(err).Exit()
}

// wantedOutput finds the format even where the command line was not parsed to
// its end: a script that asked for JSON gets its error as JSON.
func wantedOutput(f *factory.Factory) string {
	if f.Flags.Output != "" {
		return f.Flags.Output
	}
	for i, a := range os.Args {
		switch {
		case (a == "-o" || a == "--output") && i+1 < len(os.Args):
			return os.Args[i+1]
		case strings.HasPrefix(a, "--output="):
			return strings.TrimPrefix(a, "--output=")
		case strings.HasPrefix(a, "-o") && len(a) > 2:
			return strings.TrimPrefix(strings.TrimPrefix(a, "-o"), "=")
		}
	}
	return f.Env("AICTL_OUTPUT")
}

func asFail(err error, target **fail.Error) bool { return errors.As(err, target) }

func trimFlagError(err error) string {
	return strings.TrimPrefix(err.Error(), "pflag: ")
}

// nearestFlag suggests a flag for a mistyped one.
func nearestFlag(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return ""
	}
	best, distance := "", 3
	consider := func(fl *pflag.Flag) {
		if d := nearest.Distance(unknown.GetSpecifiedName(), fl.Name); d < distance {
			best, distance = fl.Name, d
		}
	}
	cmd.Flags().VisitAll(consider)
	cmd.InheritedFlags().VisitAll(consider)
	return best
}
