package series

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// ReadCSV reads separated values: comma, semicolon, tab or bar, with or
// without a header. The time column is one named like a time or whose first
// value is one; the value column is the first other one that holds a number,
// those named like a value before others.
func ReadCSV(r io.Reader, o Options) (*Data, error) {
	o = o.withDefaults()
	b := bufio.NewReaderSize(newBounded(r, o), 64<<10)
	head, _ := b.Peek(32 << 10) // an error comes again on reading
	if bytes.HasPrefix(head, bom) {
		_, _ = b.Discard(len(bom))
		head = head[len(bom):]
	}
	comma := delimiter(head)
	rows := csv.NewReader(b)
	rows.Comma, rows.Comment = comma, '#'
	rows.FieldsPerRecord, rows.TrimLeadingSpace, rows.ReuseRecord, rows.LazyQuotes = -1, comma != '\t', true, true
	d := &Data{Notes: []Note{}}
	var c *columns
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, readError(err)
		}
		line, _ := rows.FieldPos(0)
		if c == nil || c.pending {
			header := c
			if c, err = findColumns(header, slices.Clone(row), comma == ';', o); err != nil {
				return nil, err
			}
			if c.pending {
				continue
			}
			d.Index = c.time < 0
			d.Notes = append(d.Notes, c.notes...)
		}
		p, err := c.point(row, line)
		if err != nil {
			return nil, err
		}
		if len(d.Points) >= o.MaxPoints {
			return nil, tooMany(o)
		}
		d.Points = append(d.Points, p)
	}
	return d.finish()
}

func readError(err error) error {
	var own *fail.Error
	if errors.As(err, &own) {
		return own
	}
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return fail.New(fail.Usage, "line %d: %v", bad.Line, bad.Err).Hint("check the quotes on that line")
	}
	return fail.Wrap(fail.Failed, err, "reading the series")
}

// delimiter counts outside quotes on the first line that is not a comment.
func delimiter(head []byte) rune {
	for line := range bytes.Lines(head) {
		if text := bytes.TrimSpace(line); len(text) == 0 || text[0] == '#' {
			continue
		}
		best, most := ',', 0
		for _, c := range []rune{'\t', ';', '|', ','} {
			quoted, count := false, 0
			for _, b := range line {
				if b == '"' {
					quoted = !quoted
				} else if rune(b) == c && !quoted {
					count++
				}
			}
			if count > most {
				best, most = c, count
			}
		}
		return best
	}
	return ','
}

// columns knows where time and value are. pending means that a header was
// read and the first row decides.
type columns struct {
	header       []string
	pending      bool
	time, value  int // time is -1 without one
	decimalComma bool
	notes        []Note
}

var (
	timeNames  = []string{"time", "timestamp", "date", "datetime", "ds", "ts", "month", "year", "day", "week", "quarter", "hour", "period", "t", "@timestamp"}
	valueNames = []string{"value", "y", "values", "count", "total", "amount", "v"}
)

func named(name string, names []string) bool {
	return slices.Contains(names, strings.ToLower(strings.TrimSpace(name)))
}

// findColumns looks at the first row, and at the second when the first is a
// header.
func findColumns(header *columns, row []string, decimalComma bool, o Options) (*columns, error) {
	c := &columns{time: -1, value: -1, decimalComma: decimalComma}
	if header == nil {
		isHeader := true
		for _, cell := range row {
			_, isTime := ParseTime(cell)
			_, isNumber := parseValue(cell, decimalComma)
			if strings.TrimSpace(cell) != "" && (isTime || isNumber) {
				isHeader = false
			}
		}
		if isHeader {
			return &columns{header: row, pending: true}, nil
		}
	} else {
		c.header = header.header
	}
	var err error
	if c.time, err = c.lookup(o.TimeCol, "--time-col"); err != nil {
		return nil, err
	}
	if c.value, err = c.lookup(o.ValueCol, "--value-col"); err != nil {
		return nil, err
	}
	for i, cell := range row {
		if c.time >= 0 || i == c.value {
			continue
		}
		_, isTime := ParseTime(cell)
		_, isNumber := parseValue(cell, decimalComma)
		like := i < len(c.header) && named(c.header[i], timeNames)
		plain := i == 0 && c.header == nil && len(row) > 1 && looksUnix(cell)
		if isTime && (like || !isNumber || plain) {
			c.time = i
		}
	}
	if c.value < 0 {
		c.value = c.pickValue(row)
	}
	if c.value < 0 {
		return nil, fail.New(fail.Usage, "no column with numbers was found in %.60q", strings.Join(row, string(','))).
			Hint("name the column with --value-col; rows look like 2026-01-01,12.5")
	}
	if c.header != nil || len(row) > 2 {
		where := c.name(c.value)
		if c.time >= 0 {
			c.notes = append(c.notes, note("columns", "time is column %s, value is column %s", c.name(c.time), where))
		} else {
			c.notes = append(c.notes, note("columns", "value is column %s", where))
		}
	}
	return c, nil
}

// looksUnix recognises numbers that are times rather than counts: years, and
// Unix times since 1990.
func looksUnix(cell string) bool {
	t, ok := ParseTime(cell)
	return ok && t.Year() >= 1500 && t.Year() < 2200 && (t.Year() >= 1990 || len(strings.TrimSpace(cell)) == 4)
}

func (c *columns) pickValue(row []string) int {
	found := -1
	for i, cell := range row {
		if i == c.time {
			continue
		}
		if _, ok := parseValue(cell, c.decimalComma); !ok {
			continue
		}
		if i < len(c.header) && named(c.header[i], valueNames) {
			return i
		}
		if found < 0 {
			found = i
		}
	}
	return found
}

// lookup finds a column by name, or by number from 1.
func (c *columns) lookup(name, flag string) (int, error) {
	if name == "" {
		return -1, nil
	}
	for i, h := range c.header {
		if strings.EqualFold(strings.TrimSpace(h), name) {
			return i, nil
		}
	}
	var n int
	if _, err := fmt.Sscanf(name, "%d", &n); err == nil && n >= 1 {
		return n - 1, nil
	}
	return -1, fail.New(fail.Usage, "there is no column %.40q", name).Hint("%s takes one of: %.200s; or a number from 1", flag, strings.Join(c.header, ", "))
}

func (c *columns) name(i int) string {
	if i < len(c.header) {
		return fmt.Sprintf("%q", c.header[i])
	}
	return fmt.Sprint(i + 1)
}

func (c *columns) point(row []string, line int) (Point, error) {
	if c.value >= len(row) || c.time >= len(row) {
		if c.time < len(row) && c.time >= 0 { // the value is missing at the end
			row = append(slices.Clone(row), make([]string, c.value+1-len(row))...)
		} else {
			return Point{}, fail.New(fail.Usage, "line %d has %d columns, and column %d is needed", line, len(row), max(c.value, c.time)+1).Hint("mend or remove the line")
		}
	}
	var p Point
	var ok bool
	if p.Value, ok = parseValue(row[c.value], c.decimalComma); !ok {
		return Point{}, fail.New(fail.Usage, "line %d: %.40q is not a number", line, row[c.value]).Hint("mend the line, leave the value empty, or name another column with --value-col")
	}
	if c.time >= 0 {
		if p.Time, ok = ParseTime(row[c.time]); !ok {
			return Point{}, fail.New(fail.Usage, "line %d: %.40q is not a time", line, row[c.time]).Hint("use times such as 2026-01-31T12:00:00Z, or name another column with --time-col")
		}
	}
	return p, nil
}
