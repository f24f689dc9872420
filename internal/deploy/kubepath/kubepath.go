// Package kubepath evaluates JSONPath as kubectl does, for the expressions of
// deploy wait: the library is client-go's own, so that an expression that was
// tried with `kubectl get -o jsonpath` means the same here.
//
// It promises that no expression panics. It is apart from the domain because
// it is the only part of it that knows the library.
package kubepath

import (
	"bytes"
	"encoding/json"
	"strings"

	"k8s.io/client-go/util/jsonpath"

	"github.com/aictl/aictl/internal/fail"
)

// Compile checks an expression and gives the function that evaluates it: every
// value that it finds in a JSON document. The function is safe for concurrent
// use. A path that leads nowhere finds nothing.
func Compile(expr string) (func(doc []byte) ([]any, error), error) {
	if _, err := parse(expr); err != nil {
		return nil, err
	}
	return func(doc []byte) ([]any, error) {
		d := json.NewDecoder(bytes.NewReader(doc))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, fail.Wrap(fail.Inconclusive, err, "the object cannot be read")
		}
		p, err := parse(expr) // anew: evaluation leaves state behind
		if err != nil {
			return nil, err
		}
		return find(p, numbers(v))
	}, nil
}

func parse(expr string) (p *jsonpath.JSONPath, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fail.New(fail.Usage, "the path cannot be read: %v", r)
		}
	}()
	p = jsonpath.New("wait").AllowMissingKeys(true)
	if err := p.Parse(expr); err != nil {
		return nil, fail.New(fail.Usage, "the path cannot be read: %s", strings.TrimSpace(err.Error()))
	}
	return p, nil
}

// find turns the library's panics on odd filters into errors.
func find(p *jsonpath.JSONPath, v any) (out []any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fail.New(fail.Usage, "the path does not fit the object: %v", r)
		}
	}()
	results, err := p.FindResults(v)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "the path does not fit the object")
	}
	for _, list := range results {
		for _, one := range list {
			if one.IsValid() && one.CanInterface() {
				out = append(out, one.Interface())
			}
		}
	}
	return out, nil
}

// numbers makes whole numbers int64, which the library's filters compare, and
// keeps the digits of the others as float64.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			v[k] = numbers(one)
		}
	case []any:
		for i, one := range v {
			v[i] = numbers(one)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return v
}
