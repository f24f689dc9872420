// Command aictl operates an AI platform from the terminal. Called as
// kubectl-aictl it is a kubectl plugin.
package main

import (
	"os"
	"runtime"

	"github.com/aictl/aictl/internal/cli"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/direct"
	"github.com/aictl/aictl/internal/term"
)

// Set by the linker.
var version, commit, date = "dev", "none", "unknown"

func main() {
	os.Exit(cli.Main(os.Args, term.System(os.Getenv), os.Getenv, factory.Version{
		Version: version, Commit: commit, Date: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}, direct.Open))
}
