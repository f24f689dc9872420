package metrics

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Unit is what a metric counts, as its name says by the conventions of
// Prometheus (base units, at the end of the name).
type Unit struct {
	Name string // bytes, seconds, ratio, total; empty where the name is silent
}

// UnitOf reads a metric's name. A counter's own unit stands before _total;
// names of parts (_sum, _bucket, _count) say nothing of the value's unit but
// for _sum.
func UnitOf(name string) Unit {
	name = strings.TrimSuffix(name, "_sum")
	base, counter := strings.CutSuffix(name, "_total")
	for _, u := range []string{"bytes", "seconds", "ratio"} {
		if strings.HasSuffix(base, "_"+u) {
			// A moment is not a length of time.
			if u == "seconds" && (strings.HasSuffix(base, "timestamp_seconds") || strings.HasSuffix(base, "start_time_seconds")) {
				return Unit{"timestamp"}
			}
			return Unit{u}
		}
	}
	if counter {
		return Unit{"total"}
	}
	return Unit{}
}

// Scale is a factor with its name: v is shown as v/Factor followed by Suffix.
type Scale struct {
	Factor float64
	Suffix string
}

// Scale chooses the factor for values up to size, for an axis.
func (u Unit) Scale(size float64) Scale {
	size = math.Abs(size)
	pick := func(list []Scale) Scale {
		best := list[0]
		for _, s := range list {
			if size >= s.Factor*0.9995 {
				best = s
			}
		}
		return best
	}
	if math.IsNaN(size) || math.IsInf(size, 0) || size == 0 {
		return Scale{Factor: 1}
	}
	switch u.Name {
	case "bytes":
		return pick(binary)
	case "seconds":
		return pick(durations)
	case "ratio":
		return Scale{0.01, "%"}
	case "timestamp":
		return Scale{Factor: 1}
	}
	if size < 10_000 {
		return Scale{Factor: 1}
	}
	return pick(decimal)
}

var (
	// IEC 80000-13.
	binary = []Scale{{1, " B"}, {1 << 10, " KiB"}, {1 << 20, " MiB"}, {1 << 30, " GiB"}, {1 << 40, " TiB"}, {1 << 50, " PiB"}, {1 << 60, " EiB"}}
	// SI prefixes.
	decimal   = []Scale{{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}, {1e15, "P"}, {1e18, "E"}}
	durations = []Scale{{1e-9, "ns"}, {1e-6, "µs"}, {1e-3, "ms"}, {1, "s"}, {60, "m"}, {3600, "h"}, {86400, "d"}}
)

// Format writes a value for people: four significant digits and the unit.
// NaN and the infinities are written as Prometheus does.
func (u Unit) Format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	if u.Name == "timestamp" && v > 1e8 && v < 1e11 {
		return time.Unix(int64(v), 0).UTC().Format(time.RFC3339)
	}
	s := u.Scale(v)
	return digits(v/s.Factor) + s.Suffix
}

// digits writes four significant digits, and whole numbers in full.
func digits(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	size := math.Abs(v)
	if size >= 1e-3 && size < 1e6 {
		places := max(3-int(math.Floor(math.Log10(size))), 0)
		text := strconv.FormatFloat(v, 'f', places, 64)
		if strings.ContainsRune(text, '.') {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		return text
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
