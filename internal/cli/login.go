package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/api"
	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
)

func newLogin(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "login", Short: "Give a context the token for its control plane",
		Long: "Give a context the token for its control plane. The token is read from a prompt without echo, or\n" +
			"from standard input; never from the command line. It is tried before it is kept.",
		Example: "  # for the current context\n  aictl login\n\n  # for a new context, from a file\n  aictl login --context staging --server https://aictl.example.com < token.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fail.New(fail.Usage, "a token on the command line stays in the shell's history").
					Hint("give it on standard input, or answer the prompt")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.RefuseReadOnly("login"); err != nil {
				return err
			}
			name, server, err := loginTarget(f)
			if err != nil {
				return err
			}
			token, err := readToken(f)
			if err != nil {
				return err
			}
			c, err := f.Client(factory.Target{Server: server, Token: token})
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := f.Deadline(cmd.Context(), 0)
			defer cancel()
			me, err := api.AuthWhoami.Call(ctx, c, api.None{})
			if err != nil {
				return err
			}
			if err := f.SaveContext(name, server, token); err != nil {
				return err
			}
			f.Say("Signed in to %s as %s (context %s).", server, me.Subject, name)
			return nil
		},
	}
}

// loginTarget finds which context is meant: it may not exist yet.
func loginTarget(f *factory.Factory) (name, server string, err error) {
	c, err := f.Config()
	if err != nil {
		return "", "", err
	}
	name = c.Current()
	if len(f.Flags.Contexts) > 1 {
		return "", "", fail.New(fail.Usage, "sign in to one context at a time").Hint("aictl login --context %s", f.Flags.Contexts[0])
	}
	if len(f.Flags.Contexts) == 1 {
		name = f.Flags.Contexts[0]
	}
	if name == "" {
		name = "default"
	}
	if one, err := c.Show(name); err == nil {
		server = one.Server
	}
	if f.Flags.Server != "" {
		server = f.Flags.Server
	}
	if server == "" {
		return "", "", fail.New(fail.Usage, "the context %s names no server", name).
			Hint("aictl login --context %s --server https://HOST:PORT", name)
	}
	return name, server, nil
}

func readToken(f *factory.Factory) (string, error) {
	var token string
	if f.IO.StdinTTY {
		t, err := f.IO.ReadSecret("Token: ")
		if err != nil {
			return "", err
		}
		token = t
	} else {
		line, err := bufio.NewReader(io.LimitReader(f.IO.In, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fail.Wrap(fail.Failed, err, "reading the token")
		}
		token = line
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", fail.New(fail.Usage, "no token was given").Hint("aictl login < token.txt")
	}
	return token, nil
}

func newLogout(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Revoke the context's token and forget it",
		Long:    "Revoke the context's token on the server, and forget it. When the server does not answer, the\ntoken is kept and nothing is lost.",
		Example: "  # after a question\n  aictl logout\n\n  # which token it would revoke\n  aictl logout --dry-run=server",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.Printer()
			if err != nil {
				return err
			}
			out, applied, err := f.Mutate(cmd.Context(), api.AuthLogout, &api.None{})
			if err != nil {
				return err
			}
			if !applied {
				return p.Print(out)
			}
			_, target, err := f.One()
			if err != nil {
				return err
			}
			if err := f.SaveContext(target.Name, "", ""); err != nil {
				return err
			}
			f.Say("Signed out of %s.", target.Server)
			return nil
		},
	}
}
