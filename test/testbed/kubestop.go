package testbed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// kubePart is one of the cluster's programs.
type kubePart struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has been reaped
}

// Shutdown ends what the tests of this program share. A TestMain calls it
// after the tests; where there is none the parts die with the program, and
// their directory is removed by the next one.
func Shutdown() {
	kube.Lock()
	defer kube.Unlock()
	if kube.cluster != nil {
		kube.cluster.stop()
		kube.cluster = nil
	}
}

// stop ends the parts, those that need the others first, and removes their
// directory unless a test failed.
func (c *Cluster) stop() {
	if c.node != nil {
		c.node.leave()
	}
	c.client().CloseIdleConnections()
	for _, p := range slices.Backward(c.parts) {
		p.end()
	}
	if !c.failed.Load() {
		_ = os.RemoveAll(c.Dir)
	}
}

// end ends one part, if it was started.
func (c *Cluster) end(name string) {
	for _, p := range c.parts {
		if p.name == name {
			p.end()
		}
	}
}

func (p *kubePart) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// died says which part has ended that should not have, and what it said last.
func (c *Cluster) died() error {
	var all []error
	for _, p := range c.parts {
		select {
		case <-p.done:
			log, _ := os.ReadFile(filepath.Join(c.Dir, p.name+".log"))
			all = append(all, fmt.Errorf("%s ended (%s):\n%s", p.name, p.cmd.ProcessState, tail(string(log), 4<<10)))
		default:
		}
	}
	return errors.Join(all...)
}

// Memory is the resident memory of the cluster's programs in bytes, by name.
func (c *Cluster) Memory() map[string]int64 {
	out := map[string]int64{}
	for _, p := range c.parts {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
				kib, _ := strconv.ParseInt(f[1], 10, 64)
				out[p.name] = kib << 10
			}
		}
	}
	return out
}

const kubeDirs = "aictl-kube-"

// kubeDir makes the cluster's directory, named after this program, and removes
// those of programs that are gone.
func kubeDir() (string, error) {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), kubeDirs+"*-*"))
	for _, dir := range old {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), kubeDirs), "-")
		n, err := strconv.Atoi(pid)
		if info, e := os.Stat(dir); err == nil && e == nil && time.Since(info.ModTime()) > time.Hour && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir)
		}
	}
	return os.MkdirTemp("", fmt.Sprintf("%s%d-", kubeDirs, os.Getpid()))
}
