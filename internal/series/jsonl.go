package series

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// ReadJSONL reads one JSON value a line: an object with time and value
// fields, an array of time and value, or (arrays only) a value alone. The
// fields are found on the first line as ReadCSV finds columns.
func ReadJSONL(r io.Reader, o Options) (*Data, error) {
	o = o.withDefaults()
	lines := bufio.NewScanner(newBounded(r, o))
	lines.Buffer(make([]byte, 0, 64<<10), o.MaxLine+2)
	d := &Data{Notes: []Note{}}
	var f *fields
	for number := 1; lines.Scan(); number++ {
		line := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), bom))
		if len(line) == 0 {
			continue
		}
		cells, err := decode(line)
		if err != nil {
			return nil, fail.New(fail.Usage, "line %d is not a JSON object or array", number).Hint(`lines look like {"time":"2026-01-01T00:00:00Z","value":12.5}`)
		}
		if f == nil {
			if f, err = findFields(cells, o); err != nil {
				return nil, err
			}
			d.Index = f.time == ""
			if line[0] == '{' {
				d.Notes = append(d.Notes, f.note())
			}
		}
		p, err := f.point(cells, number)
		if err != nil {
			return nil, err
		}
		if len(d.Points) >= o.MaxPoints {
			return nil, tooMany(o)
		}
		d.Points = append(d.Points, p)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, fail.New(fail.TooLarge, "a line is longer than %d bytes", o.MaxLine).Hint("is this a JSONL file with one observation a line?")
		}
		return nil, readError(err)
	}
	return d.finish()
}

// decode gives the scalars of a line by name; those of an array are named 1,
// 2, …; other members are left out.
func decode(line []byte) (map[string]string, error) {
	var members map[string]json.RawMessage
	if line[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(line, &list); err != nil {
			return nil, err
		}
		members = map[string]json.RawMessage{}
		if len(list) == 1 {
			members["2"] = list[0]
		} else if len(list) >= 2 {
			members["1"], members["2"] = list[0], list[1]
		}
	} else if err := json.Unmarshal(line, &members); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(members))
	for name, raw := range members {
		switch raw[0] {
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return nil, err
			}
			out[name] = s
		case 'n':
			out[name] = ""
		case '{', '[', 't', 'f':
		default:
			out[name] = string(raw)
		}
	}
	return out, nil
}

type fields struct{ time, value string }

func (f *fields) note() Note {
	if f.time == "" {
		return note("columns", "value is field %q", f.value)
	}
	return note("columns", "time is field %q, value is field %q", f.time, f.value)
}

func findFields(cells map[string]string, o Options) (*fields, error) {
	names := slices.Sorted(maps.Keys(cells))
	for _, asked := range [...]struct{ flag, name string }{{"--time-col", o.TimeCol}, {"--value-col", o.ValueCol}} {
		if _, ok := cells[asked.name]; asked.name != "" && !ok {
			return nil, fail.New(fail.Usage, "there is no field %.40q", asked.name).Hint("%s takes one of: %.200s", asked.flag, strings.Join(names, ", "))
		}
	}
	f := &fields{time: o.TimeCol, value: o.ValueCol}
	for _, strict := range []bool{true, false} { // names first, then what parses
		for _, name := range names {
			_, isTime := ParseTime(cells[name])
			_, isNumber := parseValue(cells[name], false)
			like := named(name, timeNames) || name == "1"
			if f.time == "" && name != f.value && isTime && (like || !strict && !isNumber) {
				f.time = name
			}
		}
	}
	for _, strict := range []bool{true, false} {
		for _, name := range names {
			_, isNumber := parseValue(cells[name], false)
			if f.value == "" && name != f.time && isNumber && (!strict || named(name, valueNames) || name == "2") {
				f.value = name
			}
		}
	}
	if f.value == "" {
		return nil, fail.New(fail.Usage, "no field with a number was found among %.200s", strings.Join(names, ", ")).Hint("name it with --value-col")
	}
	return f, nil
}

func (f *fields) point(cells map[string]string, line int) (Point, error) {
	p := Point{Value: math.NaN()} // an absent value is missing
	var ok bool
	if text, present := cells[f.value]; present {
		if p.Value, ok = parseValue(text, false); !ok {
			return Point{}, fail.New(fail.Usage, "line %d: %.40q is not a number", line, text).Hint("mend the line, use null, or name another field with --value-col")
		}
	}
	if f.time != "" {
		if p.Time, ok = ParseTime(cells[f.time]); !ok {
			return Point{}, fail.New(fail.Usage, "line %d: %.40q is not a time", line, cells[f.time]).Hint("use times such as 2026-01-31T12:00:00Z, or name another field with --time-col")
		}
	}
	return p, nil
}
