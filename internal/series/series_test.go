package series

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
)

func codesOf(notes []Note) []string {
	out := []string{}
	for _, n := range notes {
		out = append(out, n.Code)
	}
	return out
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, in string
		opts     Options
		first    string // time of the first point
		values   []float64
		index    bool
	}{
		{"header", "time,value\n2026-01-01T00:00:00Z,1\n2026-01-02T00:00:00Z,2\n", Options{}, "2026-01-01", []float64{1, 2}, false},
		{"no header", "2026-01-01,1\n2026-01-02,2\n", Options{}, "2026-01-01", []float64{1, 2}, false},
		{"months", "Month;Passengers\n1949-01;112\n1949-02;118,5\n", Options{}, "1949-01-01", []float64{112, 118.5}, false},
		{"tabs, space in time", "at\tx\n2026-01-01 10:00:00\t1\n", Options{}, "2026-01-01", []float64{1}, false},
		{"bar", "date|v\n2026-01-01|1\n", Options{}, "2026-01-01", []float64{1}, false},
		{"years", "year,flow\n1871,1120\n1872,1160\n", Options{}, "1871-01-01", []float64{1120, 1160}, false},
		{"Unix seconds", "1767225600,1\n1767225660,2\n", Options{}, "2026-01-01", []float64{1, 2}, false},
		{"Unix nanoseconds", "ts,v\n1767225600000000001,1\n", Options{}, "2026-01-01", []float64{1}, false},
		{"values alone", "1\n2\nNaN\n4\n", Options{}, "1970-01-01", []float64{1, 2, math.NaN(), 4}, true},
		{"named value without time", "value\n5\n6\n", Options{}, "1970-01-01", []float64{5, 6}, true},
		{"missing values", "date,y\n2026-01-01,\n2026-01-02,NA\n2026-01-03,inf\n2026-01-04,4\n", Options{}, "2026-01-01", []float64{math.NaN(), math.NaN(), math.NaN(), 4}, false},
		{"columns by name", "a,b,c\n2026-01-01,1,2026-02-01\n", Options{TimeCol: "c", ValueCol: "b"}, "2026-02-01", []float64{1}, false},
		{"BOM, CRLF, comment", "\xef\xbb\xbf# exported\r\ntime,value\r\n2026-01-01,1\r\n", Options{}, "2026-01-01", []float64{1}, false},
		{"value among several", "host,date,load,value\na,2026-01-01,7,1\n", Options{}, "2026-01-01", []float64{1}, false},
		{"JSON objects", "{\"time\":\"2026-01-01\",\"value\":1}\n\n{\"time\":\"2026-01-02\",\"value\":null}\n", Options{}, "2026-01-01", []float64{1, math.NaN()}, false},
		{"JSON odd names", "{\"when\":\"2026-01-01\",\"load\":2,\"tags\":{\"a\":1}}\n", Options{}, "2026-01-01", []float64{2}, false},
		{"JSON Unix milliseconds", "{\"ts\":1767225600000,\"v\":2}\n", Options{}, "2026-01-01", []float64{2}, false},
		{"JSON pairs", "[1767225600,3]\n[1767225660,4]\n", Options{}, "2026-01-01", []float64{3, 4}, false},
		{"JSON values", "{\"value\":3}\n{\"value\":4}\n", Options{}, "1970-01-01", []float64{3, 4}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Read(strings.NewReader(c.in), c.opts)
			require.NoError(t, err)
			require.Equal(t, c.index, d.Index)
			require.Equal(t, c.first, d.Points[0].Time.Format("2006-01-02"))
			require.Len(t, d.Points, len(c.values))
			for i, want := range c.values {
				if math.IsNaN(want) {
					require.True(t, math.IsNaN(d.Points[i].Value))
				} else {
					require.InDelta(t, want, d.Points[i].Value, 1e-12)
				}
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	for _, c := range []struct {
		name, in string
		opts     Options
		code     fail.Code
		says     string
	}{
		{"empty", "", Options{}, fail.Usage, "no observations"},
		{"header only", "time,value\n", Options{}, fail.Usage, "no observations"},
		{"bad value", "time,value\n2026-01-01,1\n2026-01-02,lots\n", Options{}, fail.Usage, "line 3"},
		{"bad time", "time,value\n2026-01-01,1\nsoon,1\n", Options{}, fail.Usage, "line 3"},
		{"few columns", "a,time,value\nx,2026-01-01,1\nx\n", Options{}, fail.Usage, "line 3"},
		{"no such column", "time,value\n2026-01-01,1\n", Options{ValueCol: "load"}, fail.Usage, "load"},
		{"no numbers", "a,b\nx,y\nz,w\n", Options{}, fail.Usage, "no column with numbers"},
		{"too many", "1\n2\n3\n", Options{MaxPoints: 2}, fail.TooLarge, "more than 2"},
		{"long line", "time,value\n" + strings.Repeat("x", 200), Options{MaxLine: 100}, fail.TooLarge, "line 2"},
		{"large", strings.Repeat("1\n", 100), Options{MaxBytes: 50}, fail.TooLarge, "size limit"},
		{"JSON long line", "{\"value\":1}\n{\"value\":" + strings.Repeat("1", 200), Options{MaxLine: 100}, fail.TooLarge, "longer"},
		{"bad JSON", "{\"value\":1}\n{oops\n", Options{}, fail.Usage, "line 2"},
		{"JSON without numbers", "{\"a\":\"b\"}\n", Options{}, fail.Usage, "no field"},
		{"JSON value is an object", "{\"value\":1}\n{\"value\":\"x\"}\n", Options{}, fail.Usage, "line 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(c.in), c.opts)
			require.Equal(t, c.code, fail.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.NotEmpty(t, fail.From(err).Next)
		})
	}
}

func dates(values []float64, texts ...string) []Point {
	out := make([]Point, len(texts))
	for i, s := range texts {
		at, ok := ParseTime(s)
		if !ok {
			panic(s)
		}
		out[i] = Point{at, values[i]}
	}
	return out
}

func TestRegularise(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name   string
		points []Point
		step   string
		values []float64
		notes  []string
	}{
		{"days", dates([]float64{1, 2, 3}, "2026-01-01", "2026-01-02", "2026-01-03"), "1d", []float64{1, 2, 3}, []string{"step"}},
		{"gap", dates([]float64{1, 2, 3, 5}, "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-05"), "1d", []float64{1, 2, 3, nan, 5}, []string{"step", "gaps"}},
		{"unsorted twice", dates([]float64{3, 1, 2, 4}, "2026-01-03", "2026-01-01", "2026-01-02", "2026-01-03"), "1d", []float64{1, 2, 3.5}, []string{"sorted", "duplicates", "step"}},
		{"months", dates([]float64{1, 2, 3, 4}, "2026-01", "2026-02", "2026-03", "2026-05"), "1mo", []float64{1, 2, 3, nan, 4}, []string{"step", "gaps"}},
		{"month ends", dates([]float64{1, 2, 3}, "2026-01-31", "2026-02-28", "2026-03-31"), "1mo", []float64{1, 2, 3}, []string{"step"}},
		{"quarters", dates([]float64{1, 2, 3}, "2026-01", "2026-04", "2026-07"), "1q", []float64{1, 2, 3}, []string{"step"}},
		{"years", dates([]float64{1, 2, 3}, "1871", "1872", "1873"), "1y", []float64{1, 2, 3}, []string{"step"}},
		{"irregular", dates([]float64{1, 2, 3, 4}, "2026-01-01 00:00", "2026-01-01 01:00", "2026-01-01 02:20", "2026-01-01 03:00"), "1h", []float64{1, 2, 3, 4}, []string{"step", "resampled"}},
		{"jitter", dates([]float64{1, 2, 3, 4}, "2026-01-01 00:00:00", "2026-01-01 01:00:01", "2026-01-01 02:00:00", "2026-01-01 03:00:02"), "1h", []float64{1, 2, 3, 4}, []string{"step", "snapped"}},
		{"missing ends", dates([]float64{nan, 1, 2, 3, nan}, "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"), "1d", []float64{1, 2, 3}, []string{"step", "trimmed"}},
		{"no times", []Point{{Value: 1}, {Value: nan}, {Value: 3}, {Value: 4}}, "index", []float64{1, nan, 3, 4}, []string{"gaps"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Regularise(c.points, Step{})
			require.NoError(t, err)
			require.Equal(t, c.step, s.Step.String())
			require.Equal(t, c.notes, codesOf(s.Notes))
			require.Len(t, s.Values, len(c.values))
			for i, v := range s.Filled() {
				require.False(t, math.IsNaN(v))
				if !math.IsNaN(c.values[i]) {
					require.InDelta(t, c.values[i], v, 1e-12)
				} else {
					require.True(t, math.IsNaN(s.Values[i]))
				}
			}
		})
	}
	_, err := Regularise(dates([]float64{1, 2}, "2026-01-01", "2026-01-02"), Step{})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
	_, err = Regularise(dates([]float64{1, 2, 3}, "1700-01-01", "2026-01-01", "2026-01-02"), Step{Duration: time.Second})
	require.Equal(t, fail.Usage, fail.CodeOf(err))
}

func TestSteps(t *testing.T) {
	for _, text := range []string{"15m", "1h", "1d", "1w", "1mo", "1q", "1y", "index", "30s"} {
		s, err := ParseStep(text)
		require.NoError(t, err)
		require.Equal(t, text, s.String())
	}
	for _, text := range []string{"x", "0d", "-1h", "1parsec", "99999999999mo", "d"} {
		_, err := ParseStep(text)
		require.Equal(t, fail.Usage, fail.CodeOf(err), text)
	}
	end := Step{Months: 1, MonthEnd: true}
	require.Equal(t, "2026-02-28", end.Add(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), 1).Format("2006-01-02"))
	require.Equal(t, []int{24, 168, 8736}, Step{Duration: time.Hour}.Seasons())
	require.Equal(t, []int{12}, Step{Months: 1}.Seasons())
}

