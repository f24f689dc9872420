package widget

import "time"

// logChunk is a run of lines that is complete: it never changes again, so that
// a search may read it while the view goes on.
//
// Of each line 12 bytes stay as they are, for what the list and its jumps look
// at without unpacking anything: the time, the level, the service, the kind.
// The rest is in two packs, as a list reads messages only: head (the messages)
// and body (ids, traces, documents).
type logChunk struct {
	first      int64 // the number of the first line
	at         []int64
	tags       []lineTag
	head, body []byte
}

func (c *logChunk) end() int64 { return c.first + int64(len(c.at)) }

// size is what the chunk occupies, in bytes.
func (c *logChunk) size() int64 {
	return int64(len(c.head)+len(c.body)) + int64(len(c.at))*(8+4) + 160
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

// chunkHead and chunkBody are the packs of a chunk, unpacked.
type chunkHead struct {
	messages                  []string
	levels, origins, services []string // of odd words alone; others are empty
	size                      int
}

type chunkBody struct {
	ids, traces, sources []string
	docs                 shredded
}

// packer makes chunks. It is used from Update alone and keeps its buffers.
type packer struct {
	w      *columnWriter
	out    []byte
	values []string
	shred  shredder
}

// column writes what of gives for every line.
func (p *packer) column(lines []LogLine, of func(i int, l *LogLine) string) {
	p.values = p.values[:0]
	for i := range lines {
		p.values = append(p.values, of(i, &lines[i]))
	}
	p.out = appendColumn(p.w, p.out, p.values)
	clear(p.values)
}

// pack makes a chunk of lines. tags are kept.
func (p *packer) pack(first int64, lines []LogLine, tags []lineTag) *logChunk {
	if p.w == nil {
		p.w = newColumnWriter()
	}
	c := &logChunk{first: first, at: make([]int64, len(lines)), tags: tags}
	for i := range lines {
		c.at[i] = packTime(lines[i].Time)
	}
	p.out = p.out[:0]
	p.column(lines, func(_ int, l *LogLine) string { return l.Message })
	p.column(lines, func(i int, l *LogLine) string { return odd(tags[i].level() == oddLevel, l.Level) })
	p.column(lines, func(i int, l *LogLine) string { return odd(tags[i].origin() == oddOrigin, l.Origin) })
	p.column(lines, func(i int, l *LogLine) string { return odd(tags[i].service() == oddService, l.Service) })
	head := len(p.out)
	p.column(lines, func(_ int, l *LogLine) string { return l.ID })
	p.column(lines, func(_ int, l *LogLine) string { return l.Trace })
	p.column(lines, func(_ int, l *LogLine) string { return l.Source })
	for i := range lines {
		p.shred.add(lines[i].Fields)
	}
	p.out = p.shred.appendTo(p.w, p.out)
	p.shred.reset()
	// One slice of just the length for both: what the allocator rounds up is
	// rounded once.
	out := append(make([]byte, 0, len(p.out)), p.out...)
	c.head, c.body = out[:head:head], out[head:]
	if cap(p.out) > 4<<20 { // after a line of megabytes
		p.out = nil
	}
	return c
}

func odd(is bool, word string) string {
	if is {
		return word
	}
	return ""
}

func (u *unpacker) head(c *logChunk) *chunkHead {
	r, n := columnReader{c.head, u}, len(c.at)
	h := &chunkHead{messages: r.column(n), levels: r.column(n), origins: r.column(n), services: r.column(n)}
	h.size = 4 * 16 * n
	for _, m := range h.messages {
		h.size += len(m)
	}
	return h
}

func (u *unpacker) body(c *logChunk) *chunkBody {
	r, n := columnReader{c.body, u}, len(c.at)
	b := &chunkBody{ids: r.column(n), traces: r.column(n), sources: r.column(n)}
	b.docs = readShredded(&r, n)
	return b
}
