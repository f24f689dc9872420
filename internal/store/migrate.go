package store

import (
	"context"
	"embed"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/aictl/aictl/internal/fail"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date with goose, the field's migration
// library. A schema newer than this program is refused.
func (s *Store) migrate(ctx context.Context, files fs.FS) error {
	dialect, opts := goose.DialectSQLite3, []goose.ProviderOption{goose.WithLogger(goose.NopLogger())}
	if s.postgres { // several replicas may start at once
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fail.Wrap(fail.Internal, err, "preparing the migration")
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, s.write, files, opts...)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "preparing the migration")
	}
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	if s.postgres {
		if has, err := p.HasPending(ctx); err != nil {
			return s.translate(err)
		} else if has {
			if _, err := p.Up(ctx); err != nil {
				return s.migrationError(err)
			}
		}
	}
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return s.migrationError(err)
	}
	switch {
	case version > newest:
		return fail.New(fail.Version, "the database has schema %d, and this program knows %d: it belongs to a newer aictl-server", version, newest).
			Hint("install the newer version, or go back with its back-up")
	case version == newest:
		return nil
	case version > 0:
		if err := s.backup(ctx, version); err != nil {
			return err
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return s.migrationError(err)
	}
	return nil
}

func (s *Store) migrationError(err error) error {
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		err = partial.Err
	}
	return s.translate(err)
}
