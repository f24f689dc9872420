package authn_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aictl/aictl/internal/authn"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// hooked calls asked after each answer of the store to an authentication, and
// before it is given.
type hooked struct {
	authn.Store
	mu    sync.Mutex
	asked func()
	count int
}

func (h *hooked) TokenByHash(ctx context.Context, hash string) (authn.Token, []op.Grant, error) {
	t, g, err := h.Store.TokenByHash(ctx, hash)
	h.mu.Lock()
	h.count++
	asked := h.asked
	h.asked = nil
	h.mu.Unlock()
	if asked != nil {
		asked()
	}
	return t, g, err
}

type fixture struct {
	*authn.Service
	*clock
	store  *hooked
	path   string
	secret string
	id     string
}

func setUp(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{clock: &clock{at: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}, path: filepath.Join(t.TempDir(), "aictl.db")}
	s, err := store.Open(t.Context(), f.path)
	require.NoError(t, err)
	f.store = &hooked{Store: store.Identity{Store: s}}
	f.Service = f.replica(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = f.Create(t.Context(), "al", op.Grant{Role: "viewer", Namespace: "default"})
	require.NoError(t, err)
	made, err := f.CreateToken(t.Context(), "al", "laptop", time.Hour)
	require.NoError(t, err)
	f.secret, f.id = made.Secret, made.ID
	return f
}

// replica is another server on the same store.
func (f *fixture) replica(t testing.TB) *authn.Service {
	s := authn.New(f.store, f.now)
	t.Cleanup(s.Close)
	return s
}

func from(t testing.TB, remote string) context.Context {
	return op.WithIdentity(t.Context(), op.Identity{Remote: remote})
}

func TestATokenGivesItsAccount(t *testing.T) {
	f := setUp(t)
	for range 2 { // from the store, then from the cache
		id, err := f.Authenticate(t.Context(), f.secret)
		require.NoError(t, err)
		require.Equal(t, op.Identity{Subject: "al", TokenID: f.id, Grants: []op.Grant{{Role: "viewer", Namespace: "default"}}}, id)
	}
	require.Equal(t, 1, f.store.count)
}

func TestWrongTokens(t *testing.T) {
	f := setUp(t)
	typo := strings.Map(func(r rune) rune {
		if r == 'a' {
			return 'b'
		}
		return r
	}, f.secret[10:])
	for _, c := range []struct{ name, secret, says string }{
		{"nothing", "", "mistyped"},
		{"another's", "sk-" + strings.Repeat("x", 48), "mistyped"},
		{"a typing mistake", f.secret[:10] + typo + "x", "mistyped"},
		{"cut", f.secret[:len(f.secret)-1], "mistyped"},
		{"very long", f.secret + strings.Repeat("x", 1<<20), "mistyped"},
		{"a hostile one", "aictl_\x00\xff'; DROP TABLE tokens", "mistyped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := f.store.count
			_, err := f.Authenticate(from(t, c.name), c.secret)
			require.Equal(t, fail.Auth, fail.CodeOf(err))
			require.ErrorContains(t, err, c.says)
			require.Equal(t, "aictl login", fail.From(err).Next)
			require.Equal(t, before, f.store.count, "found without asking the store")
			if c.secret != "" {
				require.NotContains(t, err.Error(), c.secret)
			}
		})
	}
	other := setUp(t)
	_, err := f.Authenticate(t.Context(), other.secret)
	require.ErrorContains(t, err, "not known here")
	require.NotContains(t, err.Error(), other.secret)
}

func TestExpiry(t *testing.T) {
	f := setUp(t)
	f.add(time.Hour - time.Millisecond)
	_, err := f.Authenticate(t.Context(), f.secret)
	require.NoError(t, err)
	f.add(time.Millisecond) // within the life of the cache's entry
	_, err = f.Authenticate(t.Context(), f.secret)
	require.Equal(t, fail.Auth, fail.CodeOf(err))
	require.ErrorContains(t, err, "expired")
	forever, err := f.CreateToken(t.Context(), "al", "", 0)
	require.NoError(t, err)
	require.Nil(t, forever.Expires)
	f.add(1000 * 24 * time.Hour)
	_, err = f.Authenticate(t.Context(), forever.Secret)
	require.NoError(t, err)
}

