//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/client"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

// withPlugins is a platform where Deno is on PATH, without a limit of calls,
// and somebody who uses it.
func withPlugins(t *testing.T) (*testbed.Platform, *person) {
	t.Helper()
	t.Setenv("PATH", testbed.Deno(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	p := testbed.UpWith(t, []string{"AICTL_SERVER_LIMITS_RPS=0"})
	return p, &person{bin: filepath.Join(p.Workspace, "bin", "aictl"), env: p.Env}
}

func manifest(t *testing.T, language string) string {
	t.Helper()
	return filepath.Join(testbed.Root(t), "plugins", "services", language, "plugin.yaml")
}

func TestPluginsInThreeLanguages(t *testing.T) {
	_, me := withPlugins(t)
	for _, tc := range []struct {
		language, service, operation, stream, input, wrong, want string
	}{
		{"python", "digest", "summarize", "keywords", `{"text":"The queue filled up. Calls waited for the queue. Lunch was good."}`, `{"text":3}`, "The queue filled up."},
		{"node", "mask", "text", "lines", `{"text":"write to ana@example.com, card 4111 1111 1111 1111"}`, `{"text":3}`, "write to [email], card [card]"},
		{"deno", "profile", "table", "columns", `{"csv":"day,calls\n1,10\n2,12\n3,\n4,900\n5,11\n6,9"}`, `{"csv":"a,b\n1"}`, "1 outside of 7 to 15"},
	} {
		t.Run(tc.language, func(t *testing.T) {
			me.must(t, "deploy", "apply", "-f", manifest(t, tc.language), "--yes", "--watch", "--reason", "try it")
			out := me.must(t, "invoke", tc.service, tc.operation, "-d", tc.input)
			require.Contains(t, out, tc.want)
			lines := strings.Split(strings.TrimSpace(me.must(t, "invoke", tc.service, tc.stream, "--stream", "-o", "jsonl", "-d", tc.input)), "\n")
			require.GreaterOrEqual(t, len(lines), 2)
			require.Contains(t, lines[len(lines)-1], `"type":"result"`)
			_, errs, exit := me.run(t, "invoke", tc.service, tc.operation, "-d", tc.wrong)
			require.Equal(t, fail.Usage.Exit(), exit, "%s", errs)
			require.Contains(t, errs, "next: aictl services describe "+tc.service)
			for _, o := range decoded[api.ServiceDetail](t, me.must(t, "services", "describe", tc.service, "-o", "json")).Describes {
				for _, example := range o.Examples {
					me.must(t, "invoke", tc.service, o.Name, "-d", string(example))
				}
			}
			status := decoded[api.DeployStatus](t, me.must(t, "deploy", "status", tc.service, "-o", "json"))
			require.Equal(t, "complete", status.Verdict.Code)
			require.Contains(t, status.Cause, "try it")
			me.must(t, "deploy", "restart", tc.service, "--yes", "--watch")
			require.Contains(t, me.must(t, "invoke", tc.service, tc.operation, "-d", tc.input), tc.want)
		})
	}
}

// TestKilledPluginsUnderLoad kills processes outright while they are called:
// most callers get an answer and the others a typed error, calls are answered
// again at once, and the replicas come back.
func TestKilledPluginsUnderLoad(t *testing.T) {
	p, me := withPlugins(t)
	me.must(t, "deploy", "apply", "-f", manifest(t, "node"), "--yes", "--watch")
	me.must(t, "deploy", "scale", "mask", "--replicas", "2", "--yes", "--watch")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var answered, typed, latest atomic.Int64 // latest: when the youngest call that has an answer began, in Unix nanoseconds
	var bad, refused faults
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			c := newClient(t, p.URL, p.Token)
			for ctx.Err() == nil {
				in := api.InvokeInput{Service: "mask", Operation: "text", Data: json.RawMessage(`{"text":"a@example.com"}`)}
				begun := time.Now()
				out, err := api.ServicesInvoke.Call(t.Context(), c, in)
				switch {
				case err == nil && strings.Contains(string(out), "[email]"):
					answered.Add(1)
					for was := latest.Load(); was < begun.UnixNano() && !latest.CompareAndSwap(was, begun.UnixNano()); {
						was = latest.Load()
					}
				case err != nil && fail.CodeOf(err) != fail.Internal:
					typed.Add(1)
					refused.add("%v", err)
				default:
					bad.add("%s, %v", out, err)
				}
			}
		})
	}
	var again []time.Duration // from a kill to the first answer to a call that began after it
	for ctx.Err() == nil {
		time.Sleep(700 * time.Millisecond)
		for _, pid := range pids(t, p, "main.mjs") {
			if syscall.Kill(pid, syscall.SIGKILL) != nil {
				continue
			}
			killed := time.Now()
			for ctx.Err() == nil && latest.Load() <= killed.UnixNano() {
				time.Sleep(time.Millisecond)
			}
			if latest.Load() > killed.UnixNano() { // else the load ended first
				again = append(again, time.Since(killed).Round(time.Millisecond))
			}
			break
		}
	}
	wg.Wait()
	t.Logf("%d answers, %d typed errors; answered again after each kill within %v", answered.Load(), typed.Load(), again)
	t.Logf("the typed errors: %v", refused.first)
	require.Zero(t, bad.count, "%v", bad.first)
	require.Greater(t, len(again), 2, "too few kills to mean something")
	require.Less(t, slices.Max(again), 3*time.Second, "from a kill to the next answer")
	require.Greater(t, answered.Load(), 20*typed.Load(), "most callers are answered")
	testbed.Eventually(t, 40*time.Second, "both replicas are back", func(context.Context) error {
		out, _, _ := me.run(t, "deploy", "status", "mask", "-o", "json") // it may call it a crash loop, and is right
		s := decoded[api.DeployStatus](t, out)
		if s.Ready != 2 {
			return fmt.Errorf("%d of 2 are ready", s.Ready)
		}
		return nil
	})
}

