// Package rundir is the contract between `aictl up`, `down`, `status` and the
// server process that they manage: one data directory, locked against a
// second process, with a file that says where the running server listens.
//
// It promises that a lock left by a killed process is free again (the kernel
// releases it), and that the state file is only believed while the lock is
// held. It starts and stops nothing.
package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/aictl/aictl/internal/fail"
)

// State is what a running server says of itself.
type State struct {
	URL     string    `json:"url"`
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Log     string    `json:"log,omitempty"`
	// Demo says that it plays the demo.
	Demo bool `json:"demo,omitempty"`
}

// Ready is the one line that a starting server writes to its ready pipe: its
// state and, when it made or was asked for one, an admin token; or its error.
type Ready struct {
	State
	Token string         `json:"token,omitempty"`
	Error *fail.Document `json:"error,omitempty"`
}

const (
	lockFile  = "lock"
	stateFile = "server.json"
)

// Dir is a data directory held by this process.
type Dir struct {
	Path string
	lock *flock.Flock
}

// Acquire makes the directory (0700) where it is missing and locks it.
// Another process that holds it is a Conflict that names it; a directory that
// others can enter is Refused.
func Acquire(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the data directory %s", path).
			Hint("choose another with --data-dir")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "looking at the data directory")
	}
	if !info.IsDir() {
		return nil, fail.New(fail.Usage, "%s is not a directory", path).Hint("choose another with --data-dir")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fail.New(fail.Refused, "the data directory %s is open to others (%s)", path, info.Mode().Perm()).
			Hint("chmod 700 %s", path)
	}
	lock := flock.New(filepath.Join(path, lockFile), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "locking the data directory %s", path)
	}
	if !got {
		owner := "another process"
		if s, ok := Running(path); ok {
			owner = fmt.Sprintf("the server with pid %d at %s", s.PID, s.URL)
		}
		return nil, fail.New(fail.Conflict, "the data directory %s is in use by %s", path, owner).
			Hint("aictl status --data-dir %s", path)
	}
	return &Dir{Path: path, lock: lock}, nil
}

// Publish writes the state file, for status and down.
func (d *Dir) Publish(s State) error {
	body, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(d.Path, stateFile+".new")
	if err := os.WriteFile(tmp, append(body, '\n'), 0o600); err != nil {
		return fail.Wrap(fail.Failed, err, "writing the state file")
	}
	return os.Rename(tmp, filepath.Join(d.Path, stateFile))
}

// Release removes the state file and the lock.
func (d *Dir) Release() error {
	err := os.Remove(filepath.Join(d.Path, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, d.lock.Unlock())
}

// Held reports whether a process holds the directory.
func Held(path string) bool {
	if _, err := os.Stat(filepath.Join(path, lockFile)); err != nil {
		return false
	}
	// A shared lock is granted only while nobody holds the exclusive one, and
	// never gets in the way of another look.
	lock := flock.New(filepath.Join(path, lockFile), flock.SetFlag(os.O_RDONLY))
	got, err := lock.TryRLock()
	if err == nil && got {
		_ = lock.Unlock()
		return false
	}
	return true
}

// Running gives the state of the server that holds the directory; false when
// none does, or it has not said yet where it listens.
func Running(path string) (State, bool) {
	var s State
	if !Held(path) {
		return s, false
	}
	body, err := os.ReadFile(filepath.Join(path, stateFile))
	if err != nil || json.Unmarshal(body, &s) != nil {
		return s, false
	}
	return s, s.URL != ""
}
