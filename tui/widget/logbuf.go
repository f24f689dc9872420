package widget

import (
	"encoding/json"
	"sort"
	"time"
)

// LogKind is what a line of a log view is.
type LogKind uint8

// The kinds.
const (
	// LogEntry is a line of a log.
	LogEntry LogKind = iota
	// LogGap says that lines may be missing here.
	LogGap
	// LogNotice says something to the person who waits.
	LogNotice
)

// LogLine is one line of a log view.
type LogLine struct {
	Kind LogKind
	// Late lines came after their place in the order had passed.
	Late           bool
	Time           time.Time
	Level, Service string
	Message        string
	ID, Trace      string
	// Source is where in its store the line lies, Origin which of several
	// stores it came from.
	Source, Origin string
	// Fields is the rest of the document, JSON as it came.
	Fields json.RawMessage
}

const (
	// DefaultLogLines is how many lines a LogBuf holds.
	DefaultLogLines = 1_000_000
	// chunkLines make a chunk, or chunkBytes where they are long. More lines
	// compress a little better, and take longer to unpack for one.
	chunkLines = 1024
	chunkBytes = 1 << 20
	// bytesPerLine bounds the memory: 1,000,000 lines get 88 MB, whatever they
	// are. Lines of services take 30 to 80 bytes each with their documents of
	// 500 (TestLogBufMemory prints it); of longer ones fewer are held.
	bytesPerLine = 88
	// leastBytes is the bound of a small buffer: a few long lines must fit.
	leastBytes = 16 << 20
	// cacheBytes bounds the chunks that are unpacked.
	cacheBytes = 6 << 20
)

// LogBuf holds the newest lines of a log, up to a number and up to a size,
// whichever comes first: the whole dashboard stays below 150 MiB with a
// million lines of structured logs in it, which raw would be 700 MB. Older
// lines are therefore compressed in chunks by columns; see logChunk for what
// stays readable. Taking in lines costs some microseconds each, compression
// included, in the same goroutine: at 10,000 lines a second that is a few
// percent of one core, and no queue can grow behind it.
//
// Lines have numbers that rise by one in the order of the buffer and stay the
// same for a line's life; lines put before the others (Prepend) have numbers
// below theirs. It is for one goroutine; a LogSnapshot is for others.
type LogBuf struct {
	limit    int64
	maxBytes int64

	chunks []*logChunk // in order, without holes
	bytes  int64       // of the chunks
	// open are the newest lines, which are in no chunk yet.
	open      []LogLine
	openTags  []lineTag
	openFirst int64
	openBytes int
	first     int64
	dropped   int64

	levels, origins, services logWords
	pack                      packer
	unpack                    *unpacker
	cache                     chunkCache
}

// NewLogBuf makes a buffer of that many lines; 0 is DefaultLogLines.
func NewLogBuf(lines int) *LogBuf {
	if lines <= 0 {
		lines = DefaultLogLines
	}
	return &LogBuf{
		limit: int64(lines), maxBytes: max(leastBytes, int64(lines)*bytesPerLine),
		levels: newLogWords(oddLevel), origins: newLogWords(oddOrigin), services: newLogWords(oddService),
		unpack: &unpacker{},
	}
}

// First is the number of the oldest line, End that after the newest one.
func (b *LogBuf) First() int64 { return b.first }

// End is the number after the newest line.
func (b *LogBuf) End() int64 { return b.openFirst + int64(len(b.open)) }

// Len is how many lines are held.
func (b *LogBuf) Len() int { return int(b.End() - b.first) }

// Dropped is how many old lines had to go.
func (b *LogBuf) Dropped() int64 { return b.dropped }

// Bytes is about how much memory the lines take.
func (b *LogBuf) Bytes() int64 { return b.bytes + int64(b.openBytes) }

// Services lists the services that were seen, in the order of their coming.
func (b *LogBuf) Services() []string { return b.services.words[1:] }

// Append adds newer lines. They are kept by reference.
func (b *LogBuf) Append(lines ...LogLine) {
	for i := range lines {
		b.openTags = append(b.openTags, b.tag(&lines[i]))
		b.open = append(b.open, lines[i])
		b.openBytes += lineSize(&lines[i])
		if len(b.open) >= chunkLines || b.openBytes >= chunkBytes {
			b.seal()
		}
	}
	b.trim()
}

func lineSize(l *LogLine) int { return len(l.Message) + len(l.Fields) + len(l.ID) + 160 }

func (b *LogBuf) tag(l *LogLine) lineTag {
	return makeTag(l, b.levels.number(l.Level), b.origins.number(l.Origin), b.services.number(l.Service))
}

