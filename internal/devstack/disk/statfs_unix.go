//go:build linux || darwin

package disk

import "syscall"

// space is the size of dir's file system and what is left for us, in bytes.
func space(dir string) (size, free float64, ok bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, false
	}
	block := float64(st.Bsize)
	return float64(st.Blocks) * block, float64(st.Bavail) * block, true
}
