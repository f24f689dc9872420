// Package store keeps the control plane's state in SQLite (the default: a
// file, write-ahead log, synchronous=FULL) or in PostgreSQL, from one schema
// with embedded migrations. It implements the small interfaces that authn,
// audit and the chat sessions define.
//
// It promises that what a method acknowledged is durable; that a full disk, a
// corrupt file, a newer schema and a failed sync are clear errors that harm
// nothing; and that after a failed sync nothing more is acknowledged until the
// store is opened again (what the kernel dropped cannot be retried:
// "fsyncgate"). It holds no rules about who may do what.
//
// A Store is safe for concurrent use.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"; no cgo

	"github.com/aictl/aictl/internal/fail"
)

// Store is an open database.
type Store struct {
	read, write *sql.DB // of PostgreSQL both are the same pool
	postgres    bool
	path        string
	broken      atomic.Pointer[fail.Error]
}

// Open opens the database at url: postgres://… or the path of a SQLite file,
// which is made where it is missing. It brings the schema up to date, after a
// back-up copy of an existing file. Errors say what is wrong with which file
// and what to do.
func Open(ctx context.Context, url string) (*Store, error) {
	s := &Store{}
	var err error
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		err = s.openPostgres(url)
	} else {
		err = s.openSQLite(url)
	}
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = s.migrate(ctx, files)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Kind is "sqlite" or "postgres".
func (s *Store) Kind() string {
	if s.postgres {
		return "postgres"
	}
	return "sqlite"
}

func (s *Store) openPostgres(url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil { // the driver's message would repeat the password
		return fail.New(fail.Usage, "the database URL is not valid").Hint("postgres://USER@HOST:5432/DATABASE")
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(8)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.read, s.write, s.postgres = db, db, true
	return nil
}

func (s *Store) openSQLite(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// SQLite would make it with the umask's permissions.
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return fail.Wrap(fail.Failed, err, "making the database %s", path).Hint("choose another with --data-dir")
		}
		_ = file.Close()
	case err != nil:
		return fail.Wrap(fail.Failed, err, "looking at the database")
	case info.IsDir():
		return fail.New(fail.Usage, "the database %s is a directory", path)
	case info.Mode().Perm()&0o077 != 0:
		return fail.New(fail.Refused, "the database %s is open to others (%s)", path, info.Mode().Perm()).
			Hint("chmod 600 %s", path)
	}
	s.path = path
	open := func(extra string, conns int) (*sql.DB, error) {
		dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
			"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" + extra
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			return nil, fail.Wrap(fail.Failed, err, "opening the database %s", path)
		}
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		return db, nil
	}
	if s.write, err = open("&_txlock=immediate", 1); err != nil { // one writer: no busy errors among ourselves
		return err
	}
	s.read, err = open("&_pragma=query_only(1)", 4)
	return err
}

// Close releases the database. Further calls fail.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write && s.read != nil {
		err = errors.Join(s.read.Close(), err)
	}
	return err
}

// Ready asks the database for a sign of life, and says why writes are refused
// if they are.
func (s *Store) Ready(ctx context.Context) error {
	if e := s.broken.Load(); e != nil {
		return e
	}
	var one int
	return s.translate(s.read.QueryRowContext(ctx, "SELECT 1").Scan(&one))
}

// backup copies an existing SQLite file before its schema changes. The copy
// has its name only when it is complete and on the disk: what an interrupted
// try left is never taken for a back-up.
func (s *Store) backup(ctx context.Context, version int64) error {
	to := fmt.Sprintf("%s.backup-schema-%d", s.path, version)
	if _, err := os.Stat(to); err == nil {
		return nil // of an earlier try
	}
	part := to + ".part"
	failed := func(err error) error {
		_ = os.Remove(part)
		return fail.Wrap(fail.Failed, s.translate(err), "copying %s before the migration", filepath.Base(s.path)).
			Hint("free some space; nothing was changed")
	}
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(err)
	}
	// SQLite writes into an empty file that is there: so it is never open to others.
	if err := os.WriteFile(part, nil, 0o600); err != nil {
		return failed(err)
	}
	if _, err := s.write.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return failed(err)
	}
	if err := syncPath(part); err != nil {
		return failed(err)
	}
	if err := os.Rename(part, to); err != nil {
		return failed(err)
	}
	if err := syncPath(filepath.Dir(to)); err != nil {
		return failed(err)
	}
	return nil
}

// syncPath makes a file, or the names in a directory, durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// bind writes the placeholders of the dialect: queries have ? everywhere.
func (s *Store) bind(query string) string {
	if !s.postgres {
		return query
	}
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// tx runs f in one transaction of the writer. Only after a commit that the
// disk confirmed does it return nil.
func (s *Store) tx(ctx context.Context, f func(tx *sql.Tx) error) error {
	if e := s.broken.Load(); e != nil {
		return e
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.translate(err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback()
		return s.translate(err)
	}
	return s.translate(tx.Commit())
}

// micros and moment are the times of the schema; 0 is never.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// clean makes text that both databases keep: valid UTF-8 without NUL, which
// PostgreSQL refuses.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
