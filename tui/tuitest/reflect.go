package tuitest

import "fmt"

func typeName(v any) string { return fmt.Sprintf("%T", v) }

func stringOf(v any) string { return fmt.Sprint(v) }
