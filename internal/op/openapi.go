package op

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/aictl/aictl/internal/fail"
)

// OpenAPI renders the bound operations as an OpenAPI 3.1 document. extra
// holds further path items (front doors that speak other people's APIs) and
// wins nothing: a path that is bound here stays.
func (r *Registry) OpenAPI(title, version string, extra map[string]any) (map[string]any, error) {
	paths := map[string]any{}
	for path, item := range extra {
		paths[path] = item
	}
	for _, d := range r.Bound() {
		s := d.Describe()
		entry, err := operationObject(d)
		if err != nil {
			return nil, err
		}
		item, ok := paths[s.Path()].(map[string]any)
		if !ok {
			item = map[string]any{}
			paths[s.Path()] = item
		}
		item[strings.ToLower(s.Method())] = entry
	}
	problem, err := Schema(reflect.TypeFor[fail.Document]())
	if err != nil {
		return nil, err
	}
	plan, err := Schema(reflect.TypeFor[Plan]())
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": title, "version": version,
			"license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []any{map[string]any{"url": "/"}},
		"security": []any{map[string]any{"bearer": []any{}}},
		"paths":    paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}},
			"schemas":         map[string]any{"Problem": problem, "Plan": plan},
		},
	}, nil
}

func operationObject(d Declaration) (map[string]any, error) {
	s := d.Describe()
	in, err := Schema(d.InputType())
	if err != nil {
		return nil, err
	}
	out, err := Schema(d.OutputType())
	if err != nil {
		return nil, err
	}
	params := []any{}
	for _, f := range Fields(d.InputType()) {
		where := ""
		switch {
		case strings.Contains(s.Path(), "{"+f.JSON+"}"):
			where = "path"
		case bodyless(s.Method()):
			where = "query"
		default:
			continue
		}
		p := map[string]any{"name": f.JSON, "in": where, "required": where == "path" || f.Required, "schema": in.Properties[f.JSON]}
		if f.Help != "" {
			p["description"] = f.Help
		}
		params = append(params, p)
	}
	if d.Shape() == ShapeChange {
		params = append(params, changeHeaders()...)
	}
	media := "application/json"
	if d.Shape() == ShapeStream {
		media = "application/jsonl"
	}
	content := map[string]any{media: map[string]any{"schema": out}}
	if d.Shape() == ShapeStream {
		content["text/event-stream"] = map[string]any{"schema": out}
	}
	responses := map[string]any{
		"200":     map[string]any{"description": "success", "content": content},
		"default": problemResponse("any other failure"),
	}
	for _, c := range s.Errors {
		responses[strconv.Itoa(c.Status())] = problemResponse(string(c))
	}
	entry := map[string]any{
		"operationId": s.ID, "summary": s.Summary, "tags": []any{s.Noun()},
		"parameters": params, "responses": responses,
		"x-aictl-effect": s.Effect, "x-aictl-shape": d.Shape(), "x-aictl-idempotent": s.Idempotent,
	}
	if s.Doc != "" {
		entry["description"] = s.Doc
	}
	if s.Public {
		entry["security"] = []any{}
	}
	if !bodyless(s.Method()) {
		entry["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": in}}}
	}
	return entry, nil
}

func problemResponse(description string) map[string]any {
	return map[string]any{"description": description, "content": map[string]any{
		fail.ProblemType: map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}},
	}}
}

func changeHeaders() []any {
	out := []any{}
	for _, h := range []struct{ name, doc string }{
		{headerDryRun, "\"server\" answers with the Plan and changes nothing"},
		{headerPlan, "digest of the plan that was shown; another plan now is refused"},
		{headerReason, "why, for the audit record (percent-encoded)"},
		{headerConfirm, "the object's name as typed by the person, where it is protected"},
	} {
		out = append(out, map[string]any{
			"name": h.name, "in": "header", "required": false, "description": h.doc,
			"schema": map[string]any{"type": "string"},
		})
	}
	return out
}
