package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// block is how many numbers are reserved on disk at a time. After a crash the
// numbers go on behind the reserved ones: those of rows that were shown to a
// tail, but had not reached the disk, are not given a second time, or the tail
// would take the new rows for seen.
const block = 100_000

func (s *Store) marks() string { return filepath.Join(s.o.Dir, "numbers") }

// begin finds the number to go on from.
func (s *Store) begin(highest uint64) (uint64, error) {
	body, err := os.ReadFile(s.marks())
	switch {
	case os.IsNotExist(err) && highest == 0:
		return 0, nil
	case os.IsNotExist(err): // data without its mark: leave room for what is not known
		return highest + block, nil
	case err != nil:
		return 0, fail.Wrap(fail.Failed, err, "reading the log store's numbers")
	}
	mark, err := strconv.ParseUint(strings.TrimSpace(string(body)), 10, 64)
	if err != nil {
		return 0, fail.New(fail.Failed, "%s is damaged", s.marks()).Hint("remove it: the numbers then go on behind those of the data")
	}
	s.mark = mark
	return max(mark, highest), nil
}

// room sees to it that n numbers may be given; s.mu is held.
func (s *Store) room(n int) error {
	if s.last+uint64(n) <= s.mark {
		return nil
	}
	return s.reserve(s.last + uint64(n) + block)
}

// reserve writes the mark so that it is on disk when it returns.
func (s *Store) reserve(mark uint64) error {
	path := s.marks()
	err := func() error {
		f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(strconv.FormatUint(mark, 10) + "\n")
		if err == nil {
			err = f.Sync()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		return err
	}()
	if err != nil {
		return fail.Wrap(fail.Unavailable, err, "reserving numbers in the log store").Hint("look at the free space of %s", s.o.Dir)
	}
	s.mark = mark
	return nil
}
