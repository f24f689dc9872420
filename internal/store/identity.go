package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/aictl/aictl/internal/authn"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Identity implements authn.Store.
type Identity struct{ *Store }

var _ authn.Store = Identity{}

// CreateAccount implements authn.Store.
func (s Identity) CreateAccount(ctx context.Context, name string, g op.Grant, now time.Time) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, s.bind(`INSERT INTO accounts (name, created) VALUES (?, ?)`), name, micros(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, s.bind(`INSERT INTO grants (account, namespace, role) VALUES (?, ?, ?)`), name, g.Namespace, g.Role)
		return err
	})
	if fail.CodeOf(err) == fail.Conflict {
		return fail.New(fail.Conflict, "the account %s exists already", name).Hint("aictl accounts list")
	}
	return err
}

// SetGrant implements authn.Store.
func (s Identity) SetGrant(ctx context.Context, account string, g op.Grant) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.bind(`INSERT INTO grants (account, namespace, role) VALUES (?, ?, ?)
			ON CONFLICT (account, namespace) DO UPDATE SET role = excluded.role`), account, g.Namespace, g.Role)
		return s.noAccount(err, account)
	})
}

// noAccount gives words to a reference to an account that is not there.
func (s Identity) noAccount(err error, name string) error {
	if err = s.translate(err); errors.Is(err, errDangling) {
		return fail.New(fail.NotFound, "no account named %q", name).Hint("aictl accounts list")
	}
	return err
}

// DeleteAccount implements authn.Store.
func (s Identity) DeleteAccount(ctx context.Context, name string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.bind(`DELETE FROM accounts WHERE name = ?`), name)
		return err
	})
}

// Accounts implements authn.Store.
func (s Identity) Accounts(ctx context.Context, now time.Time) ([]authn.Account, error) {
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT a.name, a.created,
		(SELECT COUNT(*) FROM tokens t WHERE t.account = a.name AND t.revoked = 0 AND (t.expires = 0 OR t.expires > ?))
		FROM accounts a ORDER BY a.name`), micros(now))
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []authn.Account{}
	at := map[string]int{}
	for rows.Next() {
		var a authn.Account
		var created int64
		if err := rows.Scan(&a.Name, &created, &a.Tokens); err != nil {
			return nil, s.translate(err)
		}
		a.Created, a.Grants, at[a.Name] = moment(created), []op.Grant{}, len(out)
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		return nil, s.translate(err)
	}
	grants, err := s.read.QueryContext(ctx, `SELECT account, namespace, role FROM grants ORDER BY account, namespace`)
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = grants.Close() }()
	for grants.Next() {
		var account string
		var g op.Grant
		if err := grants.Scan(&account, &g.Namespace, &g.Role); err != nil {
			return nil, s.translate(err)
		}
		if i, ok := at[account]; ok {
			out[i].Grants = append(out[i].Grants, g)
		}
	}
	return out, s.translate(grants.Err())
}

// PutToken implements authn.Store.
func (s Identity) PutToken(ctx context.Context, t authn.Token) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.bind(`INSERT INTO tokens (id, account, hash, note, created, expires, last_used, revoked)
			VALUES (?, ?, ?, ?, ?, ?, 0, 0)`), t.ID, t.Account, t.Hash, clean(t.Note), micros(t.Created), micros(t.Expires))
		return s.noAccount(err, t.Account)
	})
}

// RevokeToken implements authn.Store.
func (s Identity) RevokeToken(ctx context.Context, id string, now time.Time) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.bind(`UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0`), micros(now), id)
		return err
	})
}

// TouchTokens implements authn.Store.
func (s Identity) TouchTokens(ctx context.Context, used map[string]time.Time) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		for id, at := range used {
			if _, err := tx.ExecContext(ctx, s.bind(`UPDATE tokens SET last_used = ? WHERE id = ? AND last_used < ?`), micros(at), id, micros(at)); err != nil {
				return err
			}
		}
		return nil
	})
}

const tokenColumns = `id, account, hash, note, created, expires, last_used, revoked`

// Tokens implements authn.Store.
func (s Identity) Tokens(ctx context.Context, account string) ([]authn.Token, error) {
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT `+tokenColumns+` FROM tokens WHERE ? = '' OR account = ? ORDER BY created, id`), clean(account), clean(account))
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []authn.Token{}
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, s.translate(err)
		}
		out = append(out, t)
	}
	return out, s.translate(rows.Err())
}

// TokenByID implements authn.Store.
func (s Identity) TokenByID(ctx context.Context, id string) (authn.Token, error) {
	return s.token(ctx, "id", id)
}

// TokenByHash implements authn.Store.
func (s Identity) TokenByHash(ctx context.Context, hash string) (authn.Token, []op.Grant, error) {
	t, err := s.token(ctx, "hash", hash)
	if err != nil {
		return t, nil, err
	}
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT namespace, role FROM grants WHERE account = ? ORDER BY namespace`), t.Account)
	if err != nil {
		return t, nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	grants := []op.Grant{}
	for rows.Next() {
		var g op.Grant
		if err := rows.Scan(&g.Namespace, &g.Role); err != nil {
			return t, nil, s.translate(err)
		}
		grants = append(grants, g)
	}
	return t, grants, s.translate(rows.Err())
}

func (s Identity) token(ctx context.Context, column, value string) (authn.Token, error) {
	t, err := scanToken(s.read.QueryRowContext(ctx, s.bind(`SELECT `+tokenColumns+` FROM tokens WHERE `+column+` = ?`), clean(value)))
	if errors.Is(err, sql.ErrNoRows) {
		return t, fail.New(fail.NotFound, "no such token").Hint("aictl tokens list")
	}
	return t, s.translate(err)
}

func scanToken(row interface{ Scan(...any) error }) (authn.Token, error) {
	var t authn.Token
	var created, expires, used, revoked int64
	err := row.Scan(&t.ID, &t.Account, &t.Hash, &t.Note, &created, &expires, &used, &revoked)
	t.Created, t.Expires, t.LastUsed, t.Revoked = moment(created), moment(expires), moment(used), moment(revoked)
	return t, err
}
