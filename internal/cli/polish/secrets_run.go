package polish

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/secrets"
)

// NewSecretsRun is `aictl secrets run`: secrets in the environment of one
// process, and nowhere else.
func NewSecretsRun(f *factory.Factory) *cobra.Command {
	var pairs []string
	cmd := &cobra.Command{
		Use: "run --env NAME=REF... -- COMMAND [ARG...]", Short: "Run a command with secrets in its environment",
		Long: "Run a command with secrets in its environment.\n\nThe values are in the command's environment only: on no command line, in no file, and not in\n" +
			"the shell that called. The command takes this process's place, so that signals reach it and its\n" +
			"exit code is the shell's. Each value that is read is in the audit record.",
		Example: "  # one secret\n  aictl secrets run --env PGPASSWORD=app/db-password -- printenv PGPASSWORD\n\n" +
			"  # several, of several stores\n  aictl secrets run --env A=vault:app/db-password --env B=app/config#password -- true",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || cmd.ArgsLenAtDash() > 0 {
				return fail.New(fail.Usage, "COMMAND is missing: what to run, after --").
					Hint("aictl secrets run --env PGPASSWORD=app/db-password -- psql")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return secretsRun(f, cmd, pairs, args) },
	}
	cmd.Flags().StringArrayVar(&pairs, "env", nil, "NAME=REF: a variable and the secret that it gets; repeatable")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func secretsRun(f *factory.Factory, cmd *cobra.Command, pairs, args []string) error {
	if len(pairs) == 0 {
		return fail.New(fail.Usage, "--env is required: a variable and its secret").Hint("--env PGPASSWORD=app/db-password")
	}
	names, refs := make([]string, len(pairs)), make([]string, len(pairs))
	for i, p := range pairs {
		name, ref, ok := strings.Cut(p, "=")
		if !ok || !envName.MatchString(name) {
			return fail.New(fail.Usage, "--env wants NAME=REF").Hint("--env PGPASSWORD=app/db-password")
		}
		if _, err := secrets.ParseRef(ref); err != nil {
			return err
		}
		if slices.Contains(names, name) {
			return fail.New(fail.Usage, "the variable %s is given twice", name)
		}
		names[i], refs[i] = name, ref
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return fail.New(fail.NotFound, "there is no command %q", args[0]).Hint("give its path")
	}
	cl, _, err := f.One()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := f.Deadline(cmd.Context(), 30*time.Second)
	defer cancel()
	undumpable()
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "AICTL_TOKEN" || slices.Contains(names, name)
	})
	for i, ref := range refs {
		out, err := api.SecretsGet.Call(ctx, cl, api.SecretGetInput{Ref: ref, Reveal: true})
		if err != nil {
			return fail.From(err)
		}
		value := out.Value
		if out.Encoding == "base64" {
			raw, err := base64.StdEncoding.DecodeString(out.Value)
			if err != nil {
				return fail.New(fail.Version, "the value of %s has an unknown form", ref).Hint("aictl version")
			}
			if bytes.IndexByte(raw, 0) >= 0 {
				return fail.New(fail.Refused, "the value of %s holds a zero byte, which no variable can", ref).
					Hint("aictl secrets get %s --reveal > FILE", ref)
			}
			value = string(raw)
		}
		if strings.ContainsRune(value, 0) {
			return fail.New(fail.Refused, "the value of %s holds a zero byte, which no variable can", ref).
				Hint("aictl secrets get %s --reveal > FILE", ref)
		}
		env = append(env, names[i]+"="+value)
	}
	return replace(cmd.Context(), path, args, env)
}
