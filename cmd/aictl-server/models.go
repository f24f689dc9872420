package main

import (
	"context"
	"encoding/json"

	"github.com/aictl/aictl/internal/ai"
	"github.com/aictl/aictl/internal/ai/chat"
	"github.com/aictl/aictl/internal/ai/forecast"
	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/platform"
	"github.com/aictl/aictl/server"
)

// call asks a service through the gateway, as any other call.
func call(ctx context.Context, p *platform.Platform, service, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	reply, err := p.Do(ctx, ai.Call{Service: service, Operation: operation, Input: body})
	if err != nil {
		return err
	}
	var answer []byte
	for chunk, err := range reply.Chunks {
		if err != nil {
			return err
		}
		answer = append(answer, chunk...)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fail.Wrap(fail.Internal, err, "reading the answer of %s.%s", service, operation)
	}
	return nil
}

// chatModels lists what /v1/models shows.
func chatModels(p *platform.Platform) func(context.Context) ([]server.ChatModel, error) {
	return func(ctx context.Context) ([]server.ChatModel, error) {
		var list chat.ModelList
		if err := call(ctx, p, chat.ServiceName, chat.Models, struct{}{}, &list); err != nil {
			return nil, err
		}
		out := []server.ChatModel{}
		for _, m := range list.Data {
			out = append(out, server.ChatModel{ID: m.ID, Created: m.Created, OwnedBy: m.OwnedBy})
		}
		return out, nil
	}
}

// oipModels are the models of the Open Inference Protocol: the forecast, and
// the chat as text in and text out.
type oipModels struct{ p *platform.Platform }

// Model implements server.ModelRepository.
func (m oipModels) Model(_ context.Context, name string) (server.Model, error) {
	switch name {
	case "predict":
		return predictModel(m), nil
	case chat.ServiceName, chat.BuiltinModel:
		return chatModel{m, name}, nil
	}
	return nil, fail.New(fail.NotFound, "no model named %.64q", name).Hint("predict, chat and %s are served", chat.BuiltinModel)
}

type predictModel struct{ p *platform.Platform }

func (predictModel) Name() string       { return "predict" }
func (predictModel) Versions() []string { return []string{"1"} }

func (predictModel) Metadata() server.ModelMetadata {
	m := server.ModelMetadata{Platform: "aictl_forecast"}
	specs := func(list []forecast.TensorInfo) (out []server.TensorSpec) {
		for _, t := range list {
			out = append(out, server.TensorSpec{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape, Optional: t.Optional})
		}
		return out
	}
	m.Inputs, m.Outputs = specs(forecast.TensorInputs()), specs(forecast.TensorOutputs())
	return m
}

func (m predictModel) Infer(ctx context.Context, inputs []server.Tensor) ([]server.Tensor, error) {
	var list []forecast.Tensor
	for _, t := range inputs {
		one := forecast.Tensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape}
		switch data := t.Data.(type) {
		case []float64:
			one.Floats = data
		case []float32:
			for _, v := range data {
				one.Floats = append(one.Floats, float64(v))
			}
		case []int64:
			one.Ints = data
		case []int32:
			for _, v := range data {
				one.Ints = append(one.Ints, int64(v))
			}
		}
		list = append(list, one)
	}
	in, err := forecast.FromTensors(list)
	if err != nil {
		return nil, err
	}
	var out forecast.ForecastOutput
	if err := call(ctx, m.p, "predict", "forecast", in, &out); err != nil {
		return nil, err
	}
	var answer []server.Tensor
	for _, t := range forecast.ToTensors(&out) {
		answer = append(answer, server.Tensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape, Data: t.Floats})
	}
	return answer, nil
}

type chatModel struct {
	oipModels
	name string
}

func (m chatModel) Name() string     { return m.name }
func (chatModel) Versions() []string { return []string{"1"} }

func (chatModel) Metadata() server.ModelMetadata {
	return server.ModelMetadata{
		Platform: "aictl_chat",
		Inputs:   []server.TensorSpec{{Name: "prompt", Datatype: "BYTES", Shape: []int64{1}}},
		Outputs:  []server.TensorSpec{{Name: "answer", Datatype: "BYTES", Shape: []int64{1}}},
	}
}

func (m chatModel) Infer(ctx context.Context, inputs []server.Tensor) ([]server.Tensor, error) {
	prompt, ok := inputs[0].Data.([][]byte)
	if !ok || len(prompt) != 1 {
		return nil, fail.New(fail.Usage, "prompt must be one BYTES element")
	}
	request := map[string]any{"messages": []any{map[string]string{"role": "user", "content": string(prompt[0])}}}
	if m.name != chat.ServiceName {
		request["model"] = m.name
	}
	var out struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := call(ctx, m.p, chat.ServiceName, chat.Complete, request, &out); err != nil {
		return nil, err
	}
	if len(out.Choices) == 0 {
		return nil, fail.New(fail.Failed, "the answer holds no choice")
	}
	return []server.Tensor{{Name: "answer", Datatype: "BYTES", Shape: []int64{1}, Data: [][]byte{[]byte(out.Choices[0].Message.Content)}}}, nil
}
