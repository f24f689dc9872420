package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/argv"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident/runbook"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/redact"
	"github.com/aictl/aictl/internal/term"
)

// runbookOptions are the flags of `aictl runbook run`.
type runbookOptions struct {
	dirs     []string
	labels   []string
	incident string
	name     string
}

func newRunbookRun(f *factory.Factory) *cobra.Command {
	o := runbookOptions{}
	cmd := &cobra.Command{
		Use:   "run ALERT",
		Short: "Run the check and act steps of an alert's runbook",
		Long: "Run the check and act steps of an alert's runbook, one after the other.\n\n" +
			"Steps are commands of aictl and nothing else; no shell is involved. Labels of the alert fill arguments\n" +
			"and can never become an option, another argument or a command. Checks are run read-only, whatever the\n" +
			"context allows; acts show their plan and ask, as when typed. The transcript goes to standard output\n" +
			"(Markdown; -o jsonl has a line a step), and with --incident into the incident.\n\n" +
			"Runbooks are the control plane's, those of the directory runbooks beside the configuration, and those of --dir.",
		Example: "  # what would be run\n  aictl runbook run ServiceErrorsHigh --dry-run=client\n\n" +
			"  # run it, into the incident that was opened last\n  aictl runbook run ServiceErrorsHigh --incident latest",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail.New(fail.Usage, "ALERT is missing: whose runbook to run").Hint("aictl runbook list")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runRunbook(cmd, f, o, args[0]) },
	}
	cmd.Flags().StringArrayVar(&o.dirs, "dir", nil, "directory of runbooks (*.md); repeatable, the last one counts most")
	cmd.Flags().StringArrayVar(&o.labels, "label", nil, "NAME=VALUE: a label, in place of the alert's; repeatable")
	cmd.Flags().StringVar(&o.incident, "incident", "", "add the transcript to this incident (its id, or latest)")
	cmd.Flags().StringVar(&o.name, "runbook", "", "run this runbook in place of the alert's first")
	_ = cmd.MarkFlagDirname("dir") // fails on an unknown flag only
	return cmd
}

func runRunbook(cmd *cobra.Command, f *factory.Factory, o runbookOptions, alert string) error {
	ctx := cmd.Context()
	p, err := f.Printer()
	if err != nil {
		return err
	}
	s, err := f.Settings()
	if err != nil {
		return err
	}
	values, url, err := runbookValues(ctx, f, o, alert)
	if err != nil {
		return err
	}
	book, err := findRunbook(ctx, f, o, values.Alert, url)
	if err != nil {
		return err
	}
	global := stepGlobals(cmd)
	r := runbook.Runner{
		Now: f.Now, Redact: redact.New(f.Env("AICTL_TOKEN")).String, Check: func(kind string, words, argv []string) error { return checkStep(f, kind, words, argv) },
		Exec: func(ctx context.Context, kind string, argv []string) (runbook.Executed, error) {
			return execStep(ctx, f, kind, global, argv)
		},
	}
	if s.DryRun != "" {
		return planRunbook(f, r, book, values)
	}
	lines := p.Stream()
	if !p.Human() {
		r.Each = func(x api.RunbookResult) { _ = lines.Item("step", x, "") } // what can't be written is told at the end
	} else {
		r.Each = func(x api.RunbookResult) { writeResult(p.Out(), x) }
	}
	run, ran := r.Run(ctx, book, values)
	if o.incident != "" && len(run.Results) > 0 {
		if err := attach(ctx, f, o.incident, run); err != nil {
			f.Say("the transcript is not in the incident: %s", err)
			if ran == nil {
				ran = err
			}
		}
	}
	if p.Human() {
		f.Say("Runbook %s: %s, %d of %d steps run", book.Name, run.Outcome, len(run.Results), len(book.Steps))
	} else if err := lines.Result(map[string]any{"runbook": run.Runbook, "outcome": run.Outcome, "steps": len(run.Results)}, ""); err != nil && ran == nil {
		ran = err
	}
	return ran
}

// runbookValues are the labels of the alert; --label comes first.
func runbookValues(ctx context.Context, f *factory.Factory, o runbookOptions, alert string) (runbook.Values, string, error) {
	v := runbook.Values{Alert: alert, Labels: map[string]string{}}
	cl, _, err := f.One()
	if err != nil {
		return v, "", err
	}
	defer cl.Close()
	within, cancel := f.Deadline(ctx, 10*time.Second)
	defer cancel()
	url := ""
	d, err := api.AlertsShow.Call(within, cl, api.AlertShowInput{Alert: alert, Since: op.Duration(time.Minute)})
	switch {
	case err == nil:
		v.Alert, v.Fingerprint, url = d.Name, d.Fingerprint, d.Runbook
		for k, x := range d.Labels {
			v.Labels[k] = x
		}
	case ctx.Err() != nil:
		return v, "", ctx.Err()
	default:
		f.Say("the alert's labels are not known: %s", term.SafeLine(err.Error()))
	}
	for _, pair := range o.labels {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return v, "", fail.New(fail.Usage, "--label wants NAME=VALUE").Hint("--label service=web")
		}
		v.Labels[name] = value
	}
	return v, url, nil
}

