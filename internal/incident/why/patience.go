package why

import (
	"strconv"
	"time"
)

const (
	// verifyLeast and verifyMost bound how long a verification watches.
	verifyLeast, verifyMost = 2 * time.Minute, 30 * time.Minute
	// verifyWindows is how many times the window of its expression it watches:
	// once until what was bad has left the window, and as long again to see
	// that it stays so.
	verifyWindows = 2
)

// verifyFor is how long the recovery of an expression is to be watched: twice
// its longest window, read from its ranges ([5m]) and from the names that
// recording rules have by convention (rate5m, ratio_rate1h, p95_1m).
func verifyFor(expr string) time.Duration {
	longest := time.Duration(0)
	for i := 0; i < len(expr); i++ {
		if !digit(expr[i]) || i == 0 || digit(expr[i-1]) {
			continue
		}
		if c := expr[i-1]; c != '[' && c != '_' && (c < 'a' || c > 'z') {
			continue
		}
		end := i
		for end < len(expr) && digit(expr[end]) {
			end++
		}
		unit, known := time.Duration(0), false
		if end < len(expr) {
			unit, known = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[expr[end]]
		}
		if !known || end+1 < len(expr) && wordly(expr[end+1]) {
			continue
		}
		if n, err := strconv.Atoi(expr[i:end]); err == nil && n < 1000 {
			longest = max(longest, time.Duration(n)*unit)
		}
	}
	return min(max(verifyWindows*longest, verifyLeast), verifyMost).Round(time.Minute)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func wordly(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }
