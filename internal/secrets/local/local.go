// Package local keeps what secrets need to outlive the process where there is
// no control plane: the key for fingerprints, the ledger of writes, and the
// journal of rotations, as files of the person's own in one directory (0700,
// files 0600). No file holds a value.
//
// It promises that what was acknowledged is on the disk, that several
// processes may use the directory at once (a lock file), and that a torn last
// line of the ledger, which a crash can leave, is dropped. Fingerprints of two
// machines don't compare unless their key files are the same.
package local

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// The files of the directory.
const (
	keyFile    = "fingerprint.key"
	ledgerFile = "ledger.jsonl"
	lockFile   = "lock"
	journalDir = "rotations"
	// maxLedger bounds the ledger, in bytes; over it the newest entries of
	// each reference are kept.
	maxLedger = 4 << 20
	keepEach  = 20
)

// State implements secrets.Ledger and secrets.Journal.
type State struct{ dir string }

var (
	_ secrets.Ledger  = (*State)(nil)
	_ secrets.Journal = (*State)(nil)
)

// Open makes the directory where it is missing, and refuses one that others
// can enter.
func Open(dir string) (*State, error) {
	if err := os.MkdirAll(filepath.Join(dir, journalDir), 0o700); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the directory of the secrets' ledger")
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "looking at the directory of the secrets' ledger")
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fail.New(fail.Refused, "others can enter %s (%s)", dir, perm).Hint("chmod 700 %s", dir)
	}
	return &State{dir}, nil
}

func (s *State) path(name string) string { return filepath.Join(s.dir, name) }

// locked runs f while no other process is in here.
func (s *State) locked(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return fail.From(err)
	}
	lock := flock.New(s.path(lockFile), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fail.Wrap(fail.Failed, err, "locking the secrets' ledger")
	}
	defer func() { _ = lock.Unlock() }()
	return f()
}

// Key gives the key for fingerprints; the first call makes it.
func (s *State) Key(ctx context.Context) (key []byte, err error) {
	err = s.locked(ctx, func() error {
		path := s.path(keyFile)
		body, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			raw := make([]byte, 32)
			_, _ = rand.Read(raw) // never fails
			body = []byte(hex.EncodeToString(raw))
			err = write(path, body)
		}
		if err != nil {
			return fail.Wrap(fail.Failed, err, "reading the key for fingerprints")
		}
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
			return fail.New(fail.Refused, "%s is open to others", path).Hint("chmod 600 %s", path)
		}
		key = bytes.TrimSpace(body)
		return nil
	})
	return key, err
}

// write replaces a file whole, and durably.
func write(path string, body []byte) error {
	part, err := os.CreateTemp(filepath.Dir(path), ".part-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part.Name()) }()
	_, err = part.Write(body)
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Record implements secrets.Ledger.
func (s *State) Record(ctx context.Context, e secrets.Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding an entry of the ledger")
	}
	return s.locked(ctx, func() error {
		path := s.path(ledgerFile)
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fail.Wrap(fail.Failed, err, "writing the secrets' ledger")
		}
		info, err := f.Stat()
		if err == nil && info.Size() > 0 { // a torn line is no line
			last := make([]byte, 1)
			if _, err = f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
				line = append([]byte{'\n'}, line...)
			}
		}
		if err == nil {
			_, err = f.WriteAt(append(line, '\n'), info.Size())
		}
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fail.Wrap(fail.Failed, err, "writing the secrets' ledger")
		}
		if info.Size() > maxLedger {
			return s.shrink(path)
		}
		return nil
	})
}

