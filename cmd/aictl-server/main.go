// Command aictl-server is the control plane: it runs the platform's AI
// services and serves their API. `aictl up` starts it on a person's machine.
package main

import (
	"context"
	"os"
)

// Set by the linker.
var version, commit, date = "dev", "none", "unknown"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
