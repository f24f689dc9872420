package op

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/aictl/aictl/internal/fail"
)

// Number is a float64 that may be NaN or infinite. JSON has no such numbers:
// a finite one is a JSON number, the others are the strings "NaN", "+Inf" and
// "-Inf", as Prometheus writes them.
type Number float64

// Finite reports whether n is neither NaN nor infinite.
func (n Number) Finite() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"+Inf"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Inf"`), nil
	}
	return json.Marshal(f)
}

// UnmarshalJSON implements json.Unmarshaler; it also reads "Inf", and numbers
// in strings. null is NaN: there is no value.
func (n *Number) UnmarshalJSON(b []byte) error {
	text := string(b)
	if text == "null" {
		*n = Number(math.NaN())
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fail.New(fail.Usage, "%q is not a number", text)
	}
	*n = Number(f)
	return nil
}
