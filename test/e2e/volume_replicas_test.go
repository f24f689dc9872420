//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/test/testbed"
)

const manyPods = 10_000

// measured is one whole process.
type measured struct {
	out  string
	wall time.Duration
	mib  int64 // resident at most
}

func measure(t *testing.T, env []string, bin string, args ...string) measured {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
	start := time.Now()
	require.NoError(t, cmd.Start())
	ended, peak := make(chan error, 1), int64(0)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			require.NoError(t, err, "%s", &errs)
			return measured{out.String(), time.Since(start), peak}
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, peakMiB(cmd.Process.Pid))
		}
	}
}

// peakMiB is what a process has had resident at most, while it lives. The
// kernel's answer after its end (ru_maxrss) will not do: it counts the peak of
// the process that started it, this suite's.
func peakMiB(pid int) int64 {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // it has ended
	}
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib >> 10
		}
	}
	return 0
}

// ofPods are a list's columns READY, STATUS and RESTARTS, by what stands in
// the columns before them: the name, with -A after the namespace.
func ofPods(out string, names int) map[string]string {
	rows := map[string]string{}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) >= names+3 && f[names] != "READY" {
			rows[strings.Join(f[:names], "/")] = strings.Join(f[names:names+3], " ")
		}
	}
	return rows
}

// onlyKubeconfig is aictl for somebody who has a kubeconfig and nothing else.
func onlyKubeconfig(t *testing.T, c *testbed.Cluster) (bin string, env []string) {
	t.Helper()
	dir := testbed.Binaries(t)
	bin = filepath.Join(t.TempDir(), "kubectl-aictl")
	require.NoError(t, os.Symlink(filepath.Join(dir, "aictl"), bin))
	_, env = testbed.Home(t, dir)
	return bin, append(env, "KUBECONFIG="+c.Kubeconfig)
}

// TestManyPodsAreListed holds PLATFORM.md's "list 10,000 pods": against
// kubectl in the same minute, the best of three each.
func TestManyPodsAreListed(t *testing.T) {
	c := testbed.Kubernetes(t)
	c.Fill(t, manyPods)
	aictl, env := onlyKubeconfig(t, c)
	best := map[string]measured{}
	for range 3 {
		for _, run := range [][]string{
			{"kubectl", c.KubectlPath(), "get", "pods", "-A", "-l", "team"},
			{"aictl", aictl, "deploy", "replicas", "-A", "-l", "team"},
		} {
			m := measure(t, env, run[1], run[2:]...)
			if was, ok := best[run[0]]; !ok || m.wall < was.wall {
				m.mib = max(m.mib, was.mib)
				best[run[0]] = m
			}
		}
	}
	ours, theirs := best["aictl"], best["kubectl"]
	t.Logf("%d pods: aictl %s, %d MiB; kubectl %s, %d MiB; ratios %.2f and %.2f", manyPods, ours.wall.Round(time.Millisecond), ours.mib,
		theirs.wall.Round(time.Millisecond), theirs.mib, float64(ours.wall)/float64(theirs.wall), float64(ours.mib)/float64(theirs.mib))
	rows := ofPods(ours.out, 2)
	require.GreaterOrEqual(t, len(rows), manyPods)
	require.Equal(t, ofPods(theirs.out, 2), rows, "the same pods in the same words")
	require.Positive(t, ours.mib)
	require.LessOrEqual(t, ours.mib, int64(120))
	require.Less(t, float64(ours.wall), 1.5/2.8*float64(theirs.wall), "of what kubectl takes")
}

// TestManyPodsAreWatched: what follows the list comes at once, and the memory
// stays that of a list.
func TestManyPodsAreWatched(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Fill(t, manyPods)[0]
	aictl, env := onlyKubeconfig(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, aictl, "deploy", "replicas", "-A", "-l", "team", "--watch", "-o", "jsonl")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = env
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	start := time.Now()
	require.NoError(t, cmd.Start())
	seen, gone, victim, peak := map[string]bool{}, false, "", int64(0)
	var first, whole, deleted time.Duration
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e api.ReplicaEvent
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		switch {
		case e.Type == api.ReplicaSeen:
			if first == 0 {
				first = time.Since(start)
			}
			seen[e.Replica.Namespace+"/"+e.Replica.Name] = true
			if victim == "" && e.Replica.Namespace == ns {
				victim = e.Replica.Name
			}
			if gone && e.Replica.Created.After(start.Add(-time.Second)) && e.Replica.Ready { // its successor; times have whole seconds
				peak = max(peak, peakMiB(cmd.Process.Pid))
				cancel()
			}
		case e.Type == api.ReplicaSynced && e.Engine == "":
			whole = time.Since(start)
			require.GreaterOrEqual(t, len(seen), manyPods)
			deleted = time.Since(start)
			c.Kubectl(t, "delete", "pod", victim, "-n", ns, "--wait=false")
		case e.Type == api.ReplicaGone && e.Replica.Name == victim:
			gone, peak = true, peakMiB(cmd.Process.Pid)
			t.Logf("%s after the deletion it is gone", (time.Since(start) - deleted).Round(time.Millisecond))
		}
	}
	_ = cmd.Wait() // it was interrupted
	require.True(t, gone)
	t.Logf("first row after %s, all %d after %s, %d MiB", first.Round(time.Millisecond), len(seen), whole.Round(time.Millisecond), peak)
	require.Positive(t, peak)
	require.LessOrEqual(t, peak, int64(120))
}

// TestReplicasAreInKubectlsWords compares the two on pods in all kinds of
// trouble, until they agree: what they show changes by the second.
func TestReplicasAreInKubectlsWords(t *testing.T) {
	c := testbed.Kubernetes(t)
	ns := c.Namespace(t)
	for i, fixture := range []string{"crash", "image-not-found", "image-name-wrong", "init-crash", "memory", "config-missing", "no-cpu", "not-ready"} {
		c.Break(t, ns, fmt.Sprintf("web-%d", i), fixture)
	}
	aictl, env := onlyKubeconfig(t, c)
	words := map[string]bool{}
	agree := 0
	testbed.Eventually(t, 90*time.Second, "both say the same, in enough words", func(context.Context) error {
		theirs := ofPods(measure(t, env, c.KubectlPath(), "get", "pods", "-n", ns).out, 1)
		ours := ofPods(measure(t, env, aictl, "deploy", "replicas", "-n", ns).out, 1)
		for name, row := range theirs {
			if ours[name] != row {
				return fmt.Errorf("%s: %q is not %q", name, ours[name], row)
			}
			words[strings.Fields(row)[1]] = true
		}
		if agree++; agree < 3 || len(words) < 5 {
			return errors.New("too few words: " + fmt.Sprint(words))
		}
		return nil
	})
	t.Logf("%v", slices.Sorted(maps.Keys(words)))
}
