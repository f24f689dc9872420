package server

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/aictl/aictl/internal/fail"
)

// The Open Inference Protocol, version 2, over HTTP:
// https://github.com/kserve/open-inference-protocol, with the binary tensor
// extension that Triton's clients use by default:
// https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md

// Model is something that maps tensors to tensors. Implementations are safe
// for concurrent use.
type Model interface {
	Name() string
	// Versions are listed newest last; a request without one gets the newest.
	Versions() []string
	Metadata() ModelMetadata
	// Infer answers for the version in force. Inputs were checked against
	// Metadata. Errors are *fail.Error.
	Infer(ctx context.Context, inputs []Tensor) ([]Tensor, error)
}

// ModelMetadata says what a model takes and gives.
type ModelMetadata struct {
	// Platform is free text, as "aictl_forecast".
	Platform        string
	Inputs, Outputs []TensorSpec
}

// TensorSpec declares one tensor. A dimension of -1 is of any size; a nil
// Shape is any shape at all. Inputs are required unless Optional.
type TensorSpec struct {
	Name     string
	Datatype string
	Shape    []int64
	Optional bool
}

// ModelRepository finds models. A *fail.Error of code NotFound says that
// there is none of the name; of Unavailable that it cannot answer now.
type ModelRepository interface {
	Model(ctx context.Context, name string) (Model, error)
}

func (s *Server) oipServer(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"name": "aictl-server", "version": s.o.Version, "extensions": []string{"binary_tensor_data"},
	})
}

func (s *Server) oipLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]bool{"live": true})
}

func (s *Server) oipReady(w http.ResponseWriter, r *http.Request) {
	ready := s.Readiness(r.Context()).Ready
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, map[string]bool{"ready": ready})
}

// findModel gives the model and the version that the request means.
func (s *Server) findModel(r *http.Request) (m Model, version string, err error) {
	name, version := r.PathValue("model"), r.PathValue("version")
	if s.o.Models == nil {
		return nil, "", fail.New(fail.NotFound, "no model %q", cut(name, 128))
	}
	if m, err = s.o.Models.Model(r.Context(), name); err != nil {
		return nil, "", err
	}
	versions := m.Versions()
	switch {
	case version == "" && len(versions) > 0:
		version = versions[len(versions)-1]
	case version != "" && !slices.Contains(versions, version):
		return nil, "", fail.New(fail.NotFound, "model %q has no version %q", name, cut(version, 64)).
			Hint("GET /v2/models/%s lists its versions", name)
	}
	return m, version, nil
}

func (s *Server) oipModel(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.findModel(r)
	if err != nil {
		return err
	}
	meta := m.Metadata()
	writeJSON(w, http.StatusOK, map[string]any{
		"name": m.Name(), "versions": m.Versions(), "platform": meta.Platform,
		"inputs": tensorDocs(meta.Inputs), "outputs": tensorDocs(meta.Outputs),
	})
	return nil
}

func tensorDocs(specs []TensorSpec) []map[string]any {
	out := make([]map[string]any, 0, len(specs))
	for _, t := range specs {
		shape := t.Shape
		if shape == nil {
			shape = []int64{-1}
		}
		out = append(out, map[string]any{"name": t.Name, "datatype": t.Datatype, "shape": shape})
	}
	return out
}

func (s *Server) oipModelReady(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.findModel(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"name": m.Name(), "ready": true})
	return nil
}

// oipRequest is the JSON part of an inference request.
type oipRequest struct {
	ID         string         `json:"id"`
	Parameters oipParameters  `json:"parameters"`
	Inputs     []oipTensor    `json:"inputs"`
	Outputs    []oipRequested `json:"outputs"`
}

type oipParameters struct {
	BinaryDataOutput   bool   `json:"binary_data_output"`
	BinaryData         *bool  `json:"binary_data"`
	BinaryDataSize     *int64 `json:"binary_data_size"`
	SharedMemoryRegion string `json:"shared_memory_region"`
	Classification     int64  `json:"classification"`
}

