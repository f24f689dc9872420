package server

import (
	"net/http"

	"github.com/aictl/aictl/internal/fail"
)

// routes is the whole surface, on one page. `open` routes need no token;
// `api` takes a token where one is sent and leaves the decision to the
// operation; `closed` routes answer 401 without a valid one, in the error
// shape of their protocol.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	open := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, h) }
	closed := func(pattern string, deny errorWriter, h handlerFunc) {
		mux.Handle(pattern, s.identify(true, deny)(failing(deny, h)))
	}

	// For people and machines that look whether anybody is here.
	open("GET /{$}", s.index)
	open("GET /livez", s.livez)
	open("GET /readyz", s.readyz)
	open("GET /openapi.json", s.openapi)
	mux.Handle("GET /metrics", s.metricsRoute())

	// aictl's own operations, checked one by one in dispatch.
	mux.Handle("/api/v1/", s.identify(false, problem)(s.o.API))

	// OpenAI's wire format.
	closed("GET /v1/models", openaiError, s.openaiModels)
	closed("GET /v1/models/{model...}", openaiError, s.openaiModel)
	closed("POST /v1/chat/completions", openaiError, s.openaiCall("complete"))
	closed("POST /v1/embeddings", openaiError, s.openaiCall("embeddings"))

	// The Open Inference Protocol v2. Health and server metadata are open, as
	// its clients ask for them without a token.
	open("GET /v2", s.oipServer)
	open("GET /v2/health/live", s.oipLive)
	open("GET /v2/health/ready", s.oipReady)
	for _, m := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		closed("GET "+m, oipError, s.oipModel)
		closed("GET "+m+"/ready", oipError, s.oipModelReady)
		closed("POST "+m+"/infer", oipError, s.oipInfer)
	}

	// The operations as tools, as whoever calls.
	if s.o.MCP != nil {
		mux.Handle("/mcp", s.identify(true, problem)(s.o.MCP))
	}

	// The engines' native APIs and log ingestion.
	for _, m := range s.o.Mounts {
		mux.Handle(m.Prefix, s.mount(m))
	}

	// Everything else, in the error shape of its neighbourhood.
	mux.Handle("/v1/", failing(openaiError, unknownRoute))
	mux.Handle("/v2/", failing(oipError, unknownRoute))
	mux.Handle("/", failing(problem, unknownRoute))

	return chain(mux,
		s.requestID,     // an id for the log, the answer and the audit
		s.trace,         // one span per request, continuing the caller's trace
		s.observe,       // one log line and the RED metrics; keeps live streams alive
		s.recover,       // a panic is a 500 with the id, its stack in the log
		s.allowHost,     // no DNS rebinding
		s.sameOrigin,    // no cross-site writes from a browser
		s.boundBody,     // size, encoding and time of the request's body
		securityHeaders, // nosniff, no framing, no caching
	)
}

func unknownRoute(_ http.ResponseWriter, r *http.Request) error {
	return fail.New(fail.NotFound, "no such route: %s %s", r.Method, r.URL.Path).Hint("see /openapi.json")
}

// chain wraps h so that the first middleware runs first.
func chain(h http.Handler, mw ...func(http.Handler) http.Handler) http.Handler {
	for i := len(mw) - 1; i >= 0; i-- {
		h = mw[i](h)
	}
	return h
}
