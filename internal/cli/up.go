package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/output"
	"github.com/aictl/aictl/internal/rundir"
)

// localContext is the context that `aictl up` writes.
const localContext = "local"

// startWithin bounds how long a start may take; a healthy one takes less than
// two seconds.
const startWithin = 60 * time.Second

type upOptions struct {
	dataDir, listen, configFile string
	foreground, demo            bool
}

func newUp(f *factory.Factory) *cobra.Command {
	o := &upOptions{}
	cmd := &cobra.Command{
		Use: "up", Short: "Start the platform on this machine",
		Long: "Start the platform on this machine: control plane and services in one process, with nothing\n" +
			"else to install. Returns when it is ready, and writes the context \"local\". A second start says\n" +
			"that it runs.\n" +
			"--demo adds two small services with steady calls. Some seconds later a bad revision of one is shipped,\n" +
			"once: an alert fires within the next minute or so, and it is yours to find out why.",
		Example: "  # in the background\n  aictl up\n\n  # in this terminal, on a port of the system's choice\n  aictl up --foreground --listen 127.0.0.1:0\n\n  # with calls, and an incident to solve\n  aictl up --demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.RefuseReadOnly("up"); err != nil {
				return err
			}
			return runUp(cmd.Context(), f, o)
		},
	}
	cmd.Flags().StringVar(&o.dataDir, "data-dir", "", "data directory (default $XDG_DATA_HOME/aictl)")
	cmd.Flags().StringVar(&o.listen, "listen", "", "address to listen on (default 127.0.0.1:7979)")
	cmd.Flags().StringVar(&o.configFile, "server-config", "", "configuration file of the server")
	cmd.Flags().BoolVar(&o.foreground, "foreground", false, "stay in this terminal until Ctrl-C")
	cmd.Flags().BoolVar(&o.demo, "demo", false, "run services with steady calls, and stage one incident")
	_ = cmd.MarkFlagDirname("data-dir")
	return cmd
}

func runUp(ctx context.Context, f *factory.Factory, o *upOptions) error {
	dir, err := f.DataDir(o.dataDir)
	if err != nil {
		return err
	}
	if s, ok := rundir.Running(dir); ok {
		if o.demo && !s.Demo {
			return fail.New(fail.Conflict, "the platform runs already, without the demo: %s (pid %d)", s.URL, s.PID).Hint("aictl down, then aictl up --demo")
		}
		f.Say("The platform runs already: %s (pid %d).", s.URL, s.PID)
		return showStatus(ctx, f, dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail.Wrap(fail.Failed, err, "making the data directory").Hint("choose another with --data-dir")
	}
	held := f.ContextToken(localContext)
	ready, wait, err := startServer(ctx, f, o, dir, held == "")
	if err == nil && ready.Token == "" && !f.Accepts(ctx, ready.URL, held) {
		// The context's token belongs to another data directory: start anew and
		// ask for one of this.
		if err := stopAgain(ctx, f, dir, wait); err != nil {
			return err
		}
		ready, wait, err = startServer(ctx, f, o, dir, true)
	}
	if err != nil {
		return err
	}
	if ready.Token == "" {
		ready.Token = held
	}
	if err := f.SaveContext(localContext, ready.URL, ready.Token); err != nil {
		f.Say("warning: the context could not be written: %v", err)
	}
	if o.demo {
		f.Say("The demo runs: demo-checkout and demo-stock are called 23 times a second. In about a minute and a half\n" +
			"an alert fires. Then:\n  aictl alerts list\n  aictl why ServiceErrorsHigh --service demo-checkout")
	}
	if o.foreground {
		f.Say("Ready at %s (pid %d). Ctrl-C stops it.", ready.URL, ready.PID)
		return wait()
	}
	f.Say("Ready at %s (pid %d). Try:\n  aictl chat \"what is running?\"\n  aictl logs -f\n  aictl alerts list\n  aictl down", ready.URL, ready.PID)
	return showStatus(ctx, f, dir)
}

// stopAgain ends a server that this command has just started.
func stopAgain(ctx context.Context, f *factory.Factory, dir string, wait func() error) error {
	if s, ok := rundir.Running(dir); ok {
		_ = syscall.Kill(s.PID, syscall.SIGTERM)
	}
	if wait != nil {
		return wait()
	}
	return awaitStop(ctx, f, dir)
}

// serverBinary finds aictl-server beside this program, then on PATH.
func serverBinary() (string, error) {
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside := filepath.Join(filepath.Dir(self), "aictl-server")
		if info, err := os.Stat(beside); err == nil && !info.IsDir() {
			return beside, nil
		}
	}
	path, err := exec.LookPath("aictl-server")
	if err != nil {
		return "", fail.New(fail.NotFound, "the program aictl-server is neither beside aictl nor on PATH").
			Hint("make build, or install aictl-server")
	}
	return path, nil
}

