package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
)

const (
	// lookupTime is how long stock takes, as a disk would.
	lookupTime = 50 * time.Millisecond
	// poolPatience is how long checkout waits for a connection.
	poolPatience = 250 * time.Millisecond
	// maxAnswer bounds what checkout reads of stock's answer.
	maxAnswer = 64 << 10
)

// items are what can be ordered.
var items = []string{"anvil", "bellows", "chisel", "dowel", "easel"}

var (
	orderInput = json.RawMessage(`{"type":"object","properties":{"item":{"type":"string"},"count":{"type":"integer","minimum":1}},"required":["item"]}`)
	stockInput = json.RawMessage(`{"type":"object","properties":{"item":{"type":"string"}},"required":["item"]}`)
)

// Service makes a service of the demo as it runs in a process of its own. log
// is what it writes; getenv gives STOCK_POOL and the way to the gateway.
func Service(name, version string, getenv func(string) string, log *slog.Logger) (ai.Service, error) {
	switch name {
	case Stock:
		return &stock{description: describe(name, version, "lookup", stockInput)}, nil
	case Checkout:
		n, err := strconv.Atoi(getenv("STOCK_POOL"))
		if err != nil || n < 1 {
			return nil, fail.New(fail.Usage, "STOCK_POOL=%q is no number of connections", getenv("STOCK_POOL")).Hint("STOCK_POOL=16")
		}
		path := getenv("AICTL_GATEWAY_SOCKET")
		if path == "" {
			return nil, fail.New(fail.Usage, "AICTL_GATEWAY_SOCKET is not set: there is no way to %s", Stock).Hint("run it by aictl up --demo")
		}
		log.Info("connections to the stock", "pool", n)
		return &checkout{
			description: describe(name, version, "order", orderInput), pool: make(chan struct{}, n), token: getenv("AICTL_GATEWAY_TOKEN"), log: log,
			client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			}}},
		}, nil
	}
	return nil, fail.New(fail.NotFound, "the demo has no service named %q", name).Hint("%s or %s", Checkout, Stock)
}

func describe(name, version, operation string, input json.RawMessage) ai.Description {
	return ai.Description{Name: name, Version: version, Operations: []ai.Operation{{Name: operation, Input: input, Output: json.RawMessage(`{"type":"object"}`)}}}
}

// order is what both services are asked.
type order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
}

func read(call ai.Call, operation string) (order, error) {
	var in order
	if call.Operation != operation {
		return in, fail.New(fail.NotFound, "there is no operation named %q", call.Operation).Hint("aictl services describe %s", call.Service)
	}
	if err := json.Unmarshal(call.Input, &in); err != nil {
		return in, fail.Wrap(fail.Usage, err, "reading the input").Hint(`{"item":"anvil"}`)
	}
	if !slices.Contains(items, in.Item) {
		return in, fail.New(fail.Usage, "%q is not sold here", in.Item).Hint("one of %v", items)
	}
	return in, nil
}

func reply(v any) (*ai.Reply, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fail.Wrap(fail.Internal, err, "writing the answer")
	}
	return &ai.Reply{
		Status: http.StatusOK, ContentType: "application/json", Length: int64(len(body)),
		Chunks: func(yield func([]byte, error) bool) { yield(body, nil) },
	}, nil
}

// stock knows how many of an item there are.
type stock struct{ description ai.Description }

// Describe implements ai.Service.
func (s *stock) Describe() ai.Description { return s.description }

// Invoke implements ai.Service.
func (*stock) Invoke(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	in, err := read(call, "lookup")
	if err != nil {
		return nil, err
	}
	t := time.NewTimer(lookupTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return nil, fail.From(ctx.Err())
	}
	return reply(map[string]any{"item": in.Item, "count": 100 * len(in.Item)})
}

// checkout takes orders. It holds one of its connections to the stock while it
// asks there.
type checkout struct {
	description ai.Description
	pool        chan struct{}
	client      *http.Client
	token       string
	log         *slog.Logger
}

// Describe implements ai.Service.
func (c *checkout) Describe() ai.Description { return c.description }

// Invoke implements ai.Service.
func (c *checkout) Invoke(ctx context.Context, call ai.Call) (*ai.Reply, error) {
	in, err := read(call, "order")
	if err != nil {
		return nil, err
	}
	wait := time.NewTimer(poolPatience)
	defer wait.Stop()
	select {
	case c.pool <- struct{}{}:
		defer func() { <-c.pool }()
	case <-wait.C:
		c.log.Error("no connection to the stock came free: the pool is exhausted", "pool", cap(c.pool), "waited", poolPatience.String(), "item", in.Item)
		return nil, fail.New(fail.Timeout, "no connection to the stock came free within %s: all %d are taken", poolPatience, cap(c.pool)).Hint("send it again")
	case <-ctx.Done():
		return nil, fail.From(ctx.Err())
	}
	there, err := c.ask(ctx, in.Item)
	if err != nil {
		c.log.Error("asking the stock failed", "error", err.Error())
		return nil, err
	}
	return reply(map[string]any{"item": in.Item, "accepted": there >= in.Count})
}

// ask asks the stock, through the gateway.
func (c *checkout) ask(ctx context.Context, item string) (int, error) {
	body, err := json.Marshal(order{Item: item})
	if err != nil {
		return 0, fail.Wrap(fail.Internal, err, "asking the stock")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gateway/invoke/"+Stock+"/lookup", bytes.NewReader(body))
	if err != nil {
		return 0, fail.Wrap(fail.Internal, err, "asking the stock")
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.client.Do(req)
	if err != nil {
		return 0, fail.Wrap(fail.Unavailable, err, "reaching the stock")
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, fail.New(fail.Unavailable, "the stock answered %s", res.Status)
	}
	var out order
	if err := json.Unmarshal(answer, &out); err != nil {
		return 0, fail.Wrap(fail.Unavailable, err, "reading the stock's answer")
	}
	return out.Count, nil
}
