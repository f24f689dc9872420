package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aictl/aictl/internal/fail"
)

func openFile(o KeyOptions) (*Key, error) {
	k, err := readFile(o.File)
	if err != nil || k != nil {
		return k, err
	}
	if !o.Create {
		return nil, missing(o.File, ", or name the entry of the keyring that has it: secrets.vault.keyring")
	}
	if k, err = newKey(); err != nil {
		return nil, err
	}
	return writeFile(o.File, k)
}

// readFile gives the file's key; nil where there is no file.
func readFile(path string) (*Key, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // the comment says so
	}
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "looking at the vault's key")
	}
	if err := narrow(path, info); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the vault's key")
	}
	defer clear(body)
	return parseKey(string(body), path)
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

// writeFile writes a key and gives the file its name only when it is whole and
// on the disk; of two that try at once, one wins and both get its key.
func writeFile(path string, k *Key) (*Key, error) {
	failed := func(err error) error {
		return fail.Wrap(fail.Failed, err, "writing the vault's key").Hint("look at the permissions of %s", filepath.Dir(path))
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
			return readFile(path)
		}
		return nil, failed(err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, failed(err)
	}
	return k, nil
}

// syncDir makes what the directory names durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
