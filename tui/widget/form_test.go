package widget

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"github.com/aictl/aictl/internal/op"
	"github.com/aictl/aictl/tui/theme"
)

const forecastSchema = `{"type":"object","properties":{
	"points":{"type":["null","array"],"items":{"type":"object","properties":{"time":{"type":"string"},"value":{"type":"number"}}},"description":"the observations","minItems":1},
	"horizon":{"type":"integer","description":"steps to forecast","default":12,"minimum":1,"maximum":500},
	"level":{"type":["null","array"],"items":{"type":"number"},"description":"levels in percent"},
	"model":{"type":"string","default":"auto","enum":["auto","ets","theta"]},
	"robust":{"type":"boolean"},
	"step":{"type":"string","pattern":"^[0-9]+[hd]$"},
	"where":{"type":"object","properties":{"region":{"type":"string"},"zone":{"$ref":"#/$defs/zone"}},"required":["region"]},
	"until":{"anyOf":[{"type":"number"},{"type":"null"}]}
},"required":["points"],"$defs":{"zone":{"type":"string","maxLength":3}}}`

func plainTheme() *theme.Theme {
	th, err := theme.New(theme.Mono)
	if err != nil {
		panic(err)
	}
	return th
}

func formOf(t testing.TB, schema string) *Form {
	t.Helper()
	f, err := NewForm(plainTheme, json.RawMessage(schema))
	require.NoError(t, err)
	f.Verb = "invoke"
	return f
}

func pressed(key string) tea.KeyPressMsg {
	if after, ok := strings.CutPrefix(key, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(after[0]), Mod: tea.ModCtrl}
	}
	codes := map[string]rune{"enter": tea.KeyEnter, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "backspace": tea.KeyBackspace}
	switch {
	case key == "shift+tab":
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	case key == "space":
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	case codes[key] != 0:
		return tea.KeyPressMsg{Code: codes[key]}
	}
	return tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
}

// play presses keys; a word that is no key's name is typed.
func play(f *Form, keys ...string) (done bool) {
	for _, k := range keys {
		if len(k) > 1 && pressed(k).Text == k {
			for _, r := range k {
				done = f.Update(pressed(string(r)))
			}
			continue
		}
		done = f.Update(pressed(k))
	}
	return done
}

func TestFormMakesTheObject(t *testing.T) {
	f := formOf(t, forecastSchema)
	f.Update(tea.PasteMsg{Content: `[{"time":"2026-01-01T00:00:00Z","value":1}]`})
	done := play(f, "tab", "24", "tab", "80, 95", "tab", "right", "right", "tab", "t", "tab", "6h", "tab", "eu", "tab", "a1", "tab", "1e3", "enter")
	require.True(t, done, f.View(80, 40))
	v, err := f.Value()
	require.NoError(t, err)
	require.Equal(t, `{"points":[{"time":"2026-01-01T00:00:00Z","value":1}],"horizon":24,"level":[80,95],"model":"ets","robust":true,"step":"6h","where":{"region":"eu","zone":"a1"},"until":1e3}`, string(v))
}

func TestFormSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name string
		keys []string
		want string
	}{
		{"a required one", []string{"enter", "ctrl+s"}, "this is needed"},
		{"broken JSON", []string{"[1", "ctrl+s"}, "not JSON: it ends too early"},
		{"JSON of another type", []string{"{}", "ctrl+s"}, "this is an object; an array is needed"},
		{"too few", []string{"[]", "ctrl+s"}, "at least 1 items are needed"},
		{"no integer", []string{"tab", "1.5", "tab"}, "a whole number is needed"},
		{"too big", []string{"tab", "501", "tab"}, "at most 500"},
		{"an item", []string{"tab", "tab", "80, x", "tab"}, "item 2: a number is needed"},
		{"a pattern", []string{"tab", "tab", "tab", "tab", "tab", "six", "tab"}, "it must match"},
		{"a part of an object", []string{"[1]", "shift+tab", "shift+tab", "a1", "ctrl+s"}, "this is needed"},
		{"a long one", []string{"shift+tab", "shift+tab", "a123", "tab"}, "at most 3 characters, and these are 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := formOf(t, forecastSchema)
			require.False(t, play(f, c.keys...))
			require.Contains(t, f.View(100, 40), "! "+c.want)
		})
	}
}