func TestRevocationHoldsAtOnceHereAndWithinASecondElsewhere(t *testing.T) {
	f := setUp(t)
	other := f.replica(t)
	for _, s := range []*authn.Service{f.Service, other} {
		_, err := s.Authenticate(t.Context(), f.secret)
		require.NoError(t, err)
	}
	_, err := f.RevokeToken(t.Context(), f.id)
	require.NoError(t, err)
	_, err = f.Authenticate(t.Context(), f.secret)
	require.Equal(t, fail.Auth, fail.CodeOf(err))
	require.ErrorContains(t, err, "revoked")
	f.add(time.Second)
	_, err = other.Authenticate(t.Context(), f.secret)
	require.Equal(t, fail.Auth, fail.CodeOf(err))
}

// A revocation overtakes a look-up that has its answer already.
func TestARevocationIsNotUndoneByALookUpUnderWay(t *testing.T) {
	f := setUp(t)
	f.store.asked = func() {
		_, err := f.RevokeToken(t.Context(), f.id)
		require.NoError(t, err)
	}
	_, err := f.Authenticate(t.Context(), f.secret)
	require.NoError(t, err, "it was right when it was asked for")
	_, err = f.Authenticate(t.Context(), f.secret)
	require.Equal(t, fail.Auth, fail.CodeOf(err))
}

func TestGrantsHoldAtOnce(t *testing.T) {
	f := setUp(t)
	_, err := f.Authenticate(t.Context(), f.secret)
	require.NoError(t, err)
	_, err = f.Grant(t.Context(), "al", op.Grant{Role: "admin", Namespace: "default"})
	require.NoError(t, err)
	id, err := f.Authenticate(t.Context(), f.secret)
	require.NoError(t, err)
	require.Equal(t, "admin", id.Grants[0].Role)
	require.NoError(t, f.Delete(t.Context(), "al"))
	_, err = f.Authenticate(t.Context(), f.secret)
	require.Equal(t, fail.Auth, fail.CodeOf(err))
}

func TestGuessingIsSlowedDown(t *testing.T) {
	f := setUp(t)
	guess := func(remote string) error {
		_, err := f.Authenticate(from(t, remote), "aictl_guess")
		return err
	}
	for range 11 {
		require.Equal(t, fail.Auth, fail.CodeOf(guess("192.0.2.1")))
	}
	waits := []time.Duration{}
	for range 8 {
		err := guess("192.0.2.1")
		require.Equal(t, fail.Limited, fail.CodeOf(err))
		again, ok := err.(interface{ RetryAfter() time.Duration })
		require.True(t, ok)
		waits = append(waits, again.RetryAfter())
		f.add(again.RetryAfter())
		require.Equal(t, fail.Auth, fail.CodeOf(guess("192.0.2.1")))
	}
	s := time.Second
	require.Equal(t, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}, waits)

	require.Equal(t, fail.Auth, fail.CodeOf(guess("192.0.2.2")), "another address is another")
	for range 11 {
		_ = guess("2001:db8::1")
	}
	require.Equal(t, fail.Limited, fail.CodeOf(guess("2001:db8::ffff")), "a customer has a /64")
	require.Equal(t, fail.Auth, fail.CodeOf(guess("2001:db8:0:1::1")))

	_, err := f.Authenticate(from(t, "192.0.2.1"), f.secret)
	require.Equal(t, fail.Limited, fail.CodeOf(err), "a right one that was never seen is a guess")
	f.add(20 * time.Minute)
	require.Equal(t, fail.Auth, fail.CodeOf(guess("192.0.2.1")), "it is forgotten in the end")
	require.Equal(t, fail.Auth, fail.CodeOf(guess("192.0.2.1")))
}

func TestAWrongProgramDoesNotLockOutItsNeighbours(t *testing.T) {
	f := setUp(t)
	ctx := from(t, "127.0.0.1")
	_, err := f.Authenticate(ctx, f.secret)
	require.NoError(t, err)
	for range 30 {
		_, _ = f.Authenticate(ctx, "aictl_old")
	}
	for range 5 {
		f.add(2 * time.Second) // the cache's entry is old
		_, err = f.Authenticate(ctx, f.secret)
		require.NoError(t, err)
		_, _ = f.Authenticate(ctx, "aictl_old")
	}
	_, err = f.RevokeToken(t.Context(), f.id)
	require.NoError(t, err)
	_, err = f.Authenticate(ctx, f.secret)
	require.Equal(t, fail.Auth, fail.CodeOf(err))
	_, err = f.Authenticate(ctx, f.secret)
	require.Equal(t, fail.Limited, fail.CodeOf(err), "from then on it is a guess like others")
}

