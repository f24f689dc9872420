package line

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// Format is how a pipe writes entries.
type Format uint8

// The formats.
const (
	Human Format = iota // Renderer's
	JSONL               // an api.LogEvent a line; the id is the line's number
	Raw                 // the lines as they came
)

// Options of Pipe.
type Options struct {
	Filter api.LogFilter // all but Raw
	Format Format
	Render RenderOptions // of Human
	// TTY says that the output is a terminal: raw lines and JSON are made safe
	// for it as well (Human always is).
	TTY bool
	// Apart keeps lines apart that would be joined (see Pipe).
	Apart bool
	// Limit ends the pipe after so many entries; 0 has no end.
	Limit int
	// MaxLine bounds a line in bytes; the rest of a longer one is left out. 0
	// is 1 MiB.
	MaxLine int
	// Workers is how many cores parse; 0 is as many as there are.
	Workers int
	// Now is for times without a year; nil is time.Now.
	Now func() time.Time
}

// Stats say what went through a pipe.
type Stats struct {
	Bytes   int64 // read
	Lines   int64 // read
	Entries int64 // that the lines made
	Matched int64 // that the filter let through
	Cut     int64 // lines that were longer than MaxLine
	// Gone says that the reader of the output went away before the end.
	Gone bool
}

const (
	chunkSize = 256 << 10
	// holdFor is how long an entry that may go on waits for its next line.
	holdFor = 40 * time.Millisecond
)

