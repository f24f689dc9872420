// Package authn knows who a request is from: accounts, API tokens, and the
// path from a shown token to an identity.
//
// It promises that only hashes of tokens are kept; that a revoked or expired
// token is refused at once on this server and within a second on its replicas;
// that the hot path costs about a microsecond (a bounded cache); and that
// guessing is slowed down by address. What an identity may do is authz's.
//
// A Service is safe for concurrent use.
package authn

import (
	"context"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// Account is a person or a machine that may sign in.
type Account struct {
	Name    string
	Grants  []op.Grant
	Created time.Time
	Tokens  int // valid now
}

// Token is an API token as it is kept. A zero Expires is never.
type Token struct {
	ID, Account, Hash, Note             string
	Created, Expires, LastUsed, Revoked time.Time
}

// Store keeps accounts and tokens. What it acknowledges is durable. Looking
// for what is not there is fail.NotFound; making what is there is
// fail.Conflict.
type Store interface {
	CreateAccount(ctx context.Context, name string, g op.Grant, now time.Time) error
	SetGrant(ctx context.Context, account string, g op.Grant) error
	DeleteAccount(ctx context.Context, name string) error
	Accounts(ctx context.Context, now time.Time) ([]Account, error)
	PutToken(ctx context.Context, t Token) error
	RevokeToken(ctx context.Context, id string, now time.Time) error
	TouchTokens(ctx context.Context, used map[string]time.Time) error
	// Tokens lists those of an account, or all for the empty name.
	Tokens(ctx context.Context, account string) ([]Token, error)
	TokenByID(ctx context.Context, id string) (Token, error)
	TokenByHash(ctx context.Context, hash string) (Token, []op.Grant, error)
}

const (
	// fresh is how long an answer of the store is believed, well within the second after
	// which a revocation by another replica holds here.
	fresh = 800 * time.Millisecond
	// maxCached bounds the cache; it is emptied when it is full.
	maxCached = 10_000
	// touchEvery is how often last uses are written.
	touchEvery = 30 * time.Second
)

// Service authenticates and keeps accounts. Make it with New, end it with
// Close.
type Service struct {
	store    Store
	now      func() time.Time
	guesses  *guesses
	mu       sync.RWMutex // guards cache, used, changes
	cache    map[string]cached
	changes  uint64 // how often this server changed grants or tokens
	used     map[string]time.Time
	stop     chan struct{}
	stopOnce sync.Once
	done     sync.WaitGroup
}

type cached struct {
	identity op.Identity
	expires  time.Time // of the token; zero is never
	until    time.Time // of the entry
	changes  uint64    // of the service when the store was asked
}

// New makes the service and starts the writer of last uses, which Close joins.
func New(store Store, now func() time.Time) *Service {
	s := &Service{
		store: store, now: now, guesses: newGuesses(now),
		cache: map[string]cached{}, used: map[string]time.Time{}, stop: make(chan struct{}),
	}
	s.done.Go(s.touch)
	return s
}

// Close writes the last uses that are pending and ends the service.
func (s *Service) Close() {
	s.stopOnce.Do(func() { close(s.stop) })
	s.done.Wait()
}

// Authenticate gives the identity of a shown token, or fail.Auth; fail.Limited
// where too many wrong ones came from the remote address of the context's
// identity. The error never holds the token.
func (s *Service) Authenticate(ctx context.Context, secret string) (op.Identity, error) {
	now := s.now()
	hash := hashOf(secret)
	s.mu.RLock()
	c, known := s.cache[hash]
	changes := s.changes
	s.mu.RUnlock()
	if known && c.changes == changes && now.Before(c.until) && (c.expires.IsZero() || now.Before(c.expires)) {
		return c.identity, nil
	}
	peer, _ := op.IdentityFrom(ctx)
	// A token that was right a while ago is no guess: a program with a wrong
	// one does not lock out the others of its machine or network.
	if !known {
		if err := s.guesses.allowed(peer.Remote); err != nil {
			return op.Identity{}, err
		}
	}
	id, err := s.lookUp(ctx, secret, hash, now, changes)
	switch fail.CodeOf(err) {
	case fail.OK:
		return id, nil
	case fail.Auth:
		s.guesses.wrong(peer.Remote)
	}
	return op.Identity{}, err
}

// lookUp asks the store. changes is what was counted before: an answer that a
// change overtook is not believed the next time.
func (s *Service) lookUp(ctx context.Context, secret, hash string, now time.Time, changes uint64) (op.Identity, error) {
	if !wellFormed(secret) {
		return op.Identity{}, fail.New(fail.Auth, "the token is mistyped or not one of aictl's").Hint("aictl login")
	}
	t, grants, err := s.store.TokenByHash(ctx, hash)
	switch {
	case fail.CodeOf(err) == fail.NotFound:
		s.drop(hash)
		return op.Identity{}, fail.New(fail.Auth, "the token is not known here").Hint("aictl login")
	case err != nil:
		return op.Identity{}, err
	case !t.Revoked.IsZero():
		s.drop(hash)
		return op.Identity{}, fail.New(fail.Auth, "the token %s was revoked", t.ID).Hint("aictl login")
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		s.drop(hash)
		return op.Identity{}, fail.New(fail.Auth, "the token %s expired at %s", t.ID, t.Expires.Format(time.RFC3339)).Hint("aictl login")
	}
	id := op.Identity{Subject: t.Account, TokenID: t.ID, Grants: grants}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cache) >= maxCached {
		clear(s.cache)
	}
	s.cache[hash] = cached{identity: id, expires: t.Expires, until: now.Add(fresh), changes: changes}
	if len(s.used) < maxCached {
		s.used[t.ID] = now
	}
	return id, nil
}

