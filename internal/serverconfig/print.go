package serverconfig

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/aictl/aictl/internal/fail"
)

// Print writes what is in force: key, value, origin. Secrets are masked.
func (l *Loaded) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range l.Rows() {
		value := row.Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", row.Key, value, row.Origin)
	}
	if err := tw.Flush(); err != nil {
		return fail.Wrap(fail.Failed, err, "printing the configuration")
	}
	return nil
}

// Row is one key of the configuration in force.
type Row struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
	Reload bool   `json:"reloadable"`
}

// Rows lists every key in order, lists and maps by element, secrets masked.
func (l *Loaded) Rows() []Row {
	var out []Row
	l.rows(reflect.ValueOf(l.Config), "", false, false, &out)
	return out
}

func (l *Loaded) rows(v reflect.Value, key string, secret, reload bool, out *[]Row) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			l.rows(v.Field(i), join(key, tag.Get("yaml")), tag.Get("secret") != "", reload || tag.Get("reload") != "", out)
		}
	case v.Kind() == reflect.Map:
		keys := map[string]reflect.Value{}
		for _, k := range v.MapKeys() {
			keys[k.String()] = v.MapIndex(k)
		}
		for _, k := range sortedKeys(keys) {
			l.rows(keys[k], join(key, k), secret, reload, out)
		}
	case v.Kind() == reflect.Slice && !isText(v.Type()):
		for i := range v.Len() {
			l.rows(v.Index(i), fmt.Sprintf("%s[%d]", key, i), secret, reload, out)
		}
	default:
		text := textOf(v)
		if secret {
			text = mask(text)
		}
		origin, set := l.Origins[key]
		if !set {
			origin = "default"
		}
		*out = append(*out, Row{Key: key, Value: oneLine(text), Origin: origin, Reload: reload})
	}
}

// mask hides passwords in a URL; what is neither a URL nor a plain path is
// hidden whole.
func mask(s string) string {
	if !strings.Contains(s, "://") {
		if strings.ContainsAny(s, "@=") {
			return "***"
		}
		return s // a file's path
	}
	u, err := url.Parse(s)
	if err != nil {
		return "***"
	}
	if q := u.Query(); len(q) > 0 {
		for k := range q {
			if low := strings.ToLower(k); strings.Contains(low, "pass") || strings.Contains(low, "key") || strings.Contains(low, "token") || strings.Contains(low, "secret") {
				q.Set(k, "xxxxx")
			}
		}
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// oneLine keeps a value from forging another row or moving the cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}
