// Package github is the adapter to the secrets of GitHub Actions: of
// repositories, of their environments, and of organisations. The client is
// go-github; a value is sealed for GitHub's public key (libsodium's sealed
// box, nacl/box.SealAnonymous) before it leaves the process.
//
// GitHub gives no value back: Get is refused, and what stands there is judged
// by the ledger. There are no versions and no writes on condition; IfAbsent
// looks first.
package github

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/google/go-github/v88/github"
	"golang.org/x/crypto/nacl/box"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// Options choose the account.
type Options struct {
	// Name is that of the store, for messages; empty is "github".
	Name string
	// URL is that of an enterprise server's API ("https://ghe.example.com/api/v3/");
	// empty is GitHub's own.
	URL string
	// TokenFile holds the token; without it Token is taken (GITHUB_TOKEN's
	// value, or GH_TOKEN's).
	TokenFile, Token string
	// Visibility is that of organisation secrets which are new: private (the
	// default), all or selected (for no repository yet).
	Visibility string
	// Scopes are what a list without a prefix shows: OWNER/REPO,
	// OWNER/REPO@ENV or OWNER. None makes such a list a mistake.
	Scopes []string
	// Transport replaces the network.
	Transport http.RoundTripper
}

// maxValue is GitHub's limit of a value, in bytes; maxSecrets bounds a list.
const (
	maxValue   = 48 << 10
	maxSecrets = 10_000
	maxToken   = 4096
	userAgent  = "aictl"
)

// Store implements secrets.Store.
type Store struct {
	api  *sdk.Client
	o    Options
	mu   sync.Mutex // guards repo
	repo map[string]int
}

var _ secrets.Store = (*Store)(nil)

