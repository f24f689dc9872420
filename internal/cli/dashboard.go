package cli

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/when"
	"github.com/aictl/aictl/tui"
	"github.com/aictl/aictl/tui/feed"
)

func newDashboard(f *factory.Factory) *cobra.Command {
	var paneName, skin, since, from, to, log string
	var ascii bool
	cmd := &cobra.Command{
		Use: "dashboard", Aliases: []string{"ui"}, Short: "Show everything on one screen",
		Long: "Show services, logs, metrics, alerts, deployments, secrets, incidents and chat on one screen and one window\n" +
			"of time. ? shows what every key does, ctrl-k the command that does the same as what is shown, : takes any\n" +
			"command. Settings are read from dashboard.yaml beside the configuration file. With ACCESSIBLE=1 nothing is\n" +
			"redrawn: lines are appended and commands are typed.",
		Example: "  # the whole platform\n  aictl dashboard\n\n  # the alerts of the last six hours, without colours\n  aictl dashboard --pane alerts --since 6h --no-color\n\n" +
			"  # keep what the keys did, as commands\n  aictl dashboard --command-log session.sh",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !f.IO.Accessible && (!f.IO.StdinTTY || !f.IO.StdoutTTY) {
				return fail.New(fail.Usage, "the dashboard needs a terminal").Hint("aictl status, or ACCESSIBLE=1 aictl dashboard")
			}
			o, err := dashboardOptions(f)
			if err != nil {
				return err
			}
			o.Pane, o.Skin, o.ASCII, o.CommandLog = paneName, skin, ascii || f.IO.ASCIIOnly(), log
			if since != "" || from != "" || to != "" {
				w, err := when.ParseWindow(since, from, to, f.Now(), time.Local, time.Hour)
				if err != nil {
					return err
				}
				if o.Span = w.Length(); to != "" {
					o.End = w.To
				}
			} else {
				o.SpanDefault = true
			}
			return tui.Run(cmd.Context(), o)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&paneName, "pane", "", "show this pane first; the last one where absent")
	fl.StringVar(&skin, "skin", "", "colours: default, light, colorblind, 16 or mono")
	fl.StringVar(&since, "since", "", "show so much time (15m, 6h, 2d)")
	fl.StringVar(&from, "from", "", "begin there")
	fl.StringVar(&to, "to", "", "end there, and don't follow")
	fl.StringVar(&log, "command-log", "", "append the session's commands to this file at its end")
	fl.BoolVar(&ascii, "ascii", false, "draw with ASCII characters alone")
	fixed := func(words ...string) completion {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return words, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for name, c := range map[string]completion{ // each fails on a duplicate only
		"pane": fixed(tui.PaneNames()...), "skin": fixed("default", "light", "colorblind", "16", "mono"),
		"since": cobra.NoFileCompletions, "from": cobra.NoFileCompletions, "to": cobra.NoFileCompletions,
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, c)
	}
	return cmd
}

// terminalOf is where the dashboard draws: the terminal itself, which is asked
// for its size, rather than the stream that the commands write to.
func terminalOf(f *factory.Factory) io.Writer {
	if f.IO.StdoutTTY && !f.IO.Accessible {
		return os.Stdout
	}
	return f.IO.Out
}

// dashboardOptions are what the settings of the run say.
func dashboardOptions(f *factory.Factory) (tui.Options, error) {
	s, err := f.Settings()
	if err != nil {
		return tui.Options{}, err
	}
	o := tui.Options{
		NoColor: s.NoColor || !f.IO.ColorEnabled, Accessible: f.IO.Accessible, ReadOnly: s.All.ReadOnly.Value,
		In: f.IO.In, Out: terminalOf(f), Environ: os.Environ(), Now: f.Now, Zone: time.Local,
		OpenContext: func(name string) (feed.Context, error) {
			t, err := f.Named(name)
			if err != nil {
				return feed.Context{}, err
			}
			return contextOf(f, t)
		},
		Exec: inside{f}.run, Words: inside{f}.complete, Complete: f.Complete,
	}
	if f.Recorder != nil || f.Replaying() {
		// A bundle answers what was asked at its moment: the clock stands there.
		at := f.Now()
		o.Now = func() time.Time { return at }
	}
	if s.All.Namespace.Origin != config.Default {
		o.Namespace = s.All.Namespace.Value
	}
	if dir := config.StateHome(f.Env); dir != "" && !f.Replaying() {
		o.StateFile = filepath.Join(dir, "dashboard.json")
		o.State = tui.LoadState(o.StateFile)
	}
	if dir := config.ConfigHome(f.Env); dir != "" {
		if o.Settings, err = tui.LoadSettings(filepath.Join(dir, "dashboard.yaml")); err != nil {
			return o, err
		}
	}
	for _, name := range f.ContextNames() {
		name, _, _ = strings.Cut(name, "\t")
		o.All = append(o.All, name)
	}
	targets := s.Targets
	if last, ok := lastContext(f, &o, targets); ok {
		targets = []factory.Target{last}
		o.Notice = "context " + last.Name + ", as the last time; @ chooses another"
		o.ReadOnly = last.ReadOnly
	}
	for _, t := range targets {
		c, err := contextOf(f, t)
		if err != nil {
			return o, err
		}
		o.Contexts = append(o.Contexts, c)
	}
	return o, nil
}

// lastContext is the context that the dashboard was left in, where nobody says
// which one to take.
func lastContext(f *factory.Factory, o *tui.Options, targets []factory.Target) (factory.Target, bool) {
	name := o.State.Context
	said := f.Flags.Set["context"] || f.Flags.Set["server"] || f.Env(config.EnvName("context")) != "" || f.Env(config.EnvName("server")) != ""
	if name == "" || said || f.AsPlugin() || f.Replaying() || len(targets) != 1 || targets[0].Name == name || !slices.Contains(o.All, name) {
		return factory.Target{}, false
	}
	t, err := f.Named(name)
	return t, err == nil // one that is broken now is not what it was
}

func contextOf(f *factory.Factory, t factory.Target) (feed.Context, error) {
	c, err := f.Client(t)
	if err != nil {
		return feed.Context{}, err
	}
	return feed.Context{Name: t.Name, Namespace: t.Namespace, Protected: t.Protection == config.ProtectionProd, ReadOnly: t.ReadOnly, Caller: c}, nil
}
