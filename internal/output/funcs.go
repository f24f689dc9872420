package output

import (
	"encoding/base64"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// templateFuncs are what templates have beside the standard ones.
func templateFuncs(env Env) template.FuncMap {
	return template.FuncMap{
		"json": func(v any) (string, error) {
			b, err := marshal(v)
			return string(b), err
		},
		"join": func(sep string, list []any) string {
			parts := make([]string, len(list))
			for i, v := range list {
				parts[i] = fmt.Sprint(v)
			}
			return strings.Join(parts, sep)
		},
		"upper": strings.ToUpper,
		"lower": strings.ToLower,
		"default": func(fallback, v any) any {
			if v == nil || v == "" {
				return fallback
			}
			return v
		},
		"base64decode": func(s string) (string, error) {
			b, err := base64.StdEncoding.DecodeString(s)
			return string(b), err
		},
		"ago": func(s string) (string, error) {
			t, err := time.Parse(time.RFC3339, s)
			if err != nil {
				return "", err
			}
			return env.Ago(t), nil
		},
	}
}
