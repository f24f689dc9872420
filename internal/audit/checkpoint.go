package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/aictl/aictl/internal/fail"
)

// checkpoint says, signed, that the record of the index had the hash.
type checkpoint struct {
	Index     int64  `json:"index"`
	Hash      string `json:"hash"`
	Signature string `json:"signature"`
}

func (c checkpoint) message() []byte { return fmt.Appendf(nil, "aictl audit %d %s", c.Index, c.Hash) }

// checkpoints is an append-only file beside the store, a line a batch, synced.
type checkpoints struct {
	path string
	key  ed25519.PrivateKey
	mu   sync.Mutex // guards file, size, torn
	file *os.File
	size int64
	torn bool // the last write failed: it may have left a part of a line
}

const (
	keyFile        = "audit.key"
	checkpointFile = "audit.checkpoints"
	// rotateAt is the size at which all but the latest lines are dropped: each
	// checkpoint covers the whole chain before it.
	rotateAt = 1 << 20
	keepAt   = 64 << 10
)

func openCheckpoints(dir string) (*checkpoints, error) {
	key, err := loadKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	c := &checkpoints{path: filepath.Join(dir, checkpointFile), key: key}
	if c.file, err = os.OpenFile(c.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "opening the audit's checkpoints")
	}
	if err := syncDir(dir); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "syncing the data directory")
	}
	// A line torn by a crash must not swallow the next one.
	info, err := c.file.Stat()
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "looking at the audit's checkpoints")
	}
	if c.size = info.Size(); c.size > 0 {
		last := make([]byte, 1)
		if _, err := c.file.ReadAt(last, c.size-1); err == nil && last[0] != '\n' {
			if _, err := c.file.Write([]byte("\n")); err != nil {
				return nil, fail.Wrap(fail.Failed, err, "writing the audit's checkpoints")
			}
			c.size++
		}
	}
	return c, nil
}

func loadKey(path string) (ed25519.PrivateKey, error) {
	seed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed = make([]byte, ed25519.SeedSize)
		_, _ = rand.Read(seed)
		if err := writeDurably(path, seed); err != nil {
			return nil, fail.Wrap(fail.Failed, err, "writing the audit's key")
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the audit's key")
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fail.New(fail.Failed, "the audit's key %s is damaged", path).
			Hint("put its back-up in place; a new key makes the old checkpoints worthless")
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fail.New(fail.Refused, "the audit's key %s is open to others", path).Hint("chmod 600 %s", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// writeDurably writes a file of its owner's: when it has its name, it is whole
// and on the disk.
func writeDurably(path string, body []byte) error {
	tmp, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = tmp.Write(body)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// add signs and writes a checkpoint, and syncs it.
func (c *checkpoints) add(head Row) error {
	m := checkpoint{Index: head.Index, Hash: head.Hash}
	m.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(c.key, m.message()))
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.torn {
		line = append([]byte("\n"), line...)
	}
	c.torn = true
	if _, err := c.file.Write(line); err != nil {
		return fail.Wrap(fail.Unavailable, err, "writing the audit's checkpoint").Hint("free some space: it goes on by itself")
	}
	if err := c.file.Sync(); err != nil {
		return fail.Wrap(fail.Unavailable, err, "syncing the audit's checkpoint").Hint("look at the disk of the data directory")
	}
	c.torn = false
	if c.size += int64(len(line)); c.size > rotateAt {
		return c.rotate()
	}
	return nil
}

// rotate keeps the latest lines. The new file is complete and open before it
// takes the old one's place, so that no line is written to a file without a
// name.
func (c *checkpoints) rotate() error {
	failed := func(err error) error { return fail.Wrap(fail.Unavailable, err, "rotating the audit's checkpoints") }
	body, err := os.ReadFile(c.path)
	if err != nil {
		return failed(err)
	}
	if len(body) > keepAt {
		body = body[len(body)-keepAt:]
		body = body[bytes.IndexByte(body, '\n')+1:]
	}
	next, err := os.OpenFile(c.path+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return failed(err)
	}
	_, err = next.Write(body)
	if err = errors.Join(err, next.Sync()); err == nil {
		err = os.Rename(c.path+".new", c.path)
	}
	if err != nil {
		_ = next.Close()
		return failed(err)
	}
	_ = c.file.Close()
	c.file, c.size = next, int64(len(body))
	if err := syncDir(filepath.Dir(c.path)); err != nil {
		return failed(err)
	}
	return nil
}

// read gives the checkpoints whose signature holds, by index. A line that does
// not is somebody's work or a torn write, and proves nothing.
func (c *checkpoints) read() (map[int64]checkpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := os.ReadFile(c.path)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading the audit's checkpoints")
	}
	public, _ := c.key.Public().(ed25519.PublicKey)
	out := map[int64]checkpoint{}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		var m checkpoint
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		sig, err := base64.StdEncoding.DecodeString(m.Signature)
		if err == nil && ed25519.Verify(public, m.message(), sig) {
			out[m.Index] = m
		}
	}
	return out, nil
}

func (c *checkpoints) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.file.Close()
}
