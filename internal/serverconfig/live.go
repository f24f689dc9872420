package serverconfig

import (
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
)

// Live is the configuration in force. Reading it never blocks; a reader that
// needs several keys takes one Current and keeps it.
type Live struct {
	sources Sources
	log     *slog.Logger
	apply   func(old, fresh *Config) error
	current atomic.Pointer[Loaded]
	mu      sync.Mutex // one reload at a time
}

// NewLive holds l, which was loaded from s. apply brings a new configuration
// into force and may refuse it as a whole; nil accepts all.
func NewLive(s Sources, l *Loaded, log *slog.Logger, apply func(old, fresh *Config) error) *Live {
	if apply == nil {
		apply = func(_, _ *Config) error { return nil }
	}
	v := &Live{sources: s, log: log, apply: apply}
	v.current.Store(l)
	return v
}

// Current is what is in force. It must not be changed.
func (v *Live) Current() *Loaded { return v.current.Load() }

// Reload reads the sources again and swaps the configuration in one step. If
// anything is wrong, or apply refuses, the old one stays. Keys that cannot
// change while the server runs keep their old value, which the log says.
func (v *Live) Reload() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.Current()
	fresh, err := Load(v.sources)
	if err != nil {
		return err
	}
	applied, restart := keepFixed(old, fresh)
	if err := v.apply(&old.Config, &fresh.Config); err != nil {
		return err
	}
	for _, key := range restart {
		v.log.Warn("this setting changes at the next start only", slog.String("key", key), slog.String("origin", fresh.origin(key)))
		fresh.Origins[key] = old.origin(key)
	}
	v.current.Store(fresh)
	v.log.Info("configuration loaded", slog.String("changed", strings.Join(applied, ",")))
	return nil
}

// keepFixed puts the old values of the keys that a reload cannot change into
// fresh. It lists what changes and what would.
func keepFixed(old, fresh *Loaded) (applied, restart []string) {
	return compare(&old.Config, &fresh.Config, func(o, f reflect.Value) { f.Set(o) })
}

// compare lists the keys that differ: those that a reload may change, and the
// others, for which it calls fixed.
func compare(old, fresh *Config, fixed func(o, f reflect.Value)) (reloadable, others []string) {
	var walk func(o, f reflect.Value, key string, reload bool)
	walk = func(o, f reflect.Value, key string, reload bool) {
		if o.Kind() == reflect.Struct {
			for i := range o.NumField() {
				tag := o.Type().Field(i).Tag
				walk(o.Field(i), f.Field(i), join(key, tag.Get("yaml")), tag.Get("reload") != "")
			}
			return
		}
		switch {
		case reflect.DeepEqual(o.Interface(), f.Interface()):
		case reload:
			reloadable = append(reloadable, key)
		default:
			others = append(others, key)
			fixed(o, f)
		}
	}
	walk(reflect.ValueOf(old).Elem(), reflect.ValueOf(fresh).Elem(), "", false)
	return reloadable, others
}

// Changed lists the keys whose values differ, in the order of the
// configuration.
func Changed(old, fresh *Config) []string {
	applied, restart := compare(old, fresh, func(_, _ reflect.Value) {})
	return append(applied, restart...)
}
