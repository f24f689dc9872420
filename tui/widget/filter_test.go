package widget

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		name, expr, text string
		want             bool
		spans            string // what is marked, with | between
	}{
		{"empty", "", "anything", true, ""},
		{"literal", "time", "a timeout", true, "time"},
		{"literal, other case", "time", "a TimeOut, time", true, "Time|time"},
		{"upper case is exact", "Time", "a timeout", false, ""},
		{"upper case finds itself", "Time", "a Timeout", true, "Time"},
		{"a class is no upper case", `\Stimeout`, "a_TIMEOUT", true, "_TIMEOUT"},
		{"expression", "t.me(out)?", "a timeout tame", true, "timeout|tame"},
		{"alternatives", "oom|evicted", "pod Evicted", true, "Evicted"},
		{"anchors", "^pod-[0-9]+$", "pod-12", true, "pod-12"},
		{"anchors are those of a cell", "^running$", "pod-1\nRunning\n3d", true, "Running"},
		{"from one cell to the next", "pod-1.*running", "pod-1\nRunning", true, "pod-1\nRunning"},
		{"texts with anything between", "po.*run.*3d", "pod-1\nRunning\n3d", true, "pod-1\nRunning\n3d"},
		{"texts in another order", "run.*po", "pod-1\nRunning", false, ""},
		{"texts that overlap", "abc.*cd", "abcd", false, ""},
		{"texts that touch", "a(b)c", "a b c", false, ""},
		{"broken is literal", "a[b", "xa[by", true, "a[b"},
		{"broken, in either case", "a[b", "xA[By", true, "A[B"},
		{"broken is not found", "a(b", "ab", false, ""},
		{"inverse", "!time", "a timeout", false, ""},
		{"inverse of nothing", "!time", "refused", true, ""},
		{"inverse expression", "!^a", "ba", true, ""},
		{"inverse alone", "!", "x", true, ""},
		{"escaped", `\!x`, "a!x", true, "!x"},
		{"fuzzy", "~pgto", "postgres timeout", true, ""},
		{"fuzzy near", "~chkout", "a checkout-1", true, "ch|kout"},
		{"fuzzy, other case", "~chk", "CHecK", true, "CH|K"},
		{"fuzzy, upper case is exact", "~CK", "check", false, ""},
		{"fuzzy too far", "~ab", "a" + strings.Repeat("x", 40) + "b", false, ""},
		{"fuzzy, a later start is near", "~ab", "a" + strings.Repeat("x", 40) + "a-b", true, "a|b"},
		{"fuzzy words", "~api err", "err in api", true, "err|api"},
		{"fuzzy words, one not there", "~api oom", "err in api", false, ""},
		{"fuzzy alone", "~ ", "x", true, ""},
		{"inverse fuzzy", "!~abc", "a-b-c", false, ""},
		{"inverse fuzzy alone", "!~", "x", true, ""},
		{"beyond ASCII", "ärger", "viel ÄRGER", true, "ÄRGER"},
		{"beyond ASCII, fuzzy", "~är", "ÄxR", true, "Ä|R"},
		{"inline flag", "(?-i)Time", "a time", false, ""},
		{"inline flag folds", "(?i)TIME", "a time", true, "time"},
		{"a match of nothing", "x*", "abc", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFilter(c.expr)
			if got := f.Match(c.text); got != c.want {
				t.Errorf("Match %v", got)
			}
			var found []string
			for _, s := range f.Spans(c.text) {
				found = append(found, c.text[s[0]:s[1]])
			}
			if c.name == "fuzzy" { // many letters: that it marks some is enough
				if len(found) == 0 {
					t.Error("nothing marked")
				}
			} else if got := strings.Join(found, "|"); got != c.spans {
				t.Errorf("Spans %q, want %q", got, c.spans)
			}
		})
	}
	for _, expr := range []string{"", "!", "~", "!~", "~ ", "\xff"} {
		if f := NewFilter(expr); !f.Empty() || f.String() != expr {
			t.Errorf("%q is not empty", expr)
		}
	}
}

// FuzzFilter: what the shortcuts find is what the plain expression finds.
func FuzzFilter(f *testing.F) {
	for _, s := range [][2]string{
		{"time", "a TimeOut"},
		{"a+b?", "xaab"},
		{"!x", "y"},
		{"~abc", "a_b_c"},
		{"[", "a[b"},
		{"(?i)K", "\u212a"},
		{`\d+ms$`, "took 12ms"},
		{"a|b", "b"},
		{"(ab)+c", "ababc"},
		{"x{2,3}y", "xxy"},
		{"ſ", "S"},
		{"k", "\u212a"},
		{"(?-i)a", "A"},
		{"^$", ""},
		{"a.*b.*?c", "xaxbxc"},
		{"a(b)c", "a b c"},
		{"ab.*bc", "abc"},
		{"(?-s)a.*b", "a\nb"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		filter := NewFilter(expr)
		got := filter.Match(text)
		spans := filter.Spans(text)
		end := 0
		for _, s := range spans {
			if s[0] < end || s[1] <= s[0] || s[1] > len(text) {
				t.Fatalf("spans %v of %q in %q", spans, expr, text)
			}
			end = s[1]
		}
		if len(spans) > 0 && !got {
			t.Fatalf("%q marks %v in %q, but does not match", expr, spans, text)
		}
		if filter.Empty() {
			if !got {
				t.Fatalf("an empty filter holds %q back", text)
			}
			return
		}
		if !strings.HasPrefix(expr, "!") && NewFilter("!"+expr).Match(text) == got {
			t.Fatalf("! does not turn %q around on %q", expr, text)
		}
		plain := strings.TrimPrefix(expr, "!")
		if strings.HasPrefix(plain, "~") || !utf8.ValidString(expr) {
			return
		}
		want := reference(plain).MatchString(text)
		if plain != expr {
			want = !want
		}
		// Folding beyond ASCII (K and the sign of kelvin) the shortcut leaves out.
		if got != want && !strings.ContainsAny(text, "\u212a\u017f") {
			t.Fatalf("%q on %q: %v, the expression says %v", expr, text, got, want)
		}
	})
}

// reference is the filter without its shortcuts.
func reference(expr string) *regexp.Regexp {
	flags := "(?ims)"
	if hasUpper(expr) {
		flags = "(?ms)"
	}
	re, err := regexp.Compile(flags + expr)
	if err != nil {
		re = regexp.MustCompile(flags + regexp.QuoteMeta(expr))
	}
	return re
}

func TestNatural(t *testing.T) {
	want := []string{"", "10.0.0.2", "10.0.0.10", "A", "b", "Pod-2", "pod-9", "pod-10", "pod-010a", "pod-x"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, natural)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
