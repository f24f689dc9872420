package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Postgres starts a PostgreSQL server of its own for the test and returns the
// URL of an empty database in it. PostgreSQL refuses to run as root, so a test
// that runs as root starts it as the user postgres.
func Postgres(t testing.TB) string {
	t.Helper()
	initdb := Find(t, "/usr/lib/postgresql/15/bin/initdb", "/usr/lib/postgresql/*/bin/initdb", "initdb")
	bin := filepath.Dir(initdb)

	// Not t.TempDir: its parents are closed to the user postgres.
	dir, err := os.MkdirTemp("", "aictl-postgres-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		account, err := user.Lookup("postgres")
		require.NoError(t, err)
		uid, err := strconv.Atoi(account.Uid)
		require.NoError(t, err)
		gid, err := strconv.Atoi(account.Gid)
		require.NoError(t, err)
		require.NoError(t, os.Chown(dir, uid, gid))
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...) //nolint:noctx // it outlives the call; the test's cleanup stops it
		cmd.Dir = dir
		cmd.SysProcAttr = attributes
		return cmd
	}

	data := filepath.Join(dir, "data")
	Run(t, command("initdb", "--pgdata", data, "--username", "aictl", "--auth", "trust", "--encoding", "UTF8", "--no-sync"))
	port := FreePort(t)
	process := Start(t, "postgres", command("postgres", "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", dir, "-c", "max_connections=200"))

	url := fmt.Sprintf("postgres://aictl@127.0.0.1:%d/postgres?sslmode=disable", port)
	Eventually(t, 30*time.Second, "PostgreSQL answers", func(ctx context.Context) error {
		if err := process.Exited(); err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	return url
}

// Database makes a fresh database in the server of url, so that several tests
// share one server, and returns its URL.
func Database(t testing.TB, url, name string) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	require.NoError(t, err)
	config := conn.Config()
	return fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", config.User, config.Host, config.Port, name)
}
