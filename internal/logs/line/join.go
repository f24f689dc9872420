package line

import "bytes"

// The bounds of what is joined to one entry; what goes on beyond them begins
// another.
const (
	joinLines = 1000
	joinBytes = 256 << 10
)

// joiner decides, line by line, which lines belong to the one before: traces
// of stacks (Java, JavaScript, Python, Go), indented lines, and JSON that was
// printed over several lines. A line of JSON stands alone.
type joiner struct {
	mode        joinMode
	lines, size int
}

type joinMode uint8

const (
	joinNone   joinMode = iota // the entry is complete
	joinText                   // indented lines and exceptions go on
	joinPython                 // within a traceback
	joinRaised                 // after the last line of a traceback
	joinGo                     // within a panic
	joinPretty                 // within { … }
)

// next says whether the line (without its line feed) goes on with the entry;
// if not, it begins one.
func (j *joiner) next(line []byte) (goesOn bool) {
	line = bytes.TrimRight(line, "\r")
	j.lines++
	j.size += len(line) + 1
	if j.lines > 1 && j.lines <= joinLines && j.size <= joinBytes && j.goesOn(line) {
		return true
	}
	*j = joiner{mode: begins(line), lines: 1, size: len(line) + 1}
	return false
}

func begins(line []byte) joinMode {
	switch {
	case len(line) > 0 && line[0] == '{':
		if len(bytes.TrimSpace(line)) == 1 {
			return joinPretty
		}
		return joinNone
	case bytes.HasPrefix(line, []byte("Traceback (most recent call last)")):
		return joinPython
	case bytes.HasPrefix(line, []byte("panic: ")), bytes.HasPrefix(line, []byte("fatal error: ")), isGoroutine(line):
		return joinGo
	}
	return joinText
}

func (j *joiner) goesOn(line []byte) bool {
	blank := len(bytes.TrimSpace(line)) == 0
	indented := !blank && (line[0] == ' ' || line[0] == '\t')
	switch j.mode {
	case joinNone:
		return false
	case joinPretty:
		if string(line) == "}" {
			j.mode = joinNone
		}
		return true
	case joinPython:
		if !indented && !blank { // the line that names the exception
			j.mode = joinRaised
		}
		return true
	case joinRaised:
		switch {
		case blank, bytes.HasPrefix(line, []byte("During handling of the above")), bytes.HasPrefix(line, []byte("The above exception was")):
			return true
		case bytes.HasPrefix(line, []byte("Traceback (most recent call last)")):
			j.mode = joinPython
			return true
		}
		return indented
	case joinGo:
		return blank || indented || isGoroutine(line) || isGoCall(line) ||
			bytes.HasPrefix(line, []byte("created by ")) || bytes.HasPrefix(line, []byte("[signal ")) ||
			bytes.HasPrefix(line, []byte("exit status ")) || bytes.HasPrefix(line, []byte("[recovered]"))
	case joinText:
		switch {
		case blank:
			return false
		case bytes.HasPrefix(line, []byte("Traceback (most recent call last)")):
			j.mode = joinPython
			return true
		}
		return indented || bytes.HasPrefix(line, []byte("Caused by: ")) || bytes.HasPrefix(line, []byte("Suppressed: ")) || isJavaException(line)
	}
	return false
}

func isGoroutine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("goroutine ")) && bytes.HasSuffix(line, []byte("]:"))
}

// isGoCall knows main.f(0x1, {…}) of a Go stack.
func isGoCall(line []byte) bool {
	open := bytes.IndexByte(line, '(')
	return open > 0 && line[len(line)-1] == ')' && bytes.IndexByte(line[:open], '.') > 0 && bytes.IndexByte(line[:open], ' ') < 0
}

// isJavaException knows java.lang.IllegalStateException: why.
func isJavaException(line []byte) bool {
	name, _, _ := bytes.Cut(line[:min(len(line), 200)], []byte(":"))
	dotted := false
	for _, c := range name {
		switch {
		case c == '.':
			dotted = true
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '_', c == '$':
		default:
			return false
		}
	}
	return dotted && (bytes.HasSuffix(name, []byte("Exception")) || bytes.HasSuffix(name, []byte("Error")) || bytes.HasSuffix(name, []byte("Throwable")))
}

// cutLine cuts the first line off, without its line feed.
func cutLine(data []byte) (line, rest []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i], data[i+1:]
	}
	return data, nil
}

// open finds where the last entry of data begins, when lines that are still
// to come may go on with it; len(data) when it is complete. j is in the state
// of that entry then. data ends with a line feed.
func (j *joiner) open(data []byte) int {
	*j = joiner{}
	from := 0
	if i := bytes.LastIndex(data, []byte("\n{")); i >= 0 {
		from = i + 1 // no line before this one has a say
	}
	last := from
	for at := from; at < len(data); {
		line, rest := cutLine(data[at:])
		if !j.next(line) {
			last = at
		}
		at = len(data) - len(rest)
	}
	if j.mode == joinNone {
		return len(data)
	}
	return last
}
