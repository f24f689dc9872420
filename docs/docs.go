// Package docs holds the manual, for the built-in assistant to answer from.
package docs

import "embed"

// FS is the manual's pages.
//
//go:embed *.md
var FS embed.FS