func fuzz(f *testing.F, read func(string) (*Data, error), seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := read(in)
		if err != nil {
			require.NotEqual(t, fail.Internal, fail.CodeOf(err))
			return
		}
		require.NotEmpty(t, d.Points)
		s, err := Regularise(d.Points, d.Step())
		if err != nil {
			require.NotEqual(t, fail.Internal, fail.CodeOf(err))
			return
		}
		for _, v := range s.Filled() {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	fuzz(f, func(in string) (*Data, error) {
		return ReadCSV(strings.NewReader(in), Options{MaxPoints: 1000, MaxLine: 4096})
	},
		"time,value\n2026-01-01,1\n2026-01-02,2\n2026-01-04,3\n", "1\n2\n3\n", "a;b\n\"x\n", "\x00,\xff\n", "1e308,1e308\n1,2\n3,4\n")
}

func FuzzReadJSONL(f *testing.F) {
	fuzz(f, func(in string) (*Data, error) {
		return ReadJSONL(strings.NewReader(in), Options{MaxPoints: 1000, MaxLine: 4096})
	},
		"{\"time\":\"2026-01-01\",\"value\":1}\n", "[1,2]\n[2,3]\n[4,5]\n", "{}\n", "[]\n", "{\"a\":1e999}\n")
}
