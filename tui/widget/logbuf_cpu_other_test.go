//go:build !unix

package widget

import (
	"testing"
	"time"
)

// cpuTime is the clock where there is nothing better.
func cpuTime(*testing.T) time.Duration { return time.Duration(time.Now().UnixNano()) }
