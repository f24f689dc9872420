package prom

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/prometheus/client_golang/api"

	"github.com/aictl/aictl/internal/fail"
)

// wire is the api.Client below v1: it signs, sends, reads to the bound, and
// gives every failure its code. What v1 gets to see is a JSON envelope that
// says success.
type wire struct {
	base *url.URL
	o    Options
	http *http.Client
}

var _ api.Client = (*wire)(nil)

// URL implements api.Client.
func (w *wire) URL(endpoint string, args map[string]string) *url.URL {
	parts := strings.Split(endpoint, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			if v, known := args[name]; known {
				parts[i] = url.PathEscape(v)
			}
		}
	}
	u := *w.base
	escaped := path.Join(u.EscapedPath()+"/", strings.Join(parts, "/"))
	u.RawPath = escaped
	if plain, err := url.PathUnescape(escaped); err == nil {
		u.Path = plain
	}
	return &u
}

// Do implements api.Client. The response is returned with an error too, as v1
// looks at its status to fall back from POST to GET.
func (w *wire) Do(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	req = req.WithContext(ctx)
	req.Header.Set("Accept", "application/json")
	if err := w.o.sign(req); err != nil {
		return nil, nil, err
	}
	res, err := w.http.Do(req)
	if err != nil {
		return nil, nil, w.unreachable(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, w.o.MaxBytes+1))
	switch {
	case ctx.Err() != nil:
		return res, nil, w.unreachable(ctx, ctx.Err())
	case int64(len(body)) > w.o.MaxBytes:
		return res, nil, fail.New(fail.TooLarge, "the answer of %s is over %d bytes", w.at(), w.o.MaxBytes).
			Hint("ask for less: a longer --step, a shorter window, or an aggregation such as sum by (job) (…)")
	case res.StatusCode/100 != 2:
		return res, nil, w.refused(res, body)
	case err != nil:
		return res, nil, fail.Wrap(fail.Unavailable, err, "the answer of %s was cut after %d bytes", w.at(), len(body)).
			Hint("try again; if it stays so, look at the proxy before %s", w.base.Host)
	}
	if err := w.check(res, body); err != nil {
		return res, nil, err
	}
	return res, body, nil
}

// at names the backend in messages.
func (w *wire) at() string { return w.o.Name + " at " + w.base.String() }

// check makes sure that a success is one of the Prometheus API's.
func (w *wire) check(res *http.Response, body []byte) error {
	if res.StatusCode == http.StatusNoContent {
		return fail.New(fail.Unavailable, "%s answered %s without a result", w.at(), res.Status).Hint(wrongURL)
	}
	if first := bytes.TrimLeft(body, " \t\r\n\ufeff"); len(first) == 0 || first[0] != '{' {
		return w.foreign(res, body)
	}
	status, err := envelopeStatus(body)
	switch {
	case err != nil:
		return fail.Wrap(fail.Unavailable, err, "%s answered something that is not whole JSON", w.at()).
			Hint("try again; if it stays so, curl %s/api/v1/status/buildinfo", w.base)
	case status == "success":
		return nil
	case status == "error":
		return w.refused(res, body)
	}
	return fail.New(fail.Unavailable, "%s answered JSON that is not of the Prometheus API: %s", w.at(), excerpt(body)).Hint(wrongURL)
}

const wrongURL = "check the URL: Prometheus and Thanos serve at the root, Mimir below /prometheus, VictoriaMetrics clusters below /select/0/prometheus"

// envelopeStatus reads the member status without decoding the rest: in every
// implementation it comes first.
func envelopeStatus(body []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return "", err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", err
		}
		if key == "status" {
			value, err := d.Token()
			if err != nil {
				return "", err
			}
			s, _ := value.(string)
			return s, nil
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return "", err
		}
	}
	_, err := d.Token()
	return "", err
}

// foreign explains an answer that is no JSON object.
func (w *wire) foreign(res *http.Response, body []byte) error {
	kind := strings.TrimSpace(res.Header.Get("Content-Type"))
	what := "something that is not JSON"
	if looksHTML(kind, body) {
		what = "a web page"
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return fail.New(fail.Unavailable, "%s answered %s and nothing else", w.at(), res.Status).Hint(wrongURL)
	}
	if kind != "" {
		what += " (" + clip(kind, 60) + ")"
	}
	return fail.New(fail.Unavailable, "%s answered %s with %s: %s", w.at(), res.Status, what, excerpt(body)).Hint(wrongURL)
}

func looksHTML(kind string, body []byte) bool {
	return strings.Contains(kind, "html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// excerpt is the beginning of a foreign body on one line.
func excerpt(body []byte) string {
	return clip(strings.ToValidUTF8(strings.Join(strings.Fields(string(body[:min(len(body), 512)])), " "), "�"), 120)
}

func clip(s string, n int) string {
	r := []rune(s)
	if len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// isRefusal reports whether err came from our own layer, with its code.
func isRefusal(err error) bool {
	var ours *fail.Error
	var later *later
	return errors.As(err, &ours) || errors.As(err, &later)
}
