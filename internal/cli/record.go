package cli

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/bundle"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// recordOptions are the flags of `aictl record`.
type recordOptions struct {
	out, since, maxSize string
	service, alert      []string
}

func newRecord(f *factory.Factory) *cobra.Command {
	o := recordOptions{}
	cmd := &cobra.Command{
		Use:   "record [-- COMMAND...]",
		Short: "Keep what the platform answers in one file, for --from",
		Long: "Run a command and keep every answer that it used, or, without a command, ask all that describes a\n" +
			"window and keep the answers. Secrets are masked before anything is written. The file is read by\n" +
			"--from FILE on any command, without a connection.",
		Example: "  # one command and what it used\n  aictl record --out alerts.aictl -- alerts list\n\n" +
			"  # all that describes the last hour\n  aictl record --out incident.aictl\n\n" +
			"  # six hours, with the logs of one service\n  aictl record --out incident.aictl --since 6h --service mask",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
				return fail.New(fail.Usage, "the command to record stands after --").Hint("aictl record -- %s", strings.Join(args, " "))
			}
			return record(cmd, f, o, args)
		},
	}
	cmd.Flags().StringVar(&o.out, "out", "", "file to write (FILE.aictl); named after the moment where absent")
	cmd.Flags().StringVar(&o.since, "since", "1h", "without a command: how long the window is")
	cmd.Flags().StringSliceVar(&o.service, "service", nil, "without a command: also this service by itself; repeatable")
	cmd.Flags().StringSliceVar(&o.alert, "alert", nil, "without a command: also this alert by itself; repeatable")
	cmd.Flags().StringVar(&o.maxSize, "max-size", "64MiB", "keep no more than this, before compression")
	_ = cmd.MarkFlagFilename("out", "aictl") // fails on an unknown flag only
	return cmd
}

func record(cmd *cobra.Command, f *factory.Factory, o recordOptions, args []string) error {
	limit, err := sizeOf(o.maxSize)
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "aictl" {
		args = args[1:]
	}
	r := bundle.NewRecorder(bundle.RecorderOptions{
		Now: f.Now, MaxSize: limit, Aictl: f.Version.Version, Operations: api.All(), Still: len(args) == 0,
	})
	r.Knows(f.Env("AICTL_TOKEN"))
	if o.out == "" {
		o.out = "incident-" + r.Now().Format("20060102T150405Z") + bundle.Extension
	}
	global := globals(cmd)
	m := bundle.Manifest{}
	var ran error
	if len(args) > 0 {
		if args[0] == "record" {
			return fail.New(fail.Usage, "a recording is not recorded").Hint("aictl record --out FILE -- alerts list")
		}
		for _, name := range []string{"since", "service", "alert"} {
			if cmd.Flags().Changed(name) {
				return fail.New(fail.Usage, "--%s is for a recording without a command", name).Hint("aictl record -- %s", strings.Join(args, " "))
			}
		}
		m.Command = args
		inner := f.Recorded(f.IO, r)
		ran = inner.Explain(runRecorded(cmd.Context(), inner, append(global, args...)))
		if inner.Flags.Output != "" {
			f.Flags.Output = inner.Flags.Output // an error is written as the command would
		}
	} else if m.From, m.To, err = sweep(cmd.Context(), f, r, o, global); err != nil {
		return err
	}
	m, err = r.Save(o.out, m)
	if err == nil {
		kept, failed := r.Kept()
		f.Say("Recorded %s (%d of them failures, %d left out) in %s", answers(kept), failed, len(m.Omitted), o.out)
	}
	if ran != nil && err != nil {
		f.Say("%s", term.SafeLine(err.Error()))
		return ran
	}
	if ran != nil {
		return ran
	}
	return err
}

func answers(n int) string {
	if n == 1 {
		return "1 answer"
	}
	return strconv.Itoa(n) + " answers"
}

// runRecorded runs a command line on a tree of its own.
func runRecorded(ctx context.Context, f *factory.Factory, args []string) error {
	root := NewRoot(f)
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// globals are the global flags of the recording, as the recorded command is
// given them.
func globals(cmd *cobra.Command) []string {
	var out []string
	cmd.InheritedFlags().Visit(func(fl *pflag.Flag) {
		if list, ok := fl.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				out = append(out, "--"+fl.Name+"="+v)
			}
			return
		}
		out = append(out, "--"+fl.Name+"="+fl.Value.String())
	})
	return out
}

// sizeOf reads a size: 64MiB, 10MB, 1GiB, or bytes.
func sizeOf(text string) (int64, error) {
	units := []struct {
		name string
		n    int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n <= 0 || n > bundle.MaxSize/u.n {
			break
		}
		return n * u.n, nil
	}
	return 0, fail.New(fail.Usage, "--max-size %q is no size up to %d MiB", filepath.Base(text), bundle.MaxSize>>20).Hint("--max-size 64MiB")
}

// sweepTimeout is how long one question of a sweep may take where --timeout does
// not say.
const sweepTimeout = 30 * time.Second
