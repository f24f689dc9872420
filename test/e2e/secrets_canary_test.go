//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/test/testbed"
)

// canary is a planted value; its forms are those in which software spells it.
type canary string

func (c canary) forms() []string {
	s := string(c)
	return []string{s, base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s)), url.QueryEscape(s)}
}

// in names the form in which the canary is in a text, or nothing.
func (c canary) in(body []byte) string {
	for _, form := range c.forms() {
		if bytes.Contains(body, []byte(form)) {
			return form
		}
	}
	return ""
}

// watcher reads every command line of the machine, over and over.
type watcher struct {
	stop chan struct{}
	done sync.WaitGroup
	mu   sync.Mutex // guards found and looks
	hits []string
	runs int
}

func watchCommandLines(values []canary) *watcher {
	w := &watcher{stop: make(chan struct{})}
	w.done.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, path := range lines {
				body, err := os.ReadFile(path)
				if err != nil {
					continue
				}
				for _, v := range values {
					if v.in(body) != "" {
						w.mu.Lock()
						w.hits = append(w.hits, path+": "+string(body))
						w.mu.Unlock()
					}
				}
			}
			w.mu.Lock()
			w.runs++
			w.mu.Unlock()
		}
	})
	return w
}

func (w *watcher) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.done.Wait()
	require.Empty(t, w.hits)
	require.Greater(t, w.runs, 20, "too few looks to prove anything")
}

// TestNoCanaryGetsOut plants values, runs every command of secrets with them,
// and looks for them everywhere but where they belong.
func TestNoCanaryGetsOut(t *testing.T) {
	one, two, three := canary("c4n4ry-One/7f3a+9b=&<x>"), canary("c4n4ry-Two/55d1+e0=&<y>"), canary("c4n4ry-Three/8811+aa=&<z>")
	all := []canary{one, two, three}
	p := testbed.Up(t)
	outside := filepath.Join(t.TempDir(), "values") // the person's own file
	require.NoError(t, os.WriteFile(outside, []byte(three), 0o600))

	var outputs bytes.Buffer
	run := func(stdin string, wantCode int, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(p.Workspace, "bin", "aictl"), args...)
		cmd.Env, cmd.Dir, cmd.Stdin = append(slices.Clone(p.Env), "AICTL_VERBOSE=1"), p.Workspace, strings.NewReader(stdin)
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		err := cmd.Run()
		require.NotNil(t, cmd.ProcessState, "%v", err)
		require.Equal(t, wantCode, cmd.ProcessState.ExitCode(), "%v\n%s\n%s", args, out.String(), errOut.String())
		if strings.Contains(strings.Join(args, " "), "--reveal") {
			require.Empty(t, one.in(errOut.Bytes()))
			outputs.Write(errOut.Bytes())
			return out.String()
		}
		outputs.Write(out.Bytes())
		outputs.Write(errOut.Bytes())
		return out.String()
	}
	w := watchCommandLines(all)
	v1, v2 := string(one), string(two)
	for _, format := range []string{"table", "json", "yaml", "jsonl", "wide", "raw", "csv"} {
		run(v1, 0, "secrets", "set", "app/db-"+format, "--yes", "-o", format, "--reason", "canary")
		run("", 0, "secrets", "get", "app/db-"+format, "-o", format)
		run("", 0, "secrets", "list", "-o", format)
		run("", 0, "secrets", "history", "app/db-"+format, "-o", format)
	}
	run(v2, 0, "secrets", "set", "app/db-json", "--dry-run=server", "-o", "json")
	run(v2, 0, "secrets", "set", "app/db-json", "--dry-run=client", "-o", "json")
	run(v2, 0, "secrets", "set", "app/db-json", "--yes")
	run("", 0, "secrets", "set", "app/file", "--from-file", outside, "--yes")
	run(`{"password":"x"}`, 0, "secrets", "set", "app/object", "--yes")
	run(v2, 0, "secrets", "set", "app/object#password", "--yes")
	run(v2, 2, "secrets", "set", "app/object#password#x/..", "--charset", "nonsense", "--yes")
	run(v2, 9, "secrets", "set", "app/file", "--read-only", "--yes")
	run(v2, 2, "secrets", "set", "no where", "--yes")
	run(v2, 7, "secrets", "set", "nostore:x", "--yes")
	run(v2, 1, "secrets", "set", "app/file", "--new", "--yes")
	run(v2+strings.Repeat("x", 70<<10), 2, "secrets", "set", "app/huge", "--yes")
	run("", 10, "secrets", "diff", "vault:app/db-json", "vault:app/db-table")
	run("", 0, "secrets", "sync", "--from", "vault:app/", "--to", "vault:copy/", "--yes", "-o", "json")
	run("", 0, "secrets", "diff", "vault:app/", "vault:copy/", "-o", "json")
	run(v2, 0, "secrets", "rotate", "app/db-table", "--to", "vault:copy/db-table", "--keep-old", "--yes", "-o", "json")
	run(v2, 2, "secrets", "rotate", "app/db-yaml", "--for", "100h", "--yes")
	run("", 0, "secrets", "rotations", "-o", "json")
	require.Equal(t, v2+"\n", run("", 0, "secrets", "get", "app/db-table", "--reveal"))
	require.Equal(t, v1+"\n", run("", 0, "secrets", "get", "app/db-table", "--reveal", "--version", "1"))
	run("", 0, "secrets", "run", "--env", "A=app/db-json", "--env", "B=app/file", "--", "sh", "-c", `test "${#A}" -gt 5 -a "${#B}" -gt 5 && sleep 0.2`)
	run("", 0, "secrets", "delete", "app/file", "--yes")
	run("", 0, "audit", "log", "--limit", "1000", "-o", "json")
	run("", 0, "audit", "export")
	run("", 0, "logs", "--since", "1h", "-o", "json")
	w.end(t)

	for _, v := range all {
		require.Empty(t, v.in(outputs.Bytes()), "in what was printed:\n%s", around(outputs.Bytes(), v))
	}
	// Every file of the person and of the platform.
	home := ""
	for _, kv := range p.Env {
		if h, ok := strings.CutPrefix(kv, "HOME="); ok {
			home = h
		}
	}
	files := 0
	for _, dir := range []string{home, p.DataDir, p.Workspace} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil //nolint:nilerr // what went meanwhile
			}
			body, err := os.ReadFile(path)
			if err != nil {
				return nil //nolint:nilerr // as above
			}
			files++
			for _, v := range all {
				require.Empty(t, v.in(body), "in the file %s:\n%s", path, around(body, v))
			}
			return nil
		}))
	}
	require.Greater(t, files, 10)
}

