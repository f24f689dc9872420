package logs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// CursorFile keeps a cursor on disk, whole at any moment: a new one is written
// beside it, synced and renamed over it. Keep it only after everything before
// the cursor has been written where it belongs; then a crash at any point
// repeats entries and never loses one. It is not for concurrent use.
type CursorFile struct {
	path    string
	every   time.Duration
	pending string
	saved   time.Time
}

// saveEvery is how often a cursor is written at most: a sync costs a few
// milliseconds.
const saveEvery = 250 * time.Millisecond

// OpenCursorFile reads the file's cursor; "" where there is no file yet. An
// empty file is no cursor either.
func OpenCursorFile(path string) (*CursorFile, string, error) {
	f := &CursorFile{path: path, every: saveEvery}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, "", f.writable()
	}
	if err != nil {
		return nil, "", fail.Wrap(fail.Usage, err, "reading the cursor file")
	}
	defer func() { _ = file.Close() }()
	body, err := io.ReadAll(io.LimitReader(file, maxCursor+1))
	if err != nil {
		return nil, "", fail.Wrap(fail.Usage, err, "reading the cursor file %s", path)
	}
	text := strings.TrimSpace(string(body))
	if text == "" {
		return f, "", nil
	}
	if _, err := ParseCursor(text); err != nil {
		e := fail.From(err)
		return nil, "", fail.New(e.Code, "%s: %s", path, e.Message).Hint("remove %s to begin anew", path)
	}
	return f, text, nil
}

// writable finds out before any entry is given whether the cursor can be kept.
func (f *CursorFile) writable() error {
	info, err := os.Stat(filepath.Dir(f.path))
	if err != nil {
		return fail.Wrap(fail.Usage, err, "the cursor file %s has no place", f.path).Hint("mkdir -p %s", filepath.Dir(f.path))
	}
	if !info.IsDir() {
		return fail.New(fail.Usage, "the cursor file %s is not in a directory", f.path)
	}
	return nil
}

// Keep notes the cursor and writes it where the last writing was long enough
// ago.
func (f *CursorFile) Keep(cursor string, now time.Time) error {
	f.pending = cursor
	if age := now.Sub(f.saved); age >= 0 && age < f.every {
		return nil
	}
	f.saved = now
	return f.Flush()
}

// Flush writes the noted cursor, if it is not written already.
func (f *CursorFile) Flush() error {
	if f.pending == "" {
		return nil
	}
	if err := replace(f.path, f.pending+"\n"); err != nil {
		return fail.Wrap(fail.Failed, err, "keeping the cursor in %s", f.path)
	}
	f.pending = ""
	return nil
}

// replace writes a file of mode 0600 so that a reader, or a crash, sees the
// old content or the new one.
func replace(path, content string) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(content)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	// The rename itself must survive; some file systems cannot sync a
	// directory, and then it survives as well as they can.
	_ = d.Sync()
	return d.Close()
}
