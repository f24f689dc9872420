package secrets

import (
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// A folder is a prefix that ends with a slash, or is empty; everything else
// names one secret.
func isFolder(r Ref) bool { return r.Path == "" || strings.HasSuffix(r.Path, "/") }

// nameIn gives a secret's name in another store: what lies below the folder,
// spelt as the kind of store wants it. GitHub has upper case, digits and
// underscores only; a key of a Kubernetes Secret has no slash.
func nameIn(kind, folder, rel string) string {
	switch {
	case kind == KindGitHub:
		return strings.Map(func(c rune) rune {
			switch {
			case c >= 'a' && c <= 'z':
				return c - 'a' + 'A'
			case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
				return c
			}
			return '_'
		}, rel)
	case kind == KindKubernetes && strings.Count(folder, "/") == 2: // NAMESPACE/NAME/
		return strings.ReplaceAll(rel, "/", ".")
	}
	return rel
}

// mapping names secrets of the left side on the right side.
type mapping struct {
	from, to   Ref
	kind       string // of the right store
	names      map[string]string
	restricted string // only names that begin so
}

// Names is a mapping of names: "db-password=DB_PASS".
type Names []string

func (n Names) parse() (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range n {
		left, right, ok := strings.Cut(pair, "=")
		if !ok || left == "" || right == "" {
			return nil, fail.New(fail.Usage, "a name is mapped with LEFT=RIGHT").Hint("--map db-password=DB_PASS")
		}
		out[left] = right
	}
	return out, nil
}

func newMapping(from, to Ref, kind string, names Names, prefix string) (*mapping, error) {
	if isFolder(from) != isFolder(to) {
		return nil, fail.New(fail.Usage, "%s and %s: both must name one secret, or both a folder that ends with a slash", from, to)
	}
	if from == to {
		return nil, fail.New(fail.Usage, "both sides are %s", from)
	}
	table, err := names.parse()
	return &mapping{from: from, to: to, kind: kind, names: table, restricted: prefix}, err
}

// pair is one name with its place on either side.
type pair struct {
	name        string
	left, right Ref
}

// pairs matches the names of both sides; two left names on one right name are
// an error, because one would overwrite the other.
func (m *mapping) pairs(left, right []string) ([]pair, error) {
	if !isFolder(m.from) {
		return []pair{{m.from.Path, m.from, m.to}}, nil
	}
	taken := map[string]string{}
	var out []pair
	for _, path := range left {
		rel := strings.TrimPrefix(path, m.from.Path)
		if !strings.HasPrefix(rel, m.restricted) {
			continue
		}
		to, ok := m.names[rel]
		if !ok {
			to = nameIn(m.kind, m.to.Path, rel)
		}
		to = m.to.Path + to
		if other, twice := taken[to]; twice {
			return nil, fail.New(fail.Usage, "%s and %s would both be %s:%s", other, rel, m.to.Store, to).Hint("--map %s=OTHER_NAME", rel)
		}
		taken[to] = rel
		out = append(out, pair{rel, Ref{Store: m.from.Store, Path: path}, Ref{Store: m.to.Store, Path: to}})
	}
	for _, path := range right {
		rel := strings.TrimPrefix(path, m.to.Path)
		if _, ok := taken[path]; ok || m.restricted != "" && !strings.HasPrefix(rel, nameIn(m.kind, m.to.Path, m.restricted)) {
			continue
		}
		out = append(out, pair{rel, Ref{}, Ref{Store: m.to.Store, Path: path}})
	}
	slices.SortFunc(out, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	return out, nil
}