// pids are the processes of a platform whose command line ends so.
func pids(t *testing.T, p *testbed.Platform, last string) (out []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range all {
		line, err := os.ReadFile(file)
		if err != nil { // it has ended meanwhile
			continue
		}
		words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		folder, err := os.Readlink(filepath.Join(filepath.Dir(file), "cwd"))
		if filepath.Base(words[len(words)-1]) != last || err != nil || !strings.HasPrefix(folder, p.DataDir) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// stamped is put before the Python service: it notes when its process was
// started (to the kernel's clock tick, rounded up), when its first instruction
// runs, when it listens, and when it is called first.
const stamped = `import time

first, up = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
import os  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402

def note(what, moment):
    with open(%q, "a") as notes:
        notes.write("%%s %%.6f\n" %% (what, moment))

with open("/proc/self/stat") as stat:
    ticks = int(stat.read().rpartition(")")[2].split()[19]) + 1
note("started", first - up + ticks / os.sysconf("SC_CLK_TCK"))
note("first", first)
listen, called = socket.socket.listen, threading.Event()

def listening(self, *args):
    listen(self, *args)
    note("listens", time.time())

socket.socket.listen = listening

def now():
    if not called.is_set():
        called.set()
        note("called", time.time())

`

// TestAPluginFromZero: calls that find no replica wait for one; none is
// dropped, and the supervisor adds little to what Python itself takes.
func TestAPluginFromZero(t *testing.T) {
	p, me := withPlugins(t)
	dir := t.TempDir()
	source := filepath.Join(testbed.Root(t), "plugins")
	require.NoError(t, os.CopyFS(dir, os.DirFS(source)))
	file := filepath.Join(dir, "services", "python", "plugin.yaml")
	replaceIn(t, file, "scale: {min: 1, max: 4, concurrency: 8}", "scale: {min: 0, max: 4, concurrency: 8, idle: 1s}")
	notes, program := filepath.Join(t.TempDir(), "notes"), filepath.Join(dir, "services", "python", "main.py")
	replaceIn(t, program, "def summarize(data, call):\n", "def summarize(data, call):\n    now()\n")
	body, err := os.ReadFile(program)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, append(fmt.Appendf(nil, stamped, notes), body...), 0o600))
	me.must(t, "deploy", "apply", "-f", file, "--yes", "--watch")
	asleep := func() {
		testbed.Eventually(t, 30*time.Second, "the replica is stopped", func(context.Context) error {
			if n := len(pids(t, p, "main.py")); n > 0 {
				return fmt.Errorf("%d processes", n)
			}
			return nil
		})
	}
	call := func(c *client.Client) error {
		in := api.InvokeInput{Service: "digest", Operation: "summarize", Data: json.RawMessage(`{"text":"One. Two."}`)}
		out, err := api.ServicesInvoke.Call(t.Context(), c, in)
		if err == nil && !strings.Contains(string(out), "One.") {
			return fmt.Errorf("another answer: %s", out)
		}
		return err
	}
	var wg sync.WaitGroup
	var bad faults
	var answered atomic.Int64
	var first []time.Duration
	const rounds, callers = 3, 100
	for range rounds {
		asleep()
		start := time.Now()
		for i := range callers {
			wg.Go(func() {
				if err := call(newClient(t, p.URL, p.Token)); err != nil {
					bad.add("call %d: %v", i, err)
					return
				}
				answered.Add(1)
			})
		}
		wg.Wait()
		first = append(first, time.Since(start).Round(time.Millisecond))
	}
	bad.require(t)
	require.EqualValues(t, rounds*callers, answered.Load(), "none is dropped")

	// One call at a time. What lies between it and the start of the process, and
	// between listening and being called, is the supervisor's; the rest is
	// Python's.
	var shares []time.Duration
	c := newClient(t, p.URL, p.Token)
	for range 5 {
		asleep()
		require.NoError(t, os.RemoveAll(notes))
		begun := time.Now()
		require.NoError(t, call(c))
		at := moments(t, notes)
		shares = append(shares, (at["started"].Sub(begun) + at["called"].Sub(at["listens"])).Round(time.Millisecond))
		t.Logf("started after %s, its first instruction %s later, it listens after %s and is called after %s",
			at["started"].Sub(begun), at["first"].Sub(at["started"]), at["listens"].Sub(at["first"]), at["called"].Sub(at["listens"]))
	}
	t.Logf("a hundred calls of a service that did not run were answered within %v; the supervisor's share of a start: %v", first, shares)
	// The best, because a machine that stands still says nothing of the supervisor.
	require.Less(t, slices.Min(shares), 150*time.Millisecond, "the supervisor's share")
}

