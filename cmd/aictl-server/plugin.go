package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/forecast"
	"github.com/aictl/aictl/internal/ai/plugin/host"
	"github.com/aictl/aictl/internal/demo"
	"github.com/aictl/aictl/internal/fail"
)

// alone are the built-in services that need nothing of the control plane, and
// so can run as a replica of their own.
var alone = map[string]func(version string, getenv func(string) string) (ai.Service, error){
	"predict":     func(version string, _ func(string) string) (ai.Service, error) { return forecast.New(version) },
	demo.Checkout: demoService(demo.Checkout),
	demo.Stock:    demoService(demo.Stock),
}

// runPlugin is `aictl-server plugin NAME`: one built-in service as a plugin,
// for a container that the control plane routes to.
func runPlugin(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	names := strings.Join(slices.Sorted(maps.Keys(alone)), ", ")
	if len(args) != 1 || alone[args[0]] == nil {
		_, _ = fmt.Fprintf(stderr, "error: name one of the services that run alone: %s\nnext: aictl-server plugin predict\n", names)
		return fail.Usage.Exit()
	}
	service, err := alone[args[0]](version, getenv)
	if err == nil {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = host.Serve(ctx, service, getenv, 30*time.Second)
	}
	if err != nil {
		e := fail.From(err)
		_, _ = fmt.Fprintf(stderr, "error: %v\nnext: %s\n", e, e.Next)
		return e.Code.Exit()
	}
	return 0
}
