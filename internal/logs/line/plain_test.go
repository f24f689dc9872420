package line

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlain puts every byte at every place of texts of every length up to 20.
func TestPlain(t *testing.T) {
	for n := 1; n <= 20; n++ {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("x", n))
				b[at] = byte(c)
				s := string(b)
				printable := c >= ' ' && c < 0x7f
				require.Equal(t, printable, isPrintable(s), "%q", s)
				require.Equal(t, printable && c != '"' && c != '\\', isPlain(s), "%q", s)
			}
		}
	}
	require.True(t, isPrintable("") && isPlain(""))
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":              `"plain text"`,
		"\"\\/\n\r\t\x00\x1b":     `"\"\\/\n\r\t\u0000\u001b"`,
		"é\u2028\u2029\x7f\u0085": `"é\u2028\u2029\u007f\u0085"`,
		"a\xffb\xc3":              `"a\ufffdb\ufffd"`,
		"😀":                       `"😀"`,
	} {
		got := appendString(nil, in)
		require.Equal(t, want, string(got))
		var back string
		require.NoError(t, json.Unmarshal(got, &back))
		require.Equal(t, strings.ToValidUTF8(in, "\uFFFD"), back)
	}
}
