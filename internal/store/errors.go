package store

import (
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/aictl/aictl/internal/fail"
)

// errConflict is a violated uniqueness; callers give it words.
var errConflict = fail.New(fail.Conflict, "it exists already")

// errDangling is a reference to what is not there; callers give it words.
var errDangling = fail.New(fail.NotFound, "what it belongs to does not exist")

// translate gives a database's error a code and the next step. Errors that
// have a code pass.
func (s *Store) translate(err error) error {
	var ours *fail.Error
	if err == nil || errors.As(err, &ours) || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return s.translateSQLite(err, lite.Code())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code == "23505":
			return errConflict
		case pg.Code == "23503":
			return errDangling
		case len(pg.Code) >= 2 && pg.Code[:2] == "53": // insufficient resources
			return fail.New(fail.Unavailable, "the database is out of resources: %s", pg.Message).Hint("aictl doctor")
		}
		return fail.New(fail.Failed, "the database refused: %s (%s)", pg.Message, pg.Code)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) { // its text holds user and host, never the password
		return fail.Wrap(fail.Unavailable, err, "the database cannot be reached").Hint("look at database.url in the server's configuration")
	}
	if fail.CodeOf(err) != fail.Internal { // the context's end
		return err
	}
	return fail.Wrap(fail.Unavailable, err, "the database does not answer").Hint("aictl doctor")
}

func (s *Store) translateSQLite(err error, code int) error {
	if code == lib.SQLITE_IOERR_SHMSIZE {
		// The index of the write-ahead log cannot grow: the disk is full. The
		// index holds nothing that is not in the log, so nothing is in doubt.
		code = lib.SQLITE_FULL
	}
	switch code & 0xff {
	case lib.SQLITE_FULL:
		return fail.New(fail.Unavailable, "the disk of the database %s is full; reading goes on", s.path).
			Hint("free some space: writes go on by themselves, and a server that did not start can be started")
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fail.Wrap(fail.Failed, err, "the database %s is damaged", s.path).
			Hint("move it away and put a back-up in its place, or start with another --data-dir")
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fail.New(fail.Unavailable, "the database %s is locked by another process", s.path).
			Hint("aictl status; stop the other process")
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return fail.Wrap(fail.Failed, err, "the database %s cannot be written", s.path).
			Hint("look at its permissions, and those of its directory")
	case lib.SQLITE_IOERR:
		e := fail.Wrap(fail.Unavailable, err, "the disk of the database %s failed; nothing more is acknowledged", s.path).
			Hint("look at the disk, then start the server again")
		s.broken.CompareAndSwap(nil, e)
		return e
	case lib.SQLITE_CONSTRAINT:
		if code == lib.SQLITE_CONSTRAINT_UNIQUE || code == lib.SQLITE_CONSTRAINT_PRIMARYKEY {
			return errConflict
		}
		if code == lib.SQLITE_CONSTRAINT_FOREIGNKEY {
			return errDangling
		}
	case lib.SQLITE_INTERRUPT:
		return fail.New(fail.Canceled, "cancelled")
	}
	return fail.Wrap(fail.Failed, err, "the database refused")
}
