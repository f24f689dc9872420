package secrets

import (
	"crypto/rand"
	"math"
	"math/big"

	"github.com/aictl/aictl/internal/fail"
)

// Charsets are the alphabets that a value can be made of. None has characters
// that a shell, a URL or YAML takes for something else, but symbols.
func charset(name string) (string, bool) {
	const (
		digits = "0123456789"
		lower  = "abcdefghijklmnopqrstuvwxyz"
		upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	)
	set, ok := map[string]string{
		"":        lower + upper + digits,
		"alnum":   lower + upper + digits,
		"hex":     digits + "abcdef",
		"digits":  digits,
		"url":     lower + upper + digits + "-_",
		"symbols": lower + upper + digits + "!#%+,-./:=?@^_~",
	}[name]
	return set, ok
}

// minBits is the least strength of a made value: under it, it can be tried out.
const minBits = 64

// Generate makes a value of length characters of the charset (alnum, hex,
// digits, url, symbols) with crypto/rand, each equally likely.
func Generate(length int, chars string) (Value, error) {
	set, ok := charset(chars)
	if !ok {
		return Value{}, fail.New(fail.Usage, "unknown charset %q: alnum, hex, digits, url or symbols", chars)
	}
	bits := float64(length) * math.Log2(float64(len(set)))
	if length < 1 || length > 4096 || bits < minBits {
		return Value{}, fail.New(fail.Usage, "%d characters of %q are %.0f bits, and a value has %d bits at least and 4096 characters at most", length, chars, max(bits, 0), minBits).
			Hint("--length 32")
	}
	out := make([]byte, length)
	most := big.NewInt(int64(len(set)))
	for i := range out {
		n, err := rand.Int(rand.Reader, most)
		if err != nil {
			clear(out)
			return Value{}, fail.Wrap(fail.Internal, err, "making a random value")
		}
		out[i] = set[n.Int64()]
	}
	return NewValue(out), nil
}
