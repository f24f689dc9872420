//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/test/testbed"
)

// withPlugins is a platform where Deno is on PATH, and somebody who uses it.
func withPlugins(t *testing.T) (*testbed.Platform, *person) {
	t.Helper()
	t.Setenv("PATH", testbed.Deno(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	p := testbed.Up(t)
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
// every caller gets an answer or a typed error, and the replicas come back.
func TestKilledPluginsUnderLoad(t *testing.T) {
	p, me := withPlugins(t)
	me.must(t, "deploy", "apply", "-f", manifest(t, "node"), "--yes", "--watch")
	me.must(t, "deploy", "scale", "mask", "--replicas", "2", "--yes", "--watch")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var answered, typed atomic.Int64
	var bad, refused faults
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			c := newClient(t, p.URL, p.Token)
			for ctx.Err() == nil {
				in := api.InvokeInput{Service: "mask", Operation: "text", Data: json.RawMessage(`{"text":"a@example.com"}`)}
				out, err := api.ServicesInvoke.Call(t.Context(), c, in)
				switch {
				case err == nil && strings.Contains(string(out), "[email]"):
					answered.Add(1)
				case err != nil && fail.CodeOf(err) != fail.Internal:
					typed.Add(1)
					refused.add("%v", err)
				default:
					bad.add("%s, %v", out, err)
				}
			}
		})
	}
	kills := 0
	for ctx.Err() == nil {
		time.Sleep(700 * time.Millisecond)
		for _, pid := range pids(t, p, "main.mjs") {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				kills++
				break
			}
		}
	}
	wg.Wait()
	t.Logf("%d kills: %d answers, %d typed errors", kills, answered.Load(), typed.Load())
	require.Zero(t, bad.count, "%v", bad.first)
	require.Positive(t, kills)
	t.Logf("the typed errors: %v", refused.first)
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

// TestAPluginFromZero: calls that find no replica wait for one; none is
// dropped, and the supervisor adds little to what Python itself takes.
func TestAPluginFromZero(t *testing.T) {
	p, me := withPlugins(t)
	dir := t.TempDir()
	source := filepath.Join(testbed.Root(t), "plugins")
	require.NoError(t, os.CopyFS(dir, os.DirFS(source)))
	file := filepath.Join(dir, "services", "python", "plugin.yaml")
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(body), "scale: {min: 1, max: 4, concurrency: 8}", "scale: {min: 0, max: 4, concurrency: 8, idle: 1s}", 1)), 0o600))
	me.must(t, "deploy", "apply", "-f", file, "--yes", "--watch")
	asleep := func() {
		testbed.Eventually(t, 30*time.Second, "the replica is stopped", func(context.Context) error {
			if n := len(pids(t, p, "main.py")); n > 0 {
				return fmt.Errorf("%d processes", n)
			}
			return nil
		})
	}
	var wg sync.WaitGroup
	var bad faults
	var first []time.Duration
	for range 3 {
		asleep()
		start := time.Now()
		for i := range 100 {
			wg.Go(func() {
				c := newClient(t, p.URL, p.Token)
				in := api.InvokeInput{Service: "digest", Operation: "summarize", Data: json.RawMessage(`{"text":"One. Two."}`)}
				if _, err := api.ServicesInvoke.Call(t.Context(), c, in); err != nil {
					bad.add("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		first = append(first, time.Since(start))
	}
	require.Zero(t, bad.count, "%v", bad.first)
	t.Logf("a hundred calls of a service that did not run were answered within %v", first)
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
	t.Setenv("PATH", testbed.Deno(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	p := testbed.UpWith(t, []string{"AICTL_SERVER_LIMITS_RPS=0"})
	me := &person{bin: filepath.Join(p.Workspace, "bin", "aictl"), env: p.Env}
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
