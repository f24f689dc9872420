package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aictl/aictl/internal/fail"
)

const manifestName = "manifest.json"

func entryName(i int) string { return fmt.Sprintf("entries/%05d.json", i) }

// write makes the file whole or not at all: beside its place first, then
// renamed.
func write(path string, m Manifest, entries []*Entry) (Manifest, error) {
	bad := func(err error) (Manifest, error) {
		return m, fail.Wrap(fail.Failed, err, "writing the bundle %s", path)
	}
	m.Entries = make([]Listed, len(entries))
	bodies := make([][]byte, len(entries))
	for i, e := range entries {
		body, err := json.Marshal(e)
		if err != nil {
			return bad(err)
		}
		sum := sha256.Sum256(body)
		bodies[i] = body
		m.Entries[i] = Listed{
			File: entryName(i), Operation: e.Operation, Context: e.Context,
			SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body)),
		}
	}
	list, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return bad(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return bad(err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // nothing is there after the rename
	z := zip.NewWriter(f)
	add := func(name string, body []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: m.Recorded})
		if err == nil {
			_, err = w.Write(body)
		}
		return err
	}
	err = add(manifestName, list)
	for i := range bodies {
		err = errors.Join(err, add(entryName(i), bodies[i]))
	}
	if err = errors.Join(err, z.Close(), f.Sync(), f.Close()); err != nil {
		return bad(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return bad(err)
	}
	return m, nil
}

// Bundle is a file that was read and checked whole.
type Bundle struct {
	Path     string
	Manifest Manifest
	Entries  []*Entry
}

// Open reads a bundle. NotFound: there is no such file. Failed: it is no
// bundle, or not as it was written. Version: a later aictl wrote it. TooLarge:
// it is over a bound.
func Open(path string) (*Bundle, error) {
	f, err := os.Open(path) //nolint:gosec // the file that the person names
	if errors.Is(err, os.ErrNotExist) {
		return nil, fail.New(fail.NotFound, "there is no bundle %s", path).Hint("aictl record --out %s", filepath.Base(path))
	}
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "opening the bundle %s", path)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "opening the bundle %s", path)
	}
	if !info.Mode().IsRegular() {
		return nil, fail.New(fail.Usage, "%s is no file", path).Hint("aictl record --out incident%s", Extension)
	}
	if info.Size() > maxFile {
		return nil, fail.New(fail.TooLarge, "the bundle %s is over %d MiB", path, maxFile>>20)
	}
	b, err := Read(f, info.Size())
	if err != nil {
		return nil, fail.Wrap(fail.CodeOf(err), err, "reading the bundle %s", path).Hint("record it again: aictl record --out FILE")
	}
	b.Path = path
	return b, nil
}

// Read reads a bundle of this size. Every bound holds whatever the file says
// of itself.
func Read(r io.ReaderAt, size int64) (*Bundle, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "it is no bundle, or its end is missing")
	}
	if len(z.File) > maxEntries+1 {
		return nil, fail.New(fail.TooLarge, "it holds more than %d entries", maxEntries)
	}
	files := map[string]*zip.File{}
	var total uint64
	for _, f := range z.File {
		if files[f.Name] != nil {
			return nil, fail.New(fail.Failed, "it holds %q twice", clip(f.Name))
		}
		files[f.Name] = f
		if total += min(f.UncompressedSize64, maxTotal+1); total > maxTotal {
			return nil, fail.New(fail.TooLarge, "what it holds is over %d MiB", maxTotal>>20)
		}
	}
	if files[manifestName] == nil {
		return nil, fail.New(fail.Failed, "it has no %s: it is no bundle", manifestName)
	}
	body, err := content(files[manifestName], maxManifest)
	if err != nil {
		return nil, err
	}
	b := &Bundle{}
	if err := json.Unmarshal(body, &b.Manifest); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading its %s", manifestName)
	}
	if err := b.Manifest.check(); err != nil {
		return nil, err
	}
	if len(files) != len(b.Manifest.Entries)+1 {
		return nil, fail.New(fail.Failed, "it holds %d files, and its manifest names %d", len(files)-1, len(b.Manifest.Entries))
	}
	for i, l := range b.Manifest.Entries {
		f := files[l.File]
		if l.File != entryName(i) || f == nil {
			return nil, fail.New(fail.Failed, "its manifest names %q, which is not there or not an entry's name", clip(l.File))
		}
		e, err := entry(f, l)
		if err != nil {
			return nil, err
		}
		b.Entries = append(b.Entries, e)
	}
	return b, nil
}

func (m *Manifest) check() error {
	switch {
	case m.Format != Format:
		return fail.New(fail.Failed, "its format is %q and not %q", clip(m.Format), Format)
	case m.Version > Version:
		return fail.New(fail.Version, "a later aictl wrote it: its version is %d, and this aictl reads up to %d", m.Version, Version)
	case m.Version < 1:
		return fail.New(fail.Failed, "its version is %d", m.Version)
	case m.Recorded.IsZero() || m.Recorded.Year() < 1970 || m.Recorded.Year() > 2200:
		return fail.New(fail.Failed, "it does not say when it was recorded")
	case len(m.Entries) > maxEntries || len(m.Contexts) > maxEntries:
		return fail.New(fail.TooLarge, "its manifest names more than %d entries", maxEntries)
	}
	return nil
}

func entry(f *zip.File, l Listed) (*Entry, error) {
	body, err := content(f, maxEntry)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != l.SHA256 || int64(len(body)) != l.Size {
		return nil, fail.New(fail.Failed, "%s is not what was written: its checksum differs", l.File)
	}
	e := &Entry{}
	if err := json.Unmarshal(body, e); err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading %s", l.File)
	}
	if e.Operation != l.Operation || e.Context != l.Context {
		return nil, fail.New(fail.Failed, "%s is an answer of %q, and the manifest says %q", l.File, clip(e.Operation), clip(l.Operation))
	}
	if e.Error == nil && (e.Status < 100 || e.Status > 599) {
		return nil, fail.New(fail.Failed, "%s has the status %d", l.File, e.Status)
	}
	return e, nil
}

// content reads one file of the archive; zip itself checks the CRC and the
// length.
func content(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading %q", clip(f.Name))
	}
	defer func() { _ = r.Close() }()
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fail.Wrap(fail.Failed, err, "reading %q", clip(f.Name))
	}
	if int64(len(body)) > limit {
		return nil, fail.New(fail.TooLarge, "%q is over %d MiB", clip(f.Name), limit>>20)
	}
	return bytes.Clone(body), nil
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Files gives the names and the contents of the files of a bundle, for those
// who look at all that it holds.
func Files(r io.ReaderAt, size int64) (names []string, bodies [][]byte, err error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, nil, fail.Wrap(fail.Failed, err, "it is no bundle, or its end is missing")
	}
	for _, f := range z.File {
		body, err := content(f, maxEntry)
		if err != nil {
			return nil, nil, err
		}
		names, bodies = append(names, f.Name), append(bodies, body)
	}
	return names, bodies, nil
}
