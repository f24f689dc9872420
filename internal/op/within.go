package op

import (
	"context"
	"net/http"
)

// Within calls the operations of a registry from inside of one of its handlers,
// as the same caller: what they may not do there, they may not do through it.
type Within struct{ Registry *Registry }

// Send implements Caller. ctx carries the identity.
func (w Within) Send(ctx context.Context, _ *Spec, req *http.Request) (*http.Response, error) {
	return InProcess{Handler: w.Registry}.RoundTrip(req.WithContext(ctx))
}