// startServer starts the server with a pipe on which it says once that it is
// ready, or why it is not. In the background it gets a session of its own.
func startServer(ctx context.Context, f *factory.Factory, o *upOptions, dir string, issueToken bool) (rundir.Ready, func() error, error) {
	var ready rundir.Ready
	bin, err := serverBinary()
	if err != nil {
		return ready, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return ready, nil, fail.Wrap(fail.Failed, err, "making a pipe")
	}
	defer func() { _ = r.Close() }()
	args := []string{"--data-dir", dir, "--ready-fd", "3"}
	if o.listen != "" {
		args = append(args, "--listen", o.listen)
	}
	if o.configFile != "" {
		args = append(args, "--config", o.configFile)
	}
	if o.demo {
		args = append(args, "--demo")
	}
	if issueToken {
		args = append(args, "--issue-token")
	}
	cmd := exec.Command(bin, args...) //nolint:gosec,noctx // our own program; it outlives this command
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = withoutSecrets(os.Environ())
	if o.foreground {
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		// Ctrl-C must reach the server through us, once, and not twice.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	} else {
		logFile := filepath.Join(dir, "server.log")
		cmd.Args = append(cmd.Args, "--log-file", logFile)
		crash, err := os.OpenFile(filepath.Join(dir, "server.out"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return ready, nil, fail.Wrap(fail.Failed, err, "writing into the data directory").
				Hint("free some space, or choose another with --data-dir")
		}
		defer func() { _ = crash.Close() }()
		cmd.Stdout, cmd.Stderr = crash, crash
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return ready, nil, fail.Wrap(fail.Failed, err, "starting %s", bin)
	}
	_ = w.Close() // the child has its own; ours would hide its end
	ready, err = awaitReady(ctx, cmd, r)
	if err != nil {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		return ready, nil, err
	}
	if !o.foreground {
		return ready, nil, cmd.Process.Release()
	}
	return ready, func() error { return superviseForeground(ctx, cmd) }, nil
}

// awaitReady reads the one line of the pipe, bounded in time and size.
func awaitReady(ctx context.Context, cmd *exec.Cmd, r *os.File) (rundir.Ready, error) {
	var ready rundir.Ready
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Now()) })
	defer stop()
	_ = r.SetReadDeadline(time.Now().Add(startWithin)) // pipes of os.Pipe have deadlines
	line, err := bufio.NewReaderSize(r, 64<<10).ReadBytes('\n')
	switch {
	case ctx.Err() != nil:
		return ready, fail.New(fail.Canceled, "cancelled; the server was stopped")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ready, fail.New(fail.Timeout, "the server was not ready within %s", startWithin).
			Hint("look into server.log in the data directory")
	case err != nil:
		return ready, fail.New(fail.Failed, "the server (%s) ended before it was ready", filepath.Base(cmd.Path)).
			Hint("look into server.out and server.log in the data directory")
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return ready, fail.Wrap(fail.Version, err, "the server says something that this aictl does not understand").
			Hint("use aictl and aictl-server of one version")
	}
	if ready.Error != nil {
		return ready, fail.FromDocument(*ready.Error)
	}
	return ready, nil
}

// superviseForeground passes the interrupt on and waits for a graceful end.
func superviseForeground(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fail.Wrap(fail.Failed, err, "the server ended")
		}
		return nil
	case <-ctx.Done():
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil { // it bounds its own shutdown
		return fail.Wrap(fail.Failed, err, "stopping the server")
	}
	return nil
}

func newDown(f *factory.Factory) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "down", Short: "Stop the platform on this machine",
		Long:    "Stop the platform on this machine. Running streams may finish; the data stays.",
		Example: "  # stop it\n  aictl down\n\n  # one with a data directory of its own\n  aictl down --data-dir /tmp/aictl-test",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.RefuseReadOnly("down"); err != nil {
				return err
			}
			return runDown(cmd.Context(), f, dataDir)
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory (default $XDG_DATA_HOME/aictl)")
	_ = cmd.MarkFlagDirname("data-dir")
	return cmd
}

// stopWithin bounds a graceful stop: the server's drain limit and a little.
const stopWithin = 40 * time.Second

func runDown(ctx context.Context, f *factory.Factory, dataDir string) error {
	dir, err := f.DataDir(dataDir)
	if err != nil {
		return err
	}
	s, ok := rundir.Running(dir)
	if !ok {
		f.Say("Nothing runs in %s.", dir)
		return nil
	}
	if err := syscall.Kill(s.PID, syscall.SIGTERM); err != nil {
		return fail.Wrap(fail.Failed, err, "stopping the server with pid %d", s.PID)
	}
	if err := awaitStop(ctx, f, dir); err != nil {
		return fail.From(err).Hint("aictl status, or kill -9 %d: what was acknowledged is kept", s.PID)
	}
	f.Say("Stopped (pid %d).", s.PID)
	return nil
}

