package series

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"

	"github.com/aictl/aictl/internal/fail"
)

// Options say how to read. The zero value finds everything by itself.
type Options struct {
	TimeCol, ValueCol string // names of the columns or fields
	MaxPoints         int    // 100,000 when 0
	MaxLine           int    // bytes; 1 MiB when 0
	MaxBytes          int64  // 256 MiB when 0
}

func (o Options) withDefaults() Options {
	if o.MaxPoints <= 0 {
		o.MaxPoints = 100_000
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 256 << 20
	}
	return o
}

// Data is what was read. Without times, Index is set and the points carry
// IndexTime.
type Data struct {
	Points []Point
	Index  bool
	Notes  []Note
}

// Step gives what Regularise wants: "index" for a series without times.
func (d *Data) Step() Step { return Step{Index: d.Index} }

// Read reads CSV or JSONL, told apart by the first character.
func Read(r io.Reader, o Options) (*Data, error) {
	o = o.withDefaults()
	b := bufio.NewReaderSize(newBounded(r, o), 64<<10)
	head, err := b.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, readError(err)
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, bom), " \t\r\n")
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') {
		return ReadJSONL(b, o)
	}
	return ReadCSV(b, o)
}

var bom = []byte("\xef\xbb\xbf")

// bounded ends reading with an error when a line or the whole is too long.
type bounded struct {
	r             io.Reader
	left          int64
	line, maxLine int
	number        int
	err           error // kept: bufio.Reader.Peek forgets the errors that it meets
}

func newBounded(r io.Reader, o Options) *bounded {
	return &bounded{r: r, left: o.MaxBytes, maxLine: o.MaxLine, number: 1}
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	b.err = err
	return n, err
}

func (b *bounded) read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fail.New(fail.TooLarge, "the input is over the size limit").Hint("send the latest rows only, for example with tail -n 100000")
	}
	for _, c := range p[:n] {
		if c == '\n' {
			b.line = 0
			b.number++
			continue
		}
		if b.line++; b.line > b.maxLine {
			return 0, fail.New(fail.TooLarge, "line %d is longer than %d bytes", b.number, b.maxLine).Hint("is this a CSV or JSONL file with one observation a line?")
		}
	}
	return n, err
}

func tooMany(o Options) error {
	return fail.New(fail.TooLarge, "there are more than %d observations", o.MaxPoints).Hint("send the latest rows only, for example with tail -n %d", o.MaxPoints)
}

func empty() error {
	return fail.New(fail.Usage, "the input holds no observations").Hint("give rows of time and value, such as 2026-01-01,12.5")
}

// finish adds what is said of every file.
func (d *Data) finish() (*Data, error) {
	if len(d.Points) == 0 {
		return nil, empty()
	}
	missing := 0
	for i, p := range d.Points {
		if math.IsNaN(p.Value) {
			missing++
		}
		if d.Index {
			d.Points[i].Time = IndexTime(i)
		}
	}
	if d.Index {
		d.Notes = append(d.Notes, note("no_time", "there is no time column: the rows are taken as equally spaced, in the given order"))
	}
	if missing > 0 {
		d.Notes = append(d.Notes, note("missing", "%d values are empty or not finite, and count as missing", missing))
	}
	return d, nil
}