// Pipe reads lines, keeps what passes the filter and writes it in the order in
// which it came. Lines that belong together (stack traces, indented lines,
// JSON over several lines) are one entry, of at most 1000 lines and 256 KiB.
//
// What can be read is shown at once: a line waits for no other, but for 40 ms
// where it is text that the next line may go on with. Memory is bounded by
// some 256 KiB, or a few times MaxLine, a worker.
//
// It ends at the end of in, at Limit, when the reader of out has gone (which
// is no error: Stats.Gone), or with ctx and its error. A Read of in that
// blocks then is abandoned, unless in has a SetReadDeadline that works: the
// goroutine that waits in it ends with the Read and touches nothing else.
func Pipe(ctx context.Context, in io.Reader, out io.Writer, o Options) (Stats, error) {
	f, err := newFilter(o.Filter)
	if err != nil {
		return Stats{}, err
	}
	if o.Render.Location == nil {
		o.Render.Location = time.Local
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	n := 2*o.Workers + 2
	p := &pipe{
		o: o, filter: f, stop: inner.Done(),
		free: make(chan *chunk, n), reads: make(chan *chunk),
		order: make(chan *chunk, n), jobs: make(chan *chunk, n),
	}
	for range n {
		p.free <- &chunk{done: make(chan struct{}, 1)}
	}
	readerDone := make(chan struct{})
	go func() { // waited for below, where that is possible
		defer close(readerDone)
		defer close(p.reads)
		p.read(in)
	}()
	var running sync.WaitGroup
	running.Go(p.assemble)
	for range o.Workers {
		running.Go(p.work)
	}
	err = p.write(out)
	whole := err == nil && !p.enough && !p.stats.Gone
	switch {
	case inner.Err() == nil && whole: // the input has ended: so has the reader
		<-readerDone
		if p.readErr != nil {
			err = fail.Wrap(fail.Failed, p.readErr, "reading standard input")
		}
	default:
		cancel()
		interrupt(in, readerDone)
		if whole {
			err = ctx.Err()
		}
	}
	running.Wait()
	p.stats.Bytes = p.bytes.Load()
	return p.stats, err
}

// interrupt ends a Read that blocks, where the input can do that.
func interrupt(in io.Reader, readerDone <-chan struct{}) {
	d, ok := in.(interface{ SetReadDeadline(t time.Time) error })
	if !ok || d.SetReadDeadline(time.Unix(1, 0)) != nil {
		return
	}
	<-readerDone
	_ = d.SetReadDeadline(time.Time{}) // it could be set a moment ago
}

// chunk is a run of whole lines with what becomes of it. It has one owner at
// a time: reader, assembler, worker, writer, and then the free list.
type chunk struct {
	head  []byte // an entry that began in the chunk before
	data  []byte
	first int64 // number of the first line of data
	start int64 // number of the first line of head

	out     []byte
	ends    []int // of the entries in out, where there is a limit
	entries int64
	matched int64
	cut     int64
	done    chan struct{}
}

func (c *chunk) reset() {
	if cap(c.data) > 2*chunkSize {
		c.data = nil
	}
	if cap(c.out) > 16*chunkSize {
		c.out = nil
	}
	c.head, c.data, c.out, c.ends = c.head[:0], c.data[:0], c.out[:0], c.ends[:0]
	c.entries, c.matched, c.cut = 0, 0, 0
}

type pipe struct {
	o      Options
	filter *filter
	stop   <-chan struct{}

	free, reads, order, jobs chan *chunk

	readErr error        // the reader's, until reads is closed
	bytes   atomic.Int64 // read
	stats   Stats        // the writer's
	enough  bool         // the limit was reached
}

// write hands the chunks out in order. It runs in the caller's goroutine.
func (p *pipe) write(out io.Writer) error {
	for c := range p.order {
		select {
		case <-c.done:
		case <-p.stop:
			return nil
		}
		b := c.out
		if p.o.Limit > 0 && p.stats.Matched+c.matched >= int64(p.o.Limit) {
			p.enough = true
			left := int(int64(p.o.Limit) - p.stats.Matched)
			b, c.matched = b[:c.ends[left-1]], int64(left)
		}
		p.stats.Lines += int64(bytes.Count(c.head, lf) + bytes.Count(c.data, lf))
		p.stats.Entries += c.entries
		p.stats.Matched += c.matched
		p.stats.Cut += c.cut
		if len(b) > 0 {
			if _, err := out.Write(b); err != nil {
				if term.IsPipe(err) {
					p.stats.Gone = true
					return nil
				}
				return fail.Wrap(fail.Failed, err, "writing the output")
			}
		}
		if p.enough {
			return nil
		}
		c.reset()
		p.free <- c // has room for all there are
	}
	return nil
}

var lf = []byte{'\n'}

// take gets a free chunk; nil when the pipe ends.
func (p *pipe) take() *chunk {
	select {
	case c := <-p.free:
		return c
	case <-p.stop:
		return nil
	}
}

func (p *pipe) send(to chan<- *chunk, c *chunk) bool {
	select {
	case to <- c:
		return true
	case <-p.stop:
		return false
	}
}

// read cuts the input into chunks of whole lines, each as soon as there is
// one. Every chunk ends with a line feed.
func (p *pipe) read(in io.Reader) {
	var carry []byte // the beginning of a line
	skip := false    // the rest of a line that was cut
	idle := 0
	for {
		c := p.take()
		if c == nil {
			return
		}
		c.data = append(c.data[:0], carry...)
		carry = carry[:0]
		for whole := false; !whole; {
			if cap(c.data)-len(c.data) < 4096 {
				c.data = append(make([]byte, 0, max(chunkSize, 2*cap(c.data))), c.data...)
			}
			n, err := in.Read(c.data[len(c.data):cap(c.data)])
			p.bytes.Add(int64(n))
			was := len(c.data)
			c.data = c.data[:was+n]
			if skip {
				i := bytes.IndexByte(c.data, '\n')
				if i < 0 {
					c.data = c.data[:0]
				} else {
					skip = false
					c.data = append(c.data[:0], c.data[i+1:]...)
				}
				was = 0
			}
			if idle++; n > 0 {
				idle = 0
			}
			if err == nil && idle > 100 {
				err = io.ErrNoProgress
			}
			switch i := bytes.LastIndexByte(c.data[was:], '\n'); {
			case i >= 0:
				carry = append(carry[:0], c.data[was+i+1:]...)
				c.data = c.data[:was+i+1]
				whole = true
			case len(c.data) > p.o.MaxLine:
				c.data = append(c.data[:p.o.MaxLine+1], '\n') // the worker cuts the line, and counts it
				skip, whole = true, true
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					p.readErr = err
				}
				p.last(c, carry)
				return
			}
		}
		if !p.send(p.reads, c) {
			return
		}
	}
}

// last sends what the input ends with.
func (p *pipe) last(c *chunk, carry []byte) {
	c.data = append(c.data, carry...)
	if len(c.data) == 0 {
		return
	}
	if c.data[len(c.data)-1] != '\n' {
		c.data = append(c.data, '\n')
	}
	p.send(p.reads, c)
}