// Open reads the token. It sends nothing.
func Open(_ context.Context, o Options) (*Store, error) {
	if o.Name == "" {
		o.Name = secrets.KindGitHub
	}
	if o.Visibility == "" {
		o.Visibility = "private"
	}
	if !slices.Contains([]string{"private", "all", "selected"}, o.Visibility) {
		return nil, fail.New(fail.Usage, "the visibility of an organisation's secrets is private, all or selected")
	}
	token := strings.TrimSpace(o.Token)
	if o.TokenFile != "" {
		body, err := os.ReadFile(o.TokenFile)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading GitHub's token")
		}
		token = strings.TrimSpace(string(body))
		clear(body)
	}
	if token == "" || len(token) > maxToken || strings.ContainsAny(token, "\r\n \t") {
		return nil, fail.New(fail.Auth, "there is no usable token for GitHub").Hint("export GITHUB_TOKEN, or name a file: token_file")
	}
	// A redirect never takes the token to another host.
	hc := &http.Client{Transport: o.Transport, Timeout: 30 * time.Second, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme || len(via) > 4 {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	opts := []sdk.ClientOptionsFunc{sdk.WithHTTPClient(hc), sdk.WithAuthToken(token), sdk.WithUserAgent(userAgent)}
	if o.URL != "" {
		url := strings.TrimSuffix(o.URL, "/") + "/"
		opts = append(opts, sdk.WithURLs(&url, nil))
	}
	o.Token = ""
	c, err := sdk.NewClient(opts...)
	if err != nil {
		return nil, fail.New(fail.Usage, "GitHub's URL is not usable").Hint("https://ghe.example.com/api/v3/")
	}
	return &Store{api: c, o: o, repo: map[string]int{}}, nil
}

// Kind implements secrets.Store.
func (*Store) Kind() string { return secrets.KindGitHub }

// Capabilities implements secrets.Store.
func (*Store) Capabilities() secrets.Capabilities { return secrets.Capabilities{} }

// Check implements secrets.Store.
func (s *Store) Check(path string) error {
	_, err := s.parse(path)
	return err
}

// List implements secrets.Store.
func (s *Store) List(ctx context.Context, prefix string) ([]secrets.Info, error) {
	var scopes []scope
	switch {
	case prefix != "":
		sc, ok := parsePrefix(prefix)
		if !ok {
			return nil, s.badForm()
		}
		scopes = []scope{sc}
	case len(s.o.Scopes) == 0:
		return nil, fail.New(fail.Usage, "GitHub is listed by repository, environment or organisation").
			Hint("aictl secrets list %s:OWNER/REPO/", s.o.Name)
	default:
		for _, text := range s.o.Scopes {
			sc, ok := parsePrefix(text + "/")
			if !ok {
				return nil, s.badForm()
			}
			scopes = append(scopes, sc)
		}
	}
	out := []secrets.Info{}
	for _, sc := range scopes {
		infos, err := s.list(ctx, sc)
		if err != nil {
			return nil, err
		}
		for _, i := range infos {
			if strings.HasPrefix(i.Path, prefix) {
				out = append(out, i)
			}
		}
	}
	slices.SortFunc(out, func(a, b secrets.Info) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func (s *Store) list(ctx context.Context, sc scope) ([]secrets.Info, error) {
	out := []secrets.Info{}
	for o := (&sdk.ListOptions{PerPage: 100}); ; {
		var page *sdk.Secrets
		var res *sdk.Response
		id, err := s.repoID(ctx, sc)
		if err == nil {
			switch {
			case sc.env != "":
				page, res, err = s.api.Actions.ListEnvSecrets(ctx, id, sc.env, o)
			case sc.repo != "":
				page, res, err = s.api.Actions.ListRepoSecrets(ctx, sc.owner, sc.repo, o)
			default:
				page, res, err = s.api.Actions.ListOrgSecrets(ctx, sc.owner, o)
			}
		}
		if err != nil {
			return nil, s.explain(ctx, err, sc.String())
		}
		for _, x := range page.Secrets {
			out = append(out, info(sc, x))
		}
		if len(out) > maxSecrets {
			return nil, fail.New(fail.TooLarge, "there are over %d secrets", maxSecrets).Hint("give a longer prefix")
		}
		if res.NextPage == 0 {
			return out, nil
		}
		o.Page = res.NextPage
	}
}

func info(sc scope, x *sdk.Secret) secrets.Info {
	i := secrets.Info{Path: sc.String() + "/" + x.Name, Created: x.CreatedAt.UTC(), Updated: x.UpdatedAt.UTC()}
	if x.Visibility != "" {
		i.Note = "visible to " + map[string]string{"all": "all repositories", "private": "private repositories", "selected": "selected repositories"}[x.Visibility]
	}
	return i
}

// repoID is what GitHub wants for environments in place of names.
func (s *Store) repoID(ctx context.Context, sc scope) (int, error) {
	if sc.env == "" {
		return 0, nil
	}
	key := sc.owner + "/" + sc.repo
	s.mu.Lock()
	id, ok := s.repo[key]
	s.mu.Unlock()
	if ok {
		return id, nil
	}
	r, _, err := s.api.Repositories.Get(ctx, sc.owner, sc.repo)
	if err != nil {
		return 0, err
	}
	id = int(r.GetID())
	s.mu.Lock()
	s.repo[key] = id
	s.mu.Unlock()
	return id, nil
}

// Stat implements secrets.Store.
func (s *Store) Stat(ctx context.Context, path string) (*secrets.Info, error) {
	p, err := s.parse(path)
	if err != nil {
		return nil, err
	}
	x, err := s.get(ctx, p)
	if err != nil {
		return nil, err
	}
	i := info(p.scope, x)
	return &i, nil
}

func (s *Store) get(ctx context.Context, p place) (*sdk.Secret, error) {
	var x *sdk.Secret
	id, err := s.repoID(ctx, p.scope)
	if err == nil {
		switch {
		case p.env != "":
			x, _, err = s.api.Actions.GetEnvSecret(ctx, id, p.env, p.name)
		case p.repo != "":
			x, _, err = s.api.Actions.GetRepoSecret(ctx, p.owner, p.repo, p.name)
		default:
			x, _, err = s.api.Actions.GetOrgSecret(ctx, p.owner, p.name)
		}
	}
	return x, s.explain(ctx, err, p.String())
}

// Get implements secrets.Store: it is always refused.
func (s *Store) Get(_ context.Context, path, _ string) (secrets.Value, *secrets.Info, error) {
	if err := s.Check(path); err != nil {
		return secrets.Value{}, nil, err
	}
	return secrets.Value{}, nil, fail.New(fail.Refused, "GitHub takes secrets and never gives them back: %s:%s can't be read", s.o.Name, path).
		Hint("compare it with where it came from: aictl secrets diff SOURCE %s:%s; or set it anew", s.o.Name, path)
}

// Put implements secrets.Store.
func (s *Store) Put(ctx context.Context, path string, v secrets.Value, o secrets.PutOptions) (*secrets.Info, error) {
	p, err := s.parse(path)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Staged || o.IfVersion != "":
		return nil, fail.New(fail.Refused, "GitHub keeps no versions of secrets").Hint("keep the source in the vault and sync it here")
	case len(o.Tags) > 0:
		return nil, fail.New(fail.Refused, "GitHub's secrets have no tags").Hint("leave --tag away")
	case v.Len() == 0:
		return nil, fail.New(fail.Usage, "GitHub takes no empty value")
	case v.Len() > maxValue:
		return nil, fail.New(fail.TooLarge, "the value is over %d KiB, which is GitHub's limit", maxValue>>10)
	}
	old, err := s.get(ctx, p)
	if err != nil && fail.CodeOf(err) != fail.NotFound {
		return nil, err
	}
	if old != nil && err == nil && o.IfAbsent {
		return nil, fail.New(fail.Conflict, "%s:%s exists already", s.o.Name, path).Hint("aictl secrets list %s:%s", s.o.Name, p.scope.String()+"/")
	}
	if err != nil {
		old = nil
	}
	if err := s.write(ctx, p, v, old); err != nil {
		return nil, err
	}
	return s.Stat(ctx, path)
}

func (s *Store) write(ctx context.Context, p place, v secrets.Value, old *sdk.Secret) error {
	var key *sdk.PublicKey
	id, err := s.repoID(ctx, p.scope)
	if err == nil {
		switch {
		case p.env != "":
			key, _, err = s.api.Actions.GetEnvPublicKey(ctx, id, p.env)
		case p.repo != "":
			key, _, err = s.api.Actions.GetRepoPublicKey(ctx, p.owner, p.repo)
		default:
			key, _, err = s.api.Actions.GetOrgPublicKey(ctx, p.owner)
		}
	}
	if err != nil {
		return s.explain(ctx, err, p.scope.String())
	}
	sealed, err := seal(key, v)
	if err != nil {
		return err
	}
	e := &sdk.EncryptedSecret{Name: p.name, KeyID: key.GetKeyID(), EncryptedValue: sealed}
	switch {
	case p.env != "":
		_, err = s.api.Actions.CreateOrUpdateEnvSecret(ctx, id, p.env, e)
	case p.repo != "":
		_, err = s.api.Actions.CreateOrUpdateRepoSecret(ctx, p.owner, p.repo, e)
	default:
		if err := s.visibility(ctx, p, old, e); err != nil {
			return err
		}
		_, err = s.api.Actions.CreateOrUpdateOrgSecret(ctx, p.owner, e)
	}
	return s.explain(ctx, err, p.String())
}

// visibility keeps an organisation's secret visible to whom it is: GitHub
// wants it said again at every write.
func (s *Store) visibility(ctx context.Context, p place, old *sdk.Secret, e *sdk.EncryptedSecret) error {
	if e.Visibility = s.o.Visibility; old == nil {
		return nil
	}
	if e.Visibility = old.Visibility; old.Visibility != "selected" {
		return nil
	}
	e.SelectedRepositoryIDs = sdk.SelectedRepoIDs{}
	for r, err := range s.api.Actions.ListSelectedReposForOrgSecretIter(ctx, p.owner, p.name, &sdk.ListOptions{PerPage: 100}) {
		if err != nil {
			return s.explain(ctx, err, p.String())
		}
		e.SelectedRepositoryIDs = append(e.SelectedRepositoryIDs, r.GetID())
	}
	return nil
}

// seal makes the sealed box that only GitHub opens.
func seal(key *sdk.PublicKey, v secrets.Value) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(key.GetKey())
	if err != nil || len(raw) != 32 || key.GetKeyID() == "" {
		return "", fail.New(fail.Unavailable, "GitHub's public key has another form than this client knows").Hint("aictl version")
	}
	sealed, err := box.SealAnonymous(nil, v.Bytes(), (*[32]byte)(raw), rand.Reader)
	if err != nil {
		return "", fail.New(fail.Internal, "sealing the value")
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// Delete implements secrets.Store.
func (s *Store) Delete(ctx context.Context, path string, o secrets.DeleteOptions) error {
	p, err := s.parse(path)
	if err != nil {
		return err
	}
	if o.IfVersion != "" || o.Recovery > 0 {
		return fail.New(fail.Refused, "GitHub keeps no versions and brings nothing back").Hint("leave --recovery away")
	}
	id, err := s.repoID(ctx, p.scope)
	if err == nil {
		switch {
		case p.env != "":
			_, err = s.api.Actions.DeleteEnvSecret(ctx, id, p.env, p.name)
		case p.repo != "":
			_, err = s.api.Actions.DeleteRepoSecret(ctx, p.owner, p.repo, p.name)
		default:
			_, err = s.api.Actions.DeleteOrgSecret(ctx, p.owner, p.name)
		}
	}
	return s.explain(ctx, err, p.String())
}
