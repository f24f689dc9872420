package widget

// logChunk is a run of lines that is complete: it never changes again, so that
// a search may read it while the view goes on.
//
// Of each line some 5 bytes stay as they are, for what the list and its jumps
// look at without unpacking anything: the time, the level, the service, the kind.
// The rest is in two packs, as a list reads messages only: head (the messages)
// and body (ids, traces, documents).
type logChunk struct {
	first      int64 // the number of the first line
	n          int   // how many there are
	times      lineTimes
	tags       lineTags
	head, body []byte
}

func (c *logChunk) end() int64 { return c.first + int64(c.n) }

// size is what the chunk occupies, in bytes.
func (c *logChunk) size() int64 {
	return int64(len(c.head)+len(c.body)+c.times.size()+c.tags.size()) + 200
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

// pack makes a chunk of lines.
func (p *packer) pack(first int64, lines []LogLine, tags []lineTag) *logChunk {
	if p.w == nil {
		p.w = newColumnWriter()
	}
	at := make([]int64, len(lines))
	for i := range lines {
		at[i] = packTime(lines[i].Time)
	}
	c := &logChunk{first: first, n: len(lines), times: packTimes(at), tags: packTags(tags)}
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
	r, n := columnReader{c.head, u}, c.n
	h := &chunkHead{messages: r.column(n), levels: r.column(n), origins: r.column(n), services: r.column(n)}
	h.size = 4 * 16 * n
	for _, m := range h.messages {
		h.size += len(m)
	}
	return h
}

func (u *unpacker) body(c *logChunk) *chunkBody {
	r, n := columnReader{c.body, u}, c.n
	b := &chunkBody{ids: r.column(n), traces: r.column(n), sources: r.column(n)}
	b.docs = readShredded(&r, n)
	return b
}
