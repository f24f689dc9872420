package embedded

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logging"
)

// The engine keeps entries by the day and removes whole days, without saying
// so, when they are too old or take too much disk. A tail that had not come to
// them is told: the days remember the highest number of each.
type days struct {
	Kept map[day]uint64 `json:"kept"`
	Gone map[day]gone   `json:"gone"` // removed by the engine
	// Removals counts them, so that each is told to a tail once.
	Removals uint64 `json:"removals"`
}

type gone struct {
	Last    uint64 `json:"last"` // the highest number of the day
	Removal uint64 `json:"removal"`
}

// day is a day of UTC, counted from 1970.
type day int64

func dayOf(t time.Time) day { return day(t.Unix() / (24 * 60 * 60)) }

func (d day) begins() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

const (
	dayName = "20060102" // the engine's name of a day's folder
	// mostGone bounds how many removed days are remembered.
	mostGone = 400
)

// openDays reads what is remembered, and brings it up to what the data has. It
// gives the highest number of all.
func (s *Store) openDays(have map[day]uint64) (highest uint64) {
	s.days = days{}
	body, err := os.ReadFile(s.daysFile())
	if err == nil {
		err = json.Unmarshal(body, &s.days)
	}
	if err != nil && !os.IsNotExist(err) { // what was removed before is not known: no reason not to start
		s.o.Logger.Warn("the log store does not know which days were removed earlier", logging.Err(err))
		s.days = days{}
	}
	if s.days.Kept == nil {
		s.days.Kept = map[day]uint64{}
	}
	if s.days.Gone == nil {
		s.days.Gone = map[day]gone{}
	}
	for d, n := range have {
		s.days.Kept[d] = max(s.days.Kept[d], n)
		highest = max(highest, n)
	}
	return highest
}

func (s *Store) daysFile() string { return filepath.Join(s.o.Dir, "days") }

// writeDays remembers the days over a restart. s.mu is held.
func (s *Store) writeDays() error {
	body, err := json.Marshal(s.days)
	if err == nil {
		err = os.WriteFile(s.daysFile()+".new", body, 0o600)
	}
	if err == nil {
		err = os.Rename(s.daysFile()+".new", s.daysFile())
	}
	if err != nil {
		return fail.Wrap(fail.Unavailable, err, "remembering the days of the log store").Hint("look at the free space of %s", s.o.Dir)
	}
	return nil
}

// arrived notes the number of an entry of a day. s.mu is held.
func (s *Store) arrived(at time.Time, n uint64) {
	d := dayOf(at)
	if _, known := s.days.Kept[d]; !known {
		s.unwritten = true
	}
	s.days.Kept[d] = n
}

// removed looks which days the engine has removed, and gives the gaps that this
// makes for a tail that stands at p, and the removal up to which it then knows.
func (s *Store) removed(p position) (gaps []api.LogGap, told uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, n := range s.days.Kept {
		if _, err := os.Stat(filepath.Join(s.o.Dir, "data", "partitions", d.begins().Format(dayName))); !os.IsNotExist(err) {
			continue
		}
		delete(s.days.Kept, d)
		s.days.Removals++
		s.days.Gone[d] = gone{Last: n, Removal: s.days.Removals}
		s.unwritten = true
	}
	for _, d := range slices.Sorted(maps.Keys(s.days.Gone)) {
		if len(s.days.Gone) <= mostGone {
			break
		}
		delete(s.days.Gone, d)
	}
	s.keepDays()
	for _, d := range slices.Sorted(maps.Keys(s.days.Gone)) {
		g, from, to := s.days.Gone[d], d.begins(), (d + 1).begins()
		// What the tail has seen, was told of, or never asked for is no gap.
		if g.Removal <= p.Gone || g.Last <= p.Number || g.Last <= p.Until && !to.After(p.From) {
			continue
		}
		gaps = append(gaps, api.LogGap{
			From: later(from, p.From), To: to,
			Reason: fmt.Sprintf("the log store removed this day before it was read: it keeps %s and %d MiB", s.o.Retention, s.o.MaxBytes>>20),
		})
	}
	return gaps, s.days.Removals
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// keepDays writes the days where they changed. A disk that takes nothing makes
// them known until the next start only; what is ingested says so already.
func (s *Store) keepDays() {
	if !s.unwritten {
		return
	}
	if err := s.writeDays(); err != nil {
		s.o.Logger.Warn("the log store's days are not remembered", slog.String("dir", s.o.Dir), logging.Err(err))
		return
	}
	s.unwritten = false
}