// findRunbook looks in the directories first, then asks the context.
func findRunbook(ctx context.Context, f *factory.Factory, o runbookOptions, alert, url string) (api.Runbook, error) {
	documents, err := localRunbooks(f, o.dirs)
	if err != nil {
		return api.Runbook{}, err
	}
	all, err := runbook.Library(documents)
	if err != nil {
		return api.Runbook{}, err
	}
	cl, _, err := f.One()
	if err != nil {
		return api.Runbook{}, err
	}
	defer cl.Close()
	within, cancel := f.Deadline(ctx, 10*time.Second)
	defer cancel()
	served, servedErr := api.RunbooksList.Call(within, cl, api.RunbookFilter{})
	all = append(all, served...)
	book := api.Runbook{}
	if o.name != "" {
		book, err = runbook.Find(all, o.name)
	} else if list := runbook.For(all, alert, url); len(list) > 0 {
		book = list[0]
	} else {
		_, err = runbook.Find(nil, alert)
	}
	if err != nil && servedErr != nil {
		return book, servedErr
	}
	if err == nil && len(book.Steps) == 0 {
		err = fail.New(fail.NotFound, "the runbook %s has no steps to run; it is text", book.Name).Hint("aictl runbook show %s", argv.Line(book.Name))
	}
	return book, err
}

// localRunbooks reads the Markdown files of the directories; that beside the
// configuration may be missing.
func localRunbooks(f *factory.Factory, dirs []string) ([]runbook.Document, error) {
	var out []runbook.Document
	if home := config.ConfigHome(f.Env); home != "" {
		own := filepath.Join(home, "runbooks")
		if _, err := os.Stat(own); err == nil {
			dirs = append([]string{own}, dirs...)
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			code := fail.Failed
			if errors.Is(err, fs.ErrNotExist) {
				code = fail.NotFound
			}
			return nil, fail.Wrap(code, err, "reading the runbooks of %s", dir)
		}
		for _, e := range entries {
			if filepath.Ext(e.Name()) != ".md" || e.IsDir() {
				continue
			}
			path := filepath.Join(dir, e.Name())
			body, err := readBounded(path, runbook.MaxDocument+1)
			if err != nil {
				return nil, fail.Wrap(fail.Failed, err, "reading a runbook")
			}
			out = append(out, runbook.Document{Source: path, Body: body})
		}
	}
	return out, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, limit))
}

// ownFlags decide where and as whom a command acts: those are the person's to
// give to `runbook run`, and never a step's.
var ownFlags = []string{
	"context", "config", "server", "from", "read-only", "yes", "kubeconfig", "as", "as-group", "verbose", "reason",
}

// checkStep refuses what is no operation of aictl's own, and arguments whose
// values changed which command or which flags they are.
func checkStep(f *factory.Factory, kind string, words, argv []string) error {
	before, flags, err := resolveStep(f, words)
	if err != nil {
		return err
	}
	after, now, err := resolveStep(f, argv)
	if err != nil {
		return err
	}
	if before != after || !slices.Equal(flags, now) || len(words) != len(argv) {
		return fail.New(fail.Refused, "a value would change which command it is")
	}
	d := operationOf(after)
	switch {
	case d == nil:
		return fail.New(fail.Refused, "%q is no operation: a step may not run it", after)
	case d.Describe().ID == api.SecretsGet.ID:
		return fail.New(fail.Refused, "a runbook may not print secrets")
	case kind == api.RunbookCheck && d.Describe().Effect.Mutates():
		return fail.New(fail.Refused, "%q changes something: it is an act, not a check", after)
	}
	for _, name := range ownFlags {
		if slices.Contains(now, name) {
			return fail.New(fail.Refused, "a step may not have --%s", name).Hint("give it to aictl runbook run")
		}
	}
	return nil
}

func operationOf(id string) op.Declaration {
	for _, d := range api.All() {
		if d.Describe().ID == id {
			return d
		}
	}
	return nil
}

// resolveStep says which operation a line is, and which flags it sets, by the
// command tree itself.
func resolveStep(f *factory.Factory, words []string) (operation string, flags []string, err error) {
	root := NewRoot(quiet(f))
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root {
		return "", nil, fail.New(fail.Refused, "%q is no command of aictl", strings.Join(words[:min(2, len(words))], " "))
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return "", nil, fail.Wrap(fail.Usage, err, "reading the flags of the step")
	}
	cmd.Flags().Visit(func(fl *pflag.Flag) { flags = append(flags, fl.Name) })
	return cmd.Annotations[annotationOperation], flags, nil
}

