package incident

import "strings"

// special are the characters that mean something in Markdown or in HTML inside
// of it; what is not ours is written with each of them escaped.
const special = "\\`*_{}[]<>()#+!|~&"

// text writes foreign text so that Markdown takes it as the characters that it
// is: on one line, without markup, links, images or HTML.
func text(s string) string {
	var b strings.Builder
	for _, r := range oneLine(visible(s)) {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return strings.NewReplacer("://", "\\://", "www.", "www\\.").Replace(b.String()) // and no links of their own accord
}

// visible drops control characters and those that reorder or hide text.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// code writes a code span that its content can't leave.
func code(s string) string {
	s = oneLine(visible(s))
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || s == "" {
		pad = " "
	}
	return fence + pad + s + pad + fence
}

// cell is code in a table, where a bar would end the cell.
func cell(s string) string { return strings.ReplaceAll(code(s), "|", "\\|") }
