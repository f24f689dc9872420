package direct

import (
	"context"
	"os"
	"path/filepath"

	"github.com/aictl/aictl/internal/config"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/incident"
	"github.com/aictl/aictl/internal/incident/files"
)

// incidents keeps incidents in the person's state directory.
func incidents(context.Context) (incident.Store, error) {
	home := config.StateHome(os.Getenv)
	if home == "" {
		return nil, fail.New(fail.Usage, "there is no home directory for incidents").Hint("set XDG_STATE_HOME")
	}
	return files.Open(filepath.Join(home, "incidents"))
}
