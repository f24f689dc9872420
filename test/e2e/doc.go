// Package e2e holds the end-to-end suites: the real binaries, real PostgreSQL
// and Redis, and published clients that nobody here wrote.
//
// Its tests are built with the tag e2e and run by `make e2e`. They start what
// they need through package testbed; a system that cannot be started fails
// its suite.
package e2e
