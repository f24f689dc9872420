package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/op"
)

// echo gives its inputs back as outputs.
type echo struct{}

func (echo) Name() string       { return "echo" }
func (echo) Versions() []string { return []string{"1", "2"} }
func (echo) Metadata() ModelMetadata {
	specs := []TensorSpec{}
	for _, d := range []string{FP64, FP32, INT64, INT32, BOOL, BYTES} {
		specs = append(specs, TensorSpec{Name: strings.ToLower(d), Datatype: d, Optional: true})
	}
	specs = append(specs, TensorSpec{Name: "pair", Datatype: FP64, Shape: []int64{-1, 2}, Optional: true})
	return ModelMetadata{Platform: "test", Inputs: specs, Outputs: specs}
}
func (echo) Infer(_ context.Context, in []Tensor) ([]Tensor, error) { return in, nil }

type strict struct{ echo }

func (strict) Metadata() ModelMetadata {
	return ModelMetadata{Inputs: []TensorSpec{{Name: "x", Datatype: FP64, Shape: []int64{-1}}}}
}

func (strict) Infer(context.Context, []Tensor) ([]Tensor, error) {
	return nil, fail.New(fail.Unavailable, "no replica")
}

type models map[string]Model

func (m models) Model(_ context.Context, name string) (Model, error) {
	if found, ok := m[name]; ok {
		return found, nil
	}
	return nil, fail.New(fail.NotFound, "no model %q", name)
}

func withModels(o *Options) { o.Models = models{"echo": echo{}, "strict": strict{}} }

func TestInferenceProtocol(t *testing.T) {
	f := start(t, withModels)
	one := func(tensor string) string { return `{"id":"7","inputs":[` + tensor + `]}` }
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		contains                 string
	}{
		{"server", "GET", "/v2", "", nil, 200, `"extensions":["binary_tensor_data"]`},
		{"live", "GET", "/v2/health/live", "", nil, 200, `"live":true`},
		{"ready", "GET", "/v2/health/ready", "", nil, 200, `"ready":true`},
		{"model", "GET", "/v2/models/echo", "", nil, 200, `"versions":["1","2"]`},
		{"version", "GET", "/v2/models/echo/versions/1", "", nil, 200, `"name":"echo"`},
		{"no version", "GET", "/v2/models/echo/versions/3", "", nil, 404, `"code":"notfound"`},
		{"no model", "GET", "/v2/models/nope/ready", "", nil, 404, `"error":"no model \"nope\""`},
		{"model ready", "GET", "/v2/models/echo/versions/2/ready", "", nil, 200, `"ready":true`},
		{
			"doubles", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[2],"data":[1.5,-2]}`), nil, 200,
			`{"model_name":"echo","model_version":"2","id":"7","outputs":[{"name":"fp64","datatype":"FP64","shape":[2],"data":[1.5,-2]}]}`,
		},
		{"nested", "POST", "/v2/models/echo/versions/1/infer", one(`{"name":"pair","datatype":"FP64","shape":[2,2],"data":[[1,2],[3,4]]}`), nil, 200, `"data":[1,2,3,4]`},
		{"integers", "POST", "/v2/models/echo/infer", one(`{"name":"int64","datatype":"INT64","shape":[1],"data":[9223372036854775807]}`), nil, 200, `"data":[9223372036854775807]`},
		{"booleans", "POST", "/v2/models/echo/infer", one(`{"name":"bool","datatype":"BOOL","shape":[2],"data":[true,false]}`), nil, 200, `"data":[true,false]`},
		{"text", "POST", "/v2/models/echo/infer", one(`{"name":"bytes","datatype":"BYTES","shape":[1],"data":["grüß"]}`), nil, 200, `"data":["grüß"]`},
		{"empty", "POST", "/v2/models/echo/infer", one(`{"name":"fp32","datatype":"FP32","shape":[0],"data":[]}`), nil, 200, `"data":[]`},
		{"gzip", "POST", "/v2/models/echo/infer", gzipped(t, one(`{"name":"int32","datatype":"INT32","shape":[1],"data":[1]}`)), []string{"Content-Encoding: gzip"}, 200, `"data":[1]`},
		{"too few", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[3],"data":[1]}`), nil, 400, "data has 1 elements, the shape 3"},
		{"too many", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[1],"data":[1,2]}`), nil, 400, "more elements"},
		{"huge shape", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[2147483647,2147483647],"data":[]}`), nil, 400, "too large"},
		{"negative shape", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[-1],"data":[]}`), nil, 400, "impossible"},
		{"out of range", "POST", "/v2/models/echo/infer", one(`{"name":"int32","datatype":"INT32","shape":[1],"data":[2147483648]}`), nil, 400, "out of range"},
		{"a fraction", "POST", "/v2/models/echo/infer", one(`{"name":"int32","datatype":"INT32","shape":[1],"data":[1.5]}`), nil, 400, "invalid syntax"},
		{"an object", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[1],"data":[{"a":1}]}`), nil, 400, "holds an object"},
		{"no array", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[1],"data":1}`), nil, 400, "not an array"},
		{"unknown datatype", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP16","shape":[1],"data":[1]}`), nil, 400, "not supported: use FP64"},
		{"unknown input", "POST", "/v2/models/echo/infer", one(`{"name":"nope","datatype":"FP64","shape":[1],"data":[1]}`), nil, 400, `unexpected input \"nope\"`},
		{"wrong datatype", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"INT32","shape":[1],"data":[1]}`), nil, 400, "the model takes FP64"},
		{"wrong shape", "POST", "/v2/models/echo/infer", one(`{"name":"pair","datatype":"FP64","shape":[2],"data":[1,2]}`), nil, 400, "the model takes [-1 2]"},
		{"missing input", "POST", "/v2/models/strict/infer", `{"inputs":[]}`, nil, 400, `input \"x\" is missing`},
		{"unknown output", "POST", "/v2/models/echo/infer", `{"inputs":[],"outputs":[{"name":"nope"}]}`, nil, 400, `unexpected output \"nope\"`},
		{"model fails", "POST", "/v2/models/strict/infer", one(`{"name":"x","datatype":"FP64","shape":[1],"data":[1]}`), nil, 503, "no replica"},
		{"deep JSON", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[1],"data":` + strings.Repeat("[", 100_000) + `}`), nil, 400, "exceeded max depth"},
		{"binary beyond the body", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[1],"parameters":{"binary_data_size":8}}`), nil, 400, "the message has 0 left"},
		{"wrong header length", "POST", "/v2/models/echo/infer", "{}", []string{inferHeaderLength + ": 3"}, 400, "does not fit"},
		{"bytes of nobody", "POST", "/v2/models/echo/infer", `{}xx`, []string{inferHeaderLength + ": 2"}, 400, "belong to no input"},
		{"not JSON", "POST", "/v2/models/echo/infer", `<xml>`, nil, 400, "not valid JSON"},
		{"shared memory", "POST", "/v2/models/echo/infer", one(`{"name":"fp64","datatype":"FP64","shape":[1],"parameters":{"shared_memory_region":"r"}}`), nil, 400, "not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := f.send(t, c.method, c.path, c.body, append(c.headers, good)...)
			require.Equal(t, c.status, a.status, a.body)
			require.Contains(t, a.body, c.contains)
		})
	}
}

