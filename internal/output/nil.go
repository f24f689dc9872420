package output

import "reflect"

// isNilSlice says that v is a slice without elements that JSON calls null; an
// empty list is [] for every reader.
func isNilSlice(v any) bool {
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer || rv.Kind() == reflect.Interface {
		if rv.IsNil() {
			return false
		}
		rv = rv.Elem()
	}
	return rv.Kind() == reflect.Slice && rv.IsNil()
}