// shrink keeps the newest entries of each reference.
func (s *State) shrink(path string) error {
	all, err := s.read()
	if err != nil {
		return err
	}
	seen, keep := map[string]int{}, []secrets.Entry{}
	for i := len(all) - 1; i >= 0; i-- {
		if seen[all[i].Ref]++; seen[all[i].Ref] <= keepEach {
			keep = append(keep, all[i])
		}
	}
	slices.Reverse(keep)
	var out bytes.Buffer
	for _, e := range keep {
		line, err := json.Marshal(e)
		if err != nil {
			return fail.Wrap(fail.Internal, err, "encoding an entry of the ledger")
		}
		out.Write(append(line, '\n'))
	}
	if err := write(path, out.Bytes()); err != nil {
		return fail.Wrap(fail.Failed, err, "writing the secrets' ledger")
	}
	return nil
}

// read gives the entries, the oldest first; what is no entry is left out.
func (s *State) read() ([]secrets.Entry, error) {
	body, err := os.ReadFile(s.path(ledgerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the secrets' ledger")
	}
	var out []secrets.Entry
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e secrets.Entry
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Ref != "" {
			out = append(out, e)
		}
	}
	return out, lines.Err()
}

// Entries implements secrets.Ledger.
func (s *State) Entries(ctx context.Context, ref string, limit int) (out []secrets.Entry, err error) {
	err = s.locked(ctx, func() error {
		all, err := s.read()
		for i := len(all) - 1; i >= 0 && len(out) < limit; i-- {
			if all[i].Ref == ref {
				out = append(out, all[i])
			}
		}
		return err
	})
	return out, err
}

// Begin implements secrets.Journal.
func (s *State) Begin(ctx context.Context, r *secrets.Rotation) error {
	return s.locked(ctx, func() error {
		all, err := s.rotations()
		if err != nil {
			return err
		}
		for _, there := range all {
			if err := secrets.SameOpen(there, r); err != nil {
				return err
			}
		}
		r.Rev = 1
		return s.keep(r)
	})
}

func (s *State) keep(r *secrets.Rotation) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding the rotation")
	}
	if err := write(s.rotation(r.ID), body); err != nil {
		return fail.Wrap(fail.Failed, err, "writing the journal of rotations")
	}
	return nil
}

// rotation is the file of an id, which may be anybody's text.
func (s *State) rotation(id string) string {
	return filepath.Join(s.dir, journalDir, hex.EncodeToString([]byte(id))+".json")
}

// Save implements secrets.Journal.
func (s *State) Save(ctx context.Context, r *secrets.Rotation) error {
	return s.locked(ctx, func() error {
		there, err := s.load(r.ID)
		if err != nil || there.Rev != r.Rev {
			return secrets.LostRotation(r)
		}
		next := *r
		next.Rev++
		if err := s.keep(&next); err != nil {
			return err
		}
		r.Rev = next.Rev
		return nil
	})
}

func (s *State) load(id string) (*secrets.Rotation, error) {
	if len(id) > 100 {
		return nil, secrets.NoRotation(id)
	}
	body, err := os.ReadFile(s.rotation(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, secrets.NoRotation(id)
	}
	r := &secrets.Rotation{}
	if err == nil {
		err = json.Unmarshal(body, r)
	}
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the journal of rotations")
	}
	return r, nil
}

// Load implements secrets.Journal.
func (s *State) Load(ctx context.Context, id string) (out *secrets.Rotation, err error) {
	err = s.locked(ctx, func() (err error) { out, err = s.load(id); return err })
	return out, err
}

func (s *State) rotations() ([]*secrets.Rotation, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, journalDir, "*.json"))
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "reading the journal of rotations")
	}
	out := []*secrets.Rotation{}
	for _, name := range names {
		id, err := hex.DecodeString(strings.TrimSuffix(filepath.Base(name), ".json"))
		if err != nil {
			continue
		}
		r, err := s.load(string(id))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *secrets.Rotation) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	return out, nil
}

// List implements secrets.Journal.
func (s *State) List(ctx context.Context) (out []*secrets.Rotation, err error) {
	err = s.locked(ctx, func() (err error) { out, err = s.rotations(); return err })
	return out[:min(len(out), 100)], err
}
