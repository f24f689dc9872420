package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/platform"
	"github.com/aictl/aictl/internal/rundir"
	"github.com/aictl/aictl/internal/serverconfig"
)

// runVaultKey is `aictl-server vault-key --to keyring|file`: it moves the
// vault's key, with the configuration of the server that is to use it.
func runVaultKey(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("aictl-server vault-key", flag.ContinueOnError)
	fs.SetOutput(stderr)
	config := fs.String("config", "", "configuration file (YAML)")
	to := fs.String("to", "", "where the key is to be: keyring or file")
	set := serverconfig.BindFlags(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return fail.Usage.Exit()
	}
	err := moveVaultKey(ctx, *to, fs.Args(), serverconfig.Sources{File: *config, Env: environ, Flags: set()}, stdout)
	if err == nil {
		return 0
	}
	e := fail.From(err)
	_, _ = fmt.Fprintf(stderr, "error: %s\n", e.Error())
	if e.Next != "" {
		_, _ = fmt.Fprintf(stderr, "next: %s\n", e.Next)
	}
	return e.Code.Exit()
}

func moveVaultKey(ctx context.Context, to string, rest []string, sources serverconfig.Sources, stdout io.Writer) (err error) {
	if to != "keyring" && to != "file" || len(rest) > 0 {
		return fail.New(fail.Usage, "say where the key is to be").
			Hint("aictl-server vault-key --to keyring --secrets-vault-keyring NAME --data-dir DIR; or --to file")
	}
	loaded, err := serverconfig.Load(sources)
	if err != nil {
		return err
	}
	c := &loaded.Config
	if c.DataDir == "" {
		if c.DataDir, err = defaultDataDir(lookup(sources.Env)); err != nil {
			return err
		}
	}
	// A server that runs has the key in memory, and one that starts meanwhile
	// could look in the wrong place.
	dir, err := rundir.Acquire(c.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Release()) }()
	at, err := platform.MoveVaultKey(ctx, c, dir.Path, to == "keyring")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "The vault's key is in %s.\n", at)
	return err
}
