package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/serverconfig"
	"github.com/aictl/aictl/test/testbed"
)

// TestServerConfigurationPage holds the table of docs/server-configuration.md
// against the configuration's own fields.
func TestServerConfigurationPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testbed.Root(t), "docs", "server-configuration.md"))
	require.NoError(t, err)
	var missing []string
	for _, f := range serverconfig.Fields() {
		if row := configRow(f); !strings.Contains(string(page), row) {
			missing = append(missing, row)
		}
	}
	require.Empty(t, missing, "rows that the page lacks:\n%s", strings.Join(missing, ""))
}

func configRow(f serverconfig.Field) string {
	flag, reload, help := "–", "", f.Help
	if f.Flag() != "" {
		flag = "`--" + f.Flag() + "`"
	}
	if f.Reload {
		reload = "yes"
	}
	if f.Secret {
		help = strings.TrimSpace(help + " (secret: file or environment only)")
	}
	return fmt.Sprintf("| `%s` | `%s` | %s | %s | %s |\n", f.Key, f.Env(), flag, reload, help)
}