// moments reads what a stamped program noted.
func moments(t *testing.T, file string) map[string]time.Time {
	t.Helper()
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	out := map[string]time.Time{}
	for line := range strings.Lines(string(body)) {
		what, moment, _ := strings.Cut(strings.TrimSpace(line), " ")
		seconds, err := strconv.ParseFloat(moment, 64)
		require.NoError(t, err, line)
		out[what] = time.UnixMicro(int64(seconds * 1e6))
	}
	for _, what := range []string{"started", "first", "listens", "called"} {
		require.Contains(t, out, what, "%s", body)
	}
	return out
}

func replaceIn(t *testing.T, file, was, is string) {
	t.Helper()
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(body), was)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(body), was, is, 1)), 0o600))
}

// revisionOf writes a copy of the Node.js service whose answers say which
// revision gave them, and gives its manifest.
func revisionOf(t *testing.T, version, change string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(testbed.Root(t), "plugins"))))
	folder := filepath.Join(dir, "services", "node")
	for file, edit := range map[string][2]string{
		"plugin.yaml": {"version: 1.0.0", "version: " + version},
		"main.mjs":    {"const [text, wanted] = read(data);", "const [text, wanted] = read(data); " + change},
	} {
		body, err := os.ReadFile(filepath.Join(folder, file))
		require.NoError(t, err)
		fresh := strings.Replace(string(body), edit[0], edit[1], 1)
		require.Contains(t, string(body), edit[0])
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(fresh), 0o600))
	}
	return filepath.Join(folder, "plugin.yaml")
}

