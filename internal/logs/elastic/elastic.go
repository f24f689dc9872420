// Package elastic is the log store of Elasticsearch (7.17 to 9) and
// OpenSearch (2): an adapter of logs.Store.
//
// It promises that an answer holds exactly the entries that logs.Matches
// takes. A query is translated into the store's own language as a superset
// that is as small as the mapping allows, and every entry that comes back is
// decided again here; what could not be said to the store is named in
// Result.Client. Histogram and Fields count in the store where the translation
// is exact, and read the entries where it is not.
//
// Three things only the index knows, and it has the last word on them: a field
// that some index of the pattern maps is taken for absent in those that don't
// (dynamic: false); a whole-number field holds what coercion made of a
// fraction, when it is excluded by != or counted; and OpenSearch leaves no
// trace of a keyword beyond ignore_above, which a range or a pattern then
// misses (Elasticsearch lists it in _ignored, which is asked too).
//
// The tail (Next) follows the sequence numbers of every shard, which the
// primary gives to each write in turn, and not the entries' times: a document
// that becomes visible late, or that carries an old time, is found as surely
// as any other. See tail.go for how, and position.go for what a position
// holds. A point in time is used inside one walk over pages and never to tail.
//
// It speaks with esapi requests over elastictransport: the client and the
// typed client of the same module refuse OpenSearch (product check, media
// type). It never writes to the store, keeps no goroutine, and holds one page
// of each answer in memory.
package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/logs"
)

// Options say where the store is and how to read it. Secrets are given as they
// are: the caller has read them from a file or the environment.
type Options struct {
	// URLs of the nodes, or of one proxy before them; a path is kept. A user
	// and a password inside of a URL count as Username and Password.
	URLs []string
	// Index lists data streams, indices, aliases and patterns; a leading minus
	// takes one away. Empty is "logs-*".
	Index []string
	// At most one of these: an API key (its encoded form), a name with a
	// password, a bearer token.
	APIKey             string
	Username, Password string
	Bearer             string
	// CA is a PEM bundle, CAFile the name of a file with one: what signs the
	// store's certificate, in place of the system's.
	CA     []byte
	CAFile string
	// Header is added to every request.
	Header http.Header
	// Transport replaces the HTTP transport; CA does not count then.
	Transport http.RoundTripper
	// Fields name the members of an entry in indices that don't follow ECS.
	Fields Mapping
	// Timeout bounds one request (30 s), MaxResponse one answer in bytes
	// (128 MiB).
	Timeout     time.Duration
	MaxResponse int64
	// Page is how many documents one request asks for (1,000; at most 10,000).
	Page int
	// MaxScan bounds how many documents one search reads to evaluate here
	// what the store cannot (500,000); Scan has no bound.
	MaxScan int
	// Grace is how long a tail waits for a sequence number that is not visible
	// yet before it takes it for one that stays empty (60 s, and never less
	// than four refresh intervals of the index).
	Grace time.Duration
	// Overlap is how much of the past a tail reads again on stores that hide
	// sequence numbers (30 s).
	Overlap time.Duration
	// Now is the clock (time.Now).
	Now func() time.Time
}

func (o *Options) complete() error {
	if len(o.URLs) == 0 {
		return fail.New(fail.Usage, "the log store has no URL").
			Hint("add its address to the context, such as https://elastic.example:9200")
	}
	ways := 0
	for _, set := range []bool{o.APIKey != "", o.Username != "", o.Bearer != ""} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return fail.New(fail.Usage, "the log store has more than one kind of credentials").
			Hint("keep one of API key, username with password, bearer token")
	}
	if len(o.Index) == 0 {
		o.Index = []string{"logs-*"}
	}
	for _, name := range o.Index {
		if name == "" || strings.ContainsAny(name, "/\\?#\" \t\r\n") || strings.HasPrefix(name, "_") && name != "_all" {
			return fail.New(fail.Usage, "%q is no name of an index", name).Hint("use data streams, indices, aliases or patterns such as logs-*")
		}
	}
	setDefault(&o.Timeout, 30*time.Second)
	setDefault(&o.MaxResponse, 128<<20)
	setDefault(&o.Page, 1000)
	o.Page = min(o.Page, maxWindow)
	setDefault(&o.MaxScan, 500_000)
	setDefault(&o.Grace, time.Minute)
	setDefault(&o.Overlap, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

func setDefault[T int | int64 | time.Duration](v *T, fallback T) {
	if *v <= 0 {
		*v = fallback
	}
}

// maxWindow is index.max_result_window as every version has it.
const maxWindow = 10_000

// Store is an Elasticsearch or OpenSearch cluster as a log store. It is safe
// for concurrent use.
type Store struct {
	o         Options
	url       string // without a password, for people
	transport *elastictransport.Client
	http      http.RoundTripper

	mu      sync.Mutex
	caps    *fieldCaps // guarded by mu
	flavour string     // guarded by mu: "elasticsearch", "opensearch" or "" while unknown
	indices *catalogue // guarded by mu
}

var _ logs.Store = (*Store)(nil)

// Open makes the store. It sends nothing yet: Check does. Errors are
// fail.Usage.
func Open(o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Store{o: o}
	var urls []*url.URL
	for _, raw := range o.URLs {
		u, err := url.Parse(strings.TrimSpace(raw))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fail.New(fail.Usage, "the log store's address is no http or https URL").
				Hint("write it as https://host:9200")
		}
		u.Path = strings.TrimRight(u.Path, "/")
		if s.url == "" {
			shown := *u
			shown.User = nil
			s.url = shown.String()
		}
		urls = append(urls, u)
	}
	transport := o.Transport
	if transport == nil {
		var err error
		if transport, err = httpTransport(o); err != nil {
			return nil, err
		}
	}
	s.http = transport
	header := o.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if o.Bearer != "" {
		header.Set("Authorization", "Bearer "+o.Bearer)
	}
	if header.Get("Accept") == "" {
		header.Set("Accept", "application/json")
	}
	// Another node is tried at once when one can't be reached; when to try
	// again after a push-back is the caller's business.
	retry := elastictransport.WithDisableRetry()
	if len(urls) > 1 {
		retry = elastictransport.WithRetry(len(urls)-1, http.StatusBadGateway)
	}
	var err error
	s.transport, err = elastictransport.NewClient(
		elastictransport.WithURLs(urls...),
		elastictransport.WithBasicAuth(o.Username, o.Password),
		elastictransport.WithAPIKey(o.APIKey),
		elastictransport.WithHeader(header),
		elastictransport.WithUserAgent("aictl"),
		elastictransport.WithTransport(transport),
		retry,
	)
	if err != nil {
		return nil, fail.New(fail.Usage, "the log store's settings: %w", err)
	}
	return s, nil
}

func httpTransport(o Options) (http.RoundTripper, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	pem := o.CA
	if o.CAFile != "" {
		var err error
		if pem, err = os.ReadFile(o.CAFile); err != nil {
			return nil, fail.New(fail.Usage, "reading the log store's CA: %w", err)
		}
	}
	if len(pem) == 0 {
		return t, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fail.New(fail.Usage, "the log store's CA holds no certificate in PEM form").
			Hint("give a file that begins with -----BEGIN CERTIFICATE-----")
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

// Close lets idle connections go. The store may be used after it.
func (s *Store) Close() {
	if t, ok := s.http.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
