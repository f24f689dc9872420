package testbed

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Front makes a Service of the cluster stand for a server on this machine's
// loopback, so that the API server's proxy reaches it. An EndpointSlice may not
// name loopback, and the proxy goes to pods alone: a relay on another address
// of the machine stands between, and a pod that is said to have that address.
func (c *Cluster) Front(t testing.TB, namespace, name string, port int, server string) {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	relay := relay(t, Address(t)+":0", u.Host)
	_, at, err := net.SplitHostPort(relay)
	require.NoError(t, err)
	pod := name + "-host"
	c.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, annotations: {aictl.test/play: front}}
spec: {nodeName: node-0, containers: [{name: host, image: "aictl.invalid/host:1"}]}
`, pod))
	status := fmt.Sprintf(`{"status":{"phase":"Running","podIP":%[1]q,"podIPs":[{"ip":%[1]q}],"conditions":[{"type":"Ready","status":"True"}]}}`, Address(t))
	_, err = c.Do(t.Context(), http.MethodPatch, "/api/v1/namespaces/"+namespace+"/pods/"+pod+"/status", "application/merge-patch+json", []byte(status))
	require.NoError(t, err)
	c.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s, annotations: {aictl.dev/backend-path: "%[5]s"}}
spec: {clusterIP: None, ports: [{name: http, port: %[2]d, targetPort: %[4]s}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-host, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
endpoints: [{addresses: [%[3]q], conditions: {ready: true}, targetRef: {kind: Pod, namespace: %[6]s, name: %[1]s-host}}]
ports: [{name: http, port: %[4]s, protocol: TCP}]
`, name, port, Address(t), at, u.Path, namespace))
}

// Address is an address of this machine that is not loopback.
func Address(t testing.TB) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	require.FailNow(t, "this machine has no address besides loopback")
	return ""
}

// relay passes TCP connections on, until the test ends, and gives its address.
func relay(t testing.TB, listen, to string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", listen)
	require.NoError(t, err)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	wg.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { splice(ctx, from, to) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func splice(ctx context.Context, from net.Conn, address string) {
	to, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		_ = from.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { _, _ = from.Close(), to.Close() })
	defer stop()
	var wg sync.WaitGroup
	for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
		wg.Go(func() {
			_, _ = io.Copy(pair[1], pair[0])
			_, _ = pair[0].Close(), pair[1].Close()
		})
	}
	wg.Wait()
}
