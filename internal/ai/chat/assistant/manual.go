package assistant

import (
	"io/fs"
	"path"
	"strings"
)

const (
	maxDoc     = 1 << 20 // bytes read of one file of the manual
	maxExcerpt = 14      // lines shown of a section
)

// section is one heading of the manual with its text.
type section struct {
	file, title, page, body string
}

// id is the section's address: file and anchor as GitHub makes it.
func (s section) id() string {
	anchor := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, strings.ToLower(s.title))
	return s.file + "#" + anchor
}

// sections cuts the Markdown files of a manual at their headings. Files that
// cannot be read are left out: the rest of the manual still helps.
func sections(docs fs.FS) []section {
	out := []section{}
	if docs == nil {
		return out
	}
	_ = fs.WalkDir(docs, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || path.Ext(name) != ".md" {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > maxDoc {
			return nil //nolint:nilerr // as said above
		}
		text, err := fs.ReadFile(docs, name)
		if err == nil {
			out = append(out, cut(name, string(text))...)
		}
		return nil
	})
	return out
}

func cut(file, text string) []section {
	out, fenced, page := []section{}, false, ""
	var cur section
	var body strings.Builder
	flush := func() {
		cur.body = strings.TrimSpace(body.String())
		if cur.title != "" && cur.body != "" {
			out = append(out, cur)
		}
		body.Reset()
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if title, ok := heading(line); ok && !fenced {
			flush()
			if page == "" {
				page = title
			}
			cur = section{file: file, title: title, page: page}
			continue
		}
		body.WriteString(line)
	}
	flush()
	return out
}

func heading(line string) (string, bool) {
	t := strings.TrimLeft(line, "#")
	if n := len(line) - len(t); n < 1 || n > 6 || !strings.HasPrefix(t, " ") {
		return "", false
	}
	return strings.TrimSpace(strings.TrimRight(strings.TrimSpace(t), "#")), true
}

// excerpt is the beginning of the section, at most maxExcerpt lines, with any
// open fence closed.
func (s section) excerpt() string {
	lines := strings.Split(s.body, "\n")
	cutOff := len(lines) > maxExcerpt
	lines = lines[:min(len(lines), maxExcerpt)]
	fenced := false
	for _, l := range lines {
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			fenced = !fenced
		}
	}
	text := strings.TrimSpace(strings.Join(lines, "\n"))
	if fenced {
		text += "\n```"
	}
	if cutOff {
		text += "\n\n…"
	}
	return text
}
