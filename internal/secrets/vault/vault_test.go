package vault_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the attacker's hand on the file

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/secretstest"
	"github.com/aictl/aictl/internal/secrets/vault"
	"github.com/aictl/aictl/internal/store"
	"github.com/aictl/aictl/internal/store/storetest"
)

func open(t *testing.T, dir string) (*vault.Vault, *store.Store) {
	t.Helper()
	db := storetest.Open(t, filepath.Join(dir, "aictl.db"))
	key, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: filepath.Join(dir, "vault.key"), Create: true})
	require.NoError(t, err)
	v, err := vault.Open(t.Context(), store.Vault{Store: db}, key, vault.Options{})
	require.NoError(t, err)
	return v, db
}

func set(t *testing.T, v *vault.Vault, path, value string) *secrets.Info {
	t.Helper()
	x := secrets.CopyOf([]byte(value))
	defer x.Close()
	info, err := v.Put(t.Context(), path, x, secrets.PutOptions{Actor: "ada"})
	require.NoError(t, err)
	return info
}

func TestConformance(t *testing.T) {
	secretstest.Conformance(t, func(t *testing.T) secretstest.Target {
		v, _ := open(t, t.TempDir())
		return secretstest.Target{
			Store: v, Folder: "app/", Name: func(i int) string { return fmt.Sprintf("db-%03d", i) },
			Bad: []string{"/app", "app/", "app//db", "a b", "app/../db", "-x", "app\u202edb"},
		}
	})
}

const canary = "c4n4ry-p4ssw0rd"

func TestNothingAtRestShowsAValue(t *testing.T) {
	dir := t.TempDir()
	v, db := open(t, dir)
	for i := range 20 {
		set(t, v, fmt.Sprint("app/db", i), canary)
	}
	require.NoError(t, v.Delete(t.Context(), "app/db3", secrets.DeleteOptions{}))
	require.NoError(t, db.Close())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		require.False(t, bytes.Contains(body, []byte(canary)), f.Name())
	}
}

// TestSwapsAreFound puts every record in every other one's place.
func TestSwapsAreFound(t *testing.T) {
	dir := t.TempDir()
	v, db := open(t, dir)
	for _, name := range []string{"a", "b"} {
		for i := range 3 {
			set(t, v, name, fmt.Sprintf("%s-%d", name, i))
		}
	}
	raw, err := sql.Open("sqlite", filepath.Join(dir, "aictl.db"))
	require.NoError(t, err)
	defer raw.Close()
	type place struct {
		name    string
		version int64
	}
	sealed := map[place]string{}
	for _, name := range []string{"a", "b"} {
		for n := int64(1); n <= 3; n++ {
			var s string
			require.NoError(t, raw.QueryRowContext(t.Context(), `SELECT sealed FROM vault_versions WHERE name = ? AND version = ?`, name, n).Scan(&s))
			sealed[place{name, n}] = s
		}
	}
	write := func(p place, s string) {
		_, err := raw.ExecContext(t.Context(), `UPDATE vault_versions SET sealed = ? WHERE name = ? AND version = ?`, s, p.name, p.version)
		require.NoError(t, err)
	}
	get := func(p place) error {
		x, _, err := v.Get(t.Context(), p.name, fmt.Sprint(p.version))
		x.Close()
		return err
	}
	swaps := 0
	for at, own := range sealed {
		for from, other := range sealed {
			write(at, other)
			if from == at {
				require.NoError(t, get(at))
				continue
			}
			swaps++
			err := get(at)
			require.Equal(t, fail.Failed, fail.CodeOf(err))
			require.ErrorContains(t, err, "put in this one's place")
		}
		write(at, own)
	}
	require.Equal(t, 30, swaps)
	// Every byte that is changed is found, in the text of base64 also.
	p := place{"a", 1}
	own := sealed[p]
	for i := 0; i < len(own); i += 7 {
		flipped := []byte(own)
		flipped[i] ^= 1
		write(p, string(flipped))
		if err := get(p); err == nil {
			t.Fatalf("a change at byte %d of %d went unseen", i, len(own))
		}
	}
	for _, bad := range []string{"", "x", own[:len(own)/2], own + own} {
		write(p, bad)
		require.Equal(t, fail.Failed, fail.CodeOf(get(p)))
	}
	_ = db
}

func TestForeignRecordsAreRefused(t *testing.T) {
	dir := t.TempDir()
	v, _ := open(t, dir)
	set(t, v, "a", "one")
	elsewhere := t.TempDir()
	other, _ := open(t, elsewhere)
	set(t, other, "a", "evil")
	from, err := sql.Open("sqlite", filepath.Join(elsewhere, "aictl.db"))
	require.NoError(t, err)
	defer from.Close()
	var sealed string
	require.NoError(t, from.QueryRowContext(t.Context(), `SELECT sealed FROM vault_versions`).Scan(&sealed))
	to, err := sql.Open("sqlite", filepath.Join(dir, "aictl.db"))
	require.NoError(t, err)
	defer to.Close()
	_, err = to.ExecContext(t.Context(), `UPDATE vault_versions SET sealed = ?`, sealed)
	require.NoError(t, err)
	_, _, err = v.Get(t.Context(), "a", "")
	require.ErrorContains(t, err, "another one than that which sealed")
}

