package runbook

import (
	"strings"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// Values are what variables stand for.
type Values struct {
	Alert, Fingerprint string
	Labels             map[string]string
}

// maxValue bounds a value: an argument, not a document.
const maxValue = 4 << 10

// Expand puts values into arguments. There are as many arguments after as
// before, and none becomes an option. It fails, with fail.Refused, where a value
// cannot be only a value: one that begins an argument with a hyphen, that
// begins with @, is longer than 4 KiB, or that has a NUL or invalid UTF-8; and inside a larger
// argument one with a quote, a backslash, a brace, a comma or a control character,
// which could end the expression around it. A label that the alert does not have
// is fail.NotFound.
func Expand(words []string, v Values) ([]string, error) {
	out := make([]string, len(words))
	for i, w := range words {
		found := variable.FindAllStringSubmatchIndex(w, -1)
		if len(found) == 0 {
			out[i] = w
			continue
		}
		whole := len(found) == 1 && found[0][0] == 0 && found[0][1] == len(w)
		var b strings.Builder
		at := 0
		for _, m := range found {
			value, err := v.get(w[m[2]:m[3]], whole)
			if err != nil {
				return nil, err
			}
			b.WriteString(w[at:m[0]])
			b.WriteString(value)
			at = m[1]
		}
		b.WriteString(w[at:])
		if out[i] = b.String(); found[0][0] == 0 && strings.HasPrefix(out[i], "-") {
			return nil, fail.New(fail.Refused, "the value of %s begins with a hyphen: it would be an option", w[found[0][2]:found[0][3]])
		}
	}
	return out, nil
}

func (v Values) get(name string, whole bool) (string, error) {
	value := ""
	switch name {
	case "alert":
		value = v.Alert
	case "fingerprint":
		value = v.Fingerprint
	default:
		value = v.Labels[strings.TrimPrefix(name, "labels.")]
	}
	refuse := func(why string) (string, error) {
		return "", fail.New(fail.Refused, "the value of %s %s", name, why).Hint("run the step by hand")
	}
	switch {
	case value == "":
		return "", fail.New(fail.NotFound, "the alert has no %s", name).Hint("--label %s=VALUE", strings.TrimPrefix(name, "labels."))
	case len(value) > maxValue:
		return refuse("is longer than 4 KiB")
	case value[0] == '@': // some flags read the file of such a name
		return refuse("begins with @")
	case strings.ContainsRune(value, 0) || !utf8.ValidString(value):
		return refuse("is no text that an argument can hold")
	case !whole && strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune("\"'`\\{},", r) }):
		return refuse("has a character that could end the expression around it")
	}
	return value, nil
}
