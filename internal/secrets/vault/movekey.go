package vault

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/zalando/go-keyring"

	"github.com/aictl/aictl/internal/fail"
)

// MoveKey moves the key between the file and the keyring's entry. The key is
// in its new place, and was read back from there, before it leaves the old
// one: whatever cuts a move off, one place has it, and a second call ends it.
// A place that has another key already is left alone.
func MoveKey(ctx context.Context, o KeyOptions, toKeyring bool) (*Key, error) {
	if o.Keyring == "" {
		return nil, fail.New(fail.Usage, "no entry of the keyring is named").Hint("give --secrets-vault-keyring NAME, or secrets.vault.keyring in the configuration file")
	}
	ctx, cancel := context.WithTimeout(ctx, keyringPatience)
	defer cancel()
	unlock, err := lockKeyring(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	inFile, err := readFile(o.File)
	if err != nil {
		return nil, err
	}
	inKeyring, err := readKeyring(ctx, o.Keyring)
	if err != nil {
		return nil, err
	}
	from, to, source, target := inFile, inKeyring, o.File, entry(o.Keyring)
	if !toKeyring {
		from, to, source, target = inKeyring, inFile, target, source
	}
	switch {
	case from == nil && to != nil:
		return to, nil // it is there already
	case from == nil:
		return nil, fail.New(fail.NotFound, "there is no key of the vault to move: neither %s nor %s has one", source, target).
			Hint("a server makes its key at the first use of secrets")
	case to != nil && to.ID() != from.ID():
		return nil, fail.New(fail.Conflict, "%s has a key, and another one than %s: one of them opens nothing here", target, source).
			Hint("find out which key is this installation's, and keep the other one elsewhere")
	}
	if toKeyring {
		return from, fileToKeyring(ctx, o, from, to != nil)
	}
	return from, keyringToFile(ctx, o, from, to != nil)
}

func fileToKeyring(ctx context.Context, o KeyOptions, k *Key, there bool) error {
	if !there {
		if err := putKeyring(ctx, o.Keyring, k); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Remove(o.File), syncDir(filepath.Dir(o.File))); err != nil {
		return fail.Wrap(fail.Failed, err, "the key is in the keyring, and %s could not be removed", o.File).Hint("remove it by hand")
	}
	return nil
}

func keyringToFile(ctx context.Context, o KeyOptions, k *Key, there bool) error {
	if !there {
		kept, err := writeFile(o.File, k)
		if err != nil {
			return err
		}
		if kept.ID() != k.ID() {
			return fail.New(fail.Conflict, "somebody put another key into %s meanwhile", o.File).Hint("is another server on this data directory?")
		}
	}
	_, err := askKeyring(ctx, func() (string, error) { return "", keyring.Delete(keyringService, o.Keyring) })
	if err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return fail.Wrap(fail.Failed, err, "the key is in %s, and %s could not be removed", o.File, entry(o.Keyring)).Hint("remove it by hand")
	}
	return nil
}
