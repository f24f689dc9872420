package server

import (
	"net"
	"sync"
)

// connLimiter closes connections over a limit as soon as they are accepted,
// so that one address cannot take all descriptors. Loopback peers count only
// towards the total.
type connLimiter struct {
	net.Listener
	max, perRemote int
	met            *metrics

	mu    sync.Mutex
	total int
	by    map[string]int
}

func newConnLimiter(l net.Listener, limit, perRemote int, met *metrics) *connLimiter {
	return &connLimiter{Listener: l, max: limit, perRemote: perRemote, met: met, by: map[string]int{}}
}

// Accept waits for the next connection within the limits.
func (l *connLimiter) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		remote := hostOnly(c.RemoteAddr().String())
		if isLoopback(remote) {
			remote = ""
		}
		if limit := l.take(remote); limit != "" {
			l.met.refused.WithLabelValues(limit).Inc()
			_ = c.Close() // refused: there is nothing to lose
			continue
		}
		return &countedConn{Conn: c, release: sync.OnceFunc(func() { l.give(remote) })}, nil
	}
}

// take counts one connection, or names the limit that it is over.
func (l *connLimiter) take(remote string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.max {
		return "total"
	}
	if remote != "" {
		if l.by[remote] >= l.perRemote {
			return "per_remote"
		}
		l.by[remote]++
	}
	l.total++
	l.met.connections.Set(float64(l.total))
	return ""
}

func (l *connLimiter) give(remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	l.met.connections.Set(float64(l.total))
	if remote == "" {
		return
	}
	if l.by[remote]--; l.by[remote] <= 0 {
		delete(l.by, remote)
	}
}

type countedConn struct {
	net.Conn
	release func()
}

func (c *countedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
