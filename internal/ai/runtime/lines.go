package runtime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// Line is one line that a service wrote.
type Line struct {
	Time                       time.Time
	Service, Revision, Replica string
	// Start counts the starts of the replica, and Number the lines of one.
	Start, Number int
	Stream        string // stdout or stderr
	Text          []byte // without the line feed; cut at maxLine, with a note
}

// ID is the same whenever the line is read.
func (l *Line) ID() string {
	return l.Replica + "/" + strconv.Itoa(l.Start) + "/" + strconv.Itoa(l.Number)
}

const (
	maxLine   = 64 << 10 // bytes of a line
	ringLines = 2000     // of one start
	ringBytes = 1 << 20
)

// journal keeps the last lines of one start of a replica.
type journal struct {
	service, revision, replica string
	start                      int
	now                        func() time.Time
	sink                       func(Line)

	mu    sync.Mutex // guards what follows
	lines []Line     // a window: the oldest first
	bytes int
	count int // all lines so far
	grown chan struct{}
	done  bool
}

func (j *journal) add(stream string, text []byte, cut int) {
	if cut > 0 {
		text = append(text, fmt.Sprintf(" … (%d bytes cut)", cut)...)
	}
	j.mu.Lock()
	line := Line{
		Time: j.now().UTC(), Service: j.service, Revision: j.revision, Replica: j.replica, Start: j.start, Number: j.count,
		Stream: stream, Text: append([]byte(nil), text...),
	}
	j.count++
	j.lines = append(j.lines, line)
	j.bytes += len(text)
	for len(j.lines) > ringLines || j.bytes > ringBytes && len(j.lines) > 1 {
		j.bytes -= len(j.lines[0].Text)
		j.lines[0] = Line{}
		j.lines = j.lines[1:]
	}
	j.tell()
	j.mu.Unlock()
	if j.sink != nil {
		j.sink(line)
	}
}

func (j *journal) tell() {
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

// end says that no line will come.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done = true
	j.tell()
}

// after gives the lines from number n on, how many were lost before them, and
// a channel that is closed when there are more; nil when there will be none.
func (j *journal) after(n int) (lines []Line, lost int, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := j.count - len(j.lines)
	if n < first {
		lost, n = first-n, first
	}
	if n < j.count {
		lines = append(lines, j.lines[n-first:]...)
	}
	if !j.done {
		if j.grown == nil {
			j.grown = make(chan struct{})
		}
		more = j.grown
	}
	return lines, lost, more
}

// read passes on a stream line by line until it ends.
func (j *journal) read(stream string, r io.Reader) {
	in := bufio.NewReaderSize(r, 4<<10)
	var text []byte
	cut, some := 0, false
	for {
		part, err := in.ReadSlice('\n')
		whole := err == nil
		if len(part) > 0 {
			some = true
		}
		if whole {
			part = part[:len(part)-1]
		}
		room := maxLine - len(text)
		text = append(text, part[:min(room, len(part))]...)
		cut += len(part) - min(room, len(part))
		if whole || err != nil && !errors.Is(err, bufio.ErrBufferFull) && some {
			if n := len(text); whole && n > 0 && text[n-1] == '\r' {
				text = text[:n-1]
			}
			j.add(stream, text, cut)
			text, cut, some = text[:0], 0, false
			if cap(text) > 8<<10 {
				text = nil
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
