package server

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/aictl/aictl/internal/fail"
)

// The datatypes of tensors that are served.
const (
	FP64  = "FP64"
	FP32  = "FP32"
	INT64 = "INT64"
	INT32 = "INT32"
	BOOL  = "BOOL"
	BYTES = "BYTES"
)

// inferHeaderLength says where the JSON part of a binary message ends.
const inferHeaderLength = "Inference-Header-Content-Length"

// Tensor is an array of one datatype in row-major order.
type Tensor struct {
	Name     string
	Datatype string
	Shape    []int64
	// Data is []float64, []float32, []int64, []int32, []bool or [][]byte, as
	// the datatype says, with as many elements as Shape has.
	Data any
}

// decodeInfer reads a request: JSON, then the raw bytes of the inputs that
// declare binary_data_size, in their order.
func decodeInfer(headerLength string, body []byte) (*oipRequest, []Tensor, error) {
	head, raw := body, []byte(nil)
	if headerLength != "" {
		n, err := strconv.Atoi(headerLength)
		if err != nil || n < 0 || n > len(body) {
			return nil, nil, fail.New(fail.Usage, "%s %q does not fit a body of %d bytes", inferHeaderLength, cut(headerLength, 32), len(body))
		}
		head, raw = body[:n], body[n:]
	}
	var req oipRequest
	if err := json.Unmarshal(head, &req); err != nil {
		return nil, nil, fail.Wrap(fail.Usage, err, "the inference request is not valid JSON")
	}
	inputs := make([]Tensor, 0, len(req.Inputs))
	for _, in := range req.Inputs {
		t, rest, err := decodeTensor(in, raw)
		if err != nil {
			return nil, nil, fail.Wrap(fail.Usage, err, "input %q", cut(in.Name, 128))
		}
		raw = rest
		inputs = append(inputs, t)
	}
	if len(raw) > 0 {
		return nil, nil, fail.New(fail.Usage, "%d bytes of binary data belong to no input", len(raw))
	}
	return &req, inputs, nil
}

func decodeTensor(in oipTensor, raw []byte) (Tensor, []byte, error) {
	t := Tensor{Name: in.Name, Datatype: in.Datatype, Shape: in.Shape}
	n, err := elements(in.Shape)
	if err != nil {
		return t, raw, err
	}
	size := in.Parameters.BinaryDataSize
	switch {
	case in.Parameters.SharedMemoryRegion != "":
		return t, raw, errors.New("shared memory is not supported")
	case size != nil && len(in.Data) > 0:
		return t, raw, errors.New("has both data and binary_data_size")
	case size != nil:
		if *size < 0 || *size > int64(len(raw)) {
			return t, raw, fmt.Errorf("declares %d binary bytes, the message has %d left", *size, len(raw))
		}
		t.Data, err = fromBinary(in.Datatype, n, raw[:*size])
		return t, raw[*size:], err
	}
	t.Data, err = fromJSON(in.Datatype, n, in.Data)
	return t, raw, err
}

// elements is the product of the dimensions, within what a message can hold.
func elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > math.MaxInt32 {
			return 0, fmt.Errorf("shape %v has an impossible dimension", shape)
		}
		if n *= d; n > math.MaxInt32 {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
	}
	return n, nil
}

func fromBinary(datatype string, n int64, b []byte) (any, error) {
	switch datatype {
	case FP64:
		return fixed(b, n, 8, func(p []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(p)) })
	case FP32:
		return fixed(b, n, 4, func(p []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(p)) })
	case INT64:
		return fixed(b, n, 8, func(p []byte) int64 { return int64(binary.LittleEndian.Uint64(p)) })
	case INT32:
		return fixed(b, n, 4, func(p []byte) int32 { return int32(binary.LittleEndian.Uint32(p)) })
	case BOOL:
		return fixed(b, n, 1, func(p []byte) bool { return p[0] != 0 })
	case BYTES:
		// Each element is its length in four bytes, then itself.
		if n > int64(len(b))/4 {
			return nil, fmt.Errorf("%d bytes cannot hold %d elements", len(b), n)
		}
		out := make([][]byte, 0, n)
		for range n {
			if len(b) < 4 {
				return nil, errors.New("the binary data ends within a length")
			}
			size := int64(binary.LittleEndian.Uint32(b))
			if size > int64(len(b)-4) {
				return nil, errors.New("the binary data ends within an element")
			}
			out, b = append(out, b[4:4+size:4+size]), b[4+size:]
		}
		if len(b) > 0 {
			return nil, fmt.Errorf("%d bytes are left after %d elements", len(b), n)
		}
		return out, nil
	}
	return nil, unknownDatatype(datatype)
}

func fixed[T any](b []byte, n int64, width int, get func([]byte) T) ([]T, error) {
	if int64(len(b)) != n*int64(width) {
		return nil, fmt.Errorf("%d bytes where %d elements need %d", len(b), n, n*int64(width))
	}
	out := make([]T, n)
	for i := range out {
		out[i] = get(b[i*width:])
	}
	return out, nil
}

