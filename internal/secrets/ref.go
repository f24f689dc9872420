package secrets

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// DefaultStore is the store of a reference that names none.
const DefaultStore = "vault"

// maxRef bounds a reference, in bytes.
const maxRef = 1024

// Ref names a secret: STORE:PATH#MEMBER.
//
//	db-password                  the vault
//	vault:app/db-password        the same, named
//	kubernetes:shop/db/password  namespace, Secret and key
//	aws:prod/db#password         a member of a JSON object
//	github:acme/shop/DEPLOY_KEY  a repository's Actions secret
//	github:acme/shop@prod/KEY    an environment's
//	github:acme/KEY              an organisation's
//
// The store is a name of the configuration, not a kind. Everything up to the
// first colon is the store; a name without a colon is of the vault. The text
// after the first # picks a top-level member of a value that is a JSON object;
// the stores never see it.
type Ref struct {
	Store, Path, Member string
}

// String is the canonical form; ParseRef reads it back.
func (r Ref) String() string {
	s := r.Store + ":" + r.Path
	if r.Member != "" {
		s += "#" + r.Member
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Ref) UnmarshalText(b []byte) error {
	p, err := ParseRef(string(b))
	*r = p
	return err
}

// ParseRef reads a reference. Whether the path has the form that its store
// wants is for Store.Check.
func ParseRef(s string) (Ref, error) {
	r, err := ParsePrefix(s)
	if err != nil {
		return Ref{}, err
	}
	path, member, has := strings.Cut(r.Path, "#")
	if has && member == "" {
		return Ref{}, badRef("the member after # is empty")
	}
	if path == "" {
		return Ref{}, badRef("the path is empty")
	}
	if strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return Ref{}, badRef("a path neither begins nor ends with a slash")
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return Ref{}, badRef("a path has no empty part, no . and no ..")
		}
	}
	r.Path, r.Member = path, member
	return r, nil
}

// ParsePrefix reads STORE:PREFIX, where the prefix may be empty and end
// anywhere. A text without a colon is a prefix in the vault.
func ParsePrefix(s string) (Ref, error) {
	if len(s) > maxRef {
		return Ref{}, badRef("it is over 1024 bytes")
	}
	if !utf8.ValidString(s) {
		return Ref{}, badRef("it is not UTF-8")
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || c == ' ' || c == '\\' {
			return Ref{}, badRef("it holds white space, a backslash or a character that does not print")
		}
	}
	store, path, named := strings.Cut(s, ":")
	if !named {
		store, path = DefaultStore, s
	}
	if !ValidStoreName(store) {
		return Ref{}, badRef("a store's name is lower case letters, digits and dashes")
	}
	return Ref{Store: store, Path: path}, nil
}

// ValidStoreName reports whether a name of the configuration can stand before
// the colon.
func ValidStoreName(s string) bool {
	if s == "" || len(s) > 63 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// badRef does not repeat the text: what is in the place of a name by mistake
// may be a value.
func badRef(why string) error {
	return fail.New(fail.Usage, "that is no reference to a secret: %s", why).
		Hint("references are STORE:PATH, for example vault:app/db-password; aictl secrets list")
}
