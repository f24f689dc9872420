package platform

// frontDoors describes the routes that speak other people's APIs, for the
// OpenAPI document. Their bodies are those APIs' own, so they are described by
// reference and not repeated.
func frontDoors() map[string]any {
	object := map[string]any{"type": "object"}
	answer := func(description string, media ...string) map[string]any {
		content := map[string]any{}
		for _, m := range media {
			content[m] = map[string]any{"schema": object}
		}
		return map[string]any{"200": map[string]any{"description": description, "content": content}}
	}
	get := func(id, summary, tag string, public bool, params ...any) map[string]any {
		o := map[string]any{"operationId": id, "summary": summary, "tags": []any{tag}, "responses": answer(summary, "application/json")}
		if public {
			o["security"] = []any{}
		}
		if len(params) > 0 {
			o["parameters"] = params
		}
		return o
	}
	post := func(id, summary, tag string, media []string, params ...any) map[string]any {
		o := get(id, summary, tag, false, params...)
		o["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": object}}}
		o["responses"] = answer(summary, media...)
		return o
	}
	path := func(name string) any {
		return map[string]any{"name": name, "in": "path", "required": true, "schema": map[string]any{"type": "string"}}
	}
	only := func(method string, o map[string]any) map[string]any { return map[string]any{method: o} }
	json, stream := []string{"application/json"}, []string{"application/json", "text/event-stream"}
	return map[string]any{
		"/livez":                   only("get", get("livez", "Whether the process lives", "health", true)),
		"/readyz":                  only("get", get("readyz", "Whether it is ready, with reasons", "health", true)),
		"/mcp":                     only("post", post("mcp", "The operations as tools (Model Context Protocol, streamable HTTP)", "mcp", stream)),
		"/v1/models":               only("get", get("openai.models", "List models (OpenAI)", "openai", false)),
		"/v1/models/{model}":       only("get", get("openai.model", "Show a model (OpenAI)", "openai", false, path("model"))),
		"/v1/chat/completions":     only("post", post("openai.chat", "Complete a conversation (OpenAI)", "openai", stream)),
		"/v1/embeddings":           only("post", post("openai.embeddings", "Embed text (OpenAI)", "openai", json)),
		"/v2":                      only("get", get("oip.server", "Server metadata (Open Inference Protocol v2)", "oip", false)),
		"/v2/health/live":          only("get", get("oip.live", "Whether the server lives (OIP v2)", "oip", true)),
		"/v2/health/ready":         only("get", get("oip.ready", "Whether the server is ready (OIP v2)", "oip", true)),
		"/v2/models/{model}":       only("get", get("oip.model", "Model metadata (OIP v2)", "oip", false, path("model"))),
		"/v2/models/{model}/ready": only("get", get("oip.model.ready", "Whether a model is ready (OIP v2)", "oip", false, path("model"))),
		"/v2/models/{model}/infer": only("post", post("oip.infer", "Infer (OIP v2)", "oip", json, path("model"))),
	}
}
