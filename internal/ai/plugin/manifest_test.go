package plugin_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/ai/plugin"
	"github.com/aictl/aictl/internal/fail"
)

const small = `name: echo
version: 1.0
runtime: process
command: [./echo]
operations:
  - name: say
    input: {type: object, required: [text]}
    examples: [{text: hi}]
`

func TestTheServicesInTheRepositoryAreRead(t *testing.T) {
	found, err := filepath.Glob("../../../plugins/services/*/plugin.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, file := range found {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := plugin.Parse(file, text)
		require.NoError(t, err, file)
		require.NotEmpty(t, m.Description().Operations)
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	m, err := plugin.Parse("plugin.yaml", []byte(small))
	require.NoError(t, err)
	require.Equal(t, "1.0", m.Version, "a version is text, whatever it looks like")
	require.Equal(t, plugin.Socket, m.Listen)
	require.Equal(t, 1, m.MinReplicas())
	require.Equal(t, 1, m.MaxReplicas())
	require.Equal(t, 64, m.Scale.Concurrency)
	require.Equal(t, 10*time.Second, m.Drain.D())
	require.Equal(t, "/readyz", m.Probes.Readiness.Path)
	require.Equal(t, int64(60_000), m.Description().Operations[0].Limits.TimeoutMS)
}

func TestWrongManifestsNameTheLineAndTheKey(t *testing.T) {
	with := func(extra string) string { return small + extra }
	for name, c := range map[string]struct{ text, says, hint string }{
		"empty":               {"", "plugin.yaml:1: the manifest is empty", ""},
		"not YAML":            {"name: [", "is not valid YAML", ""},
		"two documents":       {small + "---\n" + small, "a second document", ""},
		"unknown key":         {with("sclae: {min: 1}\n"), `plugin.yaml:9: sclae: there is no such key: did you mean "scale"?`, "write scale"},
		"camel case":          {with("imagePort: 8\n"), `did you mean "image_port"?`, ""},
		"unknown below":       {with("probes:\n  readiness:\n    perod: 1s\n"), `plugin.yaml:11: probes.readiness.perod: there is no such key: did you mean "period"?`, ""},
		"twice":               {with("name: again\n"), `plugin.yaml:9: is not valid YAML: mapping key "name" already defined`, ""},
		"no label":            {strings.Replace(small, "echo\n", "Echo_1\n", 1), "plugin.yaml:1: name: \"Echo_1\" is no DNS label", ""},
		"no command":          {strings.Replace(small, "command: [./echo]\n", "", 1), "a process needs a command", ""},
		"runtime":             {strings.Replace(small, "process", "docker", 1), `plugin.yaml:3: runtime: "docker" is none of process, remote, kubernetes`, ""},
		"builtin":             {strings.Replace(small, "process", "builtin", 1), "need no manifest", ""},
		"duration":            {with("drain: soon\n"), `plugin.yaml:9: drain: "soon" is no duration`, ""},
		"size":                {with("limits: {memory: 1 GB}\n"), `"1 GB" is no size`, ""},
		"little memory":       {with("limits: {memory: 10}\n"), "10 is less than 1Mi", ""},
		"schema":              {strings.Replace(small, "{type: object, required: [text]}", "{type: objekt}", 1), "plugin.yaml:7: operations[0].input: is no JSON Schema", ""},
		"schema elsewhere":    {strings.Replace(small, "{type: object, required: [text]}", "{$ref: \"file:///etc/passwd\"}", 1), "references outside of the schema are not followed", ""},
		"example":             {strings.Replace(small, "{text: hi}", "{txt: hi}", 1), "plugin.yaml:8: operations[0].examples[0]: does not fit", ""},
		"no operations":       {strings.SplitAfter(small, "[./echo]\n")[0], "a service needs one operation at least", ""},
		"secret's value":      {with("env: [{name: KEY, secret: hunter2}]\n"), "is no reference: STORE:PATH", ""},
		"value and secret":    {with("env: [{name: KEY, value: a, secret: \"vault:a\"}]\n"), "a value or a secret, not both", ""},
		"reserved variable":   {with("env: [{name: AICTL_SOCKET, value: a}]\n"), "are the supervisor's", ""},
		"list for one":        {with("drain: [1s]\n"), "drain: takes a single value, not a list", ""},
		"one for list":        {with("files: a\n"), "files: takes a list, not a single value", ""},
		"truth":               {strings.Replace(small, "- name: say", "- name: say\n    streams: maybe", 1), `"maybe" is neither true nor false`, ""},
		"whole number":        {with("scale: {min: 1.5}\n"), `"1.5" is no whole number`, ""},
		"max under min":       {with("scale: {min: 3, max: 2}\n"), "", ""},
		"too many":            {with("scale: {max: 1000}\n"), "scale.max: 1000 is not between 1 and 100", ""},
		"idle without zero":   {with("scale: {idle: 1m}\n"), "only a service with min 0", ""},
		"remote with command": {"name: a\nversion: 1\nruntime: remote\nurl: http://x\ncommand: [x]\noperations: [{name: a}]\n", "is not started by us", ""},
		"remote with secrets": {"name: a\nversion: 1\nruntime: remote\nurl: http://u:p@x\noperations: [{name: a}]\n", "without a password", ""},
		"image":               {"name: a\nversion: 1\nruntime: kubernetes\nimage: \"-x\"\noperations: [{name: a}]\n", "is no image", ""},
		"image of a process":  {with("image: a\n"), "image: is for runtime kubernetes only", ""},
		"anchor later":        {with("reason: *later\n"), "there is no anchor &later", ""},
		"tag":                 {with("reason: !!binary aGk=\n"), "are not supported", ""},
		"key that is a list":  {with("[a]: b\n"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plugin.Parse("dir/plugin.yaml", []byte(c.text))
			if name == "max under min" { // the larger one wins: min is what was asked for
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, fail.Usage.Err())
			require.Contains(t, err.Error(), c.says)
			var e *fail.Error
			require.ErrorAs(t, err, &e)
			require.NotEmpty(t, e.Next)
			require.Contains(t, e.Next, c.hint)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestBombsAreRefused(t *testing.T) {
	laughs := "name: x\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		laughs += strings.ReplaceAll("aN: &aN [*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM]\n", "N", string(rune('0'+i)))
		laughs = strings.ReplaceAll(laughs, "*aM", "*a"+string(rune('0'+i-1)))
	}
	for name, text := range map[string]string{
		"billion laughs": laughs,
		"brackets":       "name: " + strings.Repeat("[", 10_000),
		"dashes":         strings.Repeat("- ", 10_000) + "x",
		"too large":      "name: " + strings.Repeat("x", 300<<10),
		"self":           "name: &a [*a]\n",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := plugin.Parse("p", []byte(text))
			require.ErrorIs(t, err, fail.Usage.Err())
			require.Less(t, time.Since(start), 2*time.Second)
		})
	}
}

func TestDigestIsOfTheMeaning(t *testing.T) {
	parse := func(s string) string {
		m, err := plugin.Parse("p", []byte(s))
		require.NoError(t, err)
		d, err := m.Digest()
		require.NoError(t, err)
		again := m.Clone()
		require.NoError(t, again.Check())
		d2, err := again.Digest()
		require.NoError(t, err)
		require.Equal(t, d, d2)
		return d
	}
	base := parse(small)
	require.Equal(t, base, parse(small+"reason: because\n"))
	require.Equal(t, base, parse(small+"drain: 10000ms\nscale: {min: 1}\n"))
	require.Equal(t, base, parse(strings.Replace(small, "{type: object, required: [text]}", "{required: [text], type: object}", 1)))
	require.NotEqual(t, base, parse(small+"drain: 11s\n"))
}

func TestExpand(t *testing.T) {
	look := func(n string) (string, bool) { v, ok := map[string]string{"A": "1", "E": ""}[n]; return v, ok }
	require.Equal(t, []string{"1", "x1y", "$(A)", "$(B)", "$", "a$b", "$(A", "", "$1"},
		plugin.Expand([]string{"$(A)", "x$(A)y", "$$(A)", "$(B)", "$", "a$b", "$(A", "$(E)", "$$1"}, look))
}

func TestLocate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data"), []byte("x"), 0o600))
	at := func(c string) (string, error) { return (&plugin.Manifest{Command: []string{c}}).Locate(dir) }
	got, err := at("./run")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "run"), got)
	_, err = at("sh")
	require.NoError(t, err)
	_, err = at("no-such-program-at-all")
	require.ErrorContains(t, err, "executable file not found in $PATH")
	_, err = at("./no")
	require.ErrorContains(t, err, "executable file not found in the manifest's folder")
	_, err = at("./data")
	require.ErrorContains(t, err, "permission denied")
}