// The requests that published clients sent, kept in testdata, and what the
// clients accepted as answers.
func TestGoldenRequests(t *testing.T) {
	f := start(t, func(o *Options) {
		withModels(o)
		o.Gateway = gatewayFunc(func(_ context.Context, call ai.Call) (*ai.Reply, error) {
			if call.Stream {
				return events(2, func(int) error { return nil }), nil
			}
			return ai.JSON(map[string]any{"object": "chat.completion", "bytes": len(call.Input)})
		})
	})
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var g struct {
				Client, Method, Path string
				Headers              map[string]string
				Body                 []byte
				Answer               struct {
					Status int
					Header map[string]string
					Body   []byte
				}
			}
			require.NoError(t, json.Unmarshal(raw, &g))
			headers := []string{good}
			for k, v := range g.Headers {
				headers = append(headers, k+": "+v)
			}
			a := f.send(t, g.Method, g.Path, string(g.Body), headers...)
			require.Equal(t, g.Answer.Status, a.status, a.body)
			for k, v := range g.Answer.Header {
				require.Equal(t, v, a.header.Get(k), k)
			}
			require.Empty(t, cmp.Diff(string(g.Answer.Body), a.body))
		})
	}
}

func TestBinaryRoundTrip(t *testing.T) {
	for _, in := range []Tensor{
		{"a", FP64, []int64{3}, []float64{1, math.Inf(1), -0.5}},
		{"a", FP32, []int64{2}, []float32{1.5, -2}},
		{"a", INT64, []int64{2}, []int64{math.MinInt64, 1}},
		{"a", INT32, []int64{1, 2}, []int32{math.MinInt32, 7}},
		{"a", BOOL, []int64{2}, []bool{true, false}},
		{"a", BYTES, []int64{3}, [][]byte{[]byte("x"), {}, {0xff, 0}}},
	} {
		t.Run(in.Datatype, func(t *testing.T) {
			req := &oipRequest{Parameters: oipParameters{BinaryDataOutput: true}}
			_, tail, err := encodeInfer(req, "m", "1", []Tensor{in})
			require.NoError(t, err)
			n, err := elements(in.Shape)
			require.NoError(t, err)
			data, err := fromBinary(in.Datatype, n, tail)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(in.Data, data))
		})
	}
	_, _, err := encodeInfer(&oipRequest{}, "m", "1", []Tensor{{"a", FP64, []int64{1}, []float64{math.NaN()}}})
	require.ErrorIs(t, err, fail.Failed.Err())
	_, _, err = encodeInfer(&oipRequest{}, "m", "1", []Tensor{{"a", BYTES, []int64{1}, [][]byte{{0xff}}}})
	require.ErrorContains(t, err, "not text")
}

