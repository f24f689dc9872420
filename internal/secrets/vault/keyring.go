package vault

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/zalando/go-keyring"

	"github.com/aictl/aictl/internal/fail"
)

// keyringService is the service under which the keyring has our keys.
const keyringService = "aictl-vault"

// keyringPatience bounds a call of the keyring: one that is locked may ask a
// person, and nobody may be there to answer.
const keyringPatience = 20 * time.Second

func entry(name string) string { return "the keyring's entry " + name }

func openKeyring(ctx context.Context, o KeyOptions) (*Key, error) {
	ctx, cancel := context.WithTimeout(ctx, keyringPatience)
	defer cancel()
	k, err := readKeyring(ctx, o.Keyring)
	if err != nil || k != nil {
		return k, err
	}
	if _, err := os.Lstat(o.File); err == nil {
		return nil, fail.New(fail.Unavailable, "the vault's key is in %s, and %s, which should have it, is empty", o.File, entry(o.Keyring)).
			Hint("stop the server and move it: aictl-server vault-key --to keyring, with this configuration; or leave secrets.vault.keyring away")
	}
	if !o.Create {
		return nil, missing(entry(o.Keyring), "; an entry of another name has it, perhaps")
	}
	return makeInKeyring(ctx, o.Keyring)
}

// readKeyring gives the entry's key; nil where it has none.
func readKeyring(ctx context.Context, name string) (*Key, error) {
	text, err := askKeyring(ctx, func() (string, error) { return keyring.Get(keyringService, name) })
	switch {
	case err == nil:
		return parseKey(text, entry(name))
	case errors.Is(err, keyring.ErrNotFound):
		return nil, nil //nolint:nilnil // the comment says so
	}
	return nil, noKeyring(err, "does not give the vault's key")
}

// makeInKeyring makes a key. The keyring can't be told to add an entry only
// where there is none, so that of two servers at the first start one would
// overwrite the key under which the other one has sealed: they take turns.
func makeInKeyring(ctx context.Context, name string) (*Key, error) {
	unlock, err := lockKeyring(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if k, err := readKeyring(ctx, name); err != nil || k != nil {
		return k, err
	}
	k, err := newKey()
	if err != nil {
		return nil, err
	}
	return k, putKeyring(ctx, name, k)
}

// putKeyring writes the key and reads it back: what is sealed under a key that
// was not kept is lost.
func putKeyring(ctx context.Context, name string, k *Key) error {
	_, err := askKeyring(ctx, func() (string, error) { return "", keyring.Set(keyringService, name, string(k.secret)) })
	if err != nil {
		return noKeyring(err, "does not take the vault's key")
	}
	kept, err := readKeyring(ctx, name)
	if err != nil {
		return err
	}
	if kept == nil || kept.ID() != k.ID() {
		return fail.New(fail.Unavailable, "the operating system's keyring did not keep the vault's key: %s has another one, or none", entry(name)).
			Hint("keep the key in its file: leave secrets.vault.keyring away")
	}
	return nil
}

func noKeyring(err error, what string) error {
	return fail.Wrap(fail.Unavailable, err, "the operating system's keyring %s", what).
		Hint("unlock the keyring of the user that the server runs as, or keep the key in its file: leave secrets.vault.keyring away")
}

// askKeyring calls the keyring, whose library takes no context. A call that is
// given up goes on until the person answers its prompt or the process ends;
// what it returns then, nobody gets.
func askKeyring(ctx context.Context, f func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := f()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-ctx.Done():
		return "", errors.New("no answer in time: a prompt to unlock it may be waiting")
	}
}

// lockKeyring keeps other processes of this user out until unlock is called.
func lockKeyring(ctx context.Context) (unlock func(), err error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir() // a service without a home
	}
	path := filepath.Join(dir, "aictl", "keyring.lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the directory of the keyring's lock")
	}
	lock := flock.New(path, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, fail.Wrap(fail.Unavailable, err, "waiting for another server to make its key").Hint("try again")
	}
	return func() { _ = lock.Unlock() }, nil
}
