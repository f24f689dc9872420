package term

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// corpus is what a terminal would act on, by what it would do.
var corpus = []struct{ name, in, want string }{
	{"clean", "plain text\n\twith tab", "plain text\n\twith tab"},
	{"empty", "", ""},
	{"umlaut and wide", "Grüße 世界", "Grüße 世界"},
	{"set title (OSC 0, BEL)", "\x1b]0;pwned\x07", "^[]0;pwned^G"},
	{"set title (OSC 2, ST)", "\x1b]2;t\x1b\\", "^[]2;t^[\\"},
	{"hyperlink (OSC 8)", "\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\", "^[]8;;http://evil^[\\x^[]8;;^[\\"},
	{"clipboard (OSC 52)", "\x1b]52;c;aGk=\x07", "^[]52;c;aGk=^G"},
	{"clear screen (CSI)", "\x1b[2J\x1b[H", "^[[2J^[[H"},
	{"colour (SGR)", "\x1b[31mred\x1b[0m", "^[[31mred^[[0m"},
	{"device status (CSI 6n)", "\x1b[6n", "^[[6n"},
	{"DCS", "\x1bPq#0\x1b\\", "^[Pq#0^[\\"},
	{"APC", "\x1b_Gf=32;\x1b\\", "^[_Gf=32;^[\\"},
	{"reset (RIS)", "\x1bc", "^[c"},
	{"C1 CSI", "\u009b2J", "<U+009B>2J"},
	{"C1 OSC", "\u009d0;x\u009c", "<U+009D>0;x<U+009C>"},
	{"C1 as a raw byte", "\x9b2J", "\uFFFD2J"},
	{"overwrite by CR", "rm -rf /\rls", "rm -rf /^Mls"},
	{"CR LF", "a\r\nb\r\n", "a\nb\n"},
	{"CR at the end", "a\r", "a^M"},
	{"backspace", "evil\b\b\b\bgood", "evil^H^H^H^Hgood"},
	{"NUL and DEL", "a\x00b\x7f", "a^@b^?"},
	{"bidi override", "a\u202Eb\u2066c\u2069", "a<U+202E>b<U+2066>c<U+2069>"},
	{"line separator", "a\u2028b", "a<U+2028>b"},
	{"zero width", "pay\u200Bpal\uFEFF\u2060", "paypal"},
	{"tags", "x\U000E0041\U000E0042", "x"},
	{"joiner in ASCII", "ad\u200Dmin", "admin"},
	{"family emoji", "👨\u200D👩\u200D👧", "👨\u200D👩\u200D👧"},
	{"rainbow flag", "🏳\uFE0F\u200D🌈", "🏳\uFE0F\u200D🌈"},
	{"joiners in a row", "👨\u200D\u200D\u200D👩", "👨\u200D👩"},
	{"Persian non-joiner", "می\u200Cخواهم", "می\u200Cخواهم"},
	{"malformed", "a\xffb\xc3", "a\uFFFDb\uFFFD"},
	{"surrogate half", "\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
	{"overlong ESC", "\xc0\x9b", "\uFFFD\uFFFD"},
	{"late in a long line", strings.Repeat("x", 100) + "\x1b[m", strings.Repeat("x", 100) + "^[[m"},
}

func TestSafe(t *testing.T) {
	for _, c := range corpus {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, Safe(c.in))
			require.Equal(t, c.want, string(SafeBytes([]byte(c.in))))
			checkSafe(t, Safe(c.in))
		})
	}
}

// Wherever a stream is cut, the result is the same as that of the whole.
func TestSafeWriterAtEverySplit(t *testing.T) {
	for _, c := range corpus {
		t.Run(c.name, func(t *testing.T) {
			for i := 0; i <= len(c.in); i++ {
				for _, chunks := range [][]string{{c.in[:i], c.in[i:]}, strings.SplitAfter(c.in, "")} {
					require.Equal(t, c.want, stream(t, chunks...))
				}
			}
			var bytewise []string
			for i := range len(c.in) {
				bytewise = append(bytewise, c.in[i:i+1])
			}
			require.Equal(t, c.want, stream(t, bytewise...))
		})
	}
}

func stream(tb testing.TB, chunks ...string) string {
	tb.Helper()
	var b bytes.Buffer
	w := NewSafeWriter(&b)
	for _, c := range chunks {
		n, err := w.Write([]byte(c))
		require.NoError(tb, err)
		require.Equal(tb, len(c), n)
	}
	require.NoError(tb, w.Close())
	return b.String()
}

func checkSafe(tb testing.TB, s string) {
	tb.Helper()
	require.True(tb, utf8.ValidString(s))
	for _, r := range s {
		if r == '\n' || r == '\t' {
			continue
		}
		require.Falsef(tb, unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r), "U+%04X in %q", r, s)
	}
}

func TestSafeLine(t *testing.T) {
	require.Equal(t, `a\nb\tc^[`, SafeLine("a\nb\tc\x1b"))
	require.Equal(t, "one", SafeLine("one"))
}

func TestSafeOfCleanTextAllocatesNothing(t *testing.T) {
	clean := strings.Repeat("clean text, ünïcode 世界\n", 20)
	b := []byte(clean)
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = Safe(clean) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = SafeBytes(b) }))
}

func FuzzSafe(f *testing.F) {
	for _, c := range corpus {
		f.Add(c.in, len(c.in)/2)
	}
	f.Fuzz(func(t *testing.T, s string, cut int) {
		out := Safe(s)
		checkSafe(t, out)
		require.Equal(t, out, Safe(out), "a second pass changes nothing")
		if cut >= 0 && cut <= len(s) {
			require.Equal(t, out, stream(t, s[:cut], s[cut:]))
		}
	})
}

// The cost of Safe beside that of decoding the line it stands in: see the
// ratio of the two in one run.
func BenchmarkSafe(b *testing.B) {
	ascii := strings.Repeat("GET /api/v1/services 200 12ms request=abc ", 20)
	mixed := strings.Repeat("Grüße aus Köln, 世界 ", 40)
	for _, c := range []struct{ name, in string }{{"ascii", ascii}, {"mixed", mixed}, {"dirty", ascii + "\x1b[31m"}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				_ = Safe(c.in)
			}
		})
	}
	b.Run("baseline copy", func(b *testing.B) {
		b.SetBytes(int64(len(ascii)))
		for b.Loop() {
			_ = strings.Clone(ascii)
		}
	})
}
