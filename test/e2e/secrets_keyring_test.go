//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets/vault"
	"github.com/aictl/aictl/test/testbed"
)

// TestTheVaultsKeyInARealKeyring takes a platform's key from its file into
// GNOME's keyring and back, and shows at each wrong turn that the secrets are
// refused, that all else works, and that no new key was made.
func TestTheVaultsKeyInARealKeyring(t *testing.T) {
	ring := testbed.StartKeyring(t)
	p := testbed.UpWith(t, []string{"DBUS_SESSION_BUS_ADDRESS=" + ring.Address})
	inFile := p.Env
	inKeyring := append(slices.Clone(p.Env), "AICTL_SERVER_SECRETS_VAULT_KEYRING=e2e")
	file := filepath.Join(p.DataDir, "vault.key")
	bin := filepath.Join(p.Workspace, "bin")
	me := &person{bin: filepath.Join(bin, "aictl"), env: p.Env}
	set := exec.CommandContext(t.Context(), me.bin, "secrets", "set", "app/db", "--yes")
	set.Env, set.Stdin = me.env, strings.NewReader("of-the-vault")
	require.NoError(t, set.Run())
	key, err := os.ReadFile(file)
	require.NoError(t, err)
	secret := keyLine(t, key)

	again := func(env []string) {
		t.Helper()
		me.must(t, "down")
		me.env = env
		me.must(t, "up", "--listen", "127.0.0.1:0")
	}
	works := func() {
		t.Helper()
		require.Equal(t, "of-the-vault\n", me.must(t, "secrets", "get", "app/db", "--reveal"))
	}
	refused := func(says, next string) {
		t.Helper()
		out, errs, exit := me.run(t, "secrets", "get", "app/db", "--reveal")
		require.Equal(t, fail.Unavailable.Exit(), exit, "%s%s", out, errs)
		require.Contains(t, errs, says)
		require.Contains(t, errs, next)
		require.NotContains(t, errs, secret)
		_, errs, exit = me.run(t, "secrets", "set", "app/other", "--generate", "32", "--yes")
		require.Equal(t, fail.Unavailable.Exit(), exit, "nothing is written under another key: %s", errs)
		me.must(t, "services", "list") // all else works
	}
	move := func(env []string, want int, args ...string) (says string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "aictl-server"), append([]string{"vault-key", "--data-dir", p.DataDir}, args...)...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		var status *exec.ExitError
		require.True(t, err == nil || errors.As(err, &status), "%v", err)
		require.Equal(t, want, cmd.ProcessState.ExitCode(), "%s", out)
		require.NotContains(t, string(out), secret)
		return string(out)
	}
	works()

	again(inKeyring)
	refused("is in "+file, "aictl-server vault-key --to keyring")
	require.Contains(t, move(inKeyring, fail.Conflict.Exit(), "--to", "keyring"), "in use by the server")
	require.Contains(t, move(inFile, fail.Usage.Exit(), "--to", "elsewhere"), "--to keyring")
	me.must(t, "down")
	require.Contains(t, move(inKeyring, 0, "--to", "keyring"), "the keyring's entry e2e")
	require.NoFileExists(t, file)
	me.must(t, "up", "--listen", "127.0.0.1:0")
	works()
	noFileHas(t, p.DataDir, secret)

	// After a boot where nobody signed in, it is locked.
	ring.Restart(t, false)
	again(inKeyring)
	refused("keyring does not give", "unlock the keyring")
	ring.Restart(t, true)
	works() // the server need not start again
	set = exec.CommandContext(t.Context(), me.bin, "secrets", "rotate", "app/db", "--keep-old", "--yes")
	set.Env, set.Stdin = me.env, strings.NewReader("rotated")
	require.NoError(t, set.Run())
	require.Equal(t, "rotated\n", me.must(t, "secrets", "get", "app/db", "--reveal"))
	require.Equal(t, "of-the-vault\n", me.must(t, "secrets", "get", "app/db", "--reveal", "--version", "1"))

	again(inFile)
	refused(file, "secrets.vault.keyring")
	require.NoFileExists(t, file, "no new key over what is sealed")
	me.must(t, "down")
	require.Contains(t, move(inKeyring, 0, "--to", "file"), file)
	me.must(t, "up", "--listen", "127.0.0.1:0")
	require.Equal(t, "rotated\n", me.must(t, "secrets", "get", "app/db", "--reveal"))
	back, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(key), string(back))
	again(inKeyring)
	refused("is in "+file, "aictl-server vault-key --to keyring") // so the entry has gone
}

// TestServersThatStartAtOnceHaveOneKeyInTheKeyring: of servers at their first
// start none overwrites the key under which another one has sealed.
func TestServersThatStartAtOnceHaveOneKeyInTheKeyring(t *testing.T) {
	ring := testbed.StartKeyring(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", ring.Address)
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of their lock
	for round := range 10 {
		o := vault.KeyOptions{File: filepath.Join(t.TempDir(), "vault.key"), Keyring: fmt.Sprint("round-", round), Create: true}
		ids := make([]string, 8)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				k, err := vault.OpenKey(t.Context(), o)
				if err != nil {
					ids[i] = err.Error()
					return
				}
				ids[i] = k.ID()
			})
		}
		wg.Wait()
		o.Create = false
		kept, err := vault.OpenKey(t.Context(), o)
		require.NoError(t, err)
		for _, id := range ids {
			require.Equal(t, kept.ID(), id)
		}
	}
}

// keyLine is the line of a key's file that is no comment.
func keyLine(t *testing.T, body []byte) string {
	t.Helper()
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") {
			return strings.TrimSpace(line)
		}
	}
	require.FailNow(t, "there is no key in the file")
	return ""
}

// noFileHas looks for a text in every file below a directory.
func noFileHas(t *testing.T, dir, text string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what went meanwhile
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		files++
		require.False(t, bytes.Contains(body, []byte(text)), path)
		return nil
	}))
	require.Greater(t, files, 3)
}
