package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"text/template"

	"github.com/itchyny/gojq"
	"k8s.io/client-go/util/jsonpath"

	"github.com/aictl/aictl/internal/fail"
	"github.com/aictl/aictl/internal/term"
)

// jqExpr is --jq: gojq, the language of `gh --jq`.
type jqExpr struct{ code *gojq.Code }

func compileJQ(src string) (expr, error) {
	q, err := gojq.Parse(src)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "the --jq expression %q is wrong", src).Hint("--jq '.[].name'")
	}
	code, err := gojq.Compile(q)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "the --jq expression %q is wrong", src).Hint("--jq '.[].name'")
	}
	return jqExpr{code}, nil
}

// run writes each result on a line: strings raw, as `gh --jq`, but without
// control sequences; anything else as JSON.
func (e jqExpr) run(w io.Writer, doc []byte) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return fail.Wrap(fail.Internal, err, "reading the result back")
	}
	it := e.code.Run(v)
	for {
		r, ok := it.Next()
		if !ok {
			return nil
		}
		if err, isErr := r.(error); isErr {
			var halt *gojq.HaltError
			if errors.As(err, &halt) && halt.Value() == nil { // plain `halt`
				return nil
			}
			return fail.Wrap(fail.Usage, err, "the --jq expression does not fit the result").Hint("look at the result with -o json")
		}
		var line []byte
		if s, isString := r.(string); isString {
			line = []byte(term.Safe(s))
		} else {
			b, err := gojq.Marshal(r)
			if err != nil {
				return fail.Wrap(fail.Internal, err, "encoding the result of --jq")
			}
			line = escape(b)
		}
		if _, err := w.Write(append(line[:len(line):len(line)], '\n')); err != nil {
			return err
		}
	}
}

// jsonPathExpr is -o jsonpath=…, with kubectl's own implementation.
type jsonPathExpr struct{ src string }

func compileJSONPath(src string) (expr, error) {
	if !strings.Contains(src, "{") {
		switch {
		case strings.HasPrefix(src, "$"), strings.HasPrefix(src, "."), strings.HasPrefix(src, "["):
			src = "{" + src + "}"
		default:
			src = "{." + src + "}"
		}
	}
	if _, err := parseJSONPath(src); err != nil {
		return nil, err
	}
	return jsonPathExpr{src}, nil
}

func parseJSONPath(src string) (*jsonpath.JSONPath, error) {
	p := jsonpath.New("out").AllowMissingKeys(true)
	if err := p.Parse(src); err != nil {
		return nil, fail.Wrap(fail.Usage, err, "the jsonpath %q is wrong", src).Hint("-o jsonpath='{.items[*].name}'")
	}
	return p, nil
}

func (e jsonPathExpr) run(w io.Writer, doc []byte) (err error) {
	v, err := decode(doc)
	if err != nil {
		return err
	}
	p, err := parseJSONPath(e.src) // parsed anew: execution leaves range state behind
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := executeJSONPath(p, &b, v); err != nil {
		return fail.Wrap(fail.Usage, err, "the jsonpath does not fit the result").Hint("look at the result with -o json")
	}
	return writeText(w, b.Bytes())
}

// executeJSONPath turns the library's panics on odd filters into errors.
func executeJSONPath(p *jsonpath.JSONPath, b *bytes.Buffer, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fail.New(fail.Usage, "%v", r)
		}
	}()
	return p.Execute(b, v)
}

// templateExpr is -o go-template=….
type templateExpr struct{ t *template.Template }

func compileTemplate(src string, env Env) (expr, error) {
	t, err := template.New("output").Option("missingkey=default").Funcs(templateFuncs(env)).Parse(src)
	if err != nil {
		return nil, fail.Wrap(fail.Usage, err, "the go-template is wrong").
			Hint("-o go-template='{{range .}}{{.name}}{{\"\\n\"}}{{end}}'")
	}
	return templateExpr{t}, nil
}

func (e templateExpr) run(w io.Writer, doc []byte) error {
	v, err := decode(doc)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := e.t.Execute(&b, v); err != nil {
		return fail.Wrap(fail.Usage, err, "the go-template does not fit the result").Hint("look at the result with -o json")
	}
	return writeText(w, b.Bytes())
}

// writeText writes foreign text, safe, with a line feed at the end of what is
// not empty.
func writeText(w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	b = term.SafeBytes(b)
	if b[len(b)-1] != '\n' {
		b = append(b[:len(b):len(b)], '\n')
	}
	_, err := w.Write(b)
	return err
}