func TestFormKeepsAnExample(t *testing.T) {
	f := formOf(t, forecastSchema)
	example := `{"points":[{"time":"2026-01-01T00:00:00Z","value":null}],"horizon":3,"level":[80,95],"model":"theta","robust":false,"where":{"region":"eu","new":{"a":1}},"other":[1,"x"]}`
	require.NoError(t, f.Set(json.RawMessage(example)))
	require.Contains(t, f.View(80, 40), "and other, new, which the schema does not name")
	v, err := f.Value()
	require.NoError(t, err)
	require.JSONEq(t, example, string(v))

	f.Toggle()
	require.True(t, f.Raw())
	require.Contains(t, f.View(80, 60), `"horizon": 3,`)
	v, err = f.Value()
	require.NoError(t, err)
	require.JSONEq(t, example, string(v))
	f.Toggle()
	require.False(t, f.Raw())
	v, err = f.Value()
	require.NoError(t, err)
	require.JSONEq(t, example, string(v))

	require.Error(t, f.Set(json.RawMessage(`{"points":"`+strings.Repeat("x", inputLimit)+`"}`)))
}

func TestFormToggleLosesNothing(t *testing.T) {
	f := formOf(t, forecastSchema)
	play(f, "[1]", "tab", "many", "ctrl+r")
	require.Contains(t, f.View(80, 20), `"horizon": "many"`)
	play(f, "ctrl+r")
	require.Contains(t, f.View(80, 20), "many")
	require.False(t, play(f, "enter"))
	require.Contains(t, f.View(80, 20), "a whole number is needed")

	play(f, "ctrl+r", "x", "ctrl+r") // an x before the brace
	require.True(t, f.Raw())
	require.Contains(t, f.View(80, 20), "! not JSON")
	require.False(t, play(f, "ctrl+s"))
}

func TestFormOfNoObject(t *testing.T) {
	f := formOf(t, `{"type":"array","items":{"type":"integer"}}`)
	require.True(t, f.Raw())
	require.NoError(t, f.Set(json.RawMessage(`[1,2]`)))
	require.True(t, play(f, "ctrl+s"))
	v, err := f.Value()
	require.NoError(t, err)
	require.JSONEq(t, `[1,2]`, string(v))
	play(f, "ctrl+r")
	require.Contains(t, f.View(80, 10), "it is JSON")

	f = formOf(t, `{"type":"object"}`)
	require.True(t, f.Empty())
	require.True(t, play(f, "enter"))
	v, err = f.Value()
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(v))

	_, err = NewForm(plainTheme, json.RawMessage(`{"type":`))
	require.Error(t, err)
	for _, odd := range []string{`true`, ``, `{"type":5,"properties":[],"items":false,"enum":"x"}`, `{"$ref":"#/$defs/x","$defs":{"x":{"$ref":"#/$defs/x"}}}`} {
		require.NotEmpty(t, formOf(t, odd).View(40, 10))
	}
}

