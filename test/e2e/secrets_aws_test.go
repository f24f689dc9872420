//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
	"github.com/aictl/aictl/internal/secrets/aws"
	"github.com/aictl/aictl/internal/secrets/secretstest"
	"github.com/aictl/aictl/test/testbed"
)

// openAWS opens the adapter with the real SDK on moto.
func openAWS(t *testing.T, url string) *aws.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
	s, err := aws.Open(t.Context(), aws.Options{})
	require.NoError(t, err)
	return s
}

func TestSecretsOfAWS(t *testing.T) {
	url := testbed.StartMoto(t)
	t.Run("conformance", func(t *testing.T) {
		secretstest.Conformance(t, func(t *testing.T) secretstest.Target {
			testbed.ResetMoto(t, url)
			return secretstest.Target{
				Store: openAWS(t, url), Folder: "app/", Name: func(i int) string { return fmt.Sprintf("db-%03d", i) },
				Bad: []string{"arn:aws:secretsmanager:eu-central-1:1:secret:x", "/x", "a//b"},
			}
		})
	})
	t.Run("stages, tags and deletion", func(t *testing.T) {
		testbed.ResetMoto(t, url)
		s, ctx := openAWS(t, url), t.Context()
		v := secrets.CopyOf([]byte("one"))
		one, err := s.Put(ctx, "prod/db", v, secrets.PutOptions{Tags: map[string]string{"max-age": "90d", "team": "shop"}})
		require.NoError(t, err)
		two, err := s.Put(ctx, "prod/db", secrets.CopyOf([]byte("two")), secrets.PutOptions{IfVersion: one.Version, Tags: map[string]string{"team": ""}})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"max-age": "90d"}, two.Tags)
		all, err := s.History(ctx, "prod/db")
		require.NoError(t, err)
		stages := map[string][]string{}
		for _, x := range all {
			stages[x.Version] = x.Stages
		}
		require.Contains(t, stages[two.Version], "AWSCURRENT")
		require.Contains(t, stages[one.Version], "AWSPREVIOUS")

		require.Equal(t, fail.Usage, fail.CodeOf(s.Delete(ctx, "prod/db", secrets.DeleteOptions{Recovery: 24 * time.Hour})))
		require.NoError(t, s.Delete(ctx, "prod/db", secrets.DeleteOptions{Recovery: 7 * 24 * time.Hour}))
		_, err = s.Stat(ctx, "prod/db")
		require.Equal(t, fail.NotFound, fail.CodeOf(err))
		require.ErrorContains(t, err, "scheduled for deletion")
		require.Contains(t, fail.From(err).Next, "restore-secret")
		left, err := s.List(ctx, "prod/")
		require.NoError(t, err)
		require.Empty(t, left)
	})
	t.Run("errors name the next step", func(t *testing.T) {
		testbed.ResetMoto(t, url)
		s := openAWS(t, url)
		_, err := s.Put(t.Context(), "prod/db", secrets.CopyOf(nil), secrets.PutOptions{})
		require.Equal(t, fail.Usage, fail.CodeOf(err))
		t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1")
		t.Setenv("AWS_MAX_ATTEMPTS", "1")
		gone, err := aws.Open(t.Context(), aws.Options{})
		require.NoError(t, err)
		_, err = gone.Stat(t.Context(), "prod/db")
		require.Equal(t, fail.Unavailable, fail.CodeOf(err), "%v", err)
		t.Setenv("AWS_REGION", "")
		_, err = aws.Open(t.Context(), aws.Options{})
		require.Equal(t, fail.Usage, fail.CodeOf(err))
	})
}
