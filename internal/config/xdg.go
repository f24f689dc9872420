package config

import (
	"os"
	"path/filepath"
)

const app = "aictl"

// The directories of the XDG Base Directory Specification 0.8, with aictl's
// own below. A variable that is not an absolute path is ignored, as the
// specification says. Without any home directory they are "".

// ConfigHome holds config.yaml.
func ConfigHome(env func(string) string) string { return xdg(env, "XDG_CONFIG_HOME", ".config") }

// DataHome holds what is worth keeping: the embedded stack, plugins.
func DataHome(env func(string) string) string { return xdg(env, "XDG_DATA_HOME", ".local/share") }

// StateHome holds history, logs, process files.
func StateHome(env func(string) string) string { return xdg(env, "XDG_STATE_HOME", ".local/state") }

// CacheHome holds what can be fetched again.
func CacheHome(env func(string) string) string { return xdg(env, "XDG_CACHE_HOME", ".cache") }

func xdg(env func(string) string, key, fallback string) string {
	if dir := env(key); filepath.IsAbs(dir) {
		return filepath.Join(dir, app)
	}
	home := homeDir(env)
	if home == "" {
		return ""
	}
	return filepath.Join(home, filepath.FromSlash(fallback), app)
}

func homeDir(env func(string) string) string {
	if home := env("HOME"); home != "" {
		return home
	}
	if home, err := os.UserHomeDir(); err == nil && os.Getenv("HOME") == "" {
		return home // Windows, where HOME is not the name
	}
	return ""
}