func TestOpenAI(t *testing.T) {
	var calls []ai.Call
	f := start(t, func(o *Options) {
		o.ChatModels = func(context.Context) ([]ChatModel, error) {
			return []ChatModel{{ID: "org/model"}, {ID: "b", Created: 5, OwnedBy: "us"}}, nil
		}
		o.Gateway = gatewayFunc(func(ctx context.Context, call ai.Call) (*ai.Reply, error) {
			calls = append(calls, call)
			if id, _ := op.IdentityFrom(ctx); id.Subject != "ada" {
				return nil, fail.New(fail.Forbidden, "who are you?")
			}
			switch call.Header.Get("X-Session-Id") {
			case "limited":
				return nil, fail.New(fail.Limited, "over budget")
			case "broken":
				return nil, errors.New("secret detail")
			case "nomodel":
				return nil, fail.New(fail.NotFound, "no model \"x\"")
			case "first":
				return events(2, func(int) error { return fail.New(fail.Unavailable, "all upstreams are down") }), nil
			case "second":
				return events(2, func(i int) error {
					if i == 1 {
						return fail.New(fail.Unavailable, "upstream cut the stream")
					}
					return nil
				}), nil
			}
			if call.Stream {
				return events(2, func(int) error { return nil }), nil
			}
			r, err := ai.JSON(map[string]string{"object": "chat.completion"})
			r.Header = http.Header{"X-Upstream": {"local"}, "Connection": {"close"}, "Set-Cookie": {"a=b"}}
			return r, err
		})
	})
	for _, c := range []struct {
		name, method, path, body, session string
		status                            int
		contains                          string
	}{
		{"models", "GET", "/v1/models", "", "", 200, `{"data":[{"id":"org/model","object":"model","created":0,"owned_by":"aictl"},{"id":"b","object":"model","created":5,"owned_by":"us"}],"object":"list"}`},
		{"model", "GET", "/v1/models/org/model", "", "", 200, `"id":"org/model"`},
		{"no model", "GET", "/v1/models/nope", "", "", 404, `"type":"invalid_request_error"`},
		{"plain", "POST", "/v1/chat/completions", `{"model":"b"}`, "", 200, `{"object":"chat.completion"}`},
		{"stream", "POST", "/v1/chat/completions", `{"stream":true}`, "", 200, "data: {\"n\":0}\n\ndata: {\"n\":1}\n\ndata: [DONE]\n\n"},
		{"embeddings", "POST", "/v1/embeddings", `{"input":"x"}`, "", 200, ""},
		{"not JSON", "POST", "/v1/chat/completions", `{"model":`, "", 400, `"code":"usage"`},
		{"deep JSON", "POST", "/v1/chat/completions", strings.Repeat(`{"a":`, 100_000), "", 400, `"code":"usage"`},
		{"wrong type", "POST", "/v1/chat/completions", `{"stream":"yes"}`, "", 400, `"code":"usage"`},
		{"limited", "POST", "/v1/chat/completions", `{}`, "limited", 429, `"type":"rate_limit_error"`},
		{"unexpected", "POST", "/v1/chat/completions", `{}`, "broken", 500, `"message":"unexpected failure","type":"server_error"`},
		{"unknown model", "POST", "/v1/chat/completions", `{}`, "nomodel", 404, `"code":"notfound"`},
		{"fails before the first byte", "POST", "/v1/chat/completions", `{"stream":true}`, "first", 503, `"message":"all upstreams are down"`},
		{"fails after the first byte", "POST", "/v1/chat/completions", `{"stream":true}`, "second", 200, "data: {\"n\":0}\n\nevent: error\ndata: {\"error\":{\"message\":\"upstream cut the stream\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := f.send(t, c.method, c.path, c.body, good, "X-Session-Id: "+c.session, "Cookie: secret=1")
			require.Equal(t, c.status, a.status, a.body)
			require.Contains(t, a.body, c.contains)
			require.NotContains(t, a.body, "secret detail")
			require.Empty(t, a.header.Get("Set-Cookie"))
			if c.status == 429 || c.status == 503 {
				require.NotEmpty(t, a.header.Get("Retry-After"))
			}
		})
	}
	require.Contains(t, f.log.String(), "secret detail")
	for _, c := range calls {
		require.Equal(t, "chat", c.Service)
		require.Empty(t, c.Header.Get("Cookie"))
	}
}

func FuzzDecodeInfer(f *testing.F) {
	f.Add("", []byte(`{"inputs":[{"name":"a","datatype":"FP64","shape":[1],"data":[1]}]}`))
	f.Add("2", []byte(`{}`))
	f.Add("89", []byte(`{"inputs":[{"name":"a","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}]}`+"\x01\x00\x00\x00x"))
	f.Fuzz(func(t *testing.T, length string, body []byte) {
		req, inputs, err := decodeInfer(length, body)
		if err != nil {
			return
		}
		req.Parameters.BinaryDataOutput, req.Outputs = true, nil
		for _, in := range inputs {
			_, tail, err := encodeInfer(req, "m", "", []Tensor{in})
			if err != nil {
				t.Fatal(err)
			}
			n, err := elements(in.Shape)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fromBinary(in.Datatype, n, tail); err != nil {
				t.Fatalf("what was encoded cannot be decoded: %v", err)
			}
		}
	})
}
