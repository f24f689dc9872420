package server

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/aictl/aictl/internal/fail"
)

// certificate is one that can be replaced between two handshakes.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

func loadCertificate(cert, key string) (*certificate, error) {
	pair, err := readCertificate(cert, key)
	if err != nil {
		return nil, err
	}
	c := new(certificate)
	c.current.Store(pair)
	return c, nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// readCertificate refuses a certificate that no client would accept any more.
func readCertificate(cert, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "reading the TLS certificate").Hint("check tls.cert (%s) and tls.key (%s)", cert, key)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fail.Wrap(fail.Usage, err, "reading the TLS certificate %s", cert)
		}
	}
	if time.Now().After(pair.Leaf.NotAfter) {
		return nil, fail.New(fail.Usage, "the TLS certificate %s expired on %s", cert, pair.Leaf.NotAfter.Format(time.RFC3339)).
			Hint("renew it, then send SIGHUP")
	}
	return &pair, nil
}
