package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/aictl/aictl/internal/audit"
)

// Audit implements audit.Store.
type Audit struct{ *Store }

var _ audit.Store = Audit{}

// chainLock is the key of PostgreSQL's advisory lock that makes replicas
// append one after the other ("aictl" in ASCII).
const chainLock = 0x616963746c

// Append implements audit.Store.
func (s Audit) Append(ctx context.Context, link func(last audit.Row) ([]audit.Row, error)) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if s.postgres {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(chainLock)); err != nil {
				return err
			}
		}
		last := audit.Row{Index: -1}
		err := tx.QueryRowContext(ctx, `SELECT idx, body, hash FROM audit ORDER BY idx DESC LIMIT 1`).Scan(&last.Index, &last.Body, &last.Hash)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		rows, err := link(last)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if _, err := tx.ExecContext(ctx, s.bind(`INSERT INTO audit (idx, body, hash) VALUES (?, ?, ?)`), r.Index, r.Body, r.Hash); err != nil {
				return err
			}
		}
		return nil
	})
}

// Walk implements audit.Store.
func (s Audit) Walk(ctx context.Context, descending bool, visit func(audit.Row) (more bool, err error)) error {
	order := "ASC"
	if descending {
		order = "DESC"
	}
	rows, err := s.read.QueryContext(ctx, `SELECT idx, body, hash FROM audit ORDER BY idx `+order)
	if err != nil {
		return s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r audit.Row
		if err := rows.Scan(&r.Index, &r.Body, &r.Hash); err != nil {
			return s.translate(err)
		}
		if more, err := visit(r); err != nil || !more {
			return err
		}
	}
	return s.translate(rows.Err())
}
