package line

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/logs/where"
)

// readCRI reads "2016-10-06T00:17:09.669794202Z stdout F message", the files
// that Kubernetes' runtimes write.
func (p *Parser) readCRI(r *record, s string, depth int) bool {
	t, n := p.clock.scan(s)
	if n == 0 {
		return false
	}
	rest := s[n:]
	var stream string
	switch {
	case strings.HasPrefix(rest, " stdout "):
		stream = "stdout"
	case strings.HasPrefix(rest, " stderr "):
		stream = "stderr"
	default:
		return false
	}
	rest = rest[len(" stdout "):]
	if !strings.HasPrefix(rest, "F ") && !strings.HasPrefix(rest, "P ") {
		return false
	}
	r.e.Time = t
	r.pairs = append(r.pairs, pair{"stream", stream})
	p.readInner(r, rest[2:], depth)
	return true
}

// readCompose reads "web-1  | message", as docker compose logs writes.
func (p *Parser) readCompose(r *record, s string, depth int) bool {
	bar := strings.Index(s[:min(len(s), 80)], " | ")
	if bar <= 0 {
		return false
	}
	name := strings.TrimRight(s[:bar], " ")
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	if where.LevelRank(name) > 0 { // INFO | message
		return false
	}
	r.e.Service = name
	p.readInner(r, s[bar+3:], depth)
	return true
}

// readSyslog reads RFC 5424 and RFC 3164, the latter also without its
// priority, as it stands in files.
func (p *Parser) readSyslog(r *record, s string, depth int) bool {
	level := ""
	rest := s
	if strings.HasPrefix(s, "<") {
		end := strings.IndexByte(s[:min(len(s), 6)], '>')
		if end < 2 {
			return false
		}
		priority, err := strconv.Atoi(s[1:end])
		if err != nil || priority < 0 || priority > 191 {
			return false
		}
		level = strconv.Itoa(priority & 7)
		rest = s[end+1:]
		if strings.HasPrefix(rest, "1 ") {
			return p.readSyslog5424(r, rest[2:], level, depth)
		}
	}
	t, n := p.clock.scanBSD(rest)
	if n == 0 {
		t, n = p.clock.scan(rest)
		if n == 0 || level == "" {
			return false
		}
	}
	rest = strings.TrimLeft(rest[n:], " ")
	host, rest, ok := strings.Cut(rest, " ")
	if !ok || host == "" {
		return false
	}
	tag, message, ok := strings.Cut(rest, ": ")
	if !ok {
		tag, ok = strings.CutSuffix(rest, ":")
		message = ""
	}
	if !ok || strings.ContainsAny(tag, " \t") {
		if level == "" {
			return false
		}
		tag, message = "", rest
	}
	r.e.Time = t
	if level != "" {
		r.setLevel(level)
	}
	r.pairs = append(r.pairs, pair{"host.name", host})
	p.tag(r, tag)
	p.readInner(r, message, depth)
	return true
}

// tag splits app[pid].
func (p *Parser) tag(r *record, tag string) {
	app, pid, ok := strings.Cut(strings.TrimSuffix(tag, "]"), "[")
	r.e.Service = app
	if ok && pid != "" {
		r.pairs = append(r.pairs, pair{"process.pid", pid})
	}
}

// readSyslog5424 reads what follows "<165>1 ": time, host, app, process id,
// message id, structured data, message.
func (p *Parser) readSyslog5424(r *record, s, level string, depth int) bool {
	var part [5]string
	for i := range part {
		var ok bool
		if part[i], s, ok = strings.Cut(s, " "); !ok {
			return false
		}
		if part[i] == "-" {
			part[i] = ""
		}
	}
	data := "-"
	switch {
	case strings.HasPrefix(s, "-"):
		s = s[1:]
	case strings.HasPrefix(s, "["):
		n := structuredData(s)
		if n == 0 {
			return false
		}
		data, s = s[:n], s[n:]
	default:
		return false
	}
	if part[0] != "" {
		t, ok := p.clock.parse(part[0])
		if !ok {
			return false
		}
		r.e.Time = t
	}
	r.setLevel(level)
	r.e.Service = part[2]
	for i, key := range [...]string{1: "host.name", 3: "process.pid", 4: "log.syslog.msgid"} {
		if key != "" && part[i] != "" {
			r.pairs = append(r.pairs, pair{key, part[i]})
		}
	}
	if data != "-" {
		r.pairs = append(r.pairs, pair{"log.syslog.structured_data", data})
	}
	p.readInner(r, strings.TrimPrefix(strings.TrimPrefix(s, " "), "\uFEFF"), depth)
	return true
}

// structuredData is the length of the elements [id key="value" …] at the start
// of s; 0 where they do not end.
func structuredData(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == ']' && (i+1 == len(s) || s[i+1] != '['):
			return i + 1
		}
	}
	return 0
}

// readKlog reads "I0102 15:04:05.000000   12 file.go:34] message key=value".
func (p *Parser) readKlog(r *record, s string) bool {
	if len(s) < 21 || strings.IndexByte("IWEF", s[0]) < 0 || s[5] != ' ' {
		return false
	}
	t, n := p.clock.recent(time.Month(two(s, 1)), two(s, 3), s[6:], 6)
	if n == 0 {
		return false
	}
	head, message, ok := strings.Cut(s[n:], "] ")
	if !ok || len(head) > 300 {
		return false
	}
	r.e.Time = t
	r.setLevel(s[:1])
	if pid, source, ok := strings.Cut(strings.TrimLeft(head, " "), " "); ok {
		r.pairs = append(r.pairs, pair{"process.pid", pid}, pair{"log.origin", source})
	}
	r.e.Message = message
	if strings.HasPrefix(message, `"`) { // structured: "message" key="value"
		if text, rest, ok := cutValue(message); ok {
			if pairs, ok := appendPairs(r.pairs, rest); ok {
				r.e.Message, r.pairs = text, pairs
			}
		}
	}
	return true
}

