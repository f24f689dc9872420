package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/audit"
	"github.com/aictl/aictl/internal/op"
)

// crashDir makes TestCrashWriter the child of TestCrash: it names the data.
const crashDir = "AICTL_TEST_CRASH_DIR"

// TestCrashWriter is what TestCrash kills: it records mutations from several
// goroutines, and says each that was acknowledged. It does nothing by itself.
func TestCrashWriter(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return
	}
	s, err := Open(t.Context(), filepath.Join(dir, "aictl.db"))
	require.NoError(t, err)
	log, err := audit.New(Audit{s}, dir, time.Now, nil)
	require.NoError(t, err)
	var mu sync.Mutex
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				finish, err := log.Begin(context.Background(), op.Record{Operation: "test", Target: name})
				if err == nil {
					err = account(context.Background(), s, name)
				}
				if err == nil {
					err = finish(context.Background(), nil)
				}
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println("ack", name)
				}
				mu.Unlock()
			}
		})
	}
	writers.Wait()
}

// TestCrash kills a writer without warning, twenty times, at another moment
// each: what it said was acknowledged is there, and the chain holds.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 20 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashWriter$")
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for lines, said := bufio.NewScanner(out), 0; lines.Scan(); {
			name, ok := strings.CutPrefix(lines.Text(), "ack ")
			require.True(t, ok, lines.Text())
			acknowledged[name] = true
			if said++; said == 5+round {
				// What the pipe still holds was said before the kill: it counts.
				require.NoError(t, cmd.Process.Kill())
			}
		}
		_, _ = io.Copy(io.Discard, out)
		require.Error(t, cmd.Wait())
	}
	s := open(t, filepath.Join(dir, "aictl.db"))
	log, err := audit.New(Audit{s}, dir, time.Now, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()
	report, err := log.Verify(t.Context())
	require.NoError(t, err)
	require.True(t, report.OK, "at %v: %s", report.BrokenAt, report.Why)
	entries, err := log.List(t.Context(), api.AuditFilter{Limit: 100_000})
	require.NoError(t, err)
	phases := map[string]map[string]bool{"intent": {}, "outcome": {}}
	for _, e := range entries {
		phases[e.Phase][e.Target] = true
	}
	accounts, err := Identity{s}.Accounts(t.Context(), time.Now())
	require.NoError(t, err)
	kept := map[string]bool{}
	for _, a := range accounts {
		kept[a.Name] = true
		require.True(t, phases["intent"][a.Name], "nothing is done without its record")
	}
	require.GreaterOrEqual(t, len(acknowledged), 20*5)
	for name := range acknowledged {
		require.True(t, kept[name] && phases["outcome"][name], "%s was acknowledged and is lost", name)
	}
	t.Logf("%d acknowledged, %d records", len(acknowledged), report.Records)
}
