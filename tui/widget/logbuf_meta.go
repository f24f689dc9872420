package widget

import "time"

// lineTimes are the times of a chunk's lines: 4 bytes each where they are near
// enough to the earliest, as they nearly always are, and otherwise 8.
type lineTimes struct {
	base, unit int64
	near       []uint32
	far        []int64
}

// noTime is the time of a line that has none, or one that 64 bits of
// nanoseconds do not hold.
const noTime = -1 << 63

func packTime(t time.Time) int64 {
	if y := t.Year(); y < 1678 || y > 2261 {
		return noTime
	}
	return t.UnixNano()
}

func unpackTime(at int64) time.Time {
	if at == noTime {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}

// packTimes chooses the form. Most stores keep milliseconds or microseconds.
func packTimes(at []int64) lineTimes {
	least, most, unit := at[0], at[0], int64(time.Millisecond)
	for _, t := range at {
		if t == noTime {
			return lineTimes{far: at}
		}
		least, most = min(least, t), max(most, t)
	}
	for _, t := range at {
		for (t-least)%unit != 0 {
			unit /= 1000
		}
	}
	if uint64(most-least)/uint64(unit) > 1<<32-1 { //nolint:gosec // most is not below least, and unit is 1 at least
		return lineTimes{far: at}
	}
	p := lineTimes{base: least, unit: unit, near: make([]uint32, len(at))}
	for i, t := range at {
		p.near[i] = uint32((t - least) / unit) //nolint:gosec // looked at above
	}
	return p
}

func (p *lineTimes) at(i int) time.Time {
	if p.near == nil {
		return unpackTime(p.far[i])
	}
	return unpackTime(p.base + int64(p.near[i])*p.unit)
}

func (p *lineTimes) size() int { return 4*len(p.near) + 8*len(p.far) }

// lineTag is, from the lowest bit: kind (2), late (1), level (5), origin (8),
// service (16). The last number of a dictionary says that the word is in the
// head.
type lineTag uint32

const (
	oddLevel   = 1<<5 - 1
	oddOrigin  = 1<<8 - 1
	oddService = 1<<16 - 1
)

func (t lineTag) kind() LogKind { return LogKind(t & 3) }
func (t lineTag) late() bool    { return t&4 != 0 }
func (t lineTag) level() int    { return int(t >> 3 & oddLevel) }
func (t lineTag) origin() int   { return int(t >> 8 & oddOrigin) }
func (t lineTag) service() int  { return int(t >> 16) }

func makeTag(l *LogLine, level, origin, service int) lineTag {
	t := lineTag(l.Kind)&3 | lineTag(level)<<3 | lineTag(origin)<<8 | lineTag(service)<<16 //nolint:gosec // the dictionaries are bounded
	if l.Late {
		t |= 4
	}
	return t
}

// lineTags are the tags of a chunk's lines: a byte each where few differ.
type lineTags struct {
	words []lineTag
	index []uint8 // nil: words has one for each line
}

func packTags(tags []lineTag) lineTags {
	var p lineTags
	known := map[lineTag]uint8{}
	index := make([]uint8, len(tags))
	for i, t := range tags {
		n, ok := known[t]
		if !ok {
			if len(p.words) > 255 {
				return lineTags{words: append([]lineTag(nil), tags...)}
			}
			n = uint8(len(p.words)) //nolint:gosec // at most 255
			known[t] = n
			p.words = append(p.words, t)
		}
		index[i] = n
	}
	p.index = index
	return p
}

func (p *lineTags) at(i int) lineTag {
	if p.index == nil {
		return p.words[i]
	}
	return p.words[p.index[i]]
}

func (p *lineTags) size() int { return 4*len(p.words) + len(p.index) }
