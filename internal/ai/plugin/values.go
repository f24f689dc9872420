package plugin

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as 10s or 1h30m.
type Duration time.Duration

// D is the duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes the shortest form: 1h, 90s, 250ms.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 10s, 250ms, 1h30m. A negative one is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration: write it as 10s, 250ms or 5m", clip(string(text)))
	}
	if v < 0 {
		return fmt.Errorf("%q is negative", clip(string(text)))
	}
	*d = Duration(v)
	return nil
}

// Size is a number of bytes that is written as 256Mi.
type Size int64

var units = []struct {
	suffix string
	factor float64
}{
	{"Ki", 1 << 10},
	{"Mi", 1 << 20},
	{"Gi", 1 << 30},
	{"Ti", 1 << 40},
	{"k", 1e3},
	{"M", 1e6},
	{"G", 1e9},
	{"T", 1e12},
	{"", 1},
}

// String writes the largest binary unit that is exact.
func (s Size) String() string {
	for _, u := range []string{"Ti", "Gi", "Mi", "Ki"} {
		for _, k := range units {
			if f := int64(k.factor); k.suffix == u && s != 0 && int64(s)%f == 0 {
				return strconv.FormatInt(int64(s)/f, 10) + u
			}
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads 1024, 64Ki, 1.5Gi, 500M (the units of Kubernetes).
func (s *Size) UnmarshalText(text []byte) error {
	in := string(text)
	for _, u := range units {
		number, ok := strings.CutSuffix(in, u.suffix)
		if !ok || number == "" {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(v) || strings.ContainsAny(number, "eExXpP_iInN") {
			break
		}
		if v < 0 || v*u.factor >= 1<<62 {
			return fmt.Errorf("%q is out of range", clip(in))
		}
		*s = Size(v * u.factor)
		return nil
	}
	return fmt.Errorf("%q is no size: write it as 512Ki, 256Mi or 2Gi", clip(in))
}

// clip bounds what an error repeats.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// canonical is JSON with sorted keys and without space.
func canonical(raw json.RawMessage) (json.RawMessage, error) {
	var v any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
