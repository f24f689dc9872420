package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// build compiles both binaries once a test process; the directory lives as
// long as the process' build cache needs no second look at it.
var build = sync.OnceValues(func() (string, error) {
	prune()
	dir, err := os.MkdirTemp("", "aictl-bin-")
	if err != nil {
		return "", err
	}
	// By the Makefile, as a reader builds them: with the same version in both.
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	cmd := exec.Command("make", "build", "BIN="+dir)
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(root)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binaries: %w\n%s", err, out)
	}
	return dir, nil
})

// prune removes what earlier runs have built: a test process cannot know when
// the last of its tests is done with the binaries.
func prune() {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), "aictl-bin-*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > 3*time.Hour {
			_ = os.RemoveAll(dir) // the next run tries again
		}
	}
}

// Binaries is a directory with aictl and aictl-server, built from this tree.
func Binaries(t testing.TB) string {
	t.Helper()
	dir, err := build()
	require.NoError(t, err)
	return dir
}

// Platform is a running platform with a home of its own.
type Platform struct {
	URL   string
	Token string // of the admin that the first start made
	// DataDir is the platform's data directory.
	DataDir string
	// Workspace holds bin/ and docs/, as a reader of the manual has them.
	Workspace string
	// Env is the environment in which `aictl` finds this platform.
	Env []string
}

// Home is an environment of a person who has never used aictl: an empty home,
// bin on PATH, none of the tester's own settings.
func Home(t testing.TB, bin string) (home string, env []string) {
	t.Helper()
	home = t.TempDir()
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "AICTL_"), strings.HasPrefix(name, "XDG_"), name == "HOME", name == "PATH",
			name == "NO_COLOR", name == "CLICOLOR_FORCE", name == "KUBECONFIG":
		default:
			env = append(env, kv)
		}
	}
	run := filepath.Join(home, "run")
	require.NoError(t, os.Mkdir(run, 0o700))
	return home, append(env,
		"HOME="+home, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"XDG_CONFIG_HOME="+filepath.Join(home, "config"), "XDG_DATA_HOME="+filepath.Join(home, "data"),
		"XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CACHE_HOME="+filepath.Join(home, "cache"),
		"XDG_RUNTIME_DIR="+run)
}

// Up starts a platform the way a person does, with `aictl up`, on a port that
// the system chooses, and takes it down when the test ends. Further arguments
// are passed to `aictl up`.
func Up(t testing.TB, args ...string) *Platform {
	t.Helper()
	return UpWith(t, nil, args...)
}

// UpWith is Up with variables ("AICTL_SERVER_…=value") in the environment.
func UpWith(t testing.TB, variables []string, args ...string) *Platform {
	t.Helper()
	root, bin := Root(t), Binaries(t)
	work := t.TempDir()
	shims := filepath.Join(work, "shims")
	require.NoError(t, os.MkdirAll(filepath.Join(work, "bin"), 0o755))
	require.NoError(t, os.Mkdir(shims, 0o755))
	for _, name := range []string{"aictl", "aictl-server"} {
		require.NoError(t, os.Link(filepath.Join(bin, name), filepath.Join(work, "bin", name)))
	}
	require.NoError(t, os.Symlink(filepath.Join(root, "docs"), filepath.Join(work, "docs")))
	// `make TARGET` in the workspace is the repository's own, with this bin/.
	script := fmt.Sprintf("#!/bin/sh\nPATH=%q exec make --no-print-directory -C %q BIN=%q \"$@\"\n", os.Getenv("PATH"), root, filepath.Join(work, "bin"))
	require.NoError(t, os.WriteFile(filepath.Join(shims, "make"), []byte(script), 0o755)) //nolint:gosec // a script has to be executable

	home, env := Home(t, shims+string(os.PathListSeparator)+filepath.Join(work, "bin"))
	p := &Platform{Workspace: work, Env: slices.Concat(env, GoEnv(t), variables)}
	p.Run(t, append([]string{"up", "--listen", "127.0.0.1:0"}, args...)...)
	t.Cleanup(func() {
		out, err := p.command(context.Background(), "down").CombinedOutput()
		if err != nil {
			t.Errorf("aictl down: %v\n%s", err, out)
		}
	})
	var status struct {
		DataDir string `json:"dataDir"`
		Server  struct {
			URL   string
			Ready bool
			PID   int
		}
	}
	out := p.Run(t, "status", "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(out), &status), out)
	require.True(t, status.Server.Ready, out)
	p.URL, p.DataDir, p.Token = status.Server.URL, status.DataDir, token(t, filepath.Join(home, "config"))
	return p
}

// GoEnv keeps the Go tool's caches in reach of a process with another home.
func GoEnv(t testing.TB) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"GOMODCACHE", "GOCACHE", "GOFLAGS", "GOPROXY", "GOENV"} {
		out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		require.NoError(t, err)
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

// Command is aictl in the platform's environment, not started yet; it is
// killed when the test ends.
func (p *Platform) Command(t testing.TB, args ...string) *exec.Cmd {
	return p.command(t.Context(), args...)
}

func (p *Platform) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.Workspace, "bin", "aictl"), args...)
	cmd.Dir, cmd.Env = p.Workspace, p.Env
	return cmd
}

// Run runs aictl in the platform's environment and returns its standard
// output; a failure fails the test with what it wrote.
func (p *Platform) Run(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := p.command(ctx, args...)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	require.NoError(t, err, "aictl %s\n%s%s", strings.Join(args, " "), out, &errors)
	return string(out)
}

var bearer = regexp.MustCompile(`aictl_[A-Za-z0-9_-]{16,}`)

// token finds the bearer token that the first start wrote to the person's
// configuration.
func token(t testing.TB, config string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(config, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || found != "" {
			return err
		}
		body, err := os.ReadFile(path)
		if m := bearer.Find(body); m != nil {
			found = string(m)
			info, statErr := entry.Info()
			require.NoError(t, statErr)
			require.EqualValues(t, 0o600, info.Mode().Perm(), "%s holds a token", path)
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, found, "no token in the configuration under %s", config)
	return found
}