func TestSizesAndDurationsSurvive(t *testing.T) {
	for _, text := range []string{"1", "1023", "512Ki", "256Mi", "3Gi", "1Ti", "0"} {
		var s plugin.Size
		require.NoError(t, s.UnmarshalText([]byte(text)))
		require.Equal(t, text, s.String())
	}
	var s plugin.Size
	require.NoError(t, s.UnmarshalText([]byte("1.5Ki")))
	require.Equal(t, plugin.Size(1536), s)
	for _, bad := range []string{"", "Mi", "1e9", "-1", "0x10", "NaN", "1 Gi", "9999999Ti", "Inf"} {
		require.Error(t, s.UnmarshalText([]byte(bad)), bad)
	}
	var d plugin.Duration
	for _, text := range []string{"10s", "1h", "1h30m", "250ms", "0s"} {
		require.NoError(t, d.UnmarshalText([]byte(text)))
		require.Equal(t, text, d.String())
	}
	require.Error(t, d.UnmarshalText([]byte("-1s")))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("a: &a [1]\nb: *a\n"))
	f.Add([]byte("name: x\nversion: 1\nruntime: remote\nurl: http://h\noperations: [{name: a, input: true}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := plugin.Parse("p", text)
		if err != nil {
			if fail.CodeOf(err) != fail.Usage {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		c, err := m.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		var again plugin.Manifest
		if err := json.Unmarshal(c, &again); err != nil {
			t.Fatal(err)
		}
		if err := again.Check(); err != nil {
			t.Fatal(err)
		}
		c2, err := again.Canonical()
		if err != nil || string(c) != string(c2) {
			t.Fatalf("%s\n%s\n%v", c, c2, err)
		}
	})
}