type oipRequested struct {
	Name       string        `json:"name"`
	Parameters oipParameters `json:"parameters"`
}

type oipTensor struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int64         `json:"shape"`
	Parameters oipParameters   `json:"parameters"`
	Data       json.RawMessage `json:"data"`
}

func (s *Server) oipInfer(w http.ResponseWriter, r *http.Request) error {
	m, version, err := s.findModel(r)
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	req, inputs, err := decodeInfer(r.Header.Get(inferHeaderLength), body)
	if err != nil {
		return err
	}
	meta := m.Metadata()
	if err := checkInputs(meta.Inputs, inputs); err != nil {
		return err
	}
	outputs, err := m.Infer(r.Context(), inputs)
	if err != nil {
		return err
	}
	if outputs, err = pickOutputs(req.Outputs, outputs); err != nil {
		return err
	}
	doc, tail, err := encodeInfer(req, m.Name(), version, outputs)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if len(tail) > 0 {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set(inferHeaderLength, strconv.Itoa(len(doc)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(doc)+len(tail)))
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(doc); err != nil {
		return nil // the client is gone
	}
	_, _ = w.Write(tail) // likewise
	return nil
}

// checkInputs compares what was sent with what the model declares.
func checkInputs(specs []TensorSpec, inputs []Tensor) error {
	seen := map[string]bool{}
	for _, in := range inputs {
		i := slices.IndexFunc(specs, func(t TensorSpec) bool { return t.Name == in.Name })
		switch {
		case i < 0:
			return fail.New(fail.Usage, "unexpected input %q", cut(in.Name, 128)).Hint("the model's metadata lists its inputs")
		case seen[in.Name]:
			return fail.New(fail.Usage, "input %q is given twice", in.Name)
		case specs[i].Datatype != in.Datatype:
			return fail.New(fail.Usage, "input %q has datatype %s, the model takes %s", in.Name, in.Datatype, specs[i].Datatype)
		case !shapeFits(specs[i].Shape, in.Shape):
			return fail.New(fail.Usage, "input %q has shape %v, the model takes %v", in.Name, in.Shape, specs[i].Shape)
		}
		seen[in.Name] = true
	}
	for _, t := range specs {
		if !t.Optional && !seen[t.Name] {
			return fail.New(fail.Usage, "input %q is missing", t.Name).Hint("the model's metadata lists its inputs")
		}
	}
	return nil
}

// shapeFits also takes a batch of one, which Triton's users send by habit.
func shapeFits(want, got []int64) bool {
	if len(got) == len(want)+1 && got[0] == 1 {
		got = got[1:]
	}
	return want == nil || slices.EqualFunc(want, got, func(w, g int64) bool { return w == -1 || w == g })
}

// pickOutputs keeps the requested outputs, in the order asked for.
func pickOutputs(want []oipRequested, have []Tensor) ([]Tensor, error) {
	if len(want) == 0 {
		return have, nil
	}
	out := make([]Tensor, 0, len(want))
	for _, q := range want {
		i := slices.IndexFunc(have, func(t Tensor) bool { return t.Name == q.Name })
		if i < 0 {
			return nil, fail.New(fail.Usage, "unexpected output %q", cut(q.Name, 128)).Hint("the model's metadata lists its outputs")
		}
		if q.Parameters.SharedMemoryRegion != "" || q.Parameters.Classification > 0 {
			return nil, fail.New(fail.Usage, "output %q asks for an extension that is not supported", q.Name).Hint("GET /v2 lists the extensions")
		}
		out = append(out, have[i])
	}
	return out, nil
}

// oipError answers with err as the protocol has it: {"error": "…"}.
func oipError(w http.ResponseWriter, r *http.Request, err error) {
	e := describe(w, r, err)
	writeJSON(w, e.Code.Status(), map[string]any{"error": e.Error(), "code": e.Code, "next": e.Next, "request": e.Request})
}