// awaitStop waits until nobody holds the data directory.
func awaitStop(ctx context.Context, f *factory.Factory, dir string) error {
	ctx, cancel := f.Deadline(ctx, stopWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for rundir.Held(dir) {
		select {
		case <-ctx.Done():
			return fail.New(fail.CodeOf(ctx.Err()), "the server in %s has not stopped yet", dir)
		case <-tick.C:
		}
	}
	return nil
}

// localStatus is the answer of `aictl status`. The names server.url,
// server.ready, server.pid and dataDir are part of the contract.
type localStatus struct {
	Server  serverStatus `json:"server"`
	DataDir string       `json:"dataDir"`
	Context string       `json:"context,omitempty"`
}

type serverStatus struct {
	URL      string   `json:"url"`
	Ready    bool     `json:"ready"`
	PID      int      `json:"pid"`
	Version  string   `json:"version,omitempty"`
	Started  string   `json:"started,omitempty"`
	Reasons  []string `json:"reasons"`
	Services int      `json:"services"`
	Store    string   `json:"store,omitempty"`
	Log      string   `json:"log,omitempty"`
	Demo     bool     `json:"demo,omitempty"`
}

func newStatus(f *factory.Factory) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use: "status", Short: "Show the platform on this machine",
		Long:    "Show the platform on this machine. Exit 0 when it is ready, 12 when nothing runs, 1 when it\nruns and is not ready.",
		Example: "  # is it up?\n  aictl status\n\n  # its address, for a script\n  aictl status -o json --jq .server.url",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := f.DataDir(dataDir)
			if err != nil {
				return err
			}
			return showStatus(cmd.Context(), f, dir)
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory (default $XDG_DATA_HOME/aictl)")
	_ = cmd.MarkFlagDirname("data-dir")
	return cmd
}

func showStatus(ctx context.Context, f *factory.Factory, dir string) error {
	p, err := f.Printer()
	if err != nil {
		return err
	}
	st := localStatus{DataDir: dir, Server: serverStatus{Reasons: []string{}}}
	if s, ok := rundir.Running(dir); ok {
		st.Server.URL, st.Server.PID, st.Server.Version, st.Server.Log, st.Server.Demo = s.URL, s.PID, s.Version, s.Log, s.Demo
		st.Server.Started = s.Started.UTC().Format(time.RFC3339)
	} else if rundir.Held(dir) {
		st.Server.Reasons = append(st.Server.Reasons, "starting")
	}
	if st.Server.URL != "" {
		f.FillReadiness(ctx, st.Server.URL, &st.Server.Ready, &st.Server.Reasons, &st.Server.Services, &st.Server.Store)
	}
	if err := output.One(p, statusView, st); err != nil {
		return err
	}
	switch {
	case st.Server.Ready:
		return nil
	case st.Server.URL == "":
		return fail.New(fail.Unavailable, "nothing runs in %s", dir).Hint("aictl up")
	}
	return fail.New(fail.Failed, "the platform is not ready: %s", strings.Join(st.Server.Reasons, "; ")).Hint("aictl doctor")
}

var statusView = output.View[localStatus]{
	Kind: "server", Name: func(s localStatus) string { return s.Server.URL },
	Columns: []output.Column[localStatus]{
		{Header: "server", Value: func(s localStatus, _ output.Env) string { return s.Server.URL }},
		{Header: "ready", Value: func(s localStatus, _ output.Env) string { return readyWord(s) }},
		{Header: "pid", Value: func(s localStatus, _ output.Env) string { return pidWord(s.Server.PID) }},
		{Header: "version", Value: func(s localStatus, _ output.Env) string { return s.Server.Version }},
		{Header: "services", Value: func(s localStatus, _ output.Env) string { return fmt.Sprint(s.Server.Services) }},
		{Header: "store", Value: func(s localStatus, _ output.Env) string { return s.Server.Store }},
		{Header: "data", Value: func(s localStatus, _ output.Env) string { return s.DataDir }},
		{Header: "log", Value: func(s localStatus, _ output.Env) string { return s.Server.Log }},
		{Header: "demo", Value: func(s localStatus, _ output.Env) string { return demoWord(s.Server.Demo) }},
	},
}

func readyWord(s localStatus) string {
	switch {
	case s.Server.Ready:
		return "yes"
	case s.Server.URL == "":
		return "nothing runs"
	}
	return "no: " + strings.Join(s.Server.Reasons, "; ")
}

// demoWord says what the demo does.
func demoWord(runs bool) string {
	if !runs {
		return ""
	}
	return "runs: demo-checkout gets steady calls and, once, a bad revision"
}

func pidWord(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprint(pid)
}
