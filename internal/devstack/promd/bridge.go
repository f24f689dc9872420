package promd

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"github.com/aictl/aictl/internal/fail"
)

// bridge stands between the scraper and targets that need more than a URL: a
// token from a function, or a transport of their own. The scraper can only be
// given a dialler, so the bridge is an HTTP server on a pipe in memory: no
// port is opened, and a token lives for the length of one request.
type bridge struct {
	listener *bufconn.Listener
	server   *http.Server
	direct   net.Dialer
	plain    *http.Transport // for targets with a token but no transport
	routes   atomic.Pointer[routes]
	logger   *slog.Logger
}

// routes maps host:port to whether it is bridged, and host:port and path to
// the target.
type routes struct {
	hosts   map[string]bool
	targets map[string]bridged
}

type bridged struct {
	Target
	url *url.URL
}

func newBridge(logger *slog.Logger) *bridge {
	b := &bridge{listener: bufconn.Listen(64 << 10), logger: logger, plain: &http.Transport{
		MaxIdleConnsPerHost: 1, IdleConnTimeout: 2 * time.Minute, TLSHandshakeTimeout: 10 * time.Second,
	}}
	b.routes.Store(&routes{})
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(*httputil.ProxyRequest) {}, // RoundTrip addresses the request
		Transport: b,
		ErrorLog:  slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			b.logger.Warn("scrape failed", "target", r.Host+r.URL.Path, "err", err)
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	b.server = &http.Server{
		Handler:           proxy,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute,
		ErrorLog: proxy.ErrorLog,
	}
	return b
}

// serve answers until close. It always returns an error of net/http.
func (b *bridge) serve() error { return b.server.Serve(b.listener) }

func (b *bridge) close() error {
	b.plain.CloseIdleConnections()
	return b.server.Close()
}

// dial is the scraper's dialler.
func (b *bridge) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if b.routes.Load().hosts[addr] {
		return b.listener.DialContext(ctx)
	}
	return b.direct.DialContext(ctx, network, addr)
}

// RoundTrip sends one scrape to the target that it is for, and nowhere else:
// a redirect to another address comes back here and is refused.
func (b *bridge) RoundTrip(in *http.Request) (*http.Response, error) {
	host := in.Host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "80")
	}
	t, ok := b.routes.Load().targets[host+in.URL.EscapedPath()]
	if !ok {
		return nil, fail.New(fail.NotFound, "no scrape target at %s%s", in.Host, in.URL.EscapedPath())
	}
	out := in.Clone(in.Context())
	out.URL = &url.URL{Scheme: t.url.Scheme, Host: t.url.Host, Path: t.url.Path, RawPath: t.url.RawPath, RawQuery: t.url.RawQuery}
	out.Host = t.url.Host
	out.RequestURI = ""
	if t.Bearer != nil {
		token, err := t.Bearer(in.Context())
		if err != nil {
			return nil, fail.Wrap(fail.Auth, err, "reading the token for scrape target %s", t.url.Host)
		}
		out.Header.Set("Authorization", "Bearer "+token)
	}
	next := t.Transport
	if next == nil {
		next = b.plain
	}
	return next.RoundTrip(out)
}
