package line

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"

	"github.com/aictl/aictl/internal/term"
)

// assemble gives the chunks their place in the order, and holds back an entry
// at the end of a chunk that the next lines may go on with.
func (p *pipe) assemble() {
	defer close(p.order)
	defer close(p.jobs)
	var (
		held  []byte
		start int64     // number of the first line in held
		next  int64 = 1 // number of the next line
		j     joiner
	)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	flush := func() bool {
		if len(held) == 0 {
			return true
		}
		c := p.take()
		if c == nil {
			return false
		}
		c.head, c.start = append(c.head[:0], held...), start
		held, j = held[:0], joiner{}
		return p.dispatch(c)
	}
	for {
		select {
		case <-p.stop:
			return
		case <-timer.C:
			if !flush() {
				return
			}
		case c, ok := <-p.reads:
			if !ok {
				flush()
				return
			}
			c.first = next
			next += int64(bytes.Count(c.data, lf))
			if !p.o.Apart {
				rest := c.data
				for len(held) > 0 && len(rest) > 0 {
					line, after := cutLine(rest)
					if !j.next(line) {
						c.head, c.start = append(c.head[:0], held...), start
						held = held[:0]
						break
					}
					held = append(held, rest[:len(rest)-len(after)]...)
					c.first++
					rest = after
				}
				if len(rest) > 0 {
					at := j.open(rest)
					held = append(held[:0], rest[at:]...)
					start = next - int64(bytes.Count(held, lf))
					rest = rest[:at]
				}
				c.data = rest
				if len(held) > 0 {
					timer.Reset(holdFor)
				} else {
					timer.Stop()
				}
			}
			if !p.dispatch(c) {
				return
			}
		}
	}
}

func (p *pipe) dispatch(c *chunk) bool { return p.send(p.order, c) && p.send(p.jobs, c) }

// worker turns chunks into output.
type worker struct {
	*pipe
	parser *Parser
	fields fastjson.Parser // of lines that are not JSON
	render *Renderer
}

func (p *pipe) work() {
	w := &worker{pipe: p, parser: NewParser(p.o.Render.Location, p.o.Now), render: NewRenderer(p.o.Render)}
	for c := range p.jobs {
		if len(c.head) > 0 {
			w.entry(c, c.head, c.start)
		}
		number := c.first
		for rest := c.data; len(rest) > 0; {
			event, after := w.cut(rest)
			w.entry(c, event, number)
			if p.o.Format == JSONL {
				number += int64(bytes.Count(event, lf))
			}
			rest = after
		}
		c.done <- struct{}{}
	}
}

// cut takes the lines of one entry, with their line feeds.
func (w *worker) cut(data []byte) (event, rest []byte) {
	line, rest := cutLine(data)
	if w.o.Apart || (len(line) > 1 && line[0] == '{') {
		return data[:len(data)-len(rest)], rest
	}
	var j joiner
	j.next(line)
	for len(rest) > 0 {
		// No joinable line is looked at twice but for the one that begins the
		// next entry.
		line, after := cutLine(rest)
		if !j.next(line) {
			break
		}
		rest = after
	}
	return data[:len(data)-len(rest)], rest
}

// entry filters one entry and adds it to the output.
func (w *worker) entry(c *chunk, event []byte, number int64) {
	c.entries++
	cut := false
	if len(event)-1 > w.o.MaxLine && bytes.IndexByte(event[:w.o.MaxLine+1], '\n') < 0 {
		event, cut = event[:w.o.MaxLine], true
		c.cut++
	}
	if w.o.Format == Raw && w.filter.all {
		w.raw(c, event)
		w.added(c)
		return
	}
	r := w.parser.parse(event)
	if !w.filter.match(r, &w.fields) {
		return
	}
	if cut {
		r.e.Message += " … [the line is cut]"
	}
	switch w.o.Format {
	case Raw:
		w.raw(c, event)
	case JSONL:
		from := len(c.out)
		c.out = r.appendEvent(c.out, number)
		if w.o.TTY {
			w.makeSafe(c, from)
		}
	default:
		c.out = w.render.appendRecord(c.out, r)
	}
	w.added(c)
}

func (w *worker) added(c *chunk) {
	c.matched++
	if w.o.Limit > 0 {
		c.ends = append(c.ends, len(c.out))
	}
}

func (w *worker) raw(c *chunk, event []byte) {
	from := len(c.out)
	c.out = append(c.out, event...)
	if len(event) == 0 || event[len(event)-1] != '\n' {
		c.out = append(c.out, '\n')
	}
	if w.o.TTY {
		w.makeSafe(c, from)
	}
}

func (w *worker) makeSafe(c *chunk, from int) {
	if safe := term.SafeBytes(c.out[from:]); len(safe) != len(c.out)-from || !bytes.Equal(safe, c.out[from:]) {
		c.out = append(c.out[:from], safe...)
	}
}