func fromJSON(datatype string, n int64, data json.RawMessage) (any, error) {
	if len(data) == 0 {
		return nil, errors.New("has no data")
	}
	switch datatype {
	case FP64:
		return flat(data, n, func(tok json.Token) (float64, error) { return float(tok, 64) })
	case FP32:
		return flat(data, n, func(tok json.Token) (float32, error) { f, err := float(tok, 32); return float32(f), err })
	case INT64:
		return flat(data, n, func(tok json.Token) (int64, error) { return integer(tok, 64) })
	case INT32:
		return flat(data, n, func(tok json.Token) (int32, error) { i, err := integer(tok, 32); return int32(i), err })
	case BOOL:
		return flat(data, n, func(tok json.Token) (bool, error) {
			b, ok := tok.(bool)
			if !ok {
				return false, fmt.Errorf("%v is not a boolean", tok)
			}
			return b, nil
		})
	case BYTES:
		return flat(data, n, func(tok json.Token) ([]byte, error) {
			s, ok := tok.(string)
			if !ok {
				return nil, fmt.Errorf("%v is not a string", tok)
			}
			return []byte(s), nil
		})
	}
	return nil, unknownDatatype(datatype)
}

// flat reads a flat or nested array in row-major order.
func flat[T any](data json.RawMessage, n int64, get func(json.Token) (T, error)) ([]T, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	out := make([]T, 0, min(n, int64(len(data))))
	for first := true; ; first = false {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if delim, ok := tok.(json.Delim); ok {
			if delim != '[' && delim != ']' {
				return nil, errors.New("data holds an object")
			}
			continue
		}
		if first {
			return nil, errors.New("data is not an array")
		}
		v, err := get(tok)
		if err != nil {
			return nil, err
		}
		if int64(len(out)) == n {
			return nil, fmt.Errorf("data has more elements than the shape's %d", n)
		}
		out = append(out, v)
	}
	if int64(len(out)) != n {
		return nil, fmt.Errorf("data has %d elements, the shape %d", len(out), n)
	}
	return out, nil
}

func float(tok json.Token, bits int) (float64, error) {
	num, ok := tok.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%v is not a number", tok)
	}
	return strconv.ParseFloat(num.String(), bits)
}

func integer(tok json.Token, bits int) (int64, error) {
	num, ok := tok.(json.Number)
	if !ok {
		return 0, fmt.Errorf("%v is not a number", tok)
	}
	return strconv.ParseInt(num.String(), 10, bits)
}

func unknownDatatype(d string) error {
	return fmt.Errorf("datatype %q is not supported: use %s, %s, %s, %s, %s or %s", cut(d, 16), FP64, FP32, INT64, INT32, BOOL, BYTES)
}

// encodeInfer writes the answer: JSON, and the raw bytes of the outputs for
// which the request asked for them.
func encodeInfer(req *oipRequest, model, version string, outputs []Tensor) (doc, tail []byte, err error) {
	type output struct {
		Name       string           `json:"name"`
		Datatype   string           `json:"datatype"`
		Shape      []int64          `json:"shape"`
		Parameters map[string]int64 `json:"parameters,omitempty"`
		Data       any              `json:"data,omitempty"`
	}
	list := make([]output, 0, len(outputs))
	for _, t := range outputs {
		o := output{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
		if wantsBinary(req, t.Name) {
			before := len(tail)
			if tail, err = toBinary(tail, t.Data); err != nil {
				return nil, nil, fail.Wrap(fail.Internal, err, "encoding output %q", t.Name)
			}
			o.Parameters = map[string]int64{"binary_data_size": int64(len(tail) - before)}
		} else if o.Data, err = toJSON(t.Data); err != nil {
			return nil, nil, fail.Wrap(fail.Failed, err, "output %q", t.Name).Hint("ask for binary data")
		}
		list = append(list, o)
	}
	answer := struct {
		ModelName    string   `json:"model_name"`
		ModelVersion string   `json:"model_version,omitempty"`
		ID           string   `json:"id,omitempty"`
		Outputs      []output `json:"outputs"`
	}{model, version, req.ID, list}
	if doc, err = json.Marshal(answer); err != nil {
		return nil, nil, fail.Wrap(fail.Failed, err, "the answer holds a value that JSON cannot").Hint("ask for binary data")
	}
	return doc, tail, nil
}

func wantsBinary(req *oipRequest, name string) bool {
	for _, o := range req.Outputs {
		if o.Name == name && o.Parameters.BinaryData != nil {
			return *o.Parameters.BinaryData
		}
	}
	return req.Parameters.BinaryDataOutput
}

func toBinary(dst []byte, data any) ([]byte, error) {
	if elems, ok := data.([][]byte); ok {
		for _, e := range elems {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e)))
			dst = append(dst, e...)
		}
		return dst, nil
	}
	return binary.Append(dst, binary.LittleEndian, data)
}

func toJSON(data any) (any, error) {
	elems, ok := data.([][]byte)
	if !ok {
		return data, nil
	}
	out := make([]string, len(elems))
	for i, e := range elems {
		if !utf8.Valid(e) {
			return nil, errors.New("holds bytes that are not text")
		}
		out[i] = string(e)
	}
	return out, nil
}
