package bundle

import (
	"net/url"
	"reflect"

	"github.com/aictl/aictl/internal/op"
)

// fill reads a query string into an input; false where it does not fit.
func fill(in any, values url.Values) bool {
	v := reflect.ValueOf(in).Elem()
	known := 0
	for _, f := range op.Fields(v.Type()) {
		texts, given := values[f.JSON]
		if !given {
			continue
		}
		known++
		for _, text := range texts {
			if f.Set(v, text) != nil {
				return false
			}
		}
	}
	return known == len(values)
}
