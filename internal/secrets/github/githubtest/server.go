// Package githubtest is a strict stand-in for the part of GitHub's REST API
// that holds secrets of Actions (docs.github.com/rest/actions/secrets). It
// checks credentials and headers, refuses members that the documentation does
// not have, opens every sealed box with its own key, counts pages, limits
// rates, and fails where a request is not as documented. It is for tests only.
package githubtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/box"
)

// Token is the only one that the server accepts.
const Token = "github_pat_0123456789abcdefghijklmnop"

// Server is the stand-in.
type Server struct {
	// URL is where it listens.
	URL string

	now func() time.Time

	mu       sync.Mutex // guards the rest
	public   *[32]byte
	private  *[32]byte
	keyID    string
	secrets  map[string]map[string]*secret // by scope ("repos/acme/shop", "repositories/7/environments/prod", "orgs/acme"), then name
	repos    map[string]int
	faults   []Fault
	requests []string
	bodies   []string
}

type secret struct {
	value            string
	created, updated time.Time
	visibility       string
	selected         []int64
}

// Fault answers the next request in place of the server.
type Fault struct {
	Status int
	Header map[string]string
	Body   string
	// Path restricts it to requests whose path holds this.
	Path string
}

// New starts a server that ends with the test. Every repository and
// organisation that is asked for is there. now nil is time.Now.
func New(t testing.TB, now func() time.Time) *Server {
	t.Helper()
	if now == nil {
		now = time.Now
	}
	s := &Server{now: now, secrets: map[string]map[string]*secret{}, repos: map[string]int{}}
	s.RotateKey()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	require.NotEmpty(t, s.keyID)
	return s
}

// RotateKey makes a new key pair, as GitHub does now and then.
func (s *Server) RotateKey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		panic("githubtest: " + err.Error()) // crypto/rand does not fail
	}
	s.public, s.private = public, private
	s.keyID = strconv.FormatUint(uint64(public[0])<<24|uint64(public[1])<<16|uint64(public[2])<<8|uint64(public[3])|1, 10)
}

// Inject adds answers for the next requests that they fit.
func (s *Server) Inject(f ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f...)
}

// Value is what the box of a secret held; scope as in the API's paths.
func (s *Server) Value(scope, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.secrets[scope][name]; x != nil {
		return x.value
	}
	return ""
}

// Outside changes a secret as somebody else would.
func (s *Server) Outside(scope, name, value, visibility string, selected ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(scope, name, value, visibility, selected)
}

// Visibility gives who may see an organisation's secret.
func (s *Server) Visibility(scope, name string) (string, []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.secrets[scope][name]
	return x.visibility, x.selected
}

// Requests lists what was asked: "GET /path".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Bodies lists what was sent.
func (s *Server) Bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

func (s *Server) put(scope, name, value, visibility string, selected []int64) (created bool) {
	if s.secrets[scope] == nil {
		s.secrets[scope] = map[string]*secret{}
	}
	at := s.now().UTC().Truncate(time.Second) // GitHub has no finer times
	x := s.secrets[scope][name]
	if created = x == nil; created {
		x = &secret{created: at}
		s.secrets[scope][name] = x
	}
	x.value, x.updated, x.visibility, x.selected = value, at, visibility, selected
	return created
}

var (
	repoPath   = regexp.MustCompile(`^/repos/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+)$`)
	secretPath = regexp.MustCompile(`^/(?:(repos/[A-Za-z0-9-]+/[A-Za-z0-9._-]+|orgs/[A-Za-z0-9-]+)/actions|(repositories/\d+/environments/[A-Za-z0-9._-]+))/secrets(?:/([A-Za-z0-9_-]+))?(/repositories)?$`)
	nameForm   = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.bodies = append(s.bodies, string(body))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-GitHub-Request-Id", "0001:0002")
	if i := slices.IndexFunc(s.faults, func(f Fault) bool { return strings.Contains(r.URL.Path, f.Path) }); i >= 0 {
		f := s.faults[i]
		s.faults = slices.Delete(s.faults, i, i+1)
		for k, v := range f.Header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		return
	}
	switch {
	case err != nil:
		refuse(w, 400, "Problems reading the body")
	case r.Header.Get("Authorization") != "Bearer "+Token:
		refuse(w, 401, "Bad credentials")
	case r.Header.Get("User-Agent") == "":
		refuse(w, 403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header")
	case !strings.Contains(r.Header.Get("Accept"), "application/vnd.github"), r.Header.Get("X-GitHub-Api-Version") == "":
		refuse(w, 415, "Unsupported 'Accept' header or no version")
	default:
		s.route(w, r, body)
	}
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, body []byte) {
	if m := repoPath.FindStringSubmatch(r.URL.Path); m != nil && r.Method == http.MethodGet {
		key := m[1] + "/" + m[2]
		if s.repos[key] == 0 {
			s.repos[key] = len(s.repos) + 7
		}
		s.answer(w, r, map[string]any{"id": s.repos[key], "name": m[2], "full_name": key})
		return
	}
	m := secretPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		refuse(w, 404, "Not Found")
		return
	}
	scope, name := m[1]+m[2], m[3]
	switch {
	case m[4] != "" && r.Method == http.MethodGet:
		s.selected(w, r, scope, name)
	case m[4] != "":
		refuse(w, 404, "Not Found")
	case name == "public-key" && r.Method == http.MethodGet:
		s.answer(w, r, map[string]any{"key_id": s.keyID, "key": base64.StdEncoding.EncodeToString(s.public[:])})
	case name == "" && r.Method == http.MethodGet:
		s.list(w, r, scope)
	case name != "" && r.Method == http.MethodGet:
		if x := s.secrets[scope][name]; x != nil {
			s.answer(w, r, describe(scope, name, x))
			return
		}
		refuse(w, 404, "Not Found")
	case name != "" && r.Method == http.MethodPut:
		s.write(w, scope, name, body)
	case name != "" && r.Method == http.MethodDelete:
		if s.secrets[scope][name] == nil {
			refuse(w, 404, "Not Found")
			return
		}
		delete(s.secrets[scope], name)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, 404, "Not Found")
	}
}

