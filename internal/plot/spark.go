package plot

import "math"

// Spark draws values in one line of width cells, each the mean of its share
// of the values between the least and the greatest of all; a share without a
// finite value is a blank. It is a shape and not a measurement.
func Spark(values []float64, width int, ascii bool) string {
	signs := []rune("▁▂▃▄▅▆▇█")
	if ascii {
		signs = []rune("_.-=+*%#")
	}
	width = min(width, len(values))
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if finite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	out := make([]rune, width)
	for i := range out {
		sum, n := 0.0, 0.0
		for _, v := range values[i*len(values)/width : (i+1)*len(values)/width] {
			if finite(v) {
				n++
				sum += (v - sum) / n // a running mean does not overflow
			}
		}
		switch {
		case n == 0:
			out[i] = ' '
		case high <= low:
			out[i] = signs[0]
		default:
			share := (sum/2 - low/2) / (high/2 - low/2)
			out[i] = signs[min(max(int(math.Round(share*float64(len(signs)-1))), 0), len(signs)-1)]
		}
	}
	return string(out)
}
