// Package files keeps incidents in files, for a context without a control
// plane: one JSON document an incident, in the person's state directory.
//
// It promises that a file is whole or not there (written beside, synced and
// renamed), that nobody else can read it (0600 in a 0700 directory), and that
// of two writers one is refused (the directory is locked while one writes). It
// holds no rules of its own.
package files

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident"
)

// Store implements incident.Store. It is safe for concurrent use, also by
// several processes.
type Store struct{ dir string }

// Open makes the directory where it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "making the directory of incidents").Hint("set XDG_STATE_HOME")
	}
	return &Store{dir}, nil
}

// path refuses what is no id: it must never name a file elsewhere.
func (s *Store) path(id string) (string, bool) {
	if ok, err := regexp.MatchString(`^[a-z0-9][a-z0-9-]{0,80}$`, id); err != nil || !ok {
		return "", false
	}
	return filepath.Join(s.dir, id+".json"), true
}

// LoadIncident implements incident.Store.
func (s *Store) LoadIncident(_ context.Context, id string) (api.Incident, error) {
	path, ok := s.path(id)
	if !ok {
		return api.Incident{}, incident.Missing(id)
	}
	body, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return api.Incident{}, incident.Missing(id)
	case err != nil:
		return api.Incident{}, fail.Wrap(fail.Failed, err, "reading incident %s", id)
	}
	var in api.Incident
	if err := json.Unmarshal(body, &in); err != nil || in.ID != id || len(in.Subjects) == 0 {
		return in, fail.New(fail.Failed, "the file of incident %s is damaged", id).Hint("move %s away", path)
	}
	return in, nil
}

// ListIncidents implements incident.Store. A damaged file is an error: an
// incident never goes silently.
func (s *Store) ListIncidents(ctx context.Context, limit int) ([]api.Incident, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "listing the incidents")
	}
	out := []api.Incident{}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if _, is := s.path(id); !ok || !is {
			continue
		}
		in, err := s.LoadIncident(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b api.Incident) int {
		if c := b.Opened.Compare(a.Opened); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	return out[:min(len(out), limit)], nil
}

// SaveIncident implements incident.Store.
func (s *Store) SaveIncident(ctx context.Context, in api.Incident, before int64) (err error) {
	path, ok := s.path(in.ID)
	if !ok {
		return fail.New(fail.Usage, "%q is no id of an incident", in.ID)
	}
	lock := flock.New(filepath.Join(s.dir, ".lock"), flock.SetPermissions(0o600))
	if err := lock.Lock(); err != nil {
		return fail.Wrap(fail.Failed, err, "locking the incidents")
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	now, err := s.LoadIncident(ctx, in.ID)
	switch {
	case fail.CodeOf(err) == fail.NotFound:
		if before != 0 {
			return incident.Stale(in.ID)
		}
	case err != nil:
		return err
	case now.Serial != before:
		return incident.Stale(in.ID)
	}
	body, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		return fail.Wrap(fail.Internal, err, "encoding incident %s", in.ID)
	}
	if err := replace(path, append(body, '\n')); err != nil {
		return fail.Wrap(fail.Failed, err, "writing incident %s", in.ID).Hint("free some space; the one before is untouched")
	}
	return nil
}

// replace puts a whole file in the place of another.
func replace(path string, body []byte) error {
	part, err := os.CreateTemp(filepath.Dir(path), ".part-*") // 0600
	if err != nil {
		return err
	}
	_, err = part.Write(body)
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		_ = os.Remove(part.Name()) // the first error says what is wrong
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
