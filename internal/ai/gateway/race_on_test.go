//go:build race

package gateway

// underRace: the race detector multiplies memory, figures mean nothing.
const underRace = true
