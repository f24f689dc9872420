package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/fail"
)

// Services implements runtime.Store.
type Services struct{ *Store }

var _ runtime.Store = Services{}

// LoadServices implements runtime.Store.
func (s Services) LoadServices(ctx context.Context) ([]runtime.Record, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name, body FROM services ORDER BY name`)
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []runtime.Record{}
	for rows.Next() {
		var name, body string
		if err := rows.Scan(&name, &body); err != nil {
			return nil, s.translate(err)
		}
		var r runtime.Record
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			return nil, fail.Wrap(fail.Internal, err, "the record of service %s cannot be read", name)
		}
		out = append(out, r)
	}
	return out, s.translate(rows.Err())
}

// SaveService implements runtime.Store.
func (s Services) SaveService(ctx context.Context, r runtime.Record, before int64) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding the record of service %s", r.Name)
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		query, args := `UPDATE services SET serial = ?, body = ? WHERE name = ? AND serial = ?`, []any{r.Serial, clean(string(body)), clean(r.Name), before}
		if before == 0 {
			query, args = `INSERT INTO services (serial, body, name) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING`, args[:3]
		}
		done, err := tx.ExecContext(ctx, s.bind(query), args...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = runtime.Stale(r.Name)
			}
			return err
		}
		return nil
	})
}

// DeleteService implements runtime.Store.
func (s Services) DeleteService(ctx context.Context, name string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.bind(`DELETE FROM services WHERE name = ?`), clean(name))
		return err
	})
}