// TestCanariesOfAPlugin: the split is exact, an equal revision is promoted, one
// that fails is taken back, both without anybody.
func TestCanariesOfAPlugin(t *testing.T) {
	p, me := withPlugins(t)
	says := func(word string) string { return `return {text: "` + word + `", findings: []};` }
	me.must(t, "deploy", "apply", "-f", revisionOf(t, "1.0.0", says("one")), "--yes", "--watch")

	// calls counts the answers by what they say, until there are n or enough
	// says so.
	calls := func(n int64, enough func() bool) map[string]int64 {
		var mu sync.Mutex
		count := map[string]int64{}
		var sent atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				c := newClient(t, p.URL, p.Token)
				for sent.Add(1) <= n && !enough() {
					out, err := api.ServicesInvoke.Call(t.Context(), c, api.InvokeInput{Service: "mask", Operation: "text", Data: json.RawMessage(`{"text":"x"}`)})
					word := "error"
					if err == nil {
						word = decoded[struct{ Text string }](t, string(out)).Text
					}
					mu.Lock()
					count[word]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return count
	}
	canary := func() *api.DeployCanary {
		out, _, _ := me.run(t, "deploy", "status", "mask", "-o", "json")
		return decoded[api.DeployStatus](t, out).Canary
	}
	// decide calls until the canary has ended by itself.
	decide := func() map[string]int64 {
		var over atomic.Bool
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil && !over.Load() {
				over.Store(canary() == nil)
				time.Sleep(100 * time.Millisecond)
			}
			over.Store(true)
		})
		count := calls(1<<40, over.Load)
		wg.Wait()
		require.Nil(t, canary(), "the canary was decided")
		return count
	}

	me.must(t, "deploy", "apply", "-f", revisionOf(t, "1.1.0", says("two")), "--canary", "10", "--yes", "--reason", "equal")
	t.Logf("until the equal one was promoted: %v", decide())
	require.Equal(t, map[string]int64{"two": 200}, calls(200, func() bool { return false }), "it gets all calls")

	me.must(t, "deploy", "canary", "mask", "--revision", "1", "--weight", "10", "--yes")
	testbed.Eventually(t, 20*time.Second, "revision 1 is ready", func(context.Context) error {
		if n := calls(100, func() bool { return false })["one"]; n == 0 {
			return errors.New("it gets no calls yet")
		}
		return nil
	})
	// Few enough to be over before a canary can be decided (ten seconds): the
	// runtime's own tests count ten thousand.
	count := calls(4_000, func() bool { return false })
	t.Logf("4,000 calls at 10 %%: %v", count)
	t.Log(me.must(t, "deploy", "status", "mask"))
	require.InDelta(t, 400, count["one"], 40, "within a point of ten percent")
	require.EqualValues(t, 4_000, count["one"]+count["two"], "and no error")
	me.must(t, "deploy", "canary", "mask", "--abort", "--yes")

	me.must(t, "deploy", "apply", "-f", revisionOf(t, "1.2.0", `if (Math.random() < 0.2) throw new Error("bad"); `+says("three")), "--canary", "10", "--yes", "--reason", "it fails")
	t.Logf("until the failing one was taken back: %v", decide())
	require.Equal(t, map[string]int64{"two": 200}, calls(200, func() bool { return false }), "the one before has all calls again")
}
