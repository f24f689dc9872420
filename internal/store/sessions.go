package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/fail"
)

// Sessions implements chat.Sessions.
type Sessions struct {
	*Store
	Now func() time.Time
}

var _ chat.Sessions = Sessions{}

// Create implements chat.Sessions.
func (s Sessions) Create(ctx context.Context, owner, name, title string) (chat.Session, error) {
	if err := chat.CheckSession(name); err != nil {
		return chat.Session{}, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.bind(`INSERT INTO sessions (owner, name, title, messages, created, updated) VALUES (?, ?, ?, 0, ?, ?)`),
			owner, name, clean(title), micros(now), micros(now))
		return err
	})
	if fail.CodeOf(err) == fail.Conflict {
		err = fail.New(fail.Conflict, "there is a session %q already", name).Hint("aictl sessions show %s", name)
	}
	return chat.Session{Owner: owner, Name: name, Title: title, Created: now, Updated: now}, err
}

const sessionColumns = `owner, name, title, messages, created, updated`

// Get implements chat.Sessions.
func (s Sessions) Get(ctx context.Context, owner, name string) (chat.Session, []chat.Message, error) {
	one, err := scanSession(s.read.QueryRowContext(ctx, s.bind(`SELECT `+sessionColumns+` FROM sessions WHERE owner = ? AND name = ?`), clean(owner), clean(name)))
	if errors.Is(err, sql.ErrNoRows) {
		return one, nil, chat.NoSession(name)
	}
	if err != nil {
		return one, nil, s.translate(err)
	}
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT role, body, at FROM session_messages WHERE owner = ? AND name = ? ORDER BY seq`), clean(owner), clean(name))
	if err != nil {
		return one, nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	messages := []chat.Message{}
	for rows.Next() {
		var m chat.Message
		var at int64
		if err := rows.Scan(&m.Role, &m.Text, &at); err != nil {
			return one, nil, s.translate(err)
		}
		m.Time = moment(at)
		messages = append(messages, m)
	}
	return one, messages, s.translate(rows.Err())
}

// Append implements chat.Sessions.
func (s Sessions) Append(ctx context.Context, owner, name string, messages ...chat.Message) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		// The update takes the row's lock first, so that two appends to one
		// session are one after the other on PostgreSQL too.
		res, err := tx.ExecContext(ctx, s.bind(`UPDATE sessions SET messages = messages + ?, updated = ? WHERE owner = ? AND name = ?`),
			len(messages), micros(s.Now()), clean(owner), clean(name))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, chat.NoSession(name))
		}
		var have int
		if err := tx.QueryRowContext(ctx, s.bind(`SELECT messages FROM sessions WHERE owner = ? AND name = ?`), clean(owner), clean(name)).Scan(&have); err != nil {
			return err
		}
		have -= len(messages)
		if err := chat.CheckAppend(have, messages); err != nil {
			return err
		}
		for i, m := range messages {
			if _, err := tx.ExecContext(ctx, s.bind(`INSERT INTO session_messages (owner, name, seq, role, body, at) VALUES (?, ?, ?, ?, ?, ?)`),
				owner, name, have+i, m.Role, clean(m.Text), micros(m.Time)); err != nil {
				return err
			}
		}
		return nil
	})
}

// List implements chat.Sessions.
func (s Sessions) List(ctx context.Context, owner string) ([]chat.Session, error) {
	rows, err := s.read.QueryContext(ctx, s.bind(`SELECT `+sessionColumns+` FROM sessions WHERE owner = ? ORDER BY updated DESC, name`), owner)
	if err != nil {
		return nil, s.translate(err)
	}
	defer func() { _ = rows.Close() }()
	out := []chat.Session{}
	for rows.Next() {
		one, err := scanSession(rows)
		if err != nil {
			return nil, s.translate(err)
		}
		out = append(out, one)
	}
	return out, s.translate(rows.Err())
}

// Delete implements chat.Sessions.
func (s Sessions) Delete(ctx context.Context, owner, name string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, s.bind(`DELETE FROM sessions WHERE owner = ? AND name = ?`), clean(owner), clean(name))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, chat.NoSession(name))
		}
		return nil
	})
}

func scanSession(row interface{ Scan(...any) error }) (chat.Session, error) {
	var one chat.Session
	var created, updated int64
	err := row.Scan(&one.Owner, &one.Name, &one.Title, &one.Messages, &created, &updated)
	one.Created, one.Updated = moment(created), moment(updated)
	return one, err
}
