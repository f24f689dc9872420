// Package storetest holds every database that the store runs on to the same
// behaviour: one suite, run against SQLite by the unit tests and against a
// real PostgreSQL by the end-to-end tests. It is for tests only.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/chat/chattest"
	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/ai/runtime"
	"github.com/aictl/aictl/internal/audit"
	"github.com/aictl/aictl/internal/authn"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident"
	"github.com/aictl/aictl/internal/incident/incidenttest"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/store"
)

// Postgres makes an empty schema in the database at dsn, which the end of the
// test drops, and gives the URL of it.
func Postgres(t *testing.T, dsn string) string {
	t.Helper()
	raw := make([]byte, 6)
	_, _ = rand.Read(raw)
	schema := "t_" + hex.EncodeToString(raw)
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), "DROP SCHEMA "+schema+" CASCADE")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// Open opens the store at the URL until the end of the test.
func Open(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Conformance runs the suite. empty gives the URL of a database without
// anything in it, another one at each call.
func Conformance(t *testing.T, empty func(t *testing.T) string) {
	t.Run("accounts", func(t *testing.T) { accounts(t, Open(t, empty(t))) })
	t.Run("tokens", func(t *testing.T) { tokens(t, Open(t, empty(t))) })
	t.Run("sessions", func(t *testing.T) {
		chattest.SessionsConformance(t, func(t *testing.T) chat.Sessions {
			return store.Sessions{Store: Open(t, empty(t)), Now: time.Now}
		})
	})
	t.Run("foreign text", func(t *testing.T) { foreign(t, Open(t, empty(t))) })
	t.Run("services", func(t *testing.T) { services(t, Open(t, empty(t))) })
	t.Run("incidents", func(t *testing.T) {
		incidenttest.Conformance(t, func(t *testing.T) incident.Store { return store.Incidents{Store: Open(t, empty(t))} })
	})
	t.Run("audit", func(t *testing.T) { chain(t, Open(t, empty(t))) })
	t.Run("one chain of several writers", func(t *testing.T) { replicas(t, empty(t)) })
	t.Run("kept over a restart", func(t *testing.T) { restart(t, empty(t)) })
	t.Run("a newer schema is refused", func(t *testing.T) { newer(t, empty(t)) })
	t.Run("a cancelled call changes nothing", func(t *testing.T) { cancelled(t, Open(t, empty(t))) })
}

var start = time.Date(2026, 3, 29, 1, 59, 59, 123456000, time.UTC)

func accounts(t *testing.T, s *store.Store) {
	ctx, ids := t.Context(), store.Identity{Store: s}
	all, err := ids.Accounts(ctx, start)
	require.NoError(t, err)
	require.NotNil(t, all)
	require.Empty(t, all)
	require.NoError(t, ids.CreateAccount(ctx, "bo", op.Grant{Role: "viewer", Namespace: "default"}, start))
	require.NoError(t, ids.CreateAccount(ctx, "al", op.Grant{Role: "admin", Namespace: "*"}, start))
	err = ids.CreateAccount(ctx, "bo", op.Grant{Role: "admin", Namespace: "*"}, start)
	require.ErrorIs(t, err, fail.Conflict.Err())
	require.ErrorContains(t, err, "bo")
	require.NoError(t, ids.SetGrant(ctx, "bo", op.Grant{Role: "operator", Namespace: "default"}))
	require.NoError(t, ids.SetGrant(ctx, "bo", op.Grant{Role: "invoker", Namespace: "lab"}))
	err = ids.SetGrant(ctx, "nobody", op.Grant{Role: "viewer", Namespace: "lab"})
	require.ErrorIs(t, err, fail.NotFound.Err())
	all, err = ids.Accounts(ctx, start)
	require.NoError(t, err)
	require.Equal(t, []authn.Account{
		{Name: "al", Created: start, Grants: []op.Grant{{Role: "admin", Namespace: "*"}}},
		{Name: "bo", Created: start, Grants: []op.Grant{{Role: "operator", Namespace: "default"}, {Role: "invoker", Namespace: "lab"}}},
	}, all)
	require.NoError(t, ids.PutToken(ctx, authn.Token{ID: "t", Account: "bo", Hash: "h", Created: start}))
	require.NoError(t, ids.DeleteAccount(ctx, "bo"))
	_, err = ids.TokenByID(ctx, "t")
	require.ErrorIs(t, err, fail.NotFound.Err(), "the tokens go with the account")
}

func tokens(t *testing.T, s *store.Store) {
	ctx, ids := t.Context(), store.Identity{Store: s}
	g := op.Grant{Role: "viewer", Namespace: "default"}
	require.NoError(t, ids.CreateAccount(ctx, "al", g, start))
	require.NoError(t, ids.CreateAccount(ctx, "bo", g, start))
	first := authn.Token{ID: "tok_1", Account: "al", Hash: "h1", Note: "laptop", Created: start, Expires: start.Add(time.Hour)}
	second := authn.Token{ID: "tok_2", Account: "bo", Hash: "h2", Created: start.Add(time.Second)}
	require.NoError(t, ids.PutToken(ctx, first))
	require.NoError(t, ids.PutToken(ctx, second))
	require.ErrorIs(t, ids.PutToken(ctx, first), fail.Conflict.Err())
	err := ids.PutToken(ctx, authn.Token{ID: "tok_3", Account: "nobody", Hash: "h3", Created: start})
	require.ErrorIs(t, err, fail.NotFound.Err())
	require.ErrorContains(t, err, "nobody")

	got, grants, err := ids.TokenByHash(ctx, "h1")
	require.NoError(t, err)
	require.Equal(t, first, got)
	require.Equal(t, []op.Grant{g}, grants)
	_, _, err = ids.TokenByHash(ctx, "h9")
	require.ErrorIs(t, err, fail.NotFound.Err())

	require.NoError(t, ids.TouchTokens(ctx, map[string]time.Time{"tok_1": start.Add(time.Minute), "gone": start}))
	require.NoError(t, ids.TouchTokens(ctx, map[string]time.Time{"tok_1": start}), "an older use does not win")
	first.LastUsed = start.Add(time.Minute)
	require.NoError(t, ids.RevokeToken(ctx, "tok_2", start.Add(time.Hour)))
	require.NoError(t, ids.RevokeToken(ctx, "tok_2", start.Add(2*time.Hour)), "the first revocation stays")
	second.Revoked = start.Add(time.Hour)
	all, err := ids.Tokens(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []authn.Token{first, second}, all)
	own, err := ids.Tokens(ctx, "bo")
	require.NoError(t, err)
	require.Equal(t, []authn.Token{second}, own)

	for _, c := range []struct {
		at    time.Time
		valid int
	}{{start, 1}, {start.Add(time.Hour), 0}} {
		list, err := ids.Accounts(ctx, c.at)
		require.NoError(t, err)
		require.Equal(t, c.valid, list[0].Tokens, "an expired token is not counted")
		require.Zero(t, list[1].Tokens, "a revoked token is not counted")
	}
}

// services holds the records of the runtime: a write of what has changed in
// between is refused, and what was acknowledged is there.
func services(t *testing.T, s *store.Store) {
	x := store.Services{Store: s}
	one := runtime.Record{Name: "digest", Serial: 1, Generation: 1, Target: 1, Created: start, Changed: start, Revisions: []runtime.Revision{
		{Number: 1, Digest: "d", Created: start, Reason: "first\x00", Manifest: &plugin.Manifest{Name: "digest", Version: "1", Runtime: plugin.Remote, URL: "http://127.0.0.1:1"}},
	}}
	require.NoError(t, x.SaveService(t.Context(), one, 0))
	require.Equal(t, fail.Conflict, fail.CodeOf(x.SaveService(t.Context(), one, 0)), "it is there")
	two := one
	two.Serial, two.Target = 2, 2
	require.Equal(t, fail.Conflict, fail.CodeOf(x.SaveService(t.Context(), two, 7)))
	require.NoError(t, x.SaveService(t.Context(), two, 1))
	all, err := x.LoadServices(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, 2, all[0].Target)
	require.Equal(t, "http://127.0.0.1:1", all[0].Revisions[0].Manifest.URL)
	require.NoError(t, x.DeleteService(t.Context(), "digest"))
	require.NoError(t, x.DeleteService(t.Context(), "digest"))
	all, err = x.LoadServices(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

// foreign is text that one of the databases would refuse.
func foreign(t *testing.T, s *store.Store) {
	ctx, ids := t.Context(), store.Identity{Store: s}
	for _, text := range []string{"\x00", "\xff\xfe", "a\x00b", "'; DROP TABLE tokens; --", strings.Repeat("x", 1<<16)} {
		_, err := ids.TokenByID(ctx, text)
		require.ErrorIs(t, err, fail.NotFound.Err(), "%.20q", text)
		_, _, err = (store.Sessions{Store: s, Now: time.Now}).Get(ctx, text, text)
		require.ErrorIs(t, err, fail.NotFound.Err(), "%.20q", text)
		err = (store.Sessions{Store: s, Now: time.Now}).Delete(ctx, "al", text)
		require.ErrorIs(t, err, fail.NotFound.Err(), "%.20q", text)
	}
	require.NoError(t, ids.CreateAccount(ctx, "al", op.Grant{Role: "viewer", Namespace: "*"}, start))
	require.NoError(t, ids.PutToken(ctx, authn.Token{ID: "t", Account: "al", Hash: "h", Note: "a\x00\xff", Created: start}))
}

func chain(t *testing.T, s *store.Store) {
	ctx, log := t.Context(), store.Audit{Store: s}
	boom := fail.New(fail.Internal, "boom")
	require.ErrorIs(t, log.Append(ctx, func(last audit.Row) ([]audit.Row, error) {
		require.Equal(t, audit.Row{Index: -1}, last)
		return nil, boom
	}), boom)
	for i := range int64(3) {
		require.NoError(t, log.Append(ctx, func(last audit.Row) ([]audit.Row, error) {
			require.Equal(t, 2*i-1, last.Index)
			return []audit.Row{{Index: 2 * i, Body: "a", Hash: "x"}, {Index: 2*i + 1, Body: "b", Hash: fmt.Sprint(i)}}, nil
		}))
	}
	// All or none: the second row is there already.
	require.Error(t, log.Append(ctx, func(audit.Row) ([]audit.Row, error) {
		return []audit.Row{{Index: 6}, {Index: 5}}, nil
	}))
	for _, c := range []struct {
		descending bool
		want       []int64
	}{{false, []int64{0, 1, 2, 3}}, {true, []int64{5, 4, 3, 2}}} {
		var got []int64
		require.NoError(t, log.Walk(ctx, c.descending, func(r audit.Row) (bool, error) {
			got = append(got, r.Index)
			return len(got) < 4, nil
		}))
		require.Equal(t, c.want, got)
	}
	require.ErrorIs(t, log.Walk(ctx, false, func(audit.Row) (bool, error) { return true, boom }), boom)
}

// replicas are two servers with stores of their own on one database.
func replicas(t *testing.T, url string) {
	const writers, each = 6, 15
	logs := make([]*audit.Log, 2)
	for i := range logs {
		var err error
		logs[i], err = audit.New(store.Audit{Store: Open(t, url)}, t.TempDir(), time.Now, nil)
		require.NoError(t, err)
	}
	var done sync.WaitGroup
	errs := make(chan error, writers*each)
	for w := range writers {
		done.Go(func() {
			for i := range each {
				finish, err := logs[w%2].Begin(t.Context(), op.Record{Operation: "test", Target: fmt.Sprint(w, "/", i)})
				if err == nil {
					err = finish(t.Context(), nil)
				}
				errs <- err
			}
		})
	}
	done.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	for _, l := range logs {
		report, err := l.Verify(t.Context())
		require.NoError(t, err)
		require.True(t, report.OK, report.Why)
		require.EqualValues(t, 2*writers*each, report.Records)
		require.NoError(t, l.Close())
	}
}

func restart(t *testing.T, url string) {
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, s.Ready(t.Context()))
	require.NoError(t, store.Identity{Store: s}.CreateAccount(t.Context(), "al", op.Grant{Role: "admin", Namespace: "*"}, start))
	require.NoError(t, s.Close())
	require.Error(t, s.Ready(t.Context()))
	all, err := store.Identity{Store: Open(t, url)}.Accounts(t.Context(), start)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func newer(t *testing.T, url string) {
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	driver := map[string]string{"sqlite": "sqlite", "postgres": "pgx"}[s.Kind()]
	require.NoError(t, s.Close())
	db, err := sql.Open(driver, url)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, TRUE)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = store.Open(t.Context(), url)
	require.Equal(t, fail.Version, fail.CodeOf(err), "%v", err)
	require.NotEmpty(t, fail.From(err).Next)
}

func cancelled(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := store.Identity{Store: s}.CreateAccount(ctx, "al", op.Grant{Role: "admin", Namespace: "*"}, start)
	require.Equal(t, fail.Canceled, fail.CodeOf(err), "%v", err)
	all, err := store.Identity{Store: s}.Accounts(t.Context(), start)
	require.NoError(t, err)
	require.Empty(t, all)
}