func (b *LogBuf) seal() {
	c := b.pack.pack(b.openFirst, b.open, b.openTags)
	b.chunks = append(b.chunks, c)
	b.bytes += c.size()
	b.openFirst = c.end()
	clear(b.open)
	b.open, b.openTags, b.openBytes = b.open[:0], b.openTags[:0], 0
}

// trim lets the oldest lines go.
func (b *LogBuf) trim() {
	for len(b.chunks) > 0 && (b.End()-b.chunks[0].end() >= b.limit || b.bytes > b.maxBytes) {
		old := b.chunks[0]
		b.cache.forget(old)
		b.chunks[0] = nil
		b.chunks, b.bytes = b.chunks[1:], b.bytes-old.size()
		b.dropped += old.end() - b.first
		b.first = old.end()
	}
	if least := b.End() - b.limit; least > b.first {
		b.dropped += least - b.first
		b.first = least
	}
}

// Prepend adds older lines before the others, as many of the newest of them as
// there is room for, and says how many.
func (b *LogBuf) Prepend(lines []LogLine) int {
	room := min(b.limit-int64(b.Len()), int64(len(lines)))
	if room <= 0 || b.first != b.start() {
		return 0
	}
	lines = lines[int64(len(lines))-room:]
	for end := len(lines); end > 0 && b.bytes < b.maxBytes; {
		begin, size := end, 0
		for begin > 0 && end-begin < chunkLines && size < chunkBytes {
			begin--
			size += lineSize(&lines[begin])
		}
		part := lines[begin:end]
		tags := make([]lineTag, len(part))
		for i := range part {
			tags[i] = b.tag(&part[i])
		}
		c := b.pack.pack(b.first-int64(len(part)), part, tags)
		b.chunks = append([]*logChunk{c}, b.chunks...)
		b.bytes += c.size()
		b.first, end = c.first, begin
		room = int64(len(lines) - end)
	}
	return int(room)
}

// start is where the oldest chunk begins.
func (b *LogBuf) start() int64 {
	if len(b.chunks) > 0 {
		return b.chunks[0].first
	}
	return b.openFirst
}

// Clear forgets all lines. Numbers go on.
func (b *LogBuf) Clear() {
	end := b.End()
	clear(b.chunks)
	clear(b.open)
	b.chunks, b.bytes, b.cache = nil, 0, chunkCache{}
	b.open, b.openTags, b.openBytes = b.open[:0], b.openTags[:0], 0
	b.first, b.openFirst, b.dropped = end, end, 0
}

// chunk finds the chunk of a line; nil where the line is in none.
func (b *LogBuf) chunk(n int64) *logChunk {
	i := sort.Search(len(b.chunks), func(i int) bool { return b.chunks[i].end() > n })
	if i == len(b.chunks) {
		return nil
	}
	return b.chunks[i]
}

// holds reports whether the buffer has the line.
func (b *LogBuf) holds(n int64) bool { return n >= b.first && n < b.End() }

// At gives a line without what only its document knows (ID, Trace, Source,
// Fields): what a list shows.
func (b *LogBuf) At(n int64) (LogLine, bool) {
	if !b.holds(n) {
		return LogLine{}, false
	}
	if n >= b.openFirst {
		return b.open[n-b.openFirst], true
	}
	c := b.chunk(n)
	return b.listed(c, b.cache.head(b.unpack, c), int(n-c.first)), true
}

func (b *LogBuf) listed(c *logChunk, h *chunkHead, i int) LogLine {
	t := c.tags.at(i)
	l := LogLine{Kind: t.kind(), Late: t.late(), Time: c.times.at(i), Message: h.messages[i]}
	l.Level = b.levels.word(t.level(), h.levels[i])
	l.Origin = b.origins.word(t.origin(), h.origins[i])
	l.Service = b.services.word(t.service(), h.services[i])
	return l
}

// Full gives a line with all that is known of it.
func (b *LogBuf) Full(n int64) (LogLine, bool) {
	l, ok := b.At(n)
	if !ok || n >= b.openFirst {
		return l, ok
	}
	c := b.chunk(n)
	fillLine(&l, b.cache.body(b.unpack, c), int(n-c.first))
	return l, true
}

func fillLine(l *LogLine, body *chunkBody, i int) {
	l.ID, l.Trace, l.Source, l.Fields = body.ids[i], body.traces[i], body.sources[i], body.docs.doc(i)
	if len(l.Fields) == 0 {
		l.Fields = nil
	}
}

// Time is the time of a line, Level its level and Kind its kind: they unpack
// nothing.
func (b *LogBuf) Time(n int64) time.Time {
	if !b.holds(n) {
		return time.Time{}
	}
	if n >= b.openFirst {
		return b.open[n-b.openFirst].Time
	}
	c := b.chunk(n)
	return c.times.at(int(n - c.first))
}
