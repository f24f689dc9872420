package prom

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/aictl/aictl/internal/fail"
)

// config reads the files. nil files leave the system's trust as it is.
func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure} //nolint:gosec // asked for by name
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading the authority's certificate").Hint("check the path of the CA file")
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fail.New(fail.Usage, "%s holds no certificate in PEM form", t.CAFile).Hint("openssl x509 -in %s -noout -subject", t.CAFile)
		}
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return c, nil
	}
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, fail.New(fail.Usage, "a client certificate needs its key, and a key its certificate").Hint("configure both files")
	}
	// Read for each handshake: certificates are renewed on disk.
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		return &pair, err
	}
	if _, err := load(); err != nil {
		return nil, fail.Wrap(fail.Usage, err, "reading the client certificate").Hint("openssl x509 -in %s -noout -dates", t.CertFile)
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return c, nil
}
