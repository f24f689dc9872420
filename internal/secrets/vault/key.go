package vault

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/zalando/go-keyring"

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
	// can write. It is made where it is missing and Create is set.
	File string
	// Keyring keeps the key in the operating system's keyring under this name,
	// in place of a file.
	Keyring string
	// Create permits to make a new key: false where there is something sealed
	// already, which a new key would not open.
	Create bool
}

// keyringService is the service under which the keyring has our keys.
const keyringService = "aictl-vault"

// OpenKey reads the key, or makes it. Errors say where it was looked for and
// never what was found there.
func OpenKey(o KeyOptions) (*Key, error) {
	if o.Keyring != "" {
		return openKeyring(o)
	}
	return openFile(o)
}

func openKeyring(o KeyOptions) (*Key, error) {
	text, err := keyring.Get(keyringService, o.Keyring)
	switch {
	case err == nil:
		return parseKey(text, "the keyring's entry "+o.Keyring)
	case !errors.Is(err, keyring.ErrNotFound):
		return nil, fail.Wrap(fail.Unavailable, err, "the operating system's keyring does not answer").
			Hint("unlock it, or keep the key in a file: secrets.vault.key: file")
	case !o.Create:
		return nil, missing("the keyring's entry " + o.Keyring)
	}
	k, err := newKey()
	if err != nil {
		return nil, err
	}
	if err := keyring.Set(keyringService, o.Keyring, string(k.secret)); err != nil {
		return nil, fail.Wrap(fail.Unavailable, err, "the operating system's keyring does not take the key").
			Hint("unlock it, or keep the key in a file: secrets.vault.key: file")
	}
	return k, nil
}

func openFile(o KeyOptions) (*Key, error) {
	info, err := os.Lstat(o.File)
	if errors.Is(err, fs.ErrNotExist) {
		if !o.Create {
			return nil, missing(o.File)
		}
		return makeFile(o.File)
	}
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "looking at the vault's key")
	}
	if err := narrow(o.File, info); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(o.File)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the vault's key")
	}
	defer clear(body)
	return parseKey(string(body), o.File)
}

// narrow refuses a file that others can read, and a directory that others can
// write: they could put a key of their own there.
func narrow(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fail.New(fail.Refused, "%s is no ordinary file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fail.New(fail.Refused, "%s is open to others (%s)", path, perm).Hint("chmod 600 %s", path)
	}
	dir := filepath.Dir(path)
	d, err := os.Stat(dir)
	if err != nil {
		return fail.Wrap(fail.Failed, err, "looking at the key's directory")
	}
	if perm := d.Mode().Perm(); perm&0o022 != 0 {
		return fail.New(fail.Refused, "others can write the key's directory %s (%s)", dir, perm).Hint("chmod 700 %s", dir)
	}
	return nil
}

// makeFile writes a new key and gives it its name only when it is whole and on
// the disk; of two that try at once, one wins and both read its key.
func makeFile(path string) (*Key, error) {
	k, err := newKey()
	if err != nil {
		return nil, err
	}
	failed := func(err error) error {
		return fail.Wrap(fail.Failed, err, "making the vault's key").Hint("look at the permissions of %s", filepath.Dir(path))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, failed(err)
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return nil, failed(err)
	}
	defer func() { _ = os.Remove(part.Name()) }()
	_, err = fmt.Fprintf(part, "# The key of aictl's vault. Whoever has it and the database can read every secret.\n# Keep a copy apart from the database: without it nothing can be read again.\n%s\n", k.secret)
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return nil, failed(err)
	}
	if err := os.Link(part.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return openFile(KeyOptions{File: path})
		}
		return nil, failed(err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, failed(err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return nil, failed(err)
	}
	return k, nil
}

func missing(where string) error {
	return fail.New(fail.Unavailable, "the vault's key is missing: %s, and there are secrets that only it opens", where).
		Hint("put the key back from its copy; a new key opens nothing")
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
