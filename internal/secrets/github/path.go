package github

import (
	"regexp"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// scope is where secrets live: an organisation, a repository, or an
// environment of one.
type scope struct{ owner, repo, env string }

// String is OWNER, OWNER/REPO or OWNER/REPO@ENV.
func (s scope) String() string {
	out := s.owner
	if s.repo != "" {
		out += "/" + s.repo
	}
	if s.env != "" {
		out += "@" + s.env
	}
	return out
}

// place is one secret.
type place struct {
	scope
	name string
}

// String is the path.
func (p place) String() string { return p.scope.String() + "/" + p.name }

var (
	ownerForm = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?$`)
	repoForm  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	envForm   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,255}$`)
	nameForm  = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,254}$`)
)

func (s *Store) badForm() error {
	return fail.New(fail.Usage, "that is no secret of GitHub: names are upper case, digits and underscores, and don't begin with a digit or GITHUB_").
		Hint("%[1]s:OWNER/REPO/NAME, %[1]s:OWNER/REPO@ENVIRONMENT/NAME, or %[1]s:OWNER/NAME", s.o.Name)
}

func (s *Store) parse(path string) (place, error) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return place{}, s.badForm()
	}
	sc, ok := parseScope(path[:i])
	p := place{sc, path[i+1:]}
	if !ok || !nameForm.MatchString(p.name) || strings.HasPrefix(p.name, "GITHUB_") {
		return place{}, s.badForm()
	}
	return p, nil
}

func parseScope(text string) (scope, bool) {
	owner, rest, hasRepo := strings.Cut(text, "/")
	repo, env, hasEnv := strings.Cut(rest, "@")
	ok := ownerForm.MatchString(owner) &&
		(!hasRepo || repoForm.MatchString(repo) && repo != "." && repo != "..") &&
		(!hasEnv || envForm.MatchString(env) && env != "." && env != "..")
	return scope{owner, repo, env}, ok
}

// parsePrefix gives the scope in which a prefix can be listed: what stands
// before its last slash.
func parsePrefix(prefix string) (scope, bool) {
	i := strings.LastIndexByte(prefix, '/')
	if i < 0 {
		return scope{}, false
	}
	return parseScope(prefix[:i])
}
