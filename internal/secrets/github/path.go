package github

import (
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

// The forms are checked by hand: expressions with counts up to 255 take two
// milliseconds to compile, at every start of the program.

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func ownerForm(s string) bool {
	for i := range len(s) {
		if c := s[i]; !letterOrDigit(c) && (c != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return s != "" && len(s) <= 39
}

// wordForm is that of repositories and environments.
func wordForm(s string, most int) bool {
	for i := range len(s) {
		if c := s[i]; !letterOrDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && s != "." && s != ".." && len(s) <= most
}

func nameForm(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != "" && len(s) <= 255 && !strings.HasPrefix(s, "GITHUB_")
}

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
	if !ok || !nameForm(p.name) {
		return place{}, s.badForm()
	}
	return p, nil
}

func parseScope(text string) (scope, bool) {
	owner, rest, hasRepo := strings.Cut(text, "/")
	repo, env, hasEnv := strings.Cut(rest, "@")
	ok := ownerForm(owner) && (!hasRepo || wordForm(repo, 100)) && (!hasEnv || wordForm(env, 255))
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
