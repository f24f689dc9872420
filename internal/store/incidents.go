package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident"
)

// Incidents implements incident.Store.
type Incidents struct{ *Store }

var _ incident.Store = Incidents{}

func decodeIncident(id, body string) (api.Incident, error) {
	var in api.Incident
	if err := json.Unmarshal([]byte(body), &in); err != nil || len(in.Subjects) == 0 {
		return in, fail.New(fail.Internal, "the record of incident %s cannot be read", id)
	}
	return in, nil
}

// LoadIncident implements incident.Store.
func (s Incidents) LoadIncident(ctx context.Context, id string) (api.Incident, error) {
	var body string
	err := s.read.QueryRowContext(ctx, s.bind(`SELECT body FROM incidents WHERE id = ?`), clean(id)).Scan(&body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return api.Incident{}, incident.Missing(id)
	case err != nil:
		return api.Incident{}, s.translate(err)
	}
	return decodeIncident(id, body)
}

// ListIncidents implements incident.Store.
func (s Incidents) ListIncidents(ctx context.Context, limit int) ([]api.Incident, error) {
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT id, body FROM incidents ORDER BY opened DESC, id DESC LIMIT ?`), limit)
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []api.Incident{}
	for rows.Next() {
		var id, body string
		if err := rows.Scan(&id, &body); err != nil {
			return nil, s.translate(err)
		}
		in, err := decodeIncident(id, body)
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, s.translate(rows.Err())
}

// SaveIncident implements incident.Store.
func (s Incidents) SaveIncident(ctx context.Context, in api.Incident, before int64) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding incident %s", in.ID)
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		query, args := `UPDATE incidents SET serial = ?, opened = ?, body = ? WHERE id = ? AND serial = ?`,
			[]any{in.Serial, micros(in.Opened), clean(string(body)), clean(in.ID), before}
		if before == 0 {
			query, args = `INSERT INTO incidents (serial, opened, body, id) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, args[:4]
		}
		done, err := tx.ExecContext(ctx, s.bind(query), args...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = incident.Stale(in.ID)
			}
			return err
		}
		return nil
	})
}
