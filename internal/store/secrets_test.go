package store_test

import (
	"path/filepath"
	"testing"

	"github.com/aictl/aictl/internal/secrets/secretstest"
	"github.com/aictl/aictl/internal/store"
	"github.com/aictl/aictl/internal/store/storetest"
)

func TestSecretsState(t *testing.T) {
	secretstest.StateConformance(t, func(t *testing.T) (secretstest.State, secretstest.State) {
		path := filepath.Join(t.TempDir(), "aictl.db")
		return store.SecretsState{Store: storetest.Open(t, path)}, store.SecretsState{Store: storetest.Open(t, path)}
	})
}
