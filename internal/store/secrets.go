package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets/vault"
)

// Vault implements vault.Rows.
type Vault struct{ *Store }

var _ vault.Rows = Vault{}

// KeyID implements vault.Rows.
func (s Vault) KeyID(ctx context.Context, id string) (have string, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, s.bind(`INSERT INTO vault_key (one, id) VALUES (1, ?) ON CONFLICT (one) DO NOTHING`), id); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT id FROM vault_key`).Scan(&have)
	})
	return have, err
}

// Sealed implements vault.Rows.
func (s Vault) Sealed(ctx context.Context) (bool, error) {
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM vault_key`).Scan(&n)
	return n > 0, s.translate(err)
}

const headColumns = `name, current, last, created, updated, actor, tags`

// Heads implements vault.Rows.
func (s Vault) Heads(ctx context.Context, prefix string, limit int) ([]vault.Head, error) {
	prefix = clean(prefix)
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT `+headColumns+` FROM vault_secrets
		WHERE current > 0 AND substr(name, 1, CAST(? AS INTEGER)) = ? ORDER BY name LIMIT ?`), len([]rune(prefix)), prefix, limit)
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []vault.Head{}
	for rows.Next() {
		h, err := scanHead(rows)
		if err != nil {
			return nil, s.translate(err)
		}
		out = append(out, *h)
	}
	// PostgreSQL orders by its locale.
	slices.SortFunc(out, func(a, b vault.Head) int { return strings.Compare(a.Name, b.Name) })
	return out, s.translate(rows.Err())
}

// Head implements vault.Rows.
func (s Vault) Head(ctx context.Context, name string) (*vault.Head, error) {
	return s.head(ctx, s.read, name, "")
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s Vault) head(ctx context.Context, q queryer, name, lock string) (*vault.Head, error) {
	h, err := scanHead(q.QueryRowContext(ctx, s.bind(`SELECT `+headColumns+` FROM vault_secrets WHERE name = ?`+lock), clean(name)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // vault.Rows says so
	}
	return h, s.translate(err)
}

func scanHead(row interface{ Scan(...any) error }) (*vault.Head, error) {
	var h vault.Head
	var created, updated int64
	var tags string
	if err := row.Scan(&h.Name, &h.Current, &h.Last, &created, &updated, &h.By, &tags); err != nil {
		return nil, err
	}
	h.Created, h.Updated = moment(created), moment(updated)
	return &h, json.Unmarshal([]byte(tags), &h.Tags)
}

// Versions implements vault.Rows.
func (s Vault) Versions(ctx context.Context, name string) ([]vault.Row, error) {
	return s.versions(ctx, s.read, name)
}

func (s Vault) versions(ctx context.Context, q queryer, name string) ([]vault.Row, error) {
	rows, err := q.QueryContext(ctx, s.bind(`SELECT version, created, actor, token, pending, revoked, '' FROM vault_versions
		WHERE name = ? ORDER BY version DESC`), clean(name))
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []vault.Row{}
	for rows.Next() {
		r, err := scanVersion(rows)
		if err != nil {
			return nil, s.translate(err)
		}
		out = append(out, *r)
	}
	return out, s.translate(rows.Err())
}

// Version implements vault.Rows.
func (s Vault) Version(ctx context.Context, name string, version int64) (*vault.Row, error) {
	r, err := scanVersion(s.read.QueryRowContext(ctx, s.bind(`SELECT version, created, actor, token, pending, revoked, sealed
		FROM vault_versions WHERE name = ? AND version = ?`), clean(name), version))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // vault.Rows says so
	}
	return r, s.translate(err)
}

func scanVersion(row interface{ Scan(...any) error }) (*vault.Row, error) {
	var r vault.Row
	var created, pending, revoked int64
	var sealed string
	if err := row.Scan(&r.Version, &created, &r.By, &r.Token, &pending, &revoked, &sealed); err != nil {
		return nil, err
	}
	body, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil { // the vault says which record is damaged
		body = []byte(sealed)
	}
	r.Created, r.Pending, r.Revoked, r.Sealed = moment(created), pending != 0, revoked != 0, body
	return &r, nil
}

// Change implements vault.Rows.
func (s Vault) Change(ctx context.Context, name string, f func(*vault.Head, []vault.Row) (*vault.Edit, error)) error {
	name = clean(name)
	return s.tx(ctx, func(tx *sql.Tx) error {
		lock := ""
		if s.postgres {
			// Locks the name also where there is no row yet.
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7))`, name); err != nil {
				return err
			}
			lock = " FOR UPDATE"
		}
		h, err := s.head(ctx, tx, name, lock)
		if err != nil {
			return err
		}
		versions, err := s.versions(ctx, tx, name)
		if err != nil {
			return err
		}
		e, err := f(h, versions)
		if err != nil {
			return err
		}
		return s.edit(ctx, tx, name, e)
	})
}

func (s Vault) edit(ctx context.Context, tx *sql.Tx, name string, e *vault.Edit) error {
	exec := func(query string, args ...any) error {
		_, err := tx.ExecContext(ctx, s.bind(query), args...)
		return err
	}
	tags, err := json.Marshal(e.Head.Tags)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding the tags")
	}
	if err := exec(`INSERT INTO vault_secrets (`+headColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET current = excluded.current, last = excluded.last, created = excluded.created,
		updated = excluded.updated, actor = excluded.actor, tags = excluded.tags`,
		name, e.Head.Current, e.Head.Last, micros(e.Head.Created), micros(e.Head.Updated), clean(e.Head.By), clean(string(tags))); err != nil {
		return err
	}
	for _, r := range e.Put {
		if err := exec(`INSERT INTO vault_versions (name, version, created, actor, token, pending, revoked, sealed) VALUES (?, ?, ?, ?, ?, ?, 0, ?)`,
			name, r.Version, micros(r.Created), clean(r.By), r.Token, truth(r.Pending), base64.StdEncoding.EncodeToString(r.Sealed)); err != nil {
			return err
		}
	}
	for _, r := range e.Flags {
		query := `UPDATE vault_versions SET pending = ?, revoked = ? WHERE name = ? AND version = ?`
		if r.Revoked {
			query = `UPDATE vault_versions SET pending = ?, revoked = ?, sealed = '' WHERE name = ? AND version = ?`
		}
		if err := exec(query, truth(r.Pending), truth(r.Revoked), name, r.Version); err != nil {
			return err
		}
	}
	for _, n := range e.Drop {
		if err := exec(`DELETE FROM vault_versions WHERE name = ? AND version = ?`, name, n); err != nil {
			return err
		}
	}
	return nil
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
