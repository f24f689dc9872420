package testbed

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// client is a bare client of the API server with the administrator's token: the
// suites must not depend on the client that they test.
func (c *Cluster) client() *http.Client {
	c.once.Do(func() {
		pool := x509.NewCertPool()
		if pem, err := os.ReadFile(filepath.Join(c.Dir, "ca.crt")); err == nil {
			pool.AppendCertsFromPEM(pem)
		}
		c.http = &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 16, ForceAttemptHTTP2: true,
		}}
	})
	return c.http
}

// lazily holds what client makes once.
type lazily struct {
	once sync.Once
	http *http.Client
}

// Do sends a request and gives the body of the answer. kind is the body's
// content type; empty is application/json.
func (c *Cluster) Do(ctx context.Context, method, path, kind string, body []byte) ([]byte, error) {
	res, err := c.send(ctx, method, path, kind, body)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, tail(string(out), 1<<10))
	}
	return out, err
}

func (c *Cluster) send(ctx context.Context, method, path, kind string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind == "" {
		kind = "application/json"
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", "Bearer "+adminToken)
	return c.client().Do(req)
}

// watch calls each with every object of a list, and then with each that
// changes, until ctx ends.
func (c *Cluster) watch(ctx context.Context, path string, each func(kind string, object json.RawMessage)) error {
	list, err := c.Do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	var all struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(list, &all); err != nil {
		return err
	}
	for _, o := range all.Items {
		each("ADDED", o)
	}
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	res, err := c.send(ctx, http.MethodGet, path+join+"watch=1&resourceVersion="+all.Metadata.ResourceVersion, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for d := json.NewDecoder(res.Body); ; {
		var e struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := d.Decode(&e); err != nil {
			return err
		}
		each(e.Type, e.Object)
	}
}
