package elastic

import (
	"encoding/json"
	"time"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// position is where a tail stands. It is JSON, versioned, and as long as the
// number of shards asks for: some 40 bytes for a shard at rest, at most 25 kB
// for one with maxHoles open numbers.
type position struct {
	Version int       `json:"v"`
	From    time.Time `json:"from,omitzero"` // where the tail began
	Begun   time.Time `json:"begun"`         // when
	At      time.Time `json:"at"`            // when the position was made
	// Indices by their UUID, so that an index of the same name is another one.
	Indices map[string]*indexPosition `json:"i,omitempty"`
	// Time is set instead on stores that hide sequence numbers.
	Time *timePosition `json:"t,omitempty"`
}

const positionVersion = 1

// indexPosition is one index.
type indexPosition struct {
	Name   string                 `json:"n"`
	Shards map[int]*shardPosition `json:"s"`
	// Missing is since when the index is not there; Said that this was said.
	Missing time.Time `json:"gone,omitzero"`
	Said    bool      `json:"said,omitempty"`
	// Old says that the index was there before the tail: of what it holds when
	// a shard is first seen, only what is from the tail's From on is wanted.
	Old bool `json:"o,omitempty"`
	// Fresh is when it last had something new.
	Fresh time.Time `json:"f,omitzero"`
}

// shardPosition is one shard: everything up to Max has been given but for the
// Holes.
type shardPosition struct {
	Max  int64 `json:"m"`
	Term int64 `json:"t,omitempty"` // the greatest primary term seen
	// Start is the greatest number when the tail began: up to it only what is
	// from the tail's From on is wanted. -1 wants everything.
	Start int64 `json:"z"`
	Holes holes `json:"h,omitempty"`
	// After a change of the primary the last numbers are read again: up to
	// Again, what has a term up to AgainTerm was given before.
	Again     int64 `json:"a,omitempty"`
	AgainTerm int64 `json:"at,omitempty"`
}

// maxPosition bounds what is read as a position.
const maxPosition = 8 << 20

func parsePosition(b logs.Position) (*position, error) {
	wrong := func(why string) error {
		return fail.New(fail.Usage, "the position of the tail can't be used: %s", why).
			Hint("begin anew with --since, or remove the cursor file")
	}
	if len(b) > maxPosition {
		return nil, wrong("it is too long")
	}
	var p position
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, wrong("it is not of this store")
	}
	if p.Version != positionVersion {
		return nil, wrong("it is of another version of aictl, or of another store")
	}
	for _, index := range p.Indices {
		if index == nil {
			return nil, wrong("it is damaged")
		}
		for n, shard := range index.Shards {
			if shard == nil || n < 0 || shard.Max < -1 || shard.Start < -1 {
				return nil, wrong("it is damaged")
			}
		}
	}
	return &p, nil
}

// bytes is the position as the tail keeps it.
func (p *position) bytes(now time.Time) logs.Position {
	p.Version, p.At = positionVersion, now.UTC().Truncate(time.Millisecond)
	b, err := json.Marshal(p)
	if err != nil {
		panic("elastic: a position that is not JSON: " + err.Error()) // plain values
	}
	return b
}
