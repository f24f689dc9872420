package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/fail"
)

// Bounds of what belongs to one revision.
const (
	maxBundleFiles = 50_000
	maxBundleBytes = 1 << 30
)

// bundle is what a revision runs: the manifest's folder and what it names
// beside it. It is copied, so that going back goes back to the code as well.
type bundle struct {
	base  string   // the folder above all of them
	roots []string // relative to base
	dir   string   // the manifest's folder, relative to base
	sum   string   // of the content
}

// collect reads the content of a manifest's folder.
func collect(ctx context.Context, m *plugin.Manifest, dir string) (*bundle, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, fail.Wrap(fail.NotFound, err, "looking at the manifest's folder")
	}
	roots := []string{dir}
	for _, f := range m.Files {
		full, err := filepath.EvalSymlinks(filepath.Join(dir, f))
		if err != nil {
			return nil, fail.Wrap(fail.NotFound, err, "looking for %s, which the manifest's files name", f)
		}
		roots = append(roots, full)
	}
	b := &bundle{base: dir}
	for _, r := range roots {
		for !within(b.base, r) {
			b.base = filepath.Dir(b.base)
		}
	}
	for _, r := range roots {
		rel, err := filepath.Rel(b.base, r)
		if err != nil {
			return nil, fail.Wrap(fail.Internal, err, "ordering the files")
		}
		b.roots = append(b.roots, rel)
	}
	b.dir = b.roots[0]
	sum := sha256.New()
	err = b.walk(ctx, func(rel string, info fs.FileInfo) error { return hashFile(sum, b.base, rel, info) })
	b.sum = hex.EncodeToString(sum.Sum(nil))
	return b, err
}

func within(base, path string) bool {
	rel, err := filepath.Rel(base, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// walk visits the files of the bundle once, in order. Version control, byte
// code and what is neither a file, a link nor folder are left out.
func (b *bundle) walk(ctx context.Context, visit func(rel string, info fs.FileInfo) error) error {
	files, bytes := 0, int64(0)
	seen := map[string]bool{}
	for _, root := range b.roots {
		err := filepath.WalkDir(filepath.Join(b.base, root), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return fail.Wrap(fail.Failed, err, "reading the service's files")
			}
			if ctx.Err() != nil {
				return fail.From(ctx.Err())
			}
			if d.IsDir() {
				switch d.Name() {
				case ".git", ".hg", "__pycache__", ".venv.tmp":
					return fs.SkipDir
				}
				return nil
			}
			rel, err := filepath.Rel(b.base, path)
			if err != nil || seen[rel] {
				return err
			}
			seen[rel] = true
			info, err := os.Stat(path) // what a link leads to
			if d.Type()&fs.ModeSymlink != 0 && b.keeps(path) {
				info, err = os.Lstat(path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a link to nowhere, or gone meanwhile
			}
			if err != nil {
				return fail.Wrap(fail.Failed, err, "reading the service's files")
			}
			if !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
				return nil
			}
			if files++; files > maxBundleFiles {
				return fail.New(fail.TooLarge, "the service's folder has more than %d files", maxBundleFiles).Hint("keep what is no part of the service elsewhere")
			}
			if bytes += info.Size(); bytes > maxBundleBytes {
				return fail.New(fail.TooLarge, "the service's folder has more than %s", plugin.Size(maxBundleBytes)).Hint("keep what is no part of the service elsewhere")
			}
			return visit(rel, info)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keeps says that a link is copied as it is: it leads to the same place from
// the copy. Of another one the file is copied that it leads to.
func (b *bundle) keeps(path string) bool {
	to, err := os.Readlink(path)
	return err == nil && (filepath.IsAbs(to) || within(b.base, filepath.Join(filepath.Dir(path), to)))
}

func hashFile(sum hash.Hash, base, rel string, info fs.FileInfo) error {
	if info.Mode().Type() == fs.ModeSymlink {
		to, err := os.Readlink(filepath.Join(base, rel))
		_, _ = fmt.Fprintf(sum, "%s\x00link\x00%s\x00", rel, to) // a hash takes everything
		return err
	}
	f, err := os.Open(filepath.Join(base, rel))
	if err != nil {
		return fail.Wrap(fail.Failed, err, "reading the service's files")
	}
	defer func() { _ = f.Close() }()
	_, _ = fmt.Fprintf(sum, "%s\x00%o\x00%d\x00", rel, info.Mode().Perm()&0o111, info.Size()) // a hash takes everything
	if _, err := io.Copy(sum, f); err != nil {
		return fail.Wrap(fail.Failed, err, "reading the service's files")
	}
	return nil
}

// copyTo makes the copy of a revision, and gives the folder to run in. It is
// there whole or not at all.
func (b *bundle) copyTo(ctx context.Context, to string) (string, error) {
	if _, err := os.Stat(to); err == nil {
		return filepath.Join(to, b.dir), nil
	}
	part := to + ".part"
	if err := os.RemoveAll(part); err != nil {
		return "", fail.Wrap(fail.Failed, err, "clearing an unfinished copy")
	}
	if err := os.MkdirAll(filepath.Join(part, b.dir), 0o700); err != nil {
		return "", fail.Wrap(fail.Failed, err, "copying the service's files")
	}
	err := b.walk(ctx, func(rel string, info fs.FileInfo) error {
		if err := copyFile(filepath.Join(b.base, rel), filepath.Join(part, rel), info); err != nil {
			return fail.Wrap(fail.Failed, err, "copying the service's files").Hint("free some space; nothing was changed")
		}
		return nil
	})
	if err == nil {
		if err = os.Rename(part, to); err != nil {
			err = fail.Wrap(fail.Failed, err, "copying the service's files")
		}
	}
	if err != nil {
		_ = os.RemoveAll(part)
		return "", err
	}
	return filepath.Join(to, b.dir), nil
}

func copyFile(from, to string, info fs.FileInfo) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSymlink {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600|info.Mode().Perm()&0o100)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
