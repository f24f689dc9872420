package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/aictl/aictl/internal/deploy"
	"github.com/aictl/aictl/internal/fail"
)

// command is what a process is started with.
type command struct {
	path    string
	args    []string // the first is the program's name
	env     []string
	dir     string
	memory  int64 // bytes; 0 is unbounded
	files   int
	pidFile string
}

// process is a child that runs, in a process group of its own. Whoever
// started it waits on done.
type process struct {
	pid     int
	started time.Time
	pidFile string
	done    chan struct{} // closed when it has ended and its output is read
	end     deploy.Termination

	mu     sync.Mutex
	ended  bool   // it was waited for: its pid is somebody else's by now
	reason string // guarded by mu
}

// outputWait is how long the output of a process that has ended may be held
// open by a child of it that lives on.
const outputWait = 250 * time.Millisecond

// spawn starts a process. The error is that of the system: no such program,
// no permission, wrong format.
func spawn(c command, now func() time.Time, j *journal) (*process, error) {
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making a pipe")
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		_ = outR.Close()
		_ = outW.Close()
		return nil, fail.Wrap(fail.Failed, err, "making a pipe")
	}
	cmd := &exec.Cmd{Path: c.path, Args: c.args, Env: c.env, Dir: c.dir, Stdout: outW, Stderr: errW, SysProcAttr: attributes()}
	p := &process{started: now(), pidFile: c.pidFile, done: make(chan struct{})}
	err = cmd.Start()
	_ = outW.Close()
	_ = errW.Close()
	if err != nil {
		_ = outR.Close()
		_ = errR.Close()
		return nil, explained(c, err)
	}
	p.pid = cmd.Process.Pid
	limit(p.pid, c)
	writePid(c.pidFile, p.pid)
	var readers sync.WaitGroup
	readers.Go(func() { j.read("stdout", outR) })
	readers.Go(func() { j.read("stderr", errR) })
	go func() { // it is joined by whoever waits on done: every owner of a process does
		err := cmd.Wait()
		p.mu.Lock()
		p.ended = true
		reason := p.reason
		p.mu.Unlock()
		p.end = termination(cmd.ProcessState, err, now())
		if reason != "" {
			p.end.Reason = reason
		}
		// Whatever it started and left behind goes with it.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		late := time.AfterFunc(outputWait, func() {
			_ = outR.SetReadDeadline(time.Unix(1, 0))
			_ = errR.SetReadDeadline(time.Unix(1, 0))
		})
		readers.Wait()
		late.Stop()
		_ = outR.Close()
		_ = errR.Close()
		_ = os.Remove(c.pidFile)
		j.end()
		close(p.done)
	}()
	return p, nil
}

// explained names what is not there: the system says of a folder, a program
// and the interpreter of its first line the same, as if it were the program.
func explained(c command, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, gone := os.Stat(c.dir); gone != nil {
		return fmt.Errorf("the folder of its revision is gone: chdir %s: no such file or directory", c.dir)
	}
	if _, gone := os.Stat(c.path); gone == nil {
		return fmt.Errorf("the interpreter that %s names in its first line is not there: %w", c.path, err)
	}
	return err
}

// signal sends to the whole group, if the process has not ended.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = syscall.Kill(-p.pid, sig)
	}
}

// kill ends the group at once; reason is the word for it, as OOMKilled.
func (p *process) kill(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if p.reason == "" {
		p.reason = reason
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
}

// stop asks the process to end and kills it when it has not within grace. It
// returns when it has ended.
func (p *process) stop(grace time.Duration) (forced bool) {
	p.signal(syscall.SIGTERM)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-p.done:
		return false
	case <-t.C:
	}
	p.kill("")
	<-p.done
	return true
}

// termination is how a process ended, in the words of a kubelet.
func termination(s *os.ProcessState, err error, at time.Time) deploy.Termination {
	t := deploy.Termination{Code: -1, Reason: "Error", At: at.UTC()}
	if s == nil {
		if err != nil {
			t.Message = err.Error()
		}
		return t
	}
	t.Code = s.ExitCode()
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		t.Code, t.Signal = 128+int(w.Signal()), signalName(w.Signal())
	}
	if t.Code == 0 {
		t.Reason = "Completed"
	}
	return t
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGHUP: "SIGHUP",
	syscall.SIGILL: "SIGILL", syscall.SIGINT: "SIGINT", syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE",
	syscall.SIGQUIT: "SIGQUIT", syscall.SIGSEGV: "SIGSEGV", syscall.SIGTERM: "SIGTERM", syscall.SIGTRAP: "SIGTRAP",
	syscall.SIGXCPU: "SIGXCPU", syscall.SIGALRM: "SIGALRM",
}

func signalName(s syscall.Signal) string {
	if n, ok := signalNames[s]; ok {
		return n
	}
	return "signal " + s.String()
}

// pidRecord tells an orphan from a stranger that has its pid.
type pidRecord struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // birth of the process, as the system says it
}

func writePid(file string, pid int) {
	start, err := birth(pid)
	if err != nil || file == "" {
		return // it has ended already, or the system cannot say: then nothing is believed
	}
	body, err := json.Marshal(pidRecord{pid, start})
	if err != nil {
		return
	}
	tmp := file + ".new"
	if os.WriteFile(tmp, body, 0o600) == nil {
		_ = os.Rename(tmp, file)
	}
}

// orphans ends what a killed control plane has left in dir, and says how many
// there were. A process is one of ours when its pid and its birth are those of
// a pid file, or when its environment names the directory.
func orphans(dir string) (int, error) {
	found := marked(dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.pid"))
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		var rec pidRecord
		body, err := os.ReadFile(f)
		if err == nil {
			err = json.Unmarshal(body, &rec)
		}
		if err == nil && rec.PID > 1 {
			if start, err := birth(rec.PID); err == nil && start == rec.Start {
				found[rec.PID] = true
			}
		}
	}
	for pid := range found {
		_ = syscall.Kill(-pid, syscall.SIGKILL) // its group, where it leads one
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return len(found), fail.Wrap(fail.Failed, err, "ending the process %d that an earlier control plane has left", pid).
				Hint("kill -9 %d", pid)
		}
	}
	for _, f := range files {
		_ = os.Remove(f)
	}
	return len(found), nil
}
