package vault_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets/vault"
)

const service, name = "aictl-vault", "test"

// ringed gives an empty keyring, and places for a key: a file that is not
// there, and an entry of that keyring.
func ringed(t *testing.T) vault.KeyOptions {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // the lock
	keyring.MockInit()
	return vault.KeyOptions{File: filepath.Join(t.TempDir(), "vault.key"), Keyring: name}
}

func creating(o vault.KeyOptions) vault.KeyOptions { o.Create = true; return o }

// filed is the same place without the keyring.
func filed(o vault.KeyOptions) vault.KeyOptions { o.Keyring = ""; return o }

func entry(t *testing.T) string {
	t.Helper()
	text, err := keyring.Get(service, name)
	if errors.Is(err, keyring.ErrNotFound) {
		return ""
	}
	require.NoError(t, err)
	return text
}

func TestTheKeyInAKeyring(t *testing.T) {
	o := ringed(t)
	_, err := vault.OpenKey(t.Context(), o)
	require.Equal(t, fail.Unavailable, fail.CodeOf(err), "there is something sealed")
	require.ErrorContains(t, err, "keyring's entry test")
	require.Contains(t, fail.From(err).Next, "from its copy")
	require.Empty(t, entry(t))

	one, err := vault.OpenKey(t.Context(), creating(o))
	require.NoError(t, err)
	two, err := vault.OpenKey(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, one.ID(), two.ID())
	require.Equal(t, string(one.Secret()), entry(t))
	require.NoFileExists(t, o.File)

	require.NoError(t, keyring.Set(service, name, "AGE-SECRET-KEY-PQ-1"+canary))
	_, err = vault.OpenKey(t.Context(), creating(o))
	require.Equal(t, fail.Failed, fail.CodeOf(err), "what is no key is not replaced")
	require.NotContains(t, err.Error(), canary)

	keyring.MockInitWithError(errors.New("locked"))
	_, err = vault.OpenKey(t.Context(), creating(o))
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.ErrorContains(t, err, "locked")
	require.Contains(t, fail.From(err).Next, "unlock")
	require.NoFileExists(t, o.File, "a keyring that is locked is no reason for a key in a file")
}

// TestNoNewKeyOverAnOldOne: a server whose configuration was switched finds no
// key where it looks, and one in the other place.
func TestNoNewKeyOverAnOldOne(t *testing.T) {
	t.Run("in the file, and the keyring is configured", func(t *testing.T) {
		o := ringed(t)
		_, err := vault.OpenKey(t.Context(), creating(filed(o)))
		require.NoError(t, err)
		for _, o := range []vault.KeyOptions{o, creating(o)} { // sealed or not
			_, err = vault.OpenKey(t.Context(), o)
			require.Equal(t, fail.Unavailable, fail.CodeOf(err))
			require.ErrorContains(t, err, "is in "+o.File)
			require.Contains(t, fail.From(err).Next, "aictl-server vault-key --to keyring")
			require.Empty(t, entry(t))
		}
	})
	t.Run("in the keyring, and the file is configured", func(t *testing.T) {
		o := ringed(t)
		_, err := vault.OpenKey(t.Context(), creating(o))
		require.NoError(t, err)
		_, err = vault.OpenKey(t.Context(), filed(o))
		require.Equal(t, fail.Unavailable, fail.CodeOf(err))
		require.ErrorContains(t, err, o.File)
		require.Contains(t, fail.From(err).Next, "secrets.vault.keyring")
		require.NoFileExists(t, o.File)
	})
}

func TestAKeyIsMoved(t *testing.T) {
	o := ringed(t)
	_, err := vault.MoveKey(t.Context(), o, true)
	require.Equal(t, fail.NotFound, fail.CodeOf(err))
	_, err = vault.MoveKey(t.Context(), filed(o), true)
	require.Equal(t, fail.Usage, fail.CodeOf(err))

	key, err := vault.OpenKey(t.Context(), creating(filed(o)))
	require.NoError(t, err)
	same := func(k *vault.Key, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, key.ID(), k.ID())
	}
	for range 2 { // there and back, twice
		for range 2 { // a second call has nothing to do
			same(vault.MoveKey(t.Context(), o, true))
			require.NoFileExists(t, o.File)
		}
		same(vault.OpenKey(t.Context(), o))
		for range 2 {
			same(vault.MoveKey(t.Context(), o, false))
			require.Empty(t, entry(t))
		}
		same(vault.OpenKey(t.Context(), filed(o)))
		info, err := os.Stat(o.File)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
	// One that was cut off between the two places is ended.
	for _, toKeyring := range []bool{true, false} {
		require.NoError(t, keyring.Set(service, name, string(key.Secret())))
		require.NoError(t, os.WriteFile(o.File, key.Secret(), 0o600))
		same(vault.MoveKey(t.Context(), o, toKeyring))
		if toKeyring {
			require.NoFileExists(t, o.File)
		} else {
			require.Empty(t, entry(t))
		}
	}
}

func TestAMoveReplacesNoKey(t *testing.T) {
	o := ringed(t)
	inFile, err := vault.OpenKey(t.Context(), creating(filed(o)))
	require.NoError(t, err)
	other := filed(o)
	other.File += "-other"
	inKeyring, err := vault.OpenKey(t.Context(), creating(other))
	require.NoError(t, err)
	require.NoError(t, keyring.Set(service, name, string(inKeyring.Secret())))
	for _, toKeyring := range []bool{true, false} {
		_, err = vault.MoveKey(t.Context(), o, toKeyring)
		require.Equal(t, fail.Conflict, fail.CodeOf(err))
		require.NotContains(t, err.Error(), string(inFile.Secret()))
		require.Equal(t, string(inKeyring.Secret()), entry(t))
		kept, err := vault.OpenKey(t.Context(), filed(o))
		require.NoError(t, err)
		require.Equal(t, inFile.ID(), kept.ID())
	}
	// Nor does a keyring that does not answer lose one.
	keyring.MockInitWithError(errors.New("locked"))
	_, err = vault.MoveKey(t.Context(), o, true)
	require.Equal(t, fail.Unavailable, fail.CodeOf(err))
	require.FileExists(t, o.File)
}
