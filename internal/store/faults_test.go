package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// account writes one account, as a write that is like any other.
func account(ctx context.Context, s *Store, name string) error {
	return Identity{s}.CreateAccount(ctx, name, op.Grant{Role: "viewer", Namespace: "*"}, time.Now())
}

func TestFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space ?&#%.db")
	s := open(t, path)
	require.NoError(t, account(t.Context(), s, "al"))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	var mode string
	require.NoError(t, s.write.QueryRow("PRAGMA journal_mode").Scan(&mode))
	require.Equal(t, "wal", mode)
	var sync, keys int
	require.NoError(t, s.write.QueryRow("PRAGMA synchronous").Scan(&sync))
	require.NoError(t, s.write.QueryRow("PRAGMA foreign_keys").Scan(&keys))
	require.Equal(t, []int{2, 1}, []int{sync, keys}, "FULL, on")
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		code fail.Code
		says string
	}{
		{"open to others", func(t *testing.T, path string) {
			require.NoError(t, open(t, path).Close())
			require.NoError(t, os.Chmod(path, 0o640))
		}, fail.Refused, "open to others"},
		{"a directory", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, fail.Usage, "is a directory"},
		{"not a database", func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("this is a letter. ", 400)), 0o600))
		}, fail.Failed, "is damaged"},
		{"a damaged page", func(t *testing.T, path string) {
			require.NoError(t, open(t, path).Close())
			body, err := os.ReadFile(path)
			require.NoError(t, err)
			for i := 100; i < len(body); i++ {
				body[i] = 0xA5
			}
			require.NoError(t, os.WriteFile(path, body, 0o600))
		}, fail.Failed, "is damaged"},
		{"of a newer program", func(t *testing.T, path string) {
			s := open(t, path)
			_, err := s.write.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}, fail.Version, "newer aictl-server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "aictl.db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := Open(t.Context(), path)
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.says)
			if c.code != fail.Version {
				require.ErrorContains(t, err, path)
			}
			require.True(t, c.code == fail.Usage || fail.From(err).Next != "", "names the next step")
			after, _ := os.ReadFile(path)
			require.Equal(t, before, after, "a refused file is left alone")
		})
	}
	t.Run("a directory that is not there", func(t *testing.T) {
		_, err := Open(t.Context(), filepath.Join(t.TempDir(), "no", "aictl.db"))
		require.Equal(t, fail.Failed, fail.CodeOf(err))
	})
	t.Run("a URL that is none", func(t *testing.T) {
		_, err := Open(t.Context(), "postgres://al:hunter2@[::1/x")
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	})
	t.Run("nobody listens", func(t *testing.T) {
		_, err := Open(t.Context(), "postgres://al:hunter2@127.0.0.1:1/x")
		require.Equal(t, fail.Unavailable, fail.CodeOf(err), "%v", err)
		require.NotContains(t, err.Error(), "hunter2")
	})
}

// A full disk is imitated by SQLite's own bound on the number of pages: it
// gives the same SQLITE_FULL.
func TestFullDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "aictl.db"))
	require.NoError(t, account(t.Context(), s, "al"))
	_, err := s.write.Exec("PRAGMA max_page_count = 1")
	require.NoError(t, err)
	ses := Sessions{s, time.Now}
	for i := 0; err == nil && i < 1000; i++ {
		_, err = ses.Create(t.Context(), "al", strings.Repeat("x", 50)+string(rune('a'+i%26))+string(rune('a'+i/26)), strings.Repeat("y", 200))
	}
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "full")
	all, err := Identity{s}.Accounts(t.Context(), time.Now())
	require.NoError(t, err, "reads go on")
	require.Len(t, all, 1)
	_, err = s.write.Exec("PRAGMA max_page_count = 100000")
	require.NoError(t, err)
	require.NoError(t, account(t.Context(), s, "bo"), "writes go on by themselves")
}

// TestFullDiskOfTheIndex: where a full disk stops the index of the write-ahead
// log, SQLite calls it an error of the disk. It is a full disk all the same, and
// does not end writing for good.
func TestFullDiskOfTheIndex(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "aictl.db"))
	err := s.translateSQLite(sql.ErrConnDone, 10|19<<8) // SQLITE_IOERR_SHMSIZE
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.ErrorContains(t, err, "is full")
	require.NoError(t, s.Ready(t.Context()))
	require.NoError(t, account(t.Context(), s, "al"), "writes go on by themselves")
}

func TestNothingIsAcknowledgedAfterAFailedSync(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "aictl.db"))
	require.NoError(t, account(t.Context(), s, "al"))
	failed := s.translateSQLite(sql.ErrConnDone, 10|4<<8) // SQLITE_IOERR_FSYNC
	require.Equal(t, fail.Unavailable, fail.CodeOf(failed))
	require.ErrorIs(t, account(t.Context(), s, "bo"), failed)
	require.ErrorIs(t, s.Ready(t.Context()), failed)
	all, err := Identity{s}.Accounts(t.Context(), time.Now())
	require.NoError(t, err, "reads go on")
	require.Len(t, all, 1)
}

func TestLockedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aictl.db")
	a, b := open(t, path), open(t, path)
	tx, err := a.write.Begin()
	require.NoError(t, err)
	_, err = b.write.Exec("PRAGMA busy_timeout = 20")
	require.NoError(t, err)
	err = account(t.Context(), b, "al")
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "locked by another process")
	require.NoError(t, tx.Rollback())
	require.NoError(t, account(t.Context(), b, "al"))
}

func TestBackupBeforeAMigration(t *testing.T) {
	known, err := migrations.ReadDir("migrations")
	require.NoError(t, err)
	files := func(second string) fstest.MapFS {
		all := fstest.MapFS{"09999_more.sql": {Data: []byte("-- +goose Up\n" + second + "\n-- +goose Down\nSELECT 1;\n")}}
		for _, f := range known {
			body, err := migrations.ReadFile("migrations/" + f.Name())
			require.NoError(t, err)
			all[f.Name()] = &fstest.MapFile{Data: body}
		}
		return all
	}
	path := filepath.Join(t.TempDir(), "aictl.db")
	s := open(t, path)
	require.NoError(t, account(t.Context(), s, "al"))
	backup := fmt.Sprintf("%s.backup-schema-%d", path, len(known))
	require.NoError(t, os.WriteFile(backup+".part", []byte("of an interrupted try"), 0o600))

	require.Error(t, s.migrate(t.Context(), files("CREATE TABLE more (x BIGINT); SELECT no_such_function();")))
	require.NoError(t, account(t.Context(), s, "bo"), "a failed migration leaves the old schema in use")
	require.NoError(t, s.migrate(t.Context(), files("CREATE TABLE more (x BIGINT);")))
	_, err = s.write.Exec("INSERT INTO more VALUES (1)")
	require.NoError(t, err)

	info, err := os.Stat(backup)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoFileExists(t, backup+".part")
	all, err := Identity{open(t, backup)}.Accounts(t.Context(), time.Now())
	require.NoError(t, err, "the copy is a database of the old schema")
	require.Len(t, all, 1)
	_, err = Open(t.Context(), path)
	require.Equal(t, fail.Version, fail.CodeOf(err), "%v", err)
}

func TestBindNumbersPlaceholders(t *testing.T) {
	require.Equal(t, "a = $1 AND b = $2", (&Store{postgres: true}).bind("a = ? AND b = ?"))
	require.Equal(t, "a = ?", (&Store{}).bind("a = ?"))
}
