package logging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// File is a log file that is renamed to PATH.1, PATH.2, … when it has grown
// to its limit. It holds no goroutine (the usual library for this leaves one
// behind at Close). Safe for concurrent use within one process.
type File struct {
	path string
	max  int64 // bytes
	keep int   // old files

	mu   sync.Mutex
	f    *os.File
	size int64
}

// OpenFile appends to path with mode 0600, making its directory. A file that
// would grow beyond maxBytes (0 is 64 MiB) is rotated first; keep old files
// remain (0 is 5).
func OpenFile(path string, maxBytes int64, keep int) (*File, error) {
	if maxBytes <= 0 {
		maxBytes = 64 << 20
	}
	if keep <= 0 {
		keep = 5
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the log directory: %w", err)
	}
	f := &File{path: path, max: maxBytes, keep: keep}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("reading the log file's size: %w", err), file.Close())
	}
	f.f, f.size = file, info.Size()
	return nil
}

// Write appends p whole to one file. When rotation fails (a full disk, say)
// it goes on writing to the file that is open.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return 0, fs.ErrClosed
	}
	if f.size > 0 && f.size+int64(len(p)) > f.max {
		f.rotate()
	}
	n, err := f.f.Write(p)
	f.size += int64(n)
	return n, err
}

// rotate shifts the names, then swaps the open file. Any failure leaves the
// open file in use and is tried again once it has grown by another limit.
func (f *File) rotate() {
	name := func(i int) string { return fmt.Sprintf("%s.%d", f.path, i) }
	for i := f.keep - 1; i >= 1; i-- {
		if err := os.Rename(name(i), name(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.size = 0
			return
		}
	}
	old := f.f
	if err := os.Rename(f.path, name(1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.size = 0
		return
	}
	if err := f.open(); err != nil {
		f.f, f.size = old, 0
		return
	}
	// What was written is in the old file already; its close cannot lose it.
	_ = old.Close()
}

// Close closes the file; later writes fail with fs.ErrClosed. It may be
// called again.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}
