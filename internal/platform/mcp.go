package platform

import (
	"context"
	"net/http"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/aictl/aictl/internal/mcp"
	"github.com/aictl/aictl/internal/op"
)

// MCP serves the operations as tools: those that read, as whoever calls. It
// keeps no sessions, so that any replica of the control plane can answer.
func (p *Platform) MCP() http.Handler {
	return sdk.NewStreamableHTTPHandler(func(req *http.Request) *sdk.Server {
		id, _ := op.IdentityFrom(req.Context())
		s, err := mcp.New(mcp.Options{Caller: actingFor{op.Within{Registry: p.registry}, id}, Version: p.o.Version.Version})
		if err != nil {
			p.o.Logger.Error("the tools cannot be offered", "error", err)
			return nil
		}
		return s
	}, &sdk.StreamableHTTPOptions{Stateless: true, JSONResponse: true})
}

// actingFor calls operations as one identity: a tool's context is the
// session's, which knows none.
type actingFor struct {
	op.Within
	id op.Identity
}

// Send implements op.Caller.
func (a actingFor) Send(ctx context.Context, s *op.Spec, req *http.Request) (*http.Response, error) {
	return a.Within.Send(op.WithIdentity(ctx, a.id), s, req)
}