func TestAStoreThatDoesNotAnswerIsNoWrongToken(t *testing.T) {
	f := setUp(t)
	ctx, cancel := context.WithCancel(from(t, "192.0.2.1"))
	cancel()
	for range 30 {
		_, err := f.Authenticate(ctx, f.secret)
		require.Equal(t, fail.Canceled, fail.CodeOf(err))
	}
	_, err := f.Authenticate(from(t, "192.0.2.1"), f.secret)
	require.NoError(t, err)
}

func TestOnlyHashesAreKept(t *testing.T) {
	f := setUp(t)
	list, err := f.Tokens(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, list, 1)
	for _, suffix := range []string{"", "-wal"} {
		body, err := os.ReadFile(f.path + suffix)
		require.NoError(t, err)
		require.NotContains(t, string(body), f.secret)
		require.NotContains(t, string(body), f.secret[6:40])
	}
}

func TestLastUseIsWrittenOnClose(t *testing.T) {
	f := setUp(t)
	s := authn.New(f.store, f.now)
	_, err := s.Authenticate(t.Context(), f.secret)
	require.NoError(t, err)
	got, err := f.Token(t.Context(), f.id)
	require.NoError(t, err)
	require.Nil(t, got.LastUsed, "not on the path of a call")
	s.Close()
	s.Close()
	got, err = f.Token(t.Context(), f.id)
	require.NoError(t, err)
	require.Equal(t, f.now(), *got.LastUsed)
}

func TestAccountsAndTokens(t *testing.T) {
	f := setUp(t)
	viewer := op.Grant{Role: "viewer", Namespace: "*"}
	for _, c := range []struct {
		name  string
		do    func() error
		wants fail.Code
	}{
		{"a name with a space", func() error { _, err := f.Create(t.Context(), "a b", viewer); return err }, fail.Usage},
		{"a name too long", func() error { _, err := f.Create(t.Context(), strings.Repeat("a", 64), viewer); return err }, fail.Usage},
		{"a role that is none", func() error {
			_, err := f.Create(t.Context(), "bo", op.Grant{Role: "root", Namespace: "*"})
			return err
		}, fail.Usage},
		{"no namespace", func() error { _, err := f.Create(t.Context(), "bo", op.Grant{Role: "viewer"}); return err }, fail.Usage},
		{"taken", func() error { _, err := f.Create(t.Context(), "al", viewer); return err }, fail.Conflict},
		{"a grant to nobody", func() error { _, err := f.Grant(t.Context(), "bo", viewer); return err }, fail.NotFound},
		{"a token for nobody", func() error { _, err := f.CreateToken(t.Context(), "bo", "", 0); return err }, fail.NotFound},
		{"a long note", func() error {
			_, err := f.CreateToken(t.Context(), "al", strings.Repeat("x", 201), 0)
			return err
		}, fail.Usage},
		{"no such token", func() error { _, err := f.RevokeToken(t.Context(), "tok_x"); return err }, fail.NotFound},
		{"no such account", func() error { _, err := f.Get(t.Context(), "bo"); return err }, fail.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.wants, fail.CodeOf(c.do())) })
	}
	list, err := f.List(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, 1, list[0].Tokens)
}

func TestConcurrentUse(t *testing.T) {
	f := setUp(t)
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for i := range 200 {
				if _, err := f.Authenticate(t.Context(), f.secret); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					f.add(time.Second)
					if _, err := f.Grant(t.Context(), "al", op.Grant{Role: "viewer", Namespace: "default"}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	done.Wait()
}

// BenchmarkAuthenticate is the hot path: a token that was seen within the last
// second.
func BenchmarkAuthenticate(b *testing.B) {
	f := setUp(b)
	_, err := f.Authenticate(b.Context(), f.secret)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Authenticate(b.Context(), f.secret); err != nil {
			b.Fatal(err)
		}
	}
}