func around(body []byte, v canary) string {
	form := v.in(body)
	i := bytes.Index(body, []byte(form))
	if form == "" || i < 0 {
		return ""
	}
	return string(body[max(0, i-200):min(len(body), i+len(form)+100)])
}

// TestTheMemoryOfTheCLIAfterAWrite stops the process when its work is done and
// only its answer is still to be printed (into a pipe that is full), and looks
// for the value in all of its memory. What the command holds itself is gone.
// The buffers of the JSON encoder and of the HTTP transport, which belong to
// Go's library, keep the request in base64 until they are used again: their
// number is bounded here and named in docs/secrets.md.
func TestTheMemoryOfTheCLIAfterAWrite(t *testing.T) {
	value := canary("m3m0ry-c4n4ry-0123456789abcdef")
	p := testbed.Up(t)
	for _, from := range []string{"stdin", "file"} {
		t.Run(from, func(t *testing.T) {
			read, write, err := os.Pipe()
			require.NoError(t, err)
			defer read.Close()
			// Fill the pipe, so that the answer waits.
			fd := int(write.Fd()) // once: each call makes it block again
			require.NoError(t, syscall.SetNonblock(fd, true))
			for {
				if _, err := syscall.Write(fd, make([]byte, 4096)); err != nil {
					break
				}
			}
			require.NoError(t, syscall.SetNonblock(fd, false))
			args := []string{"secrets", "set", "mem/" + from, "--yes", "-o", "json"}
			cmd := exec.CommandContext(t.Context(), filepath.Join(p.Workspace, "bin", "aictl"), args...)
			cmd.Env, cmd.Dir, cmd.Stdout = p.Env, p.Workspace, write
			var errOut bytes.Buffer
			cmd.Stderr = &errOut
			if from == "file" {
				path := filepath.Join(t.TempDir(), "value")
				require.NoError(t, os.WriteFile(path, []byte(value), 0o600))
				cmd.Args = append(cmd.Args, "--from-file", path)
			} else {
				cmd.Stdin = strings.NewReader(string(value))
			}
			require.NoError(t, cmd.Start())
			require.NoError(t, write.Close())
			testbed.Eventually(t, 20*time.Second, "the value is written", func(ctx context.Context) error {
				look := exec.CommandContext(ctx, filepath.Join(p.Workspace, "bin", "aictl"), "secrets", "get", "mem/"+from)
				look.Env, look.Dir = p.Env, p.Workspace
				return look.Run()
			})
			time.Sleep(300 * time.Millisecond) // from the server's commit to the client's answer
			require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
			found, scanned := scanMemory(t, cmd.Process.Pid, value)
			require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
			go func() { _, _ = io.Copy(io.Discard, read) }()
			require.NoError(t, cmd.Wait(), errOut.String())
			t.Logf("%d MiB of memory: %v", scanned>>20, found)
			require.Greater(t, scanned, 4<<20)
			require.Zero(t, found[string(value)], "as it is")
			require.LessOrEqual(t, found[value.forms()[1]], 20, "in base64, in buffers of the library")
		})
	}
}

// scanMemory reads every mapping that can be read, and says in which forms the
// value is there.
func scanMemory(t *testing.T, pid int, value canary) (found map[string]int, scanned int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(t, err)
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	require.NoError(t, err)
	defer mem.Close()
	found = map[string]int{}
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var perm string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &perm); err != nil || perm[0] != 'r' || strings.Contains(line, "[v") || to-from > 256<<20 {
			continue
		}
		body := make([]byte, to-from)
		n, _ := mem.ReadAt(body, from)
		scanned += n
		for _, form := range value.forms()[:3] {
			if k := bytes.Count(body[:n], []byte(form)); k > 0 {
				found[form] += k
			}
		}
	}
	return found, scanned
}
