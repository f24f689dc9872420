package alertd

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// tidySilences forgets what expired long ago and writes the rest.
func (s *Server) tidySilences() (int64, error) {
	_, gc := s.silences.GC()
	n, err := s.saveSilences()
	return n, errors.Join(gc, err)
}

// saveSilences writes all silences: a new file beside the old one, flushed,
// then renamed over it.
func (s *Server) saveSilences() (int64, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	return replace(s.path("silences"), s.silences.Snapshot)
}

func replace(path string, write func(io.Writer) (int64, error)) (int64, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return 0, err
	}
	n, err := write(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(f.Name()))
	}
	return n, syncDir(filepath.Dir(path))
}

// syncDir makes the rename itself durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // directories cannot be flushed there
		return nil
	}
	d, err := os.Open(dir) //nolint:gosec // our own data directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
