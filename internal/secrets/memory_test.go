package secrets_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/secretstest"
)

// The stores that the tests of the domain stand on keep the port's promises.
func TestStandInsConform(t *testing.T) {
	for _, kind := range []string{secrets.KindVault, secrets.KindKubernetes, secrets.KindAWS, secrets.KindGitHub} {
		t.Run(kind, func(t *testing.T) {
			secretstest.Conformance(t, func(t *testing.T) secretstest.Target {
				st, err := secretstest.NewMemory(kind, nil).Open().Open(t.Context())
				require.NoError(t, err)
				return secretstest.Target{Store: st, Folder: "app/", Name: func(i int) string { return fmt.Sprintf("DB_%03d", i) }}
			})
		})
	}
}
