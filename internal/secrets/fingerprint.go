package secrets

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/aictl/aictl/internal/fail"
)

// Fingerprint stands for a value in plans, in diffs and in the ledger: a keyed
// hash, HMAC-SHA256 (RFC 2104) under a key of this installation, 16 bytes in
// hex. Equal values have equal fingerprints; without the key nothing can be
// learned from one, not even by trying passwords, which a bare hash would
// allow. Fingerprints of two installations do not compare.
type Fingerprint string

// Short is enough of it for a person's eye.
func (f Fingerprint) Short() string {
	if len(f) > 12 {
		return string(f[:12])
	}
	return string(f)
}

// minKey is the least key, in bytes.
const minKey = 16

// Fingerprinter makes fingerprints. It is safe for concurrent use.
type Fingerprinter struct{ key []byte }

// NewFingerprinter derives the key for fingerprints from the installation's
// secret (HKDF-SHA256, RFC 5869), so that the same secret can serve other ends.
func NewFingerprinter(secret []byte) (*Fingerprinter, error) {
	if len(secret) < minKey {
		return nil, fail.New(fail.Usage, "the key for fingerprints is under %d bytes", minKey)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "aictl secrets fingerprint v1", sha256.Size)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "deriving the key for fingerprints")
	}
	return &Fingerprinter{key}, nil
}

// Of gives the fingerprint of a value.
func (f *Fingerprinter) Of(v Value) Fingerprint {
	h := hmac.New(sha256.New, f.key)
	h.Write(v.Bytes())
	return Fingerprint(hex.EncodeToString(h.Sum(nil)[:16]))
}
