package runtime

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dirVariable marks our children: its value is the runtime's directory.
const dirVariable = "AICTL_RUNTIME_DIR"

// attributes puts a child in a group of its own, and has the kernel end it
// with the control plane.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// limit bounds a child. It runs already: what it has opened so far is kept,
// and it leaves no core file, where its secrets would be. RLIMIT_DATA is a
// backstop only, because a runtime may map much more than it uses: the
// supervisor watches what is resident (see residents).
func limit(pid int, c command) {
	set := func(what int, n uint64) {
		_ = unix.Prlimit(pid, what, &unix.Rlimit{Cur: n, Max: n}, nil) // it may have ended; a hard limit may be lower
	}
	set(unix.RLIMIT_CORE, 0)
	if c.files > 0 {
		set(unix.RLIMIT_NOFILE, uint64(c.files))
	}
	if c.memory > 0 {
		set(unix.RLIMIT_DATA, uint64(c.memory)*2+512<<20)
	}
}

// birth is when a process began: the boot and the ticks since.
func birth(pid int) (string, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	// The name in parentheses may hold anything: field 22 is the 20th after it.
	rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(rest) < 20 {
		return "", errors.New("a short stat")
	}
	return strings.TrimSpace(string(boot)) + "/" + rest[19], nil
}

// marked finds the processes of ours whose environment names dir.
func marked(dir string) map[int]bool {
	out := map[int]bool{}
	want := []byte(dirVariable + "=" + dir + "\x00")
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return out
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile("/proc/" + e.Name() + "/environ") // others' cannot be read
		if err == nil && (bytes.HasPrefix(env, want) || bytes.Contains(env, append([]byte{0}, want...))) {
			out[pid] = true
		}
	}
	return out
}

var pageSize = int64(os.Getpagesize())

// residents gives the resident memory of a process group by its leader, in
// bytes: that of the leader and of those it has started, as far as they are in
// its group.
func residents(leader int) int64 {
	total := resident(leader)
	children, err := os.ReadFile("/proc/" + strconv.Itoa(leader) + "/task/" + strconv.Itoa(leader) + "/children")
	if err != nil {
		return total
	}
	for _, c := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(c); err == nil {
			total += resident(pid)
		}
	}
	return total
}

func resident(pid int) int64 {
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(statm))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * pageSize
}

// usage is what a process group uses by its leader: resident memory in bytes
// and processor time in seconds, that of children which have ended included.
func usage(leader int) (memory int64, cpu float64, ok bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(leader) + "/stat")
	if err != nil {
		return 0, 0, false
	}
	// The name stands in parentheses and may hold anything; after it come the
	// numbered fields of proc(5), of which the first is the third.
	end := strings.LastIndexByte(string(stat), ')')
	if end < 0 {
		return 0, 0, false
	}
	f := strings.Fields(string(stat[end+1:]))
	const utime, stime, cutime, cstime = 11, 12, 13, 14
	if len(f) <= cstime {
		return 0, 0, false
	}
	ticks := int64(0)
	for _, i := range []int{utime, stime, cutime, cstime} {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return 0, 0, false
		}
		ticks += n
	}
	return residents(leader), float64(ticks) / clockTicks, true
}

// clockTicks is USER_HZ, which Linux has fixed at 100 for programs.
const clockTicks = 100
