package devstack

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func TestOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"no directory":       func(o *Options) { o.DataDir = "" },
		"no URL":             func(o *Options) { o.ExternalURL = "" },
		"a relative URL":     func(o *Options) { o.ExternalURL = "/x" },
		"a busy scraper":     func(o *Options) { o.ScrapeInterval = time.Millisecond },
		"busy rules":         func(o *Options) { o.EvaluationInterval = time.Microsecond },
		"no retention":       func(o *Options) { o.Retention = time.Second },
		"a bad objective":    func(o *Options) { o.Config.SLOs = []SLO{{Name: "x"}} },
		"a bad webhook":      func(o *Options) { o.Config.Webhooks = []Webhook{{URL: "ftp://x"}} },
		"no such file":       func(o *Options) { o.Config.AlertmanagerFile = "/absent" },
		"a bad Alertmanager": func(o *Options) { o.Config.AlertmanagerConfig = []byte("route: 1") },
		"a bad glob":         func(o *Options) { o.Config.RuleFiles = []string{"["} },
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			change(&o)
			_, err := Open(t.Context(), o)
			require.Equal(t, fail.Usage, fail.CodeOf(err), "%v", err)
		})
	}
}

func TestTwoOnOneDirectory(t *testing.T) {
	t.Parallel()
	o := options(t)
	open(t, o)
	_, err := Open(t.Context(), o)
	require.Equal(t, fail.Conflict, fail.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "in use")
}

func TestCloseTwice(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), options(t))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.Equal(t, fail.Unavailable, fail.CodeOf(s.Ready(t.Context())))
	require.Equal(t, fail.Unavailable, fail.CodeOf(s.Reload(t.Context(), Config{})))
}

// age opens a stack on the directory for long enough to leave data behind.
func age(t testing.TB, o Options) {
	t.Helper()
	s, err := Open(t.Context(), o)
	require.NoError(t, err)
	eventually(t, "something is scraped", func() bool { return s.prom.Samples() > 100 })
	require.NoError(t, s.Close())
}

// Whatever is found in the directory, Open either works or says what to do;
// it never panics.
func TestDamagedData(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		damage func(t *testing.T, dir string)
		opens  bool
	}{
		"a torn log": {func(t *testing.T, dir string) {
			t.Helper()
			each(t, filepath.Join(dir, "prometheus", "wal", "0*"), func(text []byte) []byte { return text[:len(text)-len(text)/3] })
		}, true},
		"garbage in the log": {func(t *testing.T, dir string) {
			t.Helper()
			each(t, filepath.Join(dir, "prometheus", "wal", "0*"), func(text []byte) []byte {
				for i := range text[len(text)/2:] {
					text[len(text)/2+i] ^= 0x5a
				}
				return text
			})
		}, true},
		"garbage in the snapshot of the head": {func(t *testing.T, dir string) {
			t.Helper()
			each(t, filepath.Join(dir, "prometheus", "chunk_snapshot*", "0*"), func(text []byte) []byte { text[len(text)/2] ^= 0xff; return text })
		}, true},
		"a block without an index": {func(t *testing.T, dir string) {
			t.Helper()
			block := filepath.Join(dir, "prometheus", "01HZZZZZZZZZZZZZZZZZZZZZZZ")
			require.NoError(t, os.MkdirAll(filepath.Join(block, "chunks"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(block, "meta.json"),
				[]byte(`{"ulid":"01HZZZZZZZZZZZZZZZZZZZZZZZ","minTime":0,"maxTime":1,"version":1}`), 0o600))
		}, true},
		"a file where the directory was": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "prometheus")))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus"), nil, 0o600))
		}, false},
		"garbage for silences": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "alertmanager", "silences"), []byte("\xff\xfe garbage"), 0o600))
		}, false},
		"garbage for the notification log": {func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "alertmanager", "nflog"), []byte("\xff\xfe garbage"), 0o600))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			age(t, o)
			tt.damage(t, o.DataDir)
			s, err := Open(t.Context(), o)
			if tt.opens {
				require.NoError(t, err)
				require.NoError(t, s.Ready(t.Context()))
				require.NoError(t, s.Close())
				return
			}
			require.Equal(t, fail.Failed, fail.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, o.DataDir)
		})
	}
}

// each rewrites the files that match; there must be one.
func each(t testing.TB, pattern string, change func([]byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files, pattern)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		if len(text) > 0 {
			require.NoError(t, os.WriteFile(f, change(text), 0o600))
		}
	}
}

type panicking struct{ asked *atomic.Int32 }

func (p panicking) RoundTrip(*http.Request) (*http.Response, error) {
	p.asked.Add(1)
	panic("a bad transport")
}

func TestATransportThatPanicsIsATargetThatIsDown(t *testing.T) {
	t.Parallel()
	s, url := open(t, options(t))
	var asked atomic.Int32
	require.NoError(t, s.SetTargets("x", []Target{{URL: "http://x", Transport: panicking{&asked}}}))
	eventually(t, "it is asked", func() bool { return asked.Load() > 1 })
	eventually(t, "it is down", func() bool { return len(vector(t, url, `up{job="x"} == 0`, "job")) == 1 })
	require.NoError(t, s.Ready(t.Context()))
}

// TestFullDisk runs a stack in a process of its own whose files may not grow:
// every write fails, as on a full disk.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDiskChild$", "-test.v")
	cmd.Env = append(os.Environ(), "DEVSTACK_FULL_DISK="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "still answering")
}
