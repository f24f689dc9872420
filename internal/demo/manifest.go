package demo

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/ai/plugin"
)

func manifest(program, name, version, summary, operation string, input json.RawMessage) plugin.Manifest {
	return plugin.Manifest{
		Name: name, Version: version, Summary: summary, Runtime: plugin.Process, Command: []string{program, "plugin", name},
		Operations: []plugin.Operation{{
			Name: operation, Summary: summary, Input: input, Output: json.RawMessage(`{"type":"object"}`),
			Limits: plugin.CallLimits{Timeout: plugin.Duration(5 * time.Second)},
		}},
		Drain: plugin.Duration(2 * time.Second),
	}
}

func stockManifest(program string) plugin.Manifest {
	return manifest(program, Stock, "2.0.1", "How many of an item there are (demo)", "lookup", stockInput)
}

func checkoutManifest(program, version string, pool int) plugin.Manifest {
	m := manifest(program, Checkout, version, "Takes orders (demo)", "order", orderInput)
	m.Calls = []string{Stock}
	m.Env = []plugin.Env{{Name: "STOCK_POOL", Value: strconv.Itoa(pool)}}
	return m
}
