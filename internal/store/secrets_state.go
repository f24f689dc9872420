package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// SecretsState implements secrets.Ledger and secrets.Journal.
type SecretsState struct{ *Store }

var (
	_ secrets.Ledger  = SecretsState{}
	_ secrets.Journal = SecretsState{}
)

// keepEntries bounds what the ledger keeps of one reference.
const keepEntries = 100

// Record implements secrets.Ledger.
func (s SecretsState) Record(ctx context.Context, e secrets.Entry) error {
	ref := clean(e.Ref)
	return s.tx(ctx, func(tx *sql.Tx) error {
		if s.postgres {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 8))`, ref); err != nil {
				return err
			}
		}
		var seq int64
		if err := tx.QueryRowContext(ctx, s.bind(`SELECT COALESCE(MAX(seq), 0) + 1 FROM secret_ledger WHERE ref = ?`), ref).Scan(&seq); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.bind(`INSERT INTO secret_ledger (ref, seq, at, action, fingerprint, version, updated, actor, reason)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`), ref, seq, micros(e.At), e.Action, string(e.Fingerprint), clean(e.Version), micros(e.Updated),
			clean(e.By), clean(e.Reason)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, s.bind(`DELETE FROM secret_ledger WHERE ref = ? AND seq <= ?`), ref, seq-keepEntries)
		return err
	})
}

// Entries implements secrets.Ledger.
func (s SecretsState) Entries(ctx context.Context, ref string, limit int) ([]secrets.Entry, error) {
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT ref, at, action, fingerprint, version, updated, actor, reason FROM secret_ledger
		WHERE ref = ? ORDER BY seq DESC LIMIT ?`), clean(ref), limit)
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []secrets.Entry{}
	for rows.Next() {
		var e secrets.Entry
		var at, updated int64
		if err := rows.Scan(&e.Ref, &at, &e.Action, &e.Fingerprint, &e.Version, &updated, &e.By, &e.Reason); err != nil {
			return nil, s.translate(err)
		}
		e.At, e.Updated = moment(at), moment(updated)
		out = append(out, e)
	}
	return out, s.translate(rows.Err())
}

// lockOf is unique among the open rotations: the secret itself; what has ended
// gives it up for its own id.
func lockOf(r *secrets.Rotation) string {
	if !r.Step.Open() {
		return "ended " + r.ID
	}
	ref := r.Ref
	ref.Member = ""
	return ref.String()
}

// Begin implements secrets.Journal.
func (s SecretsState) Begin(ctx context.Context, r *secrets.Rotation) error {
	r.Rev = 1
	body, err := json.Marshal(r)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding the rotation")
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.bind(`INSERT INTO secret_rotations (id, ref, lock, rev, started, body) VALUES (?, ?, ?, ?, ?, ?)`),
			r.ID, clean(r.Ref.String()), clean(lockOf(r)), r.Rev, micros(r.Started), clean(string(body)))
		return err
	})
	if fail.CodeOf(err) != fail.Conflict {
		return err
	}
	there, lerr := s.one(ctx, `lock = ?`, clean(lockOf(r)))
	if lerr != nil {
		return err
	}
	return secrets.SameOpen(there, r)
}

// Save implements secrets.Journal.
func (s SecretsState) Save(ctx context.Context, r *secrets.Rotation) error {
	next := *r
	next.Rev++
	body, err := json.Marshal(&next)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding the rotation")
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, s.bind(`UPDATE secret_rotations SET lock = ?, rev = ?, body = ? WHERE id = ? AND rev = ?`),
			clean(lockOf(r)), next.Rev, clean(string(body)), r.ID, r.Rev)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return secrets.LostRotation(r)
	})
	if err == nil {
		r.Rev = next.Rev
	}
	return err
}

// Load implements secrets.Journal.
func (s SecretsState) Load(ctx context.Context, id string) (*secrets.Rotation, error) {
	r, err := s.one(ctx, `id = ?`, clean(id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, secrets.NoRotation(id)
	}
	return r, err
}

func (s SecretsState) one(ctx context.Context, where, arg string) (*secrets.Rotation, error) {
	var body string
	err := s.read.QueryRowContext(ctx, s.bind(`SELECT body FROM secret_rotations WHERE `+where), arg).Scan(&body)
	if err != nil {
		return nil, s.translate(err)
	}
	return decodeRotation(body)
}

func decodeRotation(body string) (*secrets.Rotation, error) {
	r := &secrets.Rotation{}
	if err := json.Unmarshal([]byte(body), r); err != nil {
		return nil, fail.Wrap(fail.Version, err, "the journal holds a rotation of another form").Hint("aictl version")
	}
	return r, nil
}

// List implements secrets.Journal.
func (s SecretsState) List(ctx context.Context) ([]*secrets.Rotation, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT body FROM secret_rotations ORDER BY started DESC, id DESC LIMIT 100`)
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []*secrets.Rotation{}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, s.translate(err)
		}
		r, err := decodeRotation(body)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, s.translate(rows.Err())
}