func TestTheKey(t *testing.T) {
	t.Run("wrong", func(t *testing.T) {
		dir := t.TempDir()
		v, db := open(t, dir)
		set(t, v, "a", "one")
		require.NoError(t, os.Remove(filepath.Join(dir, "vault.key")))
		_, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: filepath.Join(dir, "vault.key")})
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
		require.ErrorContains(t, err, "missing")
		key, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: filepath.Join(dir, "vault.key"), Create: true})
		require.NoError(t, err)
		_, err = vault.Open(t.Context(), store.Vault{Store: db}, key, vault.Options{})
		require.ErrorContains(t, err, "another one")
	})
	t.Run("wide files and directories", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "vault.key")
		_, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: path, Create: true})
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
			require.NoError(t, os.Chmod(path, mode)) //nolint:gosec // too wide, on purpose
			_, err = vault.OpenKey(t.Context(), vault.KeyOptions{File: path})
			require.Equal(t, fail.Refused, fail.CodeOf(err), mode)
			require.Contains(t, fail.From(err).Next, "chmod 600")
		}
		require.NoError(t, os.Chmod(path, 0o600))
		require.NoError(t, os.Chmod(dir, 0o770)) //nolint:gosec // too wide, on purpose
		_, err = vault.OpenKey(t.Context(), vault.KeyOptions{File: path})
		require.Equal(t, fail.Refused, fail.CodeOf(err))
		require.NoError(t, os.Chmod(dir, 0o700)) //nolint:gosec // a directory
		link := filepath.Join(dir, "link")
		require.NoError(t, os.Symlink(path, link))
		_, err = vault.OpenKey(t.Context(), vault.KeyOptions{File: link})
		require.Equal(t, fail.Refused, fail.CodeOf(err))
	})
	t.Run("damaged says nothing of it", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "vault.key")
		for _, body := range []string{"", "# nothing", "AGE-SECRET-KEY-PQ-1" + canary, "\x00\xff"} {
			require.NoError(t, os.WriteFile(path, []byte(body), 0o600))
			_, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: path})
			require.Equal(t, fail.Failed, fail.CodeOf(err))
			require.NotContains(t, err.Error(), canary)
		}
	})
	t.Run("does not print itself", func(t *testing.T) {
		key, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: filepath.Join(t.TempDir(), "k"), Create: true})
		require.NoError(t, err)
		secret := string(key.Secret())
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", key, key, key, key), key.ID()} {
			require.NotContains(t, text, secret)
			require.NotContains(t, text, "AGE-SECRET")
		}
	})
	t.Run("two at once read one", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "vault.key")
		ids := make(chan string, 8)
		for range 8 {
			go func() {
				k, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: path, Create: true})
				if err != nil {
					ids <- err.Error()
					return
				}
				ids <- k.ID()
			}()
		}
		first := <-ids
		for range 7 {
			require.Equal(t, first, <-ids)
		}
	})
}

func TestVersionsAreBounded(t *testing.T) {
	dir := t.TempDir()
	db := storetest.Open(t, filepath.Join(dir, "aictl.db"))
	key, err := vault.OpenKey(t.Context(), vault.KeyOptions{File: filepath.Join(dir, "vault.key"), Create: true})
	require.NoError(t, err)
	v, err := vault.Open(t.Context(), store.Vault{Store: db}, key, vault.Options{Keep: 4, Now: func() time.Time { return time.Unix(1, 0) }})
	require.NoError(t, err)
	for i := range 10 {
		set(t, v, "a", fmt.Sprint("value ", i))
	}
	all, err := v.History(t.Context(), "a")
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.Equal(t, "10", all[0].Version)
	// The current one is kept, however old.
	_, err = v.Promote(t.Context(), "a", "7")
	require.NoError(t, err)
	for range 6 {
		x := secrets.CopyOf([]byte("staged"))
		_, err := v.Put(t.Context(), "a", x, secrets.PutOptions{Staged: true})
		require.NoError(t, err)
	}
	x, info, err := v.Get(t.Context(), "a", "")
	require.NoError(t, err)
	require.Equal(t, "7", info.Version)
	require.Equal(t, "value 6", string(x.Bytes()))
}

func TestACountGoesOnAfterADeletion(t *testing.T) {
	v, _ := open(t, t.TempDir())
	set(t, v, "a", "one")
	set(t, v, "a", "two")
	require.NoError(t, v.Delete(t.Context(), "a", secrets.DeleteOptions{}))
	require.Equal(t, "3", set(t, v, "a", "three").Version)
	_, _, err := v.Get(t.Context(), "a", "1")
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
}

func TestTags(t *testing.T) {
	v, _ := open(t, t.TempDir())
	x := secrets.CopyOf([]byte("one"))
	info, err := v.Put(t.Context(), "a", x, secrets.PutOptions{Tags: map[string]string{"team": "shop", "max-age": "90d"}})
	require.NoError(t, err)
	require.Len(t, info.Tags, 2)
	info, err = v.Put(t.Context(), "a", x, secrets.PutOptions{Tags: map[string]string{"team": ""}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"max-age": "90d"}, info.Tags)
}

func TestKeptOverARestart(t *testing.T) {
	dir := t.TempDir()
	v, db := open(t, dir)
	set(t, v, "a", "one")
	require.NoError(t, db.Close())
	v, _ = open(t, dir)
	x, _, err := v.Get(t.Context(), "a", "")
	require.NoError(t, err)
	require.Equal(t, "one", string(x.Bytes()))
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %x %q", x, x, x, x, x), "one")
}