// quiet is a factory whose tree is only looked at.
func quiet(f *factory.Factory) *factory.Factory {
	io, _, _, _ := term.Test()
	return &factory.Factory{IO: io, Env: f.Env, Args0: f.Args0, Cwd: f.Cwd, Now: f.Now, Version: f.Version, Transport: f.Transport, Direct: f.Direct}
}

// stepGlobals are the global flags that a step inherits: where and as whom, not
// how the transcript is written. They are taken of the command's own set: that
// of the inherited flags does not know which of them were given.
func stepGlobals(cmd *cobra.Command) []string {
	var out []string
	global := cmd.Root().PersistentFlags()
	cmd.Flags().Visit(func(fl *pflag.Flag) {
		if global.Lookup(fl.Name) != fl || slices.Contains([]string{"output", "jq", "dry-run", "timeout"}, fl.Name) {
			return
		}
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

// execStep runs a command in this process, on a tree of its own. A check cannot
// be made to write by anything that it holds: read-only stands before its words,
// and checkStep has refused it among them.
func execStep(ctx context.Context, f *factory.Factory, kind string, global, words []string) (runbook.Executed, error) {
	keep := &bounded{limit: runbook.MaxOutput + 1}
	io := *f.IO
	io.Out, io.ColorEnabled, io.ErrColorEnabled = keep, false, false
	args := slices.Clone(global)
	if kind == api.RunbookCheck {
		io.Err, io.In, io.StdinTTY, io.StdoutTTY = keep, bytes.NewReader(nil), false, false
		args = append(args, "--read-only=true")
	}
	inner := f.Recorded(&io, f.Recorder)
	inner.Now = f.Now
	root := NewRoot(inner)
	root.SetArgs(append(args, words...))
	err := inner.Explain(root.ExecuteContext(ctx))
	done := runbook.Executed{Output: keep.body}
	if err == nil {
		return done, nil
	}
	e := fail.From(err)
	done.Exit = e.Code.Exit()
	done.Output = append(done.Output, []byte(term.SafeLine(e.Error())+"\n")...)
	if ctx.Err() != nil {
		return done, ctx.Err()
	}
	return done, nil
}

// bounded keeps the first bytes and counts the rest as written.
type bounded struct {
	body  []byte
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.body = append(b.body, p[:min(len(p), max(0, b.limit-len(b.body)))]...)
	return len(p), nil
}

func planRunbook(f *factory.Factory, r runbook.Runner, book api.Runbook, v runbook.Values) error {
	p, err := f.Printer()
	if err != nil {
		return err
	}
	lines, err := r.Plan(book, v)
	if err != nil {
		return err
	}
	type planned struct {
		Step int      `json:"step"`
		Kind string   `json:"kind"`
		Argv []string `json:"argv"`
	}
	out := make([]planned, len(lines))
	for i, l := range lines {
		out[i] = planned{book.Steps[i].Number, book.Steps[i].Kind, append([]string{"aictl"}, l...)}
	}
	if !p.Human() {
		return p.Print(out)
	}
	for _, x := range out {
		if _, err := fmt.Fprintf(p.Out(), "%2d. %-5s  %s\n", x.Step, x.Kind, term.SafeLine(argv.Line(x.Argv...))); err != nil {
			return err
		}
	}
	f.Say("Dry run: nothing was run.")
	return nil
}

func writeResult(w io.Writer, x api.RunbookResult) {
	_, _ = fmt.Fprintf(w, "## %d. %s\n\n    %s\n\n", x.Step, x.Kind, term.SafeLine(x.Command))
	for _, l := range strings.Split(strings.TrimRight(x.Output, "\n"), "\n") {
		_, _ = fmt.Fprintf(w, "    %s\n", term.SafeLine(l))
	}
	verdict := "as expected"
	if !x.OK {
		verdict = "not as expected: " + term.SafeLine(x.Note)
	}
	_, _ = fmt.Fprintf(w, "\nExit code %d after %s: %s.\n\n", x.Exit, time.Duration(x.Took).Round(time.Millisecond), verdict)
}

// attach adds the transcript. The person asked for it with --incident: it is not
// asked again, but read-only and protection hold.
func attach(ctx context.Context, f *factory.Factory, id string, run api.RunbookRun) error {
	cl, t, err := f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	s, err := f.Settings()
	if err != nil {
		return err
	}
	if t.ReadOnly {
		return fail.New(fail.Refused, "read-only: the transcript was not sent")
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	in := api.IncidentRunInput{ID: id, Run: run}
	plan, err := api.IncidentsAttach.Plan(within, cl, in)
	if err != nil {
		return err
	}
	reason := s.Reason
	if reason == "" {
		reason = "transcript of runbook " + run.Runbook
	}
	_, err = api.IncidentsAttach.Apply(within, cl, in, op.ApplyOptions{Digest: plan.Digest, Reason: reason, Confirm: plan.Target})
	return err
}
