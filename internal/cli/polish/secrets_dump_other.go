//go:build !linux

package polish

// undumpable: what Linux has for it, others have not.
func undumpable() {}
