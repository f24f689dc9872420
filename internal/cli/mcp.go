package cli

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/aictl/aictl/internal/cli/factory"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/mcp"
)

func newMCP(f *factory.Factory) *cobra.Command {
	var listen string
	var write, invoke bool
	cmd := &cobra.Command{
		Use: "mcp", Short: "Offer the operations as a Model Context Protocol server",
		Long: "Offer the operations as tools of the Model Context Protocol, over standard input and output, or over\n" +
			"streamable HTTP with --listen. Tools read and change nothing unless --allow-write is given; then a change is\n" +
			"planned by one call and made by another. Read-only contexts stay read-only. No tool reads a secret's value.\n" +
			"With --listen a token is printed on standard error: clients send it as the bearer.",
		Example: "  # what a client's configuration runs\n  aictl mcp\n\n  # over HTTP, on a port of the system's choice\n  aictl mcp --listen 127.0.0.1:0",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, target, err := f.One()
			if err != nil {
				return err
			}
			defer c.Close()
			if write && target.ReadOnly {
				return fail.New(fail.Refused, "read-only: the context %s allows no changes", target.Name).Hint("leave --allow-write out")
			}
			s, err := mcp.New(mcp.Options{Caller: c, Version: f.Version.Version, Invoke: invoke, Write: write})
			if err != nil {
				return err
			}
			if listen != "" {
				return serveMCP(cmd.Context(), f, s, listen)
			}
			err = s.Run(cmd.Context(), &sdk.IOTransport{Reader: readCloser{f.IO.In}, Writer: writeCloser{f.IO.Out}})
			if cmd.Context().Err() != nil {
				return fail.From(cmd.Context().Err())
			}
			return err
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "serve streamable HTTP at this address of this machine, in place of standard input")
	cmd.Flags().BoolVar(&write, "allow-write", false, "offer changes too, each as a plan and an application of it")
	cmd.Flags().BoolVar(&invoke, "allow-invoke", false, "offer calls of AI services too")
	_ = cmd.RegisterFlagCompletionFunc("listen", cobra.NoFileCompletions) // fails on a duplicate only
	return cmd
}

// serveMCP serves until the context ends. It listens on this machine only, and
// wants the token that it prints: any program of any user here can connect.
func serveMCP(ctx context.Context, f *factory.Factory, s *sdk.Server, listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fail.New(fail.Usage, "--listen %q is not an address of this machine alone", listen).Hint("--listen 127.0.0.1:0; a control plane serves /mcp to others")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fail.Wrap(fail.Failed, err, "listening at %s", listen).Hint("--listen 127.0.0.1:0 takes a free port")
	}
	secret := make([]byte, 24)
	_, _ = rand.Read(secret) // it cannot fail (crypto/rand)
	token := hex.EncodeToString(secret)
	handler := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, nil)
	guard := http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
			fail.WriteProblem(w, fail.New(fail.Auth, "the token is missing or wrong").Hint("send the token that aictl mcp has printed as the bearer"))
			return
		}
		handler.ServeHTTP(w, r)
	}))
	server := &http.Server{Handler: guard, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	f.Say("Serving at http://%s/ with the token %s. Ctrl-C stops it.", l.Addr(), token)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		_ = server.Close() // streams of clients do not end by themselves
		err = <-done
	}
	if errors.Is(err, http.ErrServerClosed) {
		return fail.From(ctx.Err())
	}
	return fail.Wrap(fail.Failed, err, "serving")
}

// readCloser and writeCloser lend the streams of the run: the protocol closes
// what it was given.
type (
	readCloser  struct{ io.Reader }
	writeCloser struct{ io.Writer }
)

// Close implements io.Closer.
func (r readCloser) Close() error {
	if c, ok := r.Reader.(io.Closer); ok {
		return c.Close() // it ends a read that waits
	}
	return nil
}

// Close implements io.Closer.
func (writeCloser) Close() error { return nil }
