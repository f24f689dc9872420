package line

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// hasFields says whether the line has more than the entry's own members.
func (r *record) hasFields() bool {
	if len(r.pairs) > 0 {
		return true
	}
	if r.doc == nil {
		return false
	}
	object, err := r.doc.Object()
	if err != nil {
		return false
	}
	return object.Len() > 0
}

// isUsed says whether v stands in the entry already.
func (r *record) isUsed(v *fastjson.Value) bool {
	return v == r.used[slotTime] || v == r.used[slotLevel] || v == r.used[slotService] ||
		v == r.used[slotMessage] || v == r.used[slotTrace]
}

// appendFields adds the fields that are not the entry's own as one JSON
// object, nested as they were. It is valid JSON and UTF-8 whatever the line
// held.
func (r *record) appendFields(dst []byte) []byte {
	dst = append(dst, '{')
	start := len(dst)
	if r.doc != nil {
		dst = r.appendMembers(dst, r.doc)
	}
	for _, f := range r.pairs {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = appendString(dst, f.key)
		dst = append(dst, ':')
		if isNumber(f.value) && len(f.value) < 16 {
			dst = append(dst, f.value...)
		} else {
			dst = appendString(dst, f.value)
		}
	}
	return append(dst, '}')
}

func (r *record) appendMembers(dst []byte, v *fastjson.Value) []byte {
	start := len(dst)
	object, err := v.Object()
	if err != nil {
		return dst
	}
	object.Visit(func(key []byte, v *fastjson.Value) {
		if r.isUsed(v) {
			return
		}
		mark := len(dst)
		if mark > start {
			dst = append(dst, ',')
		}
		dst = appendString(dst, view(key))
		dst = append(dst, ':')
		if v.Type() == fastjson.TypeObject {
			dst = append(dst, '{')
			inside := len(dst)
			dst = r.appendMembers(dst, v)
			if len(dst) == inside && v.GetObject().Len() > 0 { // all of it was used
				dst = dst[:mark]
				return
			}
			dst = append(dst, '}')
			return
		}
		dst = r.appendValue(dst, v)
	})
	return dst
}

func (r *record) appendValue(dst []byte, v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeObject:
		dst = append(dst, '{')
		dst = r.appendMembers(dst, v)
		return append(dst, '}')
	case fastjson.TypeArray:
		dst = append(dst, '[')
		items, _ := v.Array()
		for i, item := range items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.appendValue(dst, item)
		}
		return append(dst, ']')
	case fastjson.TypeString:
		return appendString(dst, view(v.GetStringBytes()))
	case fastjson.TypeNumber:
		at := len(dst)
		dst = v.MarshalTo(dst)
		if isNumber(view(dst[at:])) {
			return dst
		}
		text := string(dst[at:])
		return appendString(dst[:at], text)
	}
	return v.MarshalTo(dst)
}

// isNumber says whether s is a number as JSON writes them (RFC 8259 §6).
func isNumber(s string) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if strings.HasPrefix(s, "-") {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(s)
}

// appendString adds s as a JSON string: controls, U+2028 and U+2029 are
// escaped, malformed UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	if isPlain(s) {
		return append(append(dst, s...), '"')
	}
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			default:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			from = i
			continue
		}
		ch, n := utf8.DecodeRuneInString(s[i:])
		if ch == utf8.RuneError && n == 1 || ch == 0x2028 || ch == 0x2029 || ch < 0xa0 {
			dst = append(dst, s[from:i]...)
			dst = append(dst, `\u`...)
			dst = append(dst, hex[ch>>12&15], hex[ch>>8&15], hex[ch>>4&15], hex[ch&15])
			i += n
			from = i
			continue
		}
		i += n
	}
	return append(append(dst, s[from:]...), '"')
}

// appendEvent adds the record as a line of JSON: an api.LogEvent of an entry.
func (r *record) appendEvent(dst []byte, id int64) []byte {
	dst = append(dst, `{"type":"entry","entry":{"id":"`...)
	dst = strconv.AppendInt(dst, id, 10)
	dst = append(dst, `","time":"`...)
	dst = r.e.Time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999999Z07:00")
	dst = append(dst, '"')
	for _, m := range [...]pair{{"level", r.e.Level}, {"service", r.e.Service}, {"message", r.e.Message}, {"trace", r.e.Trace}} {
		if m.value == "" && m.key != "message" {
			continue
		}
		dst = append(dst, `,"`...)
		dst = append(dst, m.key...)
		dst = append(dst, `":`...)
		dst = appendString(dst, m.value)
	}
	if r.hasFields() {
		dst = append(dst, `,"fields":`...)
		at := len(dst)
		if dst = r.appendFields(dst); len(dst) == at+2 { // {}
			dst = dst[:at-len(`,"fields":`)]
		}
	}
	return append(dst, "}}\n"...)
}
