package testbed

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// settings are those of the kernel that a kubelet and the bridge change.
var settings = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding",
}

// places are directories that containerd, the network plugins and the kubelet
// make outside of those that they are told.
var places = []string{"/run/containerd", "/var/lib/cni", "/var/log/containers", "/var/lib/kubelet", "/opt/containerd", "/opt/cni", "/etc/cni", "/run/netns"}

// remember keeps what stop restores, in the node's directory too: for the next
// program, should this one be killed.
func (n *Node) remember() {
	_ = os.MkdirAll(filepath.Join(n.dir, "before"), 0o755)
	for i, name := range settings {
		file := "/proc/sys/" + name
		if b, err := os.ReadFile(file); err == nil {
			n.keep[file] = strings.TrimSpace(string(b))
			_ = os.WriteFile(filepath.Join(n.dir, "before", strconv.Itoa(i)), b, 0o600)
		}
	}
	for _, dir := range places {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			n.absent = append(n.absent, dir)
		}
	}
	_ = os.WriteFile(filepath.Join(n.dir, "before", "absent"), []byte(strings.Join(n.absent, "\n")), 0o600)
}

// recall reads what a killed program remembered.
func (n *Node) recall() {
	for i, name := range settings {
		if b, err := os.ReadFile(filepath.Join(n.dir, "before", strconv.Itoa(i))); err == nil {
			n.keep["/proc/sys/"+name] = strings.TrimSpace(string(b))
		}
	}
	b, _ := os.ReadFile(filepath.Join(n.dir, "before", "absent"))
	n.absent = strings.Fields(string(b))
}

// leave ends the pods while the kubelet can still do it in order.
func (n *Node) leave() {
	defer func() { _ = n.guard.Unlock() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	_, _ = n.c.kubectl(ctx, "", "cordon", nodeName)
	_, _ = n.c.kubectl(ctx, "", "delete", "pods", "-A", "--field-selector=spec.nodeName="+nodeName, "--grace-period=1", "--timeout=15s")
	_, _ = n.c.kubectl(ctx, "", "delete", "node", nodeName, "--wait=false")
	cancel()
	n.c.end("kubelet")
	if ids, err := n.ctr("containers", "list", "--quiet"); err == nil {
		for _, id := range strings.Fields(ids) {
			_, _ = n.ctr("tasks", "delete", "--force", id)
			_, _ = n.ctr("containers", "delete", id)
		}
	}
	n.c.end("containerd")
	_ = n.clean()
}

// clean removes what a node in this directory has made, whoever started it.
func (n *Node) clean() error {
	if _, err := os.Stat(n.dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	n.recall()
	n.killShims()
	unmount(n.dir)
	_, _ = n.run("ip", "link", "delete", nodeBridge)
	removeCgroups("kubepods")
	for _, file := range slices.Sorted(func(yield func(string) bool) {
		for k := range n.keep {
			if !yield(k) {
				return
			}
		}
	}) {
		if b, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(b)) != n.keep[file] {
			_ = os.WriteFile(file, []byte(n.keep[file]), 0o600)
		}
	}
	for _, dir := range n.absent {
		unmount(dir)
		_ = os.RemoveAll(dir)
	}
	return os.RemoveAll(n.dir)
}

// killShims ends the shims of this node's containerd, which outlive it, and
// what runs under them.
func (n *Node) killShims() {
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range procs {
		b, _ := os.ReadFile(file)
		words := strings.Split(string(b), "\x00")
		if !strings.Contains(words[0], "containerd-shim") || !slices.Contains(words, n.socket) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		children, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
		for _, child := range strings.Fields(string(children)) {
			if id, err := strconv.Atoi(child); err == nil {
				_ = syscall.Kill(id, syscall.SIGKILL)
			}
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// unmount undoes the mounts below a directory, the last first.
func unmount(dir string) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return
	}
	defer f.Close()
	var below []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			below = append(below, fields[4])
		}
	}
	for _, path := range slices.Backward(below) {
		_ = syscall.Unmount(path, syscall.MNT_DETACH)
	}
}

// removeCgroups removes the group of that name and those below it, in the one
// hierarchy or in each of the old ones. The last processes may take a moment to
// be gone.
func removeCgroups(name string) {
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	for _, root := range append(roots, "/sys/fs/cgroup/"+name) {
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			var dirs []string
			_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for _, dir := range slices.Backward(dirs) {
				_ = os.Remove(dir)
			}
			if _, err := os.Stat(root); err != nil {
				break
			}
		}
	}
}