func TestFormNeverShowsASecret(t *testing.T) {
	type input struct {
		Ref   string `json:"ref" arg:"REF" jsonschema:"STORE:PATH"`
		Value []byte `json:"value,omitempty" arg:"?VALUE" secret:"true"`
		Sort  string `json:"sort,omitempty" enum:"alnum,hex" default:"alnum"`
		Count int    `json:"count,omitempty"`
	}
	f := NewFormOf(plainTheme, op.Fields(reflect.TypeFor[input]()))
	play(f, "app/db", "tab", "hunter2")
	require.NotContains(t, f.View(80, 20), "hunter2")
	v, err := f.Value()
	require.NoError(t, err)
	require.JSONEq(t, `{"ref":"app/db","value":"aHVudGVyMg=="}`, string(v))
	public, whole := f.Public()
	require.False(t, whole)
	require.JSONEq(t, `{"ref":"app/db"}`, string(public))

	play(f, "ctrl+r")
	raw := f.View(80, 20)
	require.NotContains(t, raw, "hunter2")
	require.NotContains(t, raw, "aHVudGVyMg")
	v, err = f.Value()
	require.NoError(t, err)
	require.JSONEq(t, `{"ref":"app/db","value":"aHVudGVyMg=="}`, string(v))
	play(f, "ctrl+r")
	v, err = f.Value()
	require.NoError(t, err)
	require.JSONEq(t, `{"ref":"app/db","value":"aHVudGVyMg=="}`, string(v))

	// A secret that is typed into the raw text stays out of Public as well.
	play(f, "ctrl+r")
	f.raw.SetValue(`{"ref":"x","value":"c2Vj"}`)
	public, whole = f.Public()
	require.False(t, whole)
	require.JSONEq(t, `{"ref":"x"}`, string(public))
}

func TestFormStaysInItsBounds(t *testing.T) {
	hostile := "\x1b[2J\u202e日本語e\u0301" + strings.Repeat("wide世", 50)
	schema := fmt.Sprintf(`{"type":"object","required":[%q],"description":%[1]q,"properties":{%[1]q:{"type":"string","description":%[1]q},"b":{"enum":[%[1]q,"x"],"default":%[1]q},"c":{"type":"array"},"d":{"type":"object","properties":{"e":{"type":"integer"}}}}}`, "\\u001b[2J"+strings.Repeat("世", 60))
	f := formOf(t, schema)
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's keys
	keys := []string{"tab", "shift+tab", "up", "down", "left", "right", "enter", "space", "x", "backspace", "ctrl+r", "ctrl+s", "9"}
	for range 400 {
		f.Update(pressed(keys[rng.IntN(len(keys))]))
		if rng.IntN(10) == 0 {
			f.Update(tea.PasteMsg{Content: hostile})
		}
		w, h := 1+rng.IntN(130), 1+rng.IntN(45)
		lines := strings.Split(f.View(w, h), "\n")
		require.LessOrEqual(t, len(lines), h)
		for _, l := range lines {
			require.LessOrEqual(t, ansi.StringWidth(l), w, "%q", l)
			require.NotContains(t, l, "\x1b[2J")
		}
	}
}

func FuzzFormSchema(f *testing.F) {
	f.Add(forecastSchema, `{"horizon":1}`)
	f.Add(`{"type":"object","properties":{"a":{"type":"object","properties":{"a":true}}}}`, `{"a":{}}`)
	f.Fuzz(func(t *testing.T, schema, value string) {
		form, err := NewForm(plainTheme, json.RawMessage(schema))
		if err != nil {
			return
		}
		_ = form.Set(json.RawMessage(value)) // whatever it holds
		form.Update(pressed("ctrl+s"))
		form.Update(pressed("ctrl+r"))
		form.View(40, 10)
		if v, err := form.Value(); err == nil && v != nil && !json.Valid(v) {
			t.Fatalf("not JSON: %q", v)
		}
	})
}

func TestDescribe(t *testing.T) {
	var b strings.Builder
	for _, m := range Describe(json.RawMessage(forecastSchema)) {
		star := ""
		if m.Required {
			star = "*"
		}
		fmt.Fprintf(&b, "%s%s%s | %s | %s\n", strings.Repeat("  ", m.Depth), m.Name, star, m.Type, m.About)
	}
	require.Equal(t, `points* | array of object | the observations; at least 1 items
  time | string | 
  value | number | 
horizon | integer | steps to forecast; default 12; at least 1; at most 500
level | array of number | levels in percent
model | auto, ets, theta | default auto
robust | boolean | 
step | string | matches ^[0-9]+[hd]$
where | object | 
  region* | string | 
  zone | string | at most 3 characters
until | number | 
`, b.String())
	require.Empty(t, Describe(json.RawMessage(`{"$ref":"#"}`)))
}
