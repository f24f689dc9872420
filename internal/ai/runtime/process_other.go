//go:build unix && !linux

package runtime

import "syscall"

const dirVariable = "AICTL_RUNTIME_DIR"

// attributes puts a child in a group of its own. Only Linux ends it with the
// control plane: elsewhere an orphan is found by its pid file.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// limit does nothing: only Linux bounds a process from outside.
func limit(int, command) {}

func marked(string) map[int]bool { return map[int]bool{} }

func residents(int) int64 { return 0 }

// usage is not known here.
func usage(int) (memory int64, cpu float64, ok bool) { return 0, 0, false }