var accessLine = regexp.MustCompile(`^(\S+) \S+ (\S+|".*?") \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?`)

// readAccess reads the common and the combined format of web servers.
func (p *Parser) readAccess(r *record, s string) bool {
	if len(s) < 30 || !strings.Contains(s[:min(len(s), 300)], " [") || !strings.Contains(s, `] "`) {
		return false
	}
	m := accessLine.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	t, ok := p.clock.parse(m[3])
	if !ok {
		return false
	}
	r.e.Time = t
	r.e.Message = m[4] + " " + m[5]
	switch {
	case m[5] >= "500":
		r.setLevel("error")
	case m[5] >= "400":
		r.setLevel("warn")
	default:
		r.setLevel("info")
	}
	method, rest, _ := strings.Cut(m[4], " ")
	target, _, ok := strings.Cut(rest, " ")
	if !ok {
		method = ""
	}
	for _, f := range [...]pair{
		{"client.address", m[1]},
		{"user.name", m[2]},
		{"http.request.method", method},
		{"url.original", target},
		{"http.response.status_code", m[5]},
		{"http.response.body.bytes", m[6]},
		{"http.request.referrer", m[7]},
		{"user_agent.original", m[8]},
	} {
		if f.value != "" && f.value != "-" {
			r.pairs = append(r.pairs, f)
		}
	}
	return true
}

// readText reads a text with a time and a level at its head, or neither.
func (p *Parser) readText(r *record, s string) {
	r.e.Message = s
	rest := strings.TrimLeft(s, " \t")
	body := strings.TrimPrefix(rest, "[")
	timed := false
	if t, n := p.clock.scan(body); n > 0 {
		timed = true
		r.e.Time = t
		rest = strings.TrimLeft(strings.TrimPrefix(body[n:], "]"), " \t")
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "- "), "| ")
		r.e.Message = rest
	}
	if level, after, ok := strings.Cut(rest, ":"); ok && !timed && isLevel(level, false) { // WARNING:root:message
		r.setLevel(level)
		if level != "panic" {
			r.e.Message = strings.TrimLeft(after, " ")
		}
		return
	}
	// The level is one of the first words; those before it stay in the message.
	at := rest
	for i := range 4 {
		word, after := firstWord(at)
		if word == "" {
			return
		}
		if isLevel(word, timed && i == 0) {
			r.setLevel(strings.Trim(word, "[]():|<>-"))
			if i == 0 && word != "panic:" { // a Go panic is known by its first word
				r.e.Message = strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(after, "- "), "| "), " ")
			}
			return
		}
		at = after
	}
}

// firstWord cuts the first word off; [a b] is one word.
func firstWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " \t")
	end := strings.IndexAny(s, " \t\n")
	if strings.HasPrefix(s, "[") {
		if n := strings.IndexByte(s[:min(len(s), 64)], ']'); n > 0 {
			end = n + 1
			if end < len(s) && s[end] == ':' {
				end++
			}
		}
	}
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimLeft(s[end:], " \t")
}

// isLevel says whether a word of a text is meant as its level: in brackets, in
// capitals, before a colon, or, first after a time, as it is.
func isLevel(word string, first bool) bool {
	bare := strings.Trim(word, "[]():|<>-")
	if len(bare) < 3 || len(bare) > 13 || where.LevelRank(bare) == 0 {
		return false
	}
	for i := range len(bare) {
		if c := bare[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return len(bare) < len(word) || bare == strings.ToUpper(bare) || first && commonLevel(bare)
}

// commonLevel leaves out words that begin a sentence as well.
func commonLevel(s string) bool {
	switch strings.ToLower(s) {
	case "note", "log", "success", "fail", "failure", "alert", "fine", "config", "silly", "panic":
		return false
	}
	return true
}

// readLogfmt reads key=value pairs. The line begins with one, has two at
// least, and holds nothing else.
func (p *Parser) readLogfmt(r *record, s string) bool {
	had := len(r.pairs)
	pairs, ok := appendPairs(r.pairs, s)
	if !ok || len(pairs) < had+2 {
		return false
	}
	r.pairs = append([]pair(nil), pairs[:had]...)
	var ranks [slots]uint8
	for _, f := range pairs[had:] {
		s, rank := slotOf(f.key)
		if s != slotNone && (ranks[s] == 0 || rank < ranks[s]) && r.set(s, f.value, &p.clock) {
			ranks[s] = rank
			continue
		}
		r.pairs = append(r.pairs, f)
	}
	return true
}

// appendPairs reads pairs to the end of s; false where it meets anything else.
func appendPairs(dst []pair, s string) ([]pair, bool) {
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return dst, true
		}
		eq := 0
		for eq < len(s) && s[eq] > ' ' && s[eq] != '=' && s[eq] != '"' && s[eq] < utf8.RuneSelf {
			eq++
		}
		if eq == 0 || eq == len(s) || s[eq] != '=' {
			return dst, false
		}
		value, rest, ok := cutValue(s[eq+1:])
		if !ok {
			return dst, false
		}
		dst = append(dst, pair{s[:eq], value})
		s = rest
	}
}

// cutValue cuts a value off, in quotes or up to a space.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, " \t"); i >= 0 {
			return s[:i], s[i:], true
		}
		return s, "", true
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			value = s[1:i]
			if strings.IndexByte(value, '\\') >= 0 {
				if text, err := strconv.Unquote(s[:i+1]); err == nil {
					value = text
				}
			}
			return value, s[i+1:], true
		}
	}
	return "", "", false
}
