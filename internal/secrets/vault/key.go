package vault

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"filippo.io/age"

	"github.com/aictl/aictl/internal/fail"
)

// Key opens what the vault sealed: an age identity of the hybrid kind (X25519
// and ML-KEM-768), and keys derived from it.
type Key struct {
	identity *age.HybridIdentity
	secret   []byte // of the identity, in text
	mac      []byte
}

// KeyOptions say where the key lives.
type KeyOptions struct {
	// File is the path of the key, mode 0600, in a directory that nobody else
	// can write.
	File string
	// Keyring is the entry of the operating system's keyring that has the key
	// in place of the file; empty is the file.
	Keyring string
	// Create permits to make a new key where there is none: false where there
	// is something sealed already, which a new key would not open.
	Create bool
}

// OpenKey reads the key from where it lives, or makes it there. A key that is
// in the file while the keyring should have it is never passed over for a new
// one: MoveKey brings it there. Errors say where a key was looked for and never
// what was found there.
func OpenKey(ctx context.Context, o KeyOptions) (*Key, error) {
	if o.Keyring != "" {
		return openKeyring(ctx, o)
	}
	return openFile(o)
}

func missing(where, elsewhere string) error {
	return fail.New(fail.Unavailable, "the vault's key is missing: there is none in %s, and there are secrets that only it opens", where).
		Hint("put the key back from its copy (a new key opens nothing)%s", elsewhere)
}

func newKey() (*Key, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "making a key")
	}
	return keyOf(id)
}

func parseKey(text, where string) (*Key, error) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := age.ParseHybridIdentity(line)
		if err != nil { // its text would repeat the key
			return nil, fail.New(fail.Failed, "what is in %s is no key of the vault", where).Hint("put the key back from its copy")
		}
		return keyOf(id)
	}
	return nil, fail.New(fail.Failed, "there is no key in %s", where).Hint("put the key back from its copy")
}

func keyOf(id *age.HybridIdentity) (*Key, error) {
	k := &Key{identity: id, secret: []byte(id.String())}
	mac, err := hkdf.Key(sha256.New, k.secret, nil, "aictl vault record v1", sha256.Size)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "deriving a key")
	}
	k.mac = mac
	return k, nil
}

// ID tells keys apart without telling anything of them.
func (k *Key) ID() string {
	h := hmac.New(sha256.New, k.mac)
	h.Write([]byte("id"))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Secret is what other keys of the installation are derived from
// (secrets.Config.Key). The caller must not print it.
func (k *Key) Secret() []byte { return append([]byte(nil), k.secret...) }

// String keeps a key out of logs.
func (*Key) String() string { return "key of the vault" }

// GoString keeps it out of %#v.
func (k *Key) GoString() string { return k.String() }