// forget makes every cached identity stale, those too that are being looked up
// now: a change holds at once here.
func (s *Service) forget() {
	s.mu.Lock()
	s.changes++
	s.mu.Unlock()
}

// drop makes a token that is no longer right unknown: from now on it counts as
// a guess.
func (s *Service) drop(hash string) {
	s.mu.Lock()
	delete(s.cache, hash)
	s.mu.Unlock()
}

func (s *Service) touch() {
	tick := time.NewTicker(touchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush()
		case <-s.stop:
			s.flush()
			return
		}
	}
}

// flush writes last uses. They are a convenience: one that is lost is not
// worth an error.
func (s *Service) flush() {
	s.mu.Lock()
	used := s.used
	s.used = map[string]time.Time{}
	s.mu.Unlock()
	if len(used) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.store.TouchTokens(ctx, used)
}

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,62}$`)

// Roles are the roles that a grant may have, from the least.
func Roles() []string { return []string{"viewer", "invoker", "operator", "admin"} }

func checkGrant(g op.Grant) error {
	if !slices.Contains(Roles(), g.Role) {
		return fail.New(fail.Usage, "there is no role %q", g.Role).Hint("one of viewer, invoker, operator, admin")
	}
	if g.Namespace == "" {
		return fail.New(fail.Usage, "a grant names a namespace, or * for all")
	}
	return nil
}

// Create makes an account with one grant.
func (s *Service) Create(ctx context.Context, name string, g op.Grant) (api.Account, error) {
	if !accountName.MatchString(name) {
		return api.Account{}, fail.New(fail.Usage, "%q is not a name for an account: lower-case letters, digits and . _ @ -", name)
	}
	if err := checkGrant(g); err != nil {
		return api.Account{}, err
	}
	if err := s.store.CreateAccount(ctx, name, g, s.now()); err != nil {
		return api.Account{}, err
	}
	return s.Get(ctx, name)
}

// Grant gives an account a role in place of the one it holds in the namespace.
func (s *Service) Grant(ctx context.Context, name string, g op.Grant) (api.Account, error) {
	if err := checkGrant(g); err != nil {
		return api.Account{}, err
	}
	if _, err := s.Get(ctx, name); err != nil {
		return api.Account{}, err
	}
	err := s.store.SetGrant(ctx, name, g)
	s.forget()
	if err != nil {
		return api.Account{}, err
	}
	return s.Get(ctx, name)
}

// Delete removes an account with its grants and tokens.
func (s *Service) Delete(ctx context.Context, name string) error {
	err := s.store.DeleteAccount(ctx, name)
	s.forget()
	return err
}

// List gives every account, by name.
func (s *Service) List(ctx context.Context) ([]api.Account, error) {
	list, err := s.store.Accounts(ctx, s.now())
	if err != nil {
		return nil, err
	}
	out := make([]api.Account, len(list))
	for i, a := range list {
		out[i] = api.Account{Name: a.Name, Grants: a.Grants, Created: a.Created, Tokens: a.Tokens}
	}
	return out, nil
}

// Get gives one account, or fail.NotFound.
func (s *Service) Get(ctx context.Context, name string) (api.Account, error) {
	list, err := s.List(ctx)
	if err != nil {
		return api.Account{}, err
	}
	for _, a := range list {
		if a.Name == name {
			return a, nil
		}
	}
	return api.Account{}, fail.New(fail.NotFound, "no account named %q", name).Hint("aictl accounts list")
}

// Tokens lists the tokens of an account, or all for the empty name.
func (s *Service) Tokens(ctx context.Context, account string) ([]api.Token, error) {
	list, err := s.store.Tokens(ctx, account)
	if err != nil {
		return nil, err
	}
	out := make([]api.Token, len(list))
	for i, t := range list {
		out[i] = public(t)
	}
	return out, nil
}

// Token gives one token by its id, or fail.NotFound.
func (s *Service) Token(ctx context.Context, id string) (api.Token, error) {
	t, err := s.store.TokenByID(ctx, id)
	return public(t), err
}

// CreateToken makes a token; its secret is in the answer and nowhere else. A
// ttl of 0 is for ever.
func (s *Service) CreateToken(ctx context.Context, account, note string, ttl time.Duration) (api.NewToken, error) {
	if len(note) > 200 {
		return api.NewToken{}, fail.New(fail.Usage, "the note is over 200 bytes")
	}
	secret, now := newSecret(), s.now().UTC().Truncate(time.Microsecond)
	t := Token{ID: newID(), Account: account, Hash: hashOf(secret), Note: note, Created: now}
	if ttl > 0 {
		t.Expires = now.Add(ttl)
	}
	if err := s.store.PutToken(ctx, t); err != nil {
		return api.NewToken{}, err
	}
	return api.NewToken{Token: public(t), Secret: secret}, nil
}

// RevokeToken makes a token worthless at once.
func (s *Service) RevokeToken(ctx context.Context, id string) (api.Token, error) {
	err := s.store.RevokeToken(ctx, id, s.now())
	s.forget()
	if err != nil {
		return api.Token{}, err
	}
	return s.Token(ctx, id)
}

// public is a token without its hash.
func public(t Token) api.Token {
	at := func(m time.Time) *time.Time {
		if m.IsZero() {
			return nil
		}
		return &m
	}
	return api.Token{
		ID: t.ID, Account: t.Account, Note: t.Note, Created: t.Created,
		Expires: at(t.Expires), LastUsed: at(t.LastUsed), Revoked: at(t.Revoked),
	}
}
