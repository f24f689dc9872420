package testbed

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Keyring is a session bus of D-Bus with GNOME's keyring on it, in a home of
// its own, as a desktop or a service's user has them.
type Keyring struct {
	// Address of the bus, for DBUS_SESSION_BUS_ADDRESS.
	Address string
	env     []string
	daemon  *Process
}

// keyringPassword opens the keyring's file.
const keyringPassword = "of the person"

// StartKeyring starts both, with the keyring unlocked.
func StartKeyring(t testing.TB) *Keyring {
	t.Helper()
	bus, daemon := Find(t, "dbus-daemon"), Find(t, "gnome-keyring-daemon")
	home, env := Home(t, filepath.Dir(daemon))
	// A socket's path has 107 bytes at most, and a test's own folder may have more.
	dir, err := os.MkdirTemp("", "bus-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	k := &Keyring{Address: "unix:path=" + filepath.Join(dir, "bus")}
	k.env = slices.Concat(env, []string{"DBUS_SESSION_BUS_ADDRESS=" + k.Address})
	// The bus of its own configuration starts no services: nobody answers a
	// prompt here, as nobody does on a server.
	config := filepath.Join(home, "bus.conf")
	require.NoError(t, os.WriteFile(config, []byte(`<busconfig><type>session</type><listen>`+k.Address+`</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`), 0o600))
	cmd := exec.Command(bus, "--nofork", "--nopidfile", "--config-file="+config) //nolint:noctx // it outlives the call; the test's cleanup stops it
	cmd.Env = k.env
	Start(t, "dbus-daemon", cmd)
	Eventually(t, 10*time.Second, "the bus listens", func(context.Context) error {
		_, err := os.Stat(filepath.Join(dir, "bus"))
		return err
	})
	k.Restart(t, true)
	return k
}

// Restart ends the keyring's daemon and starts it again, unlocked or, as after
// a boot where nobody signed in, not.
func (k *Keyring) Restart(t testing.TB, unlocked bool) {
	t.Helper()
	if k.daemon != nil {
		k.daemon.Stop()
	}
	args := []string{"--foreground", "--components=secrets"}
	if unlocked {
		args = append(args, "--unlock")
	}
	cmd := exec.Command(Find(t, "gnome-keyring-daemon"), args...) //nolint:noctx // it outlives the call; the test's cleanup stops it
	cmd.Env = k.env
	if unlocked {
		cmd.Stdin = strings.NewReader(keyringPassword)
	}
	k.daemon = Start(t, "gnome-keyring-daemon", cmd)
	send := Find(t, "dbus-send")
	Eventually(t, 10*time.Second, "the keyring is on the bus", func(ctx context.Context) error {
		if err := k.daemon.Exited(); err != nil {
			return err
		}
		ask := exec.CommandContext(ctx, send, "--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets",
			"org.freedesktop.DBus.Properties.Get", "string:org.freedesktop.Secret.Service", "string:Collections")
		ask.Env = k.env
		return ask.Run()
	})
}
