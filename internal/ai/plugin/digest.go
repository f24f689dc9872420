package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// Canonical is the manifest as JSON with every default filled in, schemas with
// sorted keys, and without its reason.
func (m *Manifest) Canonical() ([]byte, error) {
	c := *m
	c.Reason = ""
	c.Operations = append([]Operation(nil), m.Operations...)
	c.normalise()
	for i := range c.Operations {
		o := &c.Operations[i]
		o.Examples = append([]json.RawMessage(nil), o.Examples...)
		for _, raw := range append([]*json.RawMessage{&o.Input, &o.Output}, pointers(o.Examples)...) {
			fresh, err := canonical(*raw)
			if err != nil {
				return nil, fail.Wrap(fail.Usage, err, "reading a schema of %s", o.Name)
			}
			*raw = fresh
		}
	}
	return json.Marshal(c)
}

func pointers(list []json.RawMessage) []*json.RawMessage {
	out := make([]*json.RawMessage, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// Digest is the SHA-256 of the canonical form, in hexadecimal: equal for
// manifests that mean the same, whatever their reason.
func (m *Manifest) Digest() (string, error) {
	c, err := m.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(c)
	return hex.EncodeToString(sum[:]), nil
}

// Clone is a deep copy.
func (m *Manifest) Clone() *Manifest {
	raw, err := json.Marshal(m)
	var out Manifest
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil { // only a schema that is no JSON does this, and Check refuses it
		shallow := *m
		return &shallow
	}
	return &out
}

// Expand replaces $(NAME) in words by the variables; $$( is a plain $(, and an
// unknown name stays as it is (the rule of Kubernetes' commands).
func Expand(words []string, lookup func(name string) (string, bool)) []string {
	out := make([]string, len(words))
	for i, w := range words {
		var b strings.Builder
		for w != "" {
			j := strings.IndexByte(w, '$')
			if j < 0 || j+1 == len(w) {
				b.WriteString(w)
				break
			}
			b.WriteString(w[:j])
			w = w[j:]
			switch w[1] {
			case '$':
				b.WriteByte('$')
				w = w[2:]
				continue
			case '(':
				if end := strings.IndexByte(w, ')'); end > 0 {
					if v, ok := lookup(w[2:end]); ok {
						b.WriteString(v)
					} else {
						b.WriteString(w[:end+1])
					}
					w = w[end+1:]
					continue
				}
			}
			b.WriteByte('$')
			w = w[1:]
		}
		out[i] = b.String()
	}
	return out
}

// clusterSecret reads kubernetes:NAME/KEY and kubernetes:NAMESPACE/NAME/KEY.
// A pod reads the Secrets of its own namespace only, so that is not looked at.
func clusterSecret(ref string) (name, key string, ok bool) {
	rest, ok := strings.CutPrefix(ref, "kubernetes:")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) < 2 || len(parts) > 3 || strings.Contains(rest, "#") {
		return "", "", false
	}
	name, key = parts[len(parts)-2], parts[len(parts)-1]
	return name, key, name != "" && key != ""
}