func describe(scope, name string, x *secret) map[string]any {
	out := map[string]any{"name": name, "created_at": x.created.Format(time.RFC3339), "updated_at": x.updated.Format(time.RFC3339)}
	if strings.HasPrefix(scope, "orgs/") {
		out["visibility"] = x.visibility
	}
	return out
}

// page cuts a list as per_page and page say, with the header Link.
func page[T any](w http.ResponseWriter, r *http.Request, all []T) []T {
	number := func(key string, otherwise int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(key))
		if err != nil || n < 1 {
			return otherwise
		}
		return n
	}
	size, at := min(number("per_page", 30), 100), number("page", 1)
	from := min((at-1)*size, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(at+1))
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next"`, r.Host, r.URL.Path, q.Encode()))
	}
	return all[from:to]
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, scope string) {
	names := make([]string, 0, len(s.secrets[scope]))
	for name := range s.secrets[scope] {
		names = append(names, name)
	}
	slices.Sort(names)
	list := []any{}
	for _, name := range page(w, r, names) {
		list = append(list, describe(scope, name, s.secrets[scope][name]))
	}
	s.answer(w, r, map[string]any{"total_count": len(names), "secrets": list})
}

func (s *Server) selected(w http.ResponseWriter, r *http.Request, scope, name string) {
	x := s.secrets[scope][name]
	if x == nil || x.visibility != "selected" {
		refuse(w, 404, "Not Found")
		return
	}
	list := []any{}
	for _, id := range page(w, r, x.selected) {
		list = append(list, map[string]any{"id": id})
	}
	s.answer(w, r, map[string]any{"total_count": len(x.selected), "repositories": list})
}

// write opens the box; what is not as documented is refused.
func (s *Server) write(w http.ResponseWriter, scope, name string, body []byte) {
	var in struct {
		KeyID      string   `json:"key_id"`
		Value      string   `json:"encrypted_value"`
		Visibility string   `json:"visibility"`
		Selected   *[]int64 `json:"selected_repository_ids"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	org := strings.HasPrefix(scope, "orgs/")
	if err := d.Decode(&in); err != nil {
		refuse(w, 422, "Invalid request")
		return
	}
	sealed, err := base64.StdEncoding.DecodeString(in.Value)
	value, ok := []byte(nil), false
	if err == nil {
		value, ok = box.OpenAnonymous(nil, sealed, s.public, s.private)
	}
	var selected []int64
	if in.Selected != nil {
		selected = *in.Selected
	}
	switch {
	case in.KeyID != s.keyID:
		refuse(w, 422, "Bad key_id")
	case !ok:
		refuse(w, 422, "The value is not sealed for the public key")
	case len(value) > 48<<10:
		refuse(w, 422, "The value is too large")
	case !nameForm.MatchString(name) || strings.HasPrefix(name, "GITHUB_"):
		refuse(w, 422, "Secret names can only contain alphanumeric characters and underscores")
	case org && !slices.Contains([]string{"all", "private", "selected"}, in.Visibility):
		refuse(w, 422, "visibility is missing")
	case !org && (in.Visibility != "" || in.Selected != nil), org && in.Visibility != "selected" && in.Selected != nil:
		refuse(w, 422, "members that do not belong here")
	case s.put(scope, name, string(value), in.Visibility, selected):
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "{}")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// answer writes JSON with its ETag.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, 500, "Server Error")
		return
	}
	sum := sha256.Sum256(body)
	tag := fmt.Sprintf("W/%q", fmt.Sprintf("%x", sum[:8]))
	w.Header().Set("ETag", tag)
	w.Header().Set("X-RateLimit-Limit", "5000")
	w.Header().Set("X-RateLimit-Remaining", "4999")
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(s.now().Add(time.Hour).Unix(), 10))
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)})
}
