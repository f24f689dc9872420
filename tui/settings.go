package tui

import (
	"errors"
	"io"
	"os"

	"github.com/goccy/go-yaml"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/yamlfile"
	"github.com/aictl/aictl/tui/pane"
)

// Settings are the person's file, dashboard.yaml beside the configuration.
type Settings struct {
	// Skin names the colours.
	Skin string `yaml:"skin"`
	// Keys are keys in place of an action's own: {"alerts.ack": ["A"]}.
	Keys map[string][]string `yaml:"keys"`
	// Boards is a file of plots for the metrics pane.
	Boards string `yaml:"boards"`
	// LogLines is how many lines the logs pane holds at most.
	LogLines int `yaml:"log_lines"`
}

// maxSettings bounds the file, in bytes.
const maxSettings = 1 << 20

// LoadSettings reads the file; one that is not there is no settings. An
// unknown key is an error that names it.
func LoadSettings(path string) (Settings, error) {
	var s Settings
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fail.Wrap(fail.Usage, err, "reading the dashboard's settings")
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxSettings))
	if err != nil {
		return s, fail.Wrap(fail.Usage, err, "reading the dashboard's settings")
	}
	if err := yamlfile.Decode(body, &s, yaml.Strict()); err != nil {
		return s, fail.Wrap(fail.Usage, err, "%s is not as it should be", path).Hint("docs/dashboard.md shows every key")
	}
	if s.LogLines < 0 || s.LogLines > 5_000_000 {
		return s, fail.New(fail.Usage, "%s: log_lines must be between 0 and 5000000", path)
	}
	return s, nil
}

func (s Settings) pane() pane.Settings {
	return pane.Settings{Boards: s.Boards, LogLines: s.LogLines}
}
